"""Parts of the domain that nothing holds: their rigid motions are found, checked and pinned."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import qr

from nmm.capacity import padded
from nmm.errors import UnbalancedError
from nmm.manifold.rules import element_rule
from nmm.manifold.tips import singular_basis
from nmm.physics.problem import Problem, basis
from nmm.pytrees import tree
from nmm.solve.assemble import System
from nmm.solve.boundary import projector

BALANCE = 1e-8
"""Resultants below this fraction of the loads count as balanced."""


@dataclass(frozen=True)
class LoosePart:
    """A part of the domain with motions that no boundary holds.

    `modes` (n, k) are its free motions at the dofs `dofs` (n,), combinations `basis` of the rigid motions
    about `centre` in units of `size`; `pins` are the dofs that stand for them.
    """

    part: int
    centre: np.ndarray
    size: float
    basis: np.ndarray
    dofs: np.ndarray
    modes: np.ndarray
    pins: np.ndarray
    report: dict[str, Any]


def rigid_motions(points: np.ndarray, centre: np.ndarray, size: float, components: int) -> np.ndarray:
    """Motions (n, components, k) without energy: the constant, or two translations and the rotation."""
    n = len(points)
    if components == 1:
        return np.ones((n, 1, 1))
    x, y = ((points - centre) / size).T
    zero, one = np.zeros(n), np.ones(n)
    return np.stack([np.stack([one, zero, -y], -1), np.stack([zero, one, x], -1)], 1)


def loose_parts(problem: Problem, system: System, params) -> list[LoosePart]:
    """All parts with free motions.

    **Raises:** `UnbalancedError` when the loads on such a part do not balance.
    """
    loose = free_parts(problem)
    check_balance(problem, system.load, loose)
    diagonal = None
    result = []
    for free in loose:
        diagonal = system.matrix.diagonal() if diagonal is None else diagonal
        strong = diagonal[free.dofs] >= 0.1 * np.median(diagonal[free.dofs])
        pivots = qr(free.modes[strong].T, mode="r", pivoting=True)[-1][: free.modes.shape[1]]
        result.append(replace(free, pins=free.dofs[strong][pivots]))
    return result


def free_parts(problem: Problem) -> list[LoosePart]:
    """All parts with free motions, without pins: these do not depend on parameters."""
    manifold, c = problem.manifold, problem.model.components
    parts = manifold.stats["parts"]
    areas = np.bincount(manifold.element_parts(), manifold.element_areas(), parts)
    centres, sizes = part_geometry(problem, parts, areas)
    values, vectors = np.linalg.eigh(constraints(problem, parts, centres, sizes))
    k = values.shape[1]
    free = values <= 1e-10 * np.maximum(np.sqrt(areas)[:, None], 1e-300)
    loose = np.flatnonzero(free.any(1))
    if not len(loose):
        return []
    patch_part = manifold.patch_parts()
    order = np.argsort(patch_part, kind="stable")
    starts = np.searchsorted(patch_part[order], np.arange(parts + 1))
    result = []
    for part in loose.tolist():
        patches = order[starts[part] : starts[part + 1]]
        motions = rigid_motions(manifold.patch_points()[patches], centres[part], sizes[part], c)
        if manifold.host.tips is not None:  # a rigid motion needs no branch functions
            motions[patches >= manifold.host.tips.base] = 0.0
        motions = np.pad(motions, ((0, 0), (0, (manifold.functions.per_patch - 1) * c), (0, 0)))
        basis = vectors[part][:, free[part]]
        dofs = manifold.dofs(patches[:, None], c).ravel()
        report = {
            "part": int(part),
            "area": float(areas[part]),
            "x": float(centres[part][0]),
            "y": float(centres[part][1]),
            "modes": int(free[part].sum()),
            "of": k,
        }
        modes = motions.reshape(-1, k) @ basis
        result.append(LoosePart(part, centres[part], sizes[part], basis, dofs, modes, dofs[:0], report))
    return result


def part_geometry(problem: Problem, parts: int, areas):
    """Centroid (user's coordinates) and size of each part."""
    manifold = problem.manifold
    grid = manifold.grid
    cells = manifold.element_cells()
    whole = len(manifold.whole_list)
    centre = grid.centre(cells)
    centre[whole:] = grid.corner(cells[whole:]) + manifold.piece_points[: manifold.pieces].mean(1)
    centre = grid.to_user(centre)
    part, area = manifold.element_parts(), manifold.element_areas()
    mean = np.stack([np.bincount(part, area * centre[:, d], parts) for d in range(2)], -1) / areas[:, None]
    return mean, np.sqrt(areas)


def constraints(problem: Problem, parts: int, centres, sizes) -> np.ndarray:
    """Gram matrices (parts, k, k) of what the boundary terms hold of the rigid motions."""
    manifold, c = problem.manifold, problem.model.components
    k = 1 if c == 1 else 3
    gram = np.zeros((parts, k, k))
    for term, edge in zip(problem.terms, problem.edges, strict=True):
        if not (term.dirichlet or term.kind == "robin"):
            continue
        part = manifold.host.piece_part[edge.piece]
        motions = rigid_motions((edge.points - centres[part]) / sizes[part][:, None], np.zeros(2), 1.0, c)
        if term.dirichlet:
            motions = np.einsum("nce,nek->nck", projector(term, edge.normal, c), motions)
        np.add.at(gram, part, np.einsum("n,nck,ncl->nkl", edge.weight, motions, motions))
    return gram


def check_balance(problem: Problem, load: np.ndarray, loose: list[LoosePart]):
    """**Raises:** `UnbalancedError` when the loads on a loose part do not balance."""
    load = load.reshape(-1)
    most = np.abs(load).max(initial=0.0)
    for part in loose:
        check_part(problem, load[part.dofs], most, part)


def check_part(problem: Problem, load: np.ndarray, most: float, loose: LoosePart):
    modes, part = loose.modes, loose.part
    resultant = modes.T @ load
    total = np.abs(modes).T @ np.abs(load)
    bad = np.abs(resultant) > BALANCE * total.max(initial=0.0)
    if not bad.any() or total.max() <= 1e-14 * most:
        return
    c = problem.model.components
    stored = problem.manifold.functions.per_patch * c
    x, y = loose.centre
    area = loose.report["area"]
    force = load.reshape(len(load) // stored, stored)[:, :c].sum(0)
    what = "the sources" if c == 1 else "the loads"
    size = f"{force[0]:.6g}" if c == 1 else f"({force[0]:.6g}, {force[1]:.6g})"
    free = modes.shape[1]
    state = "nothing holds" if free == (1 if c == 1 else 3) else f"can still move in {free} of 3 ways"
    held = "a value or a robin term" if c == 1 else "a fixed displacement"
    raise UnbalancedError(
        f"{what} do not balance on part {part}, which {state}: resultant {size} "
        f"(area {area:.6g}, centred at ({x:.10g}, {y:.10g}))",
        where="boundary",
        hint=f"hold the part by {held}, or make its loads balance",
    )


def mean_motion(problem: Problem, loose: list[LoosePart]) -> tuple[np.ndarray, np.ndarray]:
    """Weights (patches components, k) that integrate u against the motions, and Gram matrices of parts."""
    manifold, c = problem.manifold, problem.model.components
    number = np.full(manifold.stats["parts"], -1)
    number[[part.part for part in loose]] = np.arange(len(loose))
    rule = element_rule(manifold, False)
    floating = number[manifold.element_parts()][rule.element]
    here = floating >= 0
    element, owner = rule.element[here], floating[here]
    xi, weight = rule.points[here], rule.weights[here]
    cell = manifold.element_cells()[element]
    values, _ = basis(manifold, cell, xi)
    centre, size = np.array([p.centre for p in loose]), np.array([p.size for p in loose])
    place = (manifold.user_points(cell, xi) - centre[owner]) / size[owner][:, None]
    motions = rigid_motions(place, np.zeros(2), 1.0, c)
    k = motions.shape[2]
    per_patch = manifold.functions.per_patch
    gram, rows = np.zeros((len(loose), k, k)), np.zeros((manifold.patches, per_patch * c, k))
    np.add.at(gram, owner, np.einsum("n,nck,ncl->nkl", weight, motions, motions))
    shares = np.einsum("n,na,nck->nack", weight, values, motions).reshape(len(element), -1, per_patch * c, k)
    np.add.at(rows, manifold.element_patches()[element], shares)
    here, patches, branches, _ = singular_basis(manifold, element, xi)
    shares = np.einsum("n,na,nck->nack", weight[here], branches, motions[here])
    np.add.at(rows, patches, shares.reshape(*patches.shape, per_patch * c, k))
    return rows.reshape(-1, k), gram


def without_motion(problem: Problem, u: np.ndarray, loose: list[LoosePart]) -> np.ndarray:
    """`u` (patches, components) with the free motions of each loose part at zero mean."""
    rows, gram = mean_motion(problem, loose)
    flat = u.reshape(-1).copy()
    for i, part in enumerate(loose):
        v = part.basis
        moment = v.T @ (rows[part.dofs].T @ flat[part.dofs])
        flat[part.dofs] -= part.modes @ np.linalg.solve(v.T @ gram[i] @ v, moment)
    return flat.reshape(u.shape)


@tree()
class FreeMotions:
    """The free motions of all loose parts as arrays: dofs (n,), their part, and modes (n, 3) there.

    `rows` (n, 3) integrate u against the modes; the inverses (parts, 3, 3) belong to the modes' products.
    """

    dofs: Any
    owner: Any
    modes: Any
    rows: Any
    load_inverse: Any
    mean_inverse: Any

    def balanced(self, load):
        """`load` (n,) without its resultants on loose parts."""
        return self._less(load, self.modes, self.modes, self.load_inverse)

    def centred(self, u):
        """`u` (n,) with the free motions of each loose part at zero mean."""
        return self._less(u, self.rows, self.modes, self.mean_inverse)

    def _less(self, values, rows, modes, inverse):
        amount = jax.ops.segment_sum(rows * values[self.dofs][:, None], self.owner, len(inverse))
        amount = jnp.einsum("pkl,pl->pk", inverse, amount)
        return values.at[self.dofs].add(-jnp.sum(modes * amount[self.owner], 1))


def free_motions(problem: Problem) -> FreeMotions | None:
    """The free motions of a problem, padded; None when everything is held wherever the room is shared."""
    room, loose = problem.manifold.room, free_parts(problem)
    name = "floating dofs, " + ", ".join(t.name for t in problem.terms if t.dirichlet or t.kind == "robin")
    if not loose and name not in room.taken:
        return None
    rows, gram = mean_motion(problem, loose) if loose else (np.zeros((0, 3)), np.zeros((0, 3, 3)))
    parts, n = room(f"floating parts of {name}", len(loose)), sum(len(p.dofs) for p in loose)
    dofs, owner = np.zeros(n, np.int64), np.zeros(n, np.int64)
    modes, means = np.zeros((n, 3)), np.zeros((n, 3))
    inverses = np.zeros((2, parts, 3, 3))
    start = 0
    for i, part in enumerate(loose):
        k, here = part.modes.shape[1], slice(start, start + len(part.dofs))
        start = here.stop
        dofs[here], owner[here] = part.dofs, i
        modes[here, :k], means[here, :k] = part.modes, rows[part.dofs] @ part.basis
        inverses[0, i, :k, :k] = np.linalg.inv(part.modes.T @ part.modes)
        inverses[1, i, :k, :k] = np.linalg.inv(part.basis.T @ gram[i] @ part.basis)
    capacity = room(name, n)
    return FreeMotions(
        padded(dofs, capacity, 0),
        padded(owner, capacity, 0),
        padded(modes, capacity, 0.0),
        padded(means, capacity, 0.0),
        *inverses,
    )
