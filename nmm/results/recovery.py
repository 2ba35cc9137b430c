"""Recovered gradients: in every physical patch the raw gradient is fitted by a linear polynomial.

The fit is the L2 projection over the patch, done separately for each material region, so that neither a
crack nor an interface is smeared; the polynomials are blended by the weight functions. The result is
itself an approximation on the same physical cover, of one order more than the raw gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.cover.weights import hat_gradients, hat_values
from nmm.manifold.manifold import Manifold
from nmm.manifold.rules import element_points
from nmm.manifold.tips import singular_basis
from nmm.physics.models import averaged


@dataclass(frozen=True)
class Recovered:
    """Polynomials of each (patch, region): `coefficients` (n, 3, components, 2) of 1, ξ - ξ_node, η - η_node.

    `slot` (elements, k) is the row for each weight of each element.
    """

    coefficients: np.ndarray
    slot: np.ndarray


def raw_gradients(manifold: Manifold, dofs: Any, element: np.ndarray, xi: np.ndarray) -> Any:
    """Gradient (n, components, 2) of the approximation at points of elements."""
    cell = manifold.element_cells()[element]
    local = dofs[manifold.element_patches()[element]]
    xp = jnp if isinstance(local, jax.Array) else np
    by_xi = hat_gradients(manifold.shape, xi, cell % 2 == 1, xp)
    gradient = by_xi @ (manifold.grid.rotation.T / manifold.grid.h)
    result = xp.einsum("nai,nac->nci", gradient, local)
    rows, patches, _, slopes = singular_basis(manifold, element, xi)
    return add_rows(result, rows, xp.einsum("nai,nac->nci", slopes, dofs[patches])) if len(rows) else result


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
    """Fit a linear polynomial to the gradient in every physical patch.

    `raw(element, xi)` is the gradient (n, components, 2) at points of elements.
    """
    grid = manifold.grid
    patches, regions = manifold.element_patches(), manifold.element_regions()
    points, area = element_points(manifold)
    n, k = patches.shape
    gradient = np.asarray(raw(np.repeat(np.arange(n), 3), points.reshape(-1, 2)))
    c = gradient.shape[1]
    gradient = gradient.reshape(n, 3, c * 2)
    many = len(manifold.geometry.regions) + 1
    _, slot = np.unique(patches * many + regions[:, None] + 1, return_inverse=True)
    slot = slot.reshape(n, k)
    count = int(slot.max()) + 1
    weight = area / 3
    cells = manifold.element_cells()
    origin = grid.node_units(grid.cell_nodes(cells)) - grid.corner(cells)[:, None]
    gram, right = np.zeros((count, 3, 3)), np.zeros((count, 3, c * 2))
    where, amount = np.zeros((count, 2)), np.zeros(count)
    for a in range(k):
        offset = points - origin[:, a][:, None]
        p = np.concatenate([np.ones((n, 3, 1)), offset], -1)
        np.add.at(gram, slot[:, a], np.einsum("n,nqi,nqj->nij", weight, p, p))
        np.add.at(right, slot[:, a], np.einsum("n,nqi,nqd->nid", weight, p, gradient))
        np.add.at(where, slot[:, a], area[:, None] * offset.mean(1))
        np.add.at(amount, slot[:, a], area)
    centre = where / amount[:, None]
    coefficients = fit(gram, right, amount, centre)
    thin = np.flatnonzero(poor(gram, amount, centre))
    if len(thin):
        borrow(coefficients, thin, slot, amount, origin)
    return Recovered(coefficients.reshape(count, 3, c, 2), slot)


def covariance(gram, amount, centre):
    """Second moments (n, 2, 2) about the centroid, per area."""
    return gram[:, 1:, 1:] / amount[:, None, None] - centre[:, :, None] * centre[:, None, :]


def poor(gram, amount, centre) -> np.ndarray:
    """Patches too small or too thin for a slope: they borrow the polynomial of a neighbour."""
    spread = np.linalg.eigvalsh(covariance(gram, amount, centre))
    return (amount < 0.3) | (spread[:, 0] < 0.03)


def fit(gram, right, amount, centre) -> np.ndarray:
    """Least-squares polynomials, regularised so that a patch without extent gets its mean."""
    mean = right[:, 0] / amount[:, None]
    spread = covariance(gram, amount, centre) + 1e-9 * np.eye(2)
    moment = right[:, 1:] / amount[:, None, None] - centre[:, :, None] * mean[:, None, :]
    slope = np.linalg.solve(spread, moment)
    value = mean - np.einsum("nd,ndm->nm", centre, slope)
    return np.concatenate([value[:, None], slope], 1)


def borrow(coefficients, thin, slot, amount, origin):
    """Replace the polynomials of thin patches by the best neighbour's, moved to their own node.

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
        new, strength = coefficients.copy(), np.zeros_like(quality)
        order = np.argsort(quality[giver], kind="stable")
        rows, best, giver = rows[order], best[order], giver[order]
        for a in range(k):
            mine = todo[rows, a]
            taker = slot[rows[mine], a]
            move = origin[rows[mine], a] - origin[rows[mine], best[mine]]
            moved = coefficients[giver[mine]].copy()
            moved[:, 0] += np.einsum("nd,ndm->nm", move, moved[:, 1:])
            better = quality[giver[mine]] >= strength[taker]
            new[taker[better]] = moved[better]
            strength[taker[better]] = quality[giver[mine]][better]
        coefficients[:] = new
        fresh = strength > 0
        quality[fresh & (quality == 0)] = 1e-3 * strength[fresh & (quality == 0)]


def recovered_gradients(
    manifold: Manifold, recovered: Recovered, element: np.ndarray, xi: np.ndarray
) -> np.ndarray:
    """Recovered gradient (n, components, 2) at points of elements."""
    grid = manifold.grid
    cell = manifold.element_cells()[element]
    values = hat_values(manifold.shape, xi, cell % 2 == 1)
    offset = xi[:, None] - (grid.node_units(grid.cell_nodes(cell)) - grid.corner(cell)[:, None])
    p = np.concatenate([np.ones((*offset.shape[:2], 1)), offset], -1)
    return np.einsum("na,nai,naicd->ncd", values, p, recovered.coefficients[recovered.slot[element]])
