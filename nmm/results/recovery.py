"""Recovered gradients: an approximation of the raw gradient on the same physical cover, of one order more.

On hat functions a polynomial is fitted to it in every physical patch, of the degree that the approximation
reproduces, and the polynomials are blended by the weight functions. Splines of degree 2 and 3 take the L2
projection of the gradient on themselves: its error is orthogonal to the splines of one degree less, hence
nearly to these, and a polynomial over their wide supports would be worse than the raw gradient. Both keep
material regions apart, so that neither a crack nor an interface is smeared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array, dia_array
from scipy.sparse.linalg import cg

from nmm.cover.functions import Functions
from nmm.manifold.manifold import Manifold
from nmm.manifold.quadrature import Rule
from nmm.manifold.rules import element_rule
from nmm.manifold.tips import singular_basis
from nmm.physics.models import averaged


@dataclass(frozen=True)
class Recovered:
    """Polynomials of each (patch, region): `coefficients` (n, terms, components, 2) of `monomials`.

    On splines they are constants. Their origin lies `anchor` (n, 2) away from the node, in lattice units.
    `slot` (elements, k) is the row for each weight of each element.
    """

    coefficients: np.ndarray
    anchor: np.ndarray
    slot: np.ndarray


def monomials(offset: np.ndarray, functions: Functions) -> np.ndarray:
    """1, x, y, x², … up to the degree that the functions are complete to (..., terms).

    Of offsets (..., 2) from the nodes.
    """
    x, y = np.moveaxis(offset, -1, 0)
    return np.stack([x ** (n - j) * y**j for n in range(functions.complete + 1) for j in range(n + 1)], -1)


def element_dofs(manifold: Manifold, dofs: Any, element: np.ndarray) -> Any:
    """Unknowns (n, m, components) of the functions of elements."""
    functions = manifold.functions
    local = dofs[manifold.element_patches()[element]]
    return local.reshape(len(element), functions.per_cell, dofs.shape[1] // functions.per_patch)


def raw_gradients(manifold: Manifold, dofs: Any, element: np.ndarray, xi: np.ndarray) -> Any:
    """Gradient (n, components, 2) of the approximation at points of elements."""
    cell = manifold.element_cells()[element]
    local = element_dofs(manifold, dofs, element)
    xp = jnp if isinstance(local, jax.Array) else np
    by_xi = manifold.functions.gradients(xi, cell % 2 == 1, xp)
    gradient = by_xi @ (manifold.grid.rotation.T / manifold.grid.h)
    result = xp.einsum("nai,nac->nci", gradient, local)
    rows, patches, _, slopes = singular_basis(manifold, element, xi)
    if not len(rows):
        return result
    at_tips = dofs[patches].reshape(*slopes.shape[:2], local.shape[2])
    return add_rows(result, rows, xp.einsum("nai,nac->nci", slopes, at_tips))


def averaged_gradients(manifold: Manifold, dofs: Any, element: np.ndarray, xi: Any, centre: Any) -> Any:
    """Gradient (n, 2, 2) with mean dilatation at points of elements with centroids `centre` (n, 2)."""
    here, mean = (raw_gradients(manifold, dofs, element, at) for at in (xi, centre))
    xp = jnp if isinstance(mean, jax.Array) else np
    return averaged(xp.concatenate([here, mean], -1))


def add_rows(array: Any, rows: np.ndarray, values: Any) -> Any:
    """`array` with `values` added at distinct rows."""
    if isinstance(array, jax.Array):
        return array.at[rows].add(values)
    array[rows] += values
    return array


def recover(manifold: Manifold, raw: Callable[[np.ndarray, np.ndarray], Any]) -> Recovered:
    """Fit a polynomial to the gradient in every physical patch, or splines to it in all of them.

    `raw(element, xi)` is the gradient (n, components, 2) at points of elements.
    """
    grid = manifold.grid
    patches, regions = manifold.element_patches(), manifold.element_regions()
    n, k = patches.shape
    many = len(manifold.geometry.regions) + 1
    _, slot = np.unique(patches * many + regions[:, None] + 1, return_inverse=True)
    slot = slot.reshape(n, k)
    count = int(slot.max()) + 1
    cells = manifold.element_cells()
    origin = grid.node_units(grid.cell_nodes(cells)) - grid.corner(cells)[:, None]
    rule = element_rule(manifold, False)
    gradient = np.asarray(raw(rule.element, rule.points))
    c = gradient.shape[1]
    gradient = gradient.reshape(len(gradient), c * 2)
    if grid.degree > 1:
        constants = projected(manifold.weights.values(rule.points), rule, slot, gradient)
        return Recovered(constants.reshape(count, 1, c, 2), np.zeros((count, 2)), slot)
    highest = grid.functions.complete
    terms = (highest + 1) * (highest + 2) // 2
    gram, right = np.zeros((count, terms, terms)), np.zeros((count, terms, c * 2))
    for a in range(k):
        p = monomials(rule.points - origin[rule.element, a], grid.functions)
        rows = slot[rule.element, a]
        gather = csr_array((rule.weights, (rows, np.arange(len(rows)))), (count, len(rows)))
        for i in range(terms):
            gram[:, i] += gather @ (p[:, i : i + 1] * p)
            right[:, i] += gather @ (p[:, i : i + 1] * gradient)
    coefficients = fit(gram, right)
    thin, anchor = np.flatnonzero(poor(gram)), np.zeros((count, 2))
    if len(thin):
        borrow(coefficients, anchor, thin, slot, gram[:, 0, 0], origin)
    return Recovered(coefficients.reshape(count, terms, c, 2), anchor, slot)


def projected(values: np.ndarray, rule: Rule, slot: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """L2 projection (count, m) of the gradient (n, m) on the weights, with `values` (n, k) at the points.

    Slivers make the matrix nearly singular, but not the projection: conjugate gradients do not mind.
    """
    count, k = int(slot.max()) + 1, values.shape[1]
    place = np.repeat(np.arange(len(values)), k), slot[rule.element].ravel()
    table = csr_array((values.ravel(), place), (len(values), count))
    weighted = csr_array(((values * rule.weights[:, None]).ravel(), place), (len(values), count)).T
    mass, right = weighted @ table, weighted @ gradient
    main = mass.diagonal()
    scale = dia_array((1 / np.where(main > 0, main, 1.0)[None], [0]), mass.shape)
    found = [cg(mass, column, rtol=1e-12, maxiter=500, M=scale)[0] for column in right.T]
    return np.stack(found, -1)


def covariance(gram: np.ndarray) -> np.ndarray:
    """Second moments (n, terms - 1, terms - 1) of the monomials about their means, per area."""
    mean = gram[:, 0, 1:] / gram[:, :1, 0]
    return gram[:, 1:, 1:] / gram[:, :1, :1] - mean[:, :, None] * mean[:, None, :]


def poor(gram: np.ndarray) -> np.ndarray:
    """Patches too small or too thin for a slope: they borrow the polynomial of a neighbour.

    Measured by the amount and the spread of a support that nothing cuts.
    """
    spread = np.linalg.eigvalsh(covariance(gram[:, :3, :3]))
    return (gram[:, 0, 0] < 0.3) | (spread[:, 0] < 0.03)


def fit(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least-squares polynomials, regularised so that a patch without extent gets its mean."""
    amount = gram[:, :1, 0]
    mean, centre = right[:, 0] / amount, gram[:, 0, 1:] / amount
    spread = covariance(gram) + 1e-9 * np.eye(centre.shape[1])
    moment = right[:, 1:] / amount[:, :, None] - centre[:, :, None] * mean[:, None, :]
    slope = np.linalg.solve(spread, moment)
    value = mean - np.einsum("nd,ndm->nm", centre, slope)
    return np.concatenate([value[:, None], slope], 1)


def borrow(coefficients, anchor, thin, slot, amount, origin):
    """Replace the polynomials of thin patches by the best neighbour's.

    Neighbours are patches that share an element; three sweeps reach across runs of thin patches.
    """
    quality = amount.copy()
    quality[thin] = 0.0
    k = slot.shape[1]
    for _ in range(3):
        todo = quality[slot] == 0
        rows = np.flatnonzero(todo.any(1) & (quality[slot] > 0).any(1))
        if not len(rows):
            return
        best = quality[slot[rows]].argmax(1)
        giver = slot[rows, best]
        new, shifted, strength = coefficients.copy(), anchor.copy(), np.zeros_like(quality)
        order = np.argsort(quality[giver], kind="stable")
        rows, best, giver = rows[order], best[order], giver[order]
        for a in range(k):
            mine = todo[rows, a]
            taker = slot[rows[mine], a]
            move = origin[rows[mine], best[mine]] - origin[rows[mine], a]
            better = quality[giver[mine]] >= strength[taker]
            new[taker[better]] = coefficients[giver[mine]][better]
            shifted[taker[better]] = (anchor[giver[mine]] + move)[better]
            strength[taker[better]] = quality[giver[mine]][better]
        coefficients[:], anchor[:] = new, shifted
        fresh = strength > 0
        quality[fresh & (quality == 0)] = 1e-3 * strength[fresh & (quality == 0)]


def recovered_gradients(
    manifold: Manifold, recovered: Recovered, element: np.ndarray, xi: np.ndarray
) -> np.ndarray:
    """Recovered gradient (n, components, 2) at points of elements."""
    grid = manifold.grid
    cell = manifold.element_cells()[element]
    values = manifold.weights.values(xi, cell % 2 == 1)
    offset = xi[:, None] - (grid.node_units(grid.cell_nodes(cell)) - grid.corner(cell)[:, None])
    slot = recovered.slot[element]
    p = monomials(offset - recovered.anchor[slot], grid.functions)[..., : recovered.coefficients.shape[1]]
    return np.einsum("na,nai,naicd->ncd", values, p, recovered.coefficients[slot])
