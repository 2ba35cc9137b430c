"""Seams: patches of different regions, coupled along their border by weighted Nitsche terms.

With the normal n from the first to the second side, the jump [u] = u₁ − u₂ and the flux
{t} = κ₁ t₁ + κ₂ t₂ of both, weighted by κ₁ = β₂ / (β₁ + β₂) and κ₂ = β₁ / (β₁ + β₂), a seam adds

    −∫ Θ{t}·[u] + ½ ∫ γ Θ[u]·[u] − ½ ∫ SΘ{t}·{t},     γ = β₁ β₂ / (β₁ + β₂),   Θ = (1 + γ S)⁻¹

to the energy, where S is the compliance of the bond: 0 for a perfect one, for which these are the terms of
Dolbow and Harari 2009 (Int. J. Numer. Methods Eng. 78, 229-252); the elastic bond is the Robin condition of
Juntunen and Stenberg 2009 (Math. Comp. 78, 1353-1374), as sound for stiff bonds as for soft ones. β is
Nitsche's parameter of the elements that give the flux (see `boundary`), for all that they serve together: the
terms keep at least half of the energy, whatever contrast, cut and bond, as {t}² / γ ≤ t₁² / β₁ + t₂² / β₂.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmm.capacity import padded
from nmm.errors import InputError
from nmm.physics.dilatation import centroids, doubled
from nmm.physics.edges import Edge
from nmm.physics.problem import Problem, basis, coefficient_values, wide_basis
from nmm.physics.values import evaluate
from nmm.pytrees import tree
from nmm.solve.linearise import linearise
from nmm.solve.samples import Samples, samples

NAME = "the seams of regions"
"""What capacities and pairs of the seams are called."""

BLOCK = 8
"""Points of one pair of pieces that are summed at once."""


@tree()
class SeamSide:
    """Points on one side of the seams: in their pieces (`here`) and in the elements that give the flux.

    `host` (n,) numbers the latter among all hosts.
    """

    here: Samples
    there: Samples
    normal: Any
    host: Any


@tree()
class SeamPoints:
    """All points of the seams, in blocks of points of one pair of pieces.

    `bond` (n,) numbers the bonds, -1 for a perfect one; `owner` (blocks,) is the pair, whose patches are
    `patches` (pairs, 4 k): those of both pieces and of both hosts.
    """

    sides: tuple[SeamSide, SeamSide]
    bond: Any
    owner: Any
    patches: Any


@dataclass(frozen=True)
class Flux:
    """The solution and its flux along the normal at points of one side: operators on the dofs of elements.

    `normals` are those whose fluxes Nitsche's parameter is made of.
    """

    tangent: Any
    traction: Any
    initial: Any
    values: Any
    projector: Any
    normals: tuple[Any, ...]


def seam_elements(problem: Problem) -> np.ndarray:
    """Both pieces and both hosts (pairs, 4) of all pairs of pieces with a seam, as elements."""
    manifold, (first, second) = problem.manifold, problem.seams.sides
    pieces = np.unique(np.stack([first.piece, second.piece], -1), axis=0).reshape(-1, 2)
    hosts = manifold.host.piece_host
    return np.concatenate([len(manifold.whole_list) + pieces, hosts[pieces]], 1)


def in_blocks(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of points, sorted by `pair` (n,), in blocks of points of one pair; and each block's pair."""
    counts = np.bincount(pair)
    blocks = -(-counts // BLOCK)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.repeat((np.cumsum(blocks) - blocks) * BLOCK, counts) + within
    return place, np.repeat(np.arange(len(counts)), blocks)


def seam_points(problem: Problem, hosts: np.ndarray) -> SeamPoints | None:
    """The arrays of the seams, whose fluxes the elements `hosts` give; None where there are none."""
    manifold, (first, second) = problem.manifold, problem.seams.sides
    room = manifold.room
    if not len(first.piece) and f"pairs of level 0, {NAME}" not in room.taken:
        return None
    key = first.piece * (manifold.pieces + 1) + second.piece
    _, pair = np.unique(key, return_inverse=True)
    place, owner = in_blocks(pair)
    blocks = room(f"blocks of {NAME}", len(owner))
    rows = np.full(blocks * BLOCK, -1)
    rows[place] = np.arange(len(place))
    real = rows >= 0

    def arranged(values, empty):
        spread = np.full((len(rows), *values.shape[1:]), empty, values.dtype)
        spread[real] = values[rows[real]]
        return spread

    cells, regions = manifold.element_cells(), manifold.element_regions()

    def side(edge: Edge) -> SeamSide:
        piece = len(manifold.whole_list) + edge.piece
        here, there = (
            samples(
                len(rows),
                arranged(cells[element], cells[element[0]] if len(element) else 0),
                arranged(xi, 0.5),
                arranged(regions[element], regions[element[0]] if len(element) else -1),
                arranged(edge.weight, 0.0),
                arranged(element, 0),
            )
            for element, xi in ((piece, edge.xi), (edge.host, edge.host_xi))
        )
        slot = np.searchsorted(hosts, edge.host).astype(np.int32)
        return SeamSide(here, there, arranged(edge.normal, 0.0), arranged(slot, 0))

    patches = manifold.element_patches()[seam_elements(problem)]
    pairs = room(f"pairs of level 0, {NAME}", len(patches))
    wide = patches.reshape(len(patches), 4 * patches.shape[2]).astype(np.int32)
    return SeamPoints(
        (side(first), side(second)),
        arranged(problem.seams.bond.astype(np.int32), -1),
        padded(owner.astype(np.int32), blocks, 0),
        padded(wide, pairs, manifold.patches - 1),
    )


def directions(normal, components: int, xp):
    """Projectors (n, c, c) on the directions with a stiffness of their own: across and along the border."""
    if components == 1:
        return [xp.ones((len(normal), 1, 1))]
    across = normal[:, :, None] * normal[:, None, :]
    return [across, xp.eye(2) - across]


def compliance(bonds, bond, xp):
    """Compliance (n,) across and along the border, or of the one unknown: 0 where there is no jump.

    `bonds` are the stiffnesses of all bonds at the points, None for no jump.
    """
    result = []
    for values in zip(*bonds, strict=True):
        total = xp.zeros(len(bond))
        for number, value in enumerate(values):
            if value is not None:
                total = total + xp.where(bond == number, 1 / value, 0.0)
        result.append(total)
    return result


def seam_blocks(fluxes, betas, weight, normal, compliances, xp):
    """Matrices (blocks, 4kc, 4kc) and loads (blocks, 4kc) of blocks of points.

    Dofs are those of both pieces and of both hosts. `fluxes` and `betas` are of both sides at the points,
    `compliances` those of `compliance`, none where all bonds are perfect.
    """
    first, second = fluxes
    c = first.initial.shape[1]
    total = betas[0] + betas[1]
    kappa = betas[1] / xp.where(total > 0, total, 1.0)
    gamma = betas[0] * kappa
    k1, k2 = kappa[:, None], (1 - kappa)[:, None]
    jump = xp.concatenate([first.values, -second.values], 2)
    flux = xp.concatenate([k1[:, :, None] * first.traction, k2[:, :, None] * second.traction], 2)
    initial = k1 * first.initial + k2 * second.initial
    theta = xp.broadcast_to(xp.eye(c), (len(weight), c, c))
    soft = xp.zeros_like(theta)
    if compliances:
        parts = [
            (p / (1 + gamma * s)[:, None, None], s[:, None, None])
            for p, s in zip(directions(normal, c, xp), compliances, strict=True)
        ]
        theta, soft = sum(p for p, _ in parts), sum(s * p for p, s in parts)
    gamma = gamma[:, None, None]
    w = weight[:, None, None]

    def summed(left, middle, right):
        shape = (-1, BLOCK * c)
        scaled = xp.einsum("nce,nem->ncm", w * middle, right)
        left, scaled = (v.reshape(*shape, v.shape[2]) for v in (left, scaled))
        return xp.einsum("bqi,bqj->bij", left, scaled)

    mixed = summed(jump, theta, flux)
    upper = xp.concatenate([summed(jump, gamma * theta, jump), -mixed], 2)
    lower = xp.concatenate([-xp.swapaxes(mixed, 1, 2), -summed(flux, soft, flux)], 2)
    known = initial[:, :, None]
    loads = [summed(jump, theta, known), summed(flux, soft, known)]
    return xp.concatenate([upper, lower], 1), xp.concatenate(loads, 1)[:, :, 0]


def seam_fluxes(problem: Problem, params: Mapping[str, Any]) -> list[tuple[Edge, Flux]]:
    """Points and operators of both sides of the seams; none where there are none."""
    sides = problem.seams.sides
    return [(edge, flux_at(problem, edge, params)) for edge in sides] if len(sides[0].piece) else []


def flux_at(problem: Problem, edge: Edge, params) -> Flux:
    """Solution and flux at the points of an edge; see `Flux`."""
    manifold, model = problem.manifold, problem.model
    c = model.components
    shapes, _ = basis(manifold, manifold.piece_cell[edge.piece], edge.xi)
    cell = manifold.element_cells()[edge.host]
    _, gradients = wide_basis(manifold, model, cell, edge.host_xi, centroids(manifold)[edge.host])
    there = problem.places(cell, edge.host_xi, manifold.element_regions()[edge.host])
    tangent, stress = linearise(model.density, c, coefficient_values(model, there, params))
    n = len(shapes)
    normal = doubled(model.density, edge.normal)
    traction = np.einsum("ncidj,ni,nbj->ncbd", tangent, normal, gradients).reshape(n, c, -1)
    values = np.einsum("na,cd->ncad", shapes, np.eye(c)).reshape(n, c, -1)
    one = np.broadcast_to(np.eye(c), (n, c, c))
    return Flux(tangent, traction, np.einsum("nci,ni->nc", stress, normal), values, one, (normal,))


def bond_values(problem: Problem, params) -> list[tuple[Any, ...]]:
    """Stiffnesses of all bonds at the points of the seams.

    **Raises:** `InputError` for one that is not greater than 0.
    """
    edge = problem.seams.sides[0]
    manifold = problem.manifold
    cell, region = manifold.piece_cell[edge.piece], manifold.piece_region[edge.piece]
    at = problem.places(cell, edge.xi, region, edge.normal)
    result = []
    for number, bond in enumerate(problem.bonds):
        values = tuple(
            None if v is None else np.asarray(evaluate(v, at, params, bond.name)) for v in bond.values
        )
        for value in (v for v in values if v is not None):
            bad = np.flatnonzero((problem.seams.bond == number) & ~(value > 0))
            if len(bad):
                x, y = edge.points[bad[0]]
                raise InputError(
                    f"the stiffness must be greater than 0, found {value[bad[0]]:g} at ({x:.6g}, {y:.6g})",
                    where=bond.name,
                )
        result.append(values)
    return result


def add_seams(problem: Problem, params, fluxes: list[tuple[Edge, Flux]], beta: np.ndarray):
    """Matrices (pairs, 4kc, 4kc), loads and dofs of all seams; `beta` (elements,)."""
    manifold, c = problem.manifold, problem.model.components
    (first, one), (second, two) = fluxes
    elements = seam_elements(problem)
    _, pair = np.unique(first.piece * (manifold.pieces + 1) + second.piece, return_inverse=True)
    place, owner = in_blocks(pair)
    rows = np.zeros(len(owner) * BLOCK, np.int64)
    weight = np.zeros(len(rows))
    rows[place], weight[place] = np.arange(len(place)), first.weight
    both = tuple(
        Flux(f.tangent[rows], f.traction[rows], f.initial[rows], f.values[rows], f.projector[rows], ())
        for f in (one, two)
    )
    betas = beta[first.host][rows], beta[second.host][rows]
    given = [tuple(None if v is None else v[rows] for v in values) for values in bond_values(problem, params)]
    normal = first.normal[rows]
    soft = compliance(given, problem.seams.bond[rows], np)
    matrices, loads = seam_blocks(both, betas, weight, normal, soft, np)
    K, f = np.zeros((len(elements), *matrices.shape[1:])), np.zeros((len(elements), loads.shape[1]))
    np.add.at(K, owner, matrices)
    np.add.at(f, owner, loads)
    patches = manifold.element_patches()[elements].reshape(len(elements), -1)
    return K, f, manifold.dofs(patches, c)
