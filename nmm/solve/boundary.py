"""Boundary terms as matrices and loads: Nitsche, penalty, Robin, tractions.

Symmetric Nitsche (Nitsche 1971) adds −∫ t(u)·P(u − g) + ½ β |P(u − g)|² to the energy, where P projects
on the prescribed components and t(u) is the flux of the host of each piece (see `manifold.hosts`). With
|P t(u)|² integrated over the boundary that a host serves bounded by λ times its energy, β = 2 λ is enough;
β = 2 trace(K⁺T) is never below that and smooth in all data. With mean dilatation there are two penalties: see
`physics.dilatation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import shapely

from nmm.cover.polynomials import polynomial_gradients
from nmm.errors import InputError
from nmm.manifold.quadrature import Rule
from nmm.manifold.rules import reference_rule
from nmm.physics.boundary import Term
from nmm.physics.dilatation import bulk_ratio, centroids, doubled, modulus, penalised
from nmm.physics.models import columns
from nmm.physics.problem import Edge, Problem, basis, coefficient_values, wide_basis
from nmm.physics.values import Places, evaluate
from nmm.solve.linearise import linearise
from nmm.solve.seams import add_seams, seam_fluxes
from nmm.solve.sums import element_sums

PENALTY = 1e3
"""Penalty coefficient in units of stiffness over cell size, where penalty is asked for."""


@dataclass
class Boundary:
    """What the boundary terms add.

    `matrices` (n, m, m) and `loads` (n, m) at the dofs `dofs` (n, m); the forces of the natural terms at
    their points and `natural`, by edge; Nitsche's parameter `beta` of each element; the matrices, loads and
    dofs of `seams`.
    """

    beta: np.ndarray
    forces: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    natural: list[tuple[Edge, np.ndarray]] = field(default_factory=list)
    matrices: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0)))
    loads: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    dofs: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    seams: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Held:
    """A Dirichlet term at its quadrature points.

    `normals` are those of `dilatation.penalised`; `bulk` is its `bulk_ratio` with mean dilatation, else None.
    """

    tangent: np.ndarray
    traction: np.ndarray
    initial: np.ndarray
    values: np.ndarray
    projector: np.ndarray
    prescribed: np.ndarray
    stiffness: np.ndarray
    normals: tuple[np.ndarray, ...]
    bulk: np.ndarray | None


def edge_places(problem: Problem, edge: Edge) -> Places:
    manifold = problem.manifold
    cell = manifold.piece_cell[edge.piece]
    return problem.places(cell, edge.xi, manifold.piece_region[edge.piece], edge.normal)


def spread(values: np.ndarray, components: int) -> np.ndarray:
    """Functions (n, m) as operators (n, c, mc) from the dofs of an element to the solution."""
    n, k = values.shape
    return np.einsum("na,cd->ncad", values, np.eye(components)).reshape(n, components, k * components)


def held_at(problem: Problem, term: Term, edge: Edge, params) -> Held:
    """Operators of a Dirichlet term; see `Held`."""
    manifold, model = problem.manifold, problem.model
    c = model.components
    at = edge_places(problem, edge)
    values, _ = basis(manifold, manifold.piece_cell[edge.piece], edge.xi)
    cell = manifold.element_cells()[edge.host]
    _, gradients = wide_basis(manifold, model, cell, edge.host_xi, centroids(manifold)[edge.host])
    there = problem.places(cell, edge.host_xi, manifold.element_regions()[edge.host])
    tangent, stress = linearise(model.density, c, coefficient_values(model, there, params))
    n = len(edge.piece)
    normal = doubled(model.density, edge.normal)
    traction = np.einsum("ncidj,ni,nbj->ncbd", tangent, normal, gradients).reshape(n, c, -1)
    initial = np.einsum("nci,ni->nc", stress, normal)
    if term.kind == "normal":
        size = np.asarray(evaluate(term.values[0], at, params, term.name))
        prescribed = size[:, None] * edge.normal
    else:
        given = [0.0 if v is None else v for v in term.values]
        prescribed = np.stack([np.asarray(evaluate(v, at, params, term.name)) for v in given], -1)
    if not np.isfinite(prescribed).all():
        raise_not_finite(term.name, edge.points, prescribed)
    return Held(
        tangent,
        traction,
        initial,
        spread(values, c),
        projector(term, edge.normal, c),
        prescribed,
        modulus(tangent),
        penalised(model.density, tangent, edge.normal),
        bulk_ratio(tangent) if columns(model.density) == 4 else None,
    )


def projector(term: Term, normal: np.ndarray, components: int) -> np.ndarray:
    """Projector (n, c, c) on what a Dirichlet term prescribes."""
    if term.kind == "normal":
        return normal[:, :, None] * normal[:, None, :]
    mask = np.array([v is not None for v in term.values], float)
    return np.broadcast_to(np.diag(mask), (len(normal), components, components))


def raise_not_finite(name, points, values):
    i = int(np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1))[0])
    x, y = points[i]
    raise InputError(f"the value is not finite at ({x:.6g}, {y:.6g}): {values[i].tolist()}", where=name)


def nitsche_parameter(problem: Problem, params, rule: Rule, held: list[tuple[Edge, Any]]) -> np.ndarray:
    """β (elements,) = 2 trace(K⁺T) of each element that hosts a Dirichlet boundary or a seam, else zero.

    Works with polynomials scaled to the bounding box of each host, so that slivers keep their digits.
    """
    manifold, model = problem.manifold, problem.model
    c, grid = model.components, manifold.grid
    cells = manifold.element_cells()
    beta = np.zeros(len(cells))
    if not held:
        return beta
    hosts, slot = np.unique(np.concatenate([edge.host for edge, _ in held]), return_inverse=True)
    element, xi, weight = host_rule(problem, rule, hosts)
    owner = np.searchsorted(hosts, element)
    low, high = bounding_boxes(manifold, hosts)
    centre, size = (low + high) / 2, np.maximum((high - low) / 2, 1e-300)
    to_user = grid.rotation.T / grid.h

    def pointwise(xi, which):
        by_local = polynomial_gradients(manifold.functions, (xi - centre[which]) / size[which])
        return by_local / size[which][:, None, :] @ to_user

    def gradients(xi, which):
        found = pointwise(xi, which)
        if columns(model.density) == 2:
            return found
        return np.concatenate([found, pointwise(centroids(manifold)[hosts[which]], which)], -1)

    at = problem.places(cells[element], xi, manifold.element_regions()[element])
    tangent, stress = linearise(model.density, c, coefficient_values(model, at, params))
    b = gradients(xi, owner)
    m = b.shape[1] * c
    K, _ = element_sums(b, weight, tangent, stress, owner, len(hosts), rule.block)
    T = np.zeros_like(K)
    start = 0
    for edge, term in held:
        which = slot[start : start + len(edge.host)]
        start += len(edge.host)
        g = gradients(edge.host_xi, which)
        for normal in term.normals:
            t = np.einsum("ncidj,ni,nbj->ncbd", term.tangent, normal, g)
            t = np.einsum("nce,nem->ncm", term.projector, t.reshape(len(which), c, m))
            np.add.at(T, which, np.einsum("n,nca,ncb->nab", edge.weight, t, t))
    root = 1 / np.sqrt(np.maximum(np.einsum("nii->ni", K), 1e-300))
    K = K * root[:, :, None] * root[:, None, :]
    T = T * root[:, :, None] * root[:, None, :]
    if c == 2:
        spin = np.zeros((len(hosts), m // 2, 2))
        spin[:, :2, :] = size[:, :, None] * grid.h * (np.array([[0.0, -1.0], [1.0, 0.0]]) @ grid.rotation).T
        spin = spin.reshape(len(hosts), m) / root
        spin /= np.linalg.norm(spin, axis=1, keepdims=True)
        K = K + spin[:, :, None] * spin[:, None, :]
    K = K + 1e-14 * np.eye(m)
    beta[hosts] = 2 * np.einsum("nii->n", np.linalg.solve(K, T))
    return beta


def both_parameters(density, parameter, held: list, fluxes: list, xp):
    """Nitsche's `parameter` for Dirichlet terms and for seams, where elements may serve both.

    The terms together need the energy once. With mean dilatation, where the two are penalised differently,
    each gets half of it in an element that serves both.
    """
    if columns(density) == 2:
        beta = parameter([*held, *fluxes])
        return beta, beta
    first, second = parameter(held), parameter(fluxes)
    shared = xp.where((first > 0) & (second > 0), 2.0, 1.0)
    return shared * first, shared * second


def host_rule(problem: Problem, rule: Rule, hosts: np.ndarray):
    """Element, position and weight of the points of host elements, in blocks like those of `rule`."""
    manifold = problem.manifold
    whole = len(manifold.whole_list)
    pieces = np.flatnonzero(np.isin(rule.element, hosts - whole))
    element, xi, weight = [rule.element[pieces] + whole], [rule.points[pieces]], [rule.weights[pieces]]
    cells = manifold.element_cells()
    for upper in (False, True) if manifold.shape == "triangle" else (False,):
        mine = hosts[hosts < whole]
        if manifold.shape == "triangle":
            mine = mine[cells[mine] % 2 == upper]
        points, weights = reference_rule(manifold, upper, problem.fine)
        more = -len(weights) % rule.block
        points, weights = np.pad(points, ((0, more), (0, 0)), constant_values=0.5), np.pad(weights, (0, more))
        element.append(np.repeat(mine, len(weights)))
        xi.append(np.tile(points, (len(mine), 1)))
        weight.append(np.tile(weights, len(mine)))
    return np.concatenate(element), np.concatenate(xi), np.concatenate(weight) * manifold.grid.h**2


def bounding_boxes(manifold, elements):
    """Lower and upper corners (n, 2) of elements, relative to their squares."""
    whole = len(manifold.whole_list)
    boxes = np.tile([0.0, 0.0, 1.0, 1.0], (len(elements), 1))
    pieces = elements >= whole
    bounds = manifold.cached("piece_bounds", lambda: shapely.bounds(manifold.host.polygons))
    boxes[pieces] = bounds[elements[pieces] - whole]
    return boxes[:, :2], boxes[:, 2:]


def add_boundary(problem: Problem, params: Mapping[str, Any], rule: Rule, matrices, loads) -> Boundary:
    """Add natural terms to matrices (pieces, kc, kc) and loads (pieces, kc); make the Dirichlet ones."""
    c = problem.model.components
    pairs = list(zip(problem.terms, problem.edges, strict=True))
    held = [(edge, held_at(problem, term, edge, params)) for term, edge in pairs if term.dirichlet]
    nitsche = problem.dirichlet == "nitsche"
    fluxes = seam_fluxes(problem, params)
    parameter = partial(nitsche_parameter, problem, params, rule)
    betas = both_parameters(problem.model.density, parameter, held if nitsche else [], fluxes, np)
    result = Boundary(betas[0])
    result.seams = add_seams(problem, params, fluxes, betas[1]) if fluxes else None
    blocks = [held_blocks(problem, edge, term, result.beta, nitsche) for edge, term in held]
    if blocks:
        result.matrices, result.loads, result.dofs = map(np.concatenate, zip(*blocks, strict=True))
    for term, edge in pairs:
        if not term.dirichlet:
            points, force = add_natural(problem, term, edge, params, c, matrices, loads)
            result.forces[term.name] = points, force
            result.natural.append((edge, force))
    return result


def beta_at(problem: Problem, beta, edge: Edge, term: Held) -> np.ndarray:
    """Penalty factor at the points of a Dirichlet term."""
    if problem.dirichlet == "nitsche":
        return beta[edge.host]
    return PENALTY * term.stiffness / problem.manifold.grid.h


def held_blocks(problem: Problem, edge: Edge, term: Held, beta, nitsche: bool):
    """Matrices (n, 2kc, 2kc), loads and dofs of the pieces of a Dirichlet term and their hosts."""
    manifold, c = problem.manifold, problem.model.components
    pieces, slot = np.unique(edge.piece, return_inverse=True)
    w, factor = edge.weight, beta_at(problem, beta, edge, term)
    pn = np.einsum("nce,nem->ncm", term.projector, term.values)
    pg = np.einsum("nce,ne->nc", term.projector, term.prescribed)
    m = pn.shape[2]
    K, f = np.zeros((len(pieces), 2 * m, 2 * m)), np.zeros((len(pieces), 2 * m))
    np.add.at(K[:, :m, :m], slot, np.einsum("n,nca,ncb->nab", w * factor, pn, pn))
    np.add.at(f[:, :m], slot, np.einsum("n,nca,nc->na", w * factor, pn, pg))
    if term.bulk is not None:
        row, given, size = normal_means(edge, slot, len(pieces), factor * term.bulk, pn, pg)
        K[:, :m, :m] += np.einsum("n,na,nb->nab", size, row, row)
        f[:, :m] += (size * given)[:, None] * row
    if nitsche:
        coupling = np.einsum("n,nca,ncb->nab", w, pn, term.traction)
        np.add.at(K[:, :m, m:], slot, -coupling)
        np.add.at(K[:, m:, :m], slot, -np.swapaxes(coupling, 1, 2))
        np.add.at(f[:, :m], slot, np.einsum("n,nca,nc->na", w, pn, term.initial))
        np.add.at(f[:, m:], slot, -np.einsum("n,nca,nc->na", w, term.traction, pg))
    patches = manifold.element_patches()
    both = np.concatenate([manifold.piece_patches[pieces], patches[manifold.host.piece_host[pieces]]], axis=1)
    dofs = manifold.dofs(both, c)
    return K, f, dofs


def normal_means(edge: Edge, slot, count: int, factor, values, given):
    """What is penalised of the mean normal displacement of pieces: operators (count, m), values and factors.

    From the operators `values` (n, c, m), the values `given` (n, c) and the penalty `factor` (n,) at points;
    the operators and values are integrals, and the factors less by the square of the length.
    """
    length = np.bincount(slot, edge.weight, count)
    row = np.zeros((count, values.shape[2]))
    np.add.at(row, slot, np.einsum("n,nc,ncm->nm", edge.weight, edge.normal, values))
    integral = np.bincount(slot, edge.weight * np.einsum("nc,nc->n", edge.normal, given), count)
    return row, integral, np.bincount(slot, edge.weight * factor, count) / length**2


def add_natural(problem: Problem, term: Term, edge: Edge, params, c: int, matrices, loads):
    """Tractions, pressures, fluxes and Robin terms; returns their points and forces."""
    at = edge_places(problem, edge)
    values, _ = basis(problem.manifold, problem.manifold.piece_cell[edge.piece], edge.xi)
    data = np.stack([np.asarray(evaluate(v, at, params, term.name)) for v in term.values], -1)
    if not np.isfinite(data).all():
        raise_not_finite(term.name, edge.points, data)
    if term.kind == "robin":
        h, outside = data.T
        if (h < 0).any():
            raise InputError(
                f"the exchange coefficient h must not be negative, found {h.min():g}", where=term.name
            )
        np.add.at(matrices, edge.piece, np.einsum("n,na,nb->nab", edge.weight * h, values, values))
        force = (h * outside)[:, None]
    elif term.kind == "pressure":
        force = -data * edge.normal
    else:
        force = data
    force = force * edge.weight[:, None]
    operators = spread(values, c)
    np.add.at(loads, edge.piece, np.einsum("nca,nc->na", operators, force))
    return edge.points, force


def reaction(problem: Problem, term: Term, edge: Edge, params, beta, element_dofs):
    """Force (n, c) of the support on the body at the points of a Dirichlet or Robin term.

    `element_dofs` (elements, kc) are the solution's dofs on the elements.
    """
    u_e = element_dofs[len(problem.manifold.whole_list) + edge.piece]
    if term.kind == "robin":
        at = edge_places(problem, edge)
        values, _ = basis(problem.manifold, problem.manifold.piece_cell[edge.piece], edge.xi)
        h, outside = (np.asarray(evaluate(v, at, params, term.name)) for v in term.values)
        u = np.einsum("na,na->n", values, u_e)
        return (edge.weight * h * (outside - u))[:, None]
    held = held_at(problem, term, edge, params)
    u = np.einsum("ncm,nm->nc", held.values, u_e)
    factor = beta_at(problem, beta, edge, held)
    force = -factor[:, None] * (u - held.prescribed)
    if held.bulk is not None:
        pieces, slot = np.unique(edge.piece, return_inverse=True)
        off = np.einsum("nce,ne->nc", held.projector, u - held.prescribed)
        row, _, size = normal_means(edge, slot, len(pieces), factor * held.bulk, off[:, :, None], 0 * off)
        force = force - (size * row[:, 0])[slot][:, None] * edge.normal
    if problem.dirichlet == "nitsche":
        force = force + np.einsum("ncm,nm->nc", held.traction, element_dofs[edge.host]) + held.initial
    return np.einsum("nce,ne->nc", held.projector, force) * edge.weight[:, None]
