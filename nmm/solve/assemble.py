"""Element matrices from energy densities by differentiation, and their sum as a sparse system."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from scipy.sparse import csr_array

from nmm.errors import InputError
from nmm.manifold.locate import locate
from nmm.manifold.quadrature import Rule
from nmm.manifold.rules import piece_rule, reference_rule
from nmm.physics.dilatation import centroids
from nmm.physics.problem import Problem, coefficient_values, wide_basis
from nmm.physics.values import by_cell, evaluate
from nmm.solve.boundary import add_boundary, raise_not_finite
from nmm.solve.ghost import ghost_elements
from nmm.solve.linearise import linearise
from nmm.solve.sums import element_sums
from nmm.solve.tips import TipPoints, beyond, edge_functions, tip_matrices, tip_points

CHUNK = 40_000
"""Cells, or points of pieces, whose matrices are computed at once."""


@dataclass
class System:
    """K u = f over all patch numbers, components innermost, and what the loads add up to.

    `forces` maps each load to its points (n, 2) and forces (n, components).
    """

    matrix: csr_array
    load: np.ndarray
    forces: dict[str, tuple[np.ndarray, np.ndarray]]
    beta: np.ndarray


def whole_elements(problem: Problem, params: Mapping[str, Any]):
    """Matrices (n, kc, kc) and loads (n, kc) of the whole cells, and the body force at their points."""
    manifold, model = problem.manifold, problem.model
    cells = manifold.whole_list
    k, c = manifold.functions.per_cell, model.components
    region = manifold.cell_region[cells]
    constant = not by_cell((tuple(model.coefficients.values()), model.source))
    matrices = np.empty((len(cells), k * c, k * c))
    loads = np.empty((len(cells), k * c))
    kinds = (0, 1) if manifold.shape == "triangle" else (0,)
    forces = []
    for kind in kinds:
        mine = np.flatnonzero(cells % 2 == kind) if manifold.shape == "triangle" else np.arange(len(cells))
        points, weights = reference_rule(manifold, bool(kind), problem.fine)
        chunk = CHUNK * 3 // len(weights)
        groups = region[mine] if constant else np.arange(len(mine)) // chunk
        for group in np.unique(groups):
            chosen = mine[groups == group]
            sample = chosen[:1] if constant else chosen
            K, f, source = volume(problem, params, cells[sample], region[sample], points, weights)
            matrices[chosen], loads[chosen] = K, f
            forces.append((cells[chosen], points, weights, source, constant))
    return matrices, loads, forces


def volume(problem: Problem, params, cells, region, points, weights):
    """Matrices and loads of cells that share one rule."""
    n, q = len(cells), len(points)
    flat_cell = np.repeat(cells, q)
    flat = np.tile(points, (n, 1))
    rule = Rule(flat, np.tile(weights, n), np.repeat(np.arange(n), q), q)
    centre = np.broadcast_to(weights @ points / weights.sum(), flat.shape)
    return integrate(problem, params, flat_cell, np.repeat(region, q), rule, centre, n)


def integrate(problem: Problem, params, cell, region, rule: Rule, centre, count: int):
    """Matrices (count, kc, kc), loads (count, kc), and body force times area (n, c) at the points.

    `centre` (n, 2) is the centroid of each point's element.
    """
    manifold, model = problem.manifold, problem.model
    at = problem.places(cell, rule.points, region)
    weight = rule.weights * manifold.grid.h**2
    values, gradients = wide_basis(manifold, model, cell, rule.points, centre)
    coefficients = coefficient_values(model, at, params)
    tangent, stress = linearise(model.density, model.components, coefficients)
    matrices, loads = element_sums(gradients, weight, tangent, stress, rule.element, count, rule.block)
    name = "physics.source" if model.components == 1 else "physics.body_force"
    source = np.asarray(evaluate(model.source, at, params, name)) * weight[:, None]
    if not np.isfinite(source).all():
        raise_not_finite(name, at.points, source)
    body = values[:, :, None] * source[:, None, :]
    np.add.at(loads, rule.element, body.reshape(len(source), -1))
    return matrices, loads, source


def piece_elements(problem: Problem, params: Mapping[str, Any]):
    """Matrices (pieces, kc, kc) and loads of the pieces, in chunks of points, and the body force."""
    manifold, model = problem.manifold, problem.model
    rule = piece_rule(manifold, problem.fine)
    kc = manifold.functions.per_cell * model.components
    matrices, loads = np.zeros((manifold.pieces, kc, kc)), np.zeros((manifold.pieces, kc))
    source = np.zeros((len(rule.weights), model.components))
    centre = centroids(manifold)[len(manifold.whole_list) :]
    step = CHUNK // rule.block * rule.block
    for begin in range(0, len(rule.weights), step):
        part = slice(begin, begin + step)
        element = rule.element[part]
        base = element[0]
        size = element[-1] - base + 1
        shifted = Rule(rule.points[part], rule.weights[part], element - base, rule.block)
        cell, region = manifold.piece_cell[element], manifold.piece_region[element]
        K, f, s = integrate(problem, params, cell, region, shifted, centre[element], int(size))
        matrices[base : base + size] += K
        loads[base : base + size] += f
        source[part] = s
    return matrices, loads, rule, source


@dataclass(frozen=True, eq=False)
class Inside:
    """What the model alone says: whole cells, pieces, and the singular patches at tips if there are any."""

    whole: tuple[np.ndarray, np.ndarray, Any]
    pieces: tuple[np.ndarray, np.ndarray, Rule, np.ndarray]
    tips: tuple[TipPoints, np.ndarray, np.ndarray] | None


def inside(problem: Problem, params: Mapping[str, Any]) -> Inside:
    """The same for all parameters that only occur in boundary terms, loads and bonds.

    **Raises:** `InputError` for coefficients out of range.
    """
    points = tip_points(problem.manifold)
    tips = None if points is None else (points, *tip_elements(problem, params, points))
    return Inside(whole_elements(problem, params), piece_elements(problem, params), tips)


def assemble(problem: Problem, params: Mapping[str, Any], known: Inside | None = None) -> System:
    """The linear system of a problem for given parameters; `known` is its `inside` where that is at hand.

    **Raises:** `InputError` for coefficients out of range or a point load outside the domain.
    """
    manifold, model = problem.manifold, problem.model
    c = model.components
    known = inside(problem, params) if known is None else known
    K_whole, f_whole, bodies = known.whole
    _, _, rule, source = known.pieces
    K_piece, f_piece = (array.copy() for array in known.pieces[:2])  # boundary terms are added to them
    patches = manifold.element_patches()
    size = manifold.patches * manifold.functions.per_patch * c
    load = np.zeros(size)
    dofs = manifold.dofs(patches, c)
    edge_terms = add_boundary(problem, params, rule, K_piece, f_piece)
    np.add.at(load, dofs, np.concatenate([f_whole, f_piece]))
    forces = dict(edge_terms.forces)
    forces["body force" if model.components > 1 else "source"] = body_points(problem, bodies, rule, source)
    for term, element, xi, force in point_loads(problem, params):
        cell = manifold.element_cells()[element]
        weights = manifold.functions.values(xi[None], np.array([cell % 2 == 1]))[0]
        np.add.at(load, dofs[element], (weights[:, None] * force).ravel())
        forces[term.name] = (np.array([term.at]), force[None])
    matrix = sparse(np.concatenate([K_whole, K_piece]), dofs, size)
    if len(edge_terms.dofs):
        np.add.at(load, edge_terms.dofs, edge_terms.loads)
        matrix = matrix + sparse(edge_terms.matrices, edge_terms.dofs, size)
    if (ghost := ghost_elements(problem, params)) is not None:
        blocks, at = ghost
        matrix = matrix + sparse(blocks, manifold.dofs(at, c), size)
    if edge_terms.seams is not None:
        matrices, loads, at = edge_terms.seams
        np.add.at(load, at, loads)
        matrix = matrix + sparse(matrices, at, size)
    if known.tips is not None:
        points, matrices, loads = known.tips
        for edge, force in edge_terms.natural:
            rows, functions, values = edge_functions(problem, edge)
            at = manifold.dofs(functions, c).reshape(*values.shape, c)
            np.add.at(load, at, values[:, :, None] * force[rows][:, None])
        where = manifold.dofs(points.patches.astype(np.int64), c)
        np.add.at(load, where, loads)
        matrix = matrix + sparse(matrices, where, size)
    return System(matrix, load, forces, edge_terms.beta)


def tip_elements(
    problem: Problem, params: Mapping[str, Any], points: TipPoints
) -> tuple[np.ndarray, np.ndarray]:
    """What the singular patches add: matrices (m, Kc, Kc) and loads (m, Kc)."""
    model = problem.model
    at = problem.places(points.cell.ravel(), points.xi.reshape(-1, 2), points.region.ravel())
    tangent, stress = linearise(model.density, model.components, coefficient_values(model, at, params))
    force = np.asarray(evaluate(model.source, at, params, "physics.source"))
    matrices, loads = _tip_matrices(points, tangent, stress, force)
    plain = problem.manifold.functions.per_cell * model.components
    matrices, loads = beyond(matrices, loads, plain)
    return np.asarray(matrices), np.asarray(loads)


_tip_matrices = jax.jit(tip_matrices)


def sparse(matrices: np.ndarray, dofs: np.ndarray, size: int) -> csr_array:
    """Sum of element matrices (n, m, m) at rows and columns dofs (n, m)."""
    m = dofs.shape[1]
    rows = np.repeat(dofs.astype(np.int32), m, axis=1).ravel()
    columns = np.tile(dofs.astype(np.int32), (1, m)).ravel()
    matrix = csr_array((matrices.ravel(), (rows, columns)), (size, size))
    matrix.sum_duplicates()
    return matrix


def body_points(problem: Problem, bodies, rule: Rule, source) -> tuple[np.ndarray, np.ndarray]:
    """Points and forces of the body force at all quadrature points where it is not zero."""
    manifold = problem.manifold
    points, forces = [], []
    for cells, xi, _, force, constant in bodies:
        if not np.any(force):
            continue
        n, q = len(cells), len(xi)
        points.append(manifold.user_points(np.repeat(cells, q), np.tile(xi, (n, 1))))
        forces.append(np.tile(force, (n, 1)) if constant else force)
    if np.any(source):
        points.append(manifold.user_points(manifold.piece_cell[rule.element], rule.points))
        forces.append(source)
    if not points:
        return np.zeros((0, 2)), np.zeros((0, problem.model.components))
    return np.concatenate(points), np.concatenate(forces)


def point_loads(problem: Problem, params):
    """Element, position in its square and force of each point load.

    **Raises:** `InputError` for a point outside the domain.
    """
    manifold = problem.manifold
    for term in problem.point_loads:
        element, xi = locate(manifold, np.array([term.at]))
        if element[0] < 0:
            raise InputError(
                f"the point ({term.at[0]:.6g}, {term.at[1]:.6g}) lies outside the domain", where=term.name
            )
        cell = manifold.element_cells()[element]
        at = problem.places(cell, xi, manifold.element_regions()[element])
        force = np.array([np.asarray(evaluate(v, at, params, term.name))[0] for v in term.values])
        yield term, int(element[0]), xi[0], force
