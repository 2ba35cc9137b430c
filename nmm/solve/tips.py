"""Matrices and loads of the singular patches at crack tips.

The products of weights alone are in the matrices of cells and pieces already; what the branch functions add
are their products with the weights and with each other, one dense matrix per element that sees a tip.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.capacity import padded
from nmm.cover.branch import COUNT
from nmm.manifold.manifold import Manifold
from nmm.manifold.tips import BLOCK, TipCover, singular_basis
from nmm.physics.problem import Edge, Problem, basis
from nmm.pytrees import tree

SHIFT = 1e-11
"""What is added to the scaled diagonal of the blocks around tips: branch functions are nearly dependent."""


@tree()
class TipPoints:
    """Points of the elements that see a tip, in blocks (b, BLOCK), and all their functions there.

    `cell`, `region`, `xi`, `weight` of the points; `values` (b, BLOCK, n) and `gradients` (b, BLOCK, n, 2) of
    the functions of the K patches, the last ones singular, the monomials of each side by side; `owner` (b,)
    is the element, whose patches are `patches` (m, K). Elements that see the same tips form clusters:
    `blocks` (clusters, n) are all patches of the enriched weights of each, `cluster` (m,) and `slots` (m, K)
    the place of an element's patches there, n for those of other weights.
    """

    cell: Any
    region: Any
    xi: Any
    weight: Any
    values: Any
    gradients: Any
    owner: Any
    patches: Any
    cluster: Any
    slots: Any
    blocks: Any


def tip_points(manifold: Manifold) -> TipPoints | None:
    """The arrays of the singular patches; None for plain tips."""
    return manifold.cached("tip_points", lambda: make_tip_points(manifold))


def make_tip_points(manifold: Manifold) -> TipPoints | None:
    """What `tip_points` keeps."""
    cover, room = manifold.host.tips, manifold.room
    if cover is None or (not len(cover.element) and "elements at tips" not in room.taken):
        return None
    element = np.repeat(cover.element[cover.owner], BLOCK)
    xi = cover.points.reshape(-1, 2)
    cell, region = manifold.element_cells()[element], manifold.element_regions()[element]
    weights, slopes = basis(manifold, cell, xi)
    _, patches, values, gradients = singular_basis(manifold, element, xi)
    wide = room("singular patches of an element", patches.shape[1], dear=True)
    plain, scratch = manifold.grid.nodes_per_cell, manifold.patches - 1
    per_patch = manifold.functions.per_patch
    first = np.searchsorted(cover.owner, np.arange(len(cover.element))) * BLOCK
    own = np.concatenate([manifold.element_patches()[cover.element], patches[first]], 1)
    blocks, rows = room("blocks of points at tips", len(cover.owner)), room("elements at tips", len(own))

    cluster, slots, dense = clusters(cover, own, plain)
    # Each cluster has a dense block over the patches around it: padding costs its square and its cube.
    many = room("clusters of tips", len(dense), dear=True)
    size = room("patches around tips", dense.shape[1], dear=True)
    slots = np.where(slots == dense.shape[1], size, slots)
    dense = np.pad(dense, ((0, 0), (0, size - dense.shape[1])), constant_values=-1)

    def arranged(array, value=0.0):
        return padded(array.reshape(-1, BLOCK, *array.shape[1:]), blocks, value)

    def widened(array, value, functions=1):
        rest = (plain + wide) * functions - array.shape[1]
        return np.concatenate([array, np.full((len(array), rest, *array.shape[2:]), value, array.dtype)], 1)

    return TipPoints(
        arranged(cell.astype(np.int32), 0),
        arranged(region.astype(np.int32), -1),
        arranged(xi, 0.5),
        padded(cover.weights * manifold.grid.h**2, blocks, 0.0),
        arranged(widened(np.concatenate([weights, values], 1), 0.0, per_patch)),
        arranged(widened(np.concatenate([slopes, gradients], 1), 0.0, per_patch)),
        padded(cover.owner.astype(np.int32), blocks, 0),
        padded(widened(own, scratch).astype(np.int32), rows, scratch),
        padded(cluster.astype(np.int32), rows, 0),
        padded(widened(slots, size).astype(np.int32), rows, size),
        padded(dense.astype(np.int32), many, -1),
    )


def clusters(cover: TipCover, own: np.ndarray, plain: int):
    """Cluster of each element (m,), places (m, K) of its patches in the cluster's block, and the blocks.

    `own` (m, K) are the patches of the elements, weights first. Blocks are padded by -1, and a place behind
    the block stands for patches that are not in it.
    """
    tips = len(cover.tips)
    row, column = np.nonzero(cover.which >= 0)
    at = cover.which[row, column]
    pairs = coo_array((np.ones(len(at)), (at, tips + row)), (tips + len(own), tips + len(own)))
    count, label = connected_components(pairs, directed=False)
    cluster = label[tips:]
    chosen = own >= cover.base
    chosen[:, :plain] = (cover.first >= 0).any(1)
    chosen[:, plain:] &= np.repeat((cover.first >= 0).reshape(len(own), -1), COUNT, axis=1)
    keys = cluster[:, None] * (own.max(initial=0) + 1) + own
    unique = np.unique(keys[chosen])
    group = unique // (own.max(initial=0) + 1)
    sizes = np.bincount(group, minlength=count)
    place = np.arange(len(unique)) - (np.cumsum(sizes) - sizes)[group]
    size = int(sizes.max(initial=0))
    blocks = np.full((count, size), -1)
    blocks[group, place] = unique % (own.max(initial=0) + 1)
    found = np.minimum(np.searchsorted(unique, keys), max(len(unique) - 1, 0))
    slots = np.where(chosen, place[found] if len(unique) else 0, size)
    return cluster, slots, blocks


def block_roots(full: jax.Array, points: TipPoints, components: int) -> jax.Array:
    """R (clusters, n c, n c): RᵀR is the inverse of the matrix restricted to the patches around tips."""
    count, size = points.blocks.shape
    k = points.slots.shape[1]
    slots, cluster = jnp.asarray(points.slots), jnp.asarray(points.cluster)
    entries = jnp.moveaxis(full.reshape(-1, k, components, k, components), 2, 3)
    dense = jnp.zeros((count, size + 1, size + 1, components, components), full.dtype)
    dense = dense.at[cluster[:, None, None], slots[:, :, None], slots[:, None, :]].add(entries)
    dense = jnp.moveaxis(dense[:, :size, :size], 2, 3).reshape(count, size * components, size * components)

    def inverted(matrix):
        main = jnp.diag(matrix)
        scale = jnp.where(main > 0, 1 / jnp.sqrt(jnp.where(main > 0, main, 1.0)), 0.0)
        scaled = matrix * scale[:, None] * scale[None, :]
        scaled = scaled + jnp.diag(jnp.where(main > 0, SHIFT, 1.0))
        return solve_triangular(jnp.linalg.cholesky(scaled), jnp.diag(scale), lower=True)

    return jax.lax.map(inverted, dense)


def with_tips(cycle, system, points: TipPoints, apply):
    """A cycle on the physical patches and the exact solve around the tips, one after the other and back."""
    c = system.load.shape[0]
    roots = block_roots(jax.lax.stop_gradient(system.tips.full), points, c)
    blocks = jnp.asarray(points.blocks)
    where = jnp.where(blocks < 0, system.load.shape[1], blocks)

    def local(r):
        values = jnp.moveaxis(r.at[:, where].get(mode="fill", fill_value=0.0), 0, -1)
        values = jnp.einsum("nab,nb->na", roots, values.reshape(len(blocks), -1))
        values = jnp.einsum("nba,nb->na", roots, values)
        values = jnp.moveaxis(values.reshape(*blocks.shape, c), -1, 0)
        return jnp.zeros_like(r).at[:, where].add(values, mode="drop")

    def both(r):
        x = local(r)
        x = x + cycle(r - apply(system, x))
        return x + local(r - apply(system, x))

    return both


def tip_matrices(points: TipPoints, tangent, stress, force):
    """Matrices (m, Kc, Kc) and loads (m, Kc) from tangent (n, c, 2, c, 2), initial stress (n, c, 2) and body
    force (n, c) at the points, weights included."""
    b, q, wide, _ = points.gradients.shape
    c, count = stress.shape[1], len(points.patches)
    unit = jnp.eye(c)

    def block(given):
        w, values, gradients, tangent, stress, force = given
        spread = jnp.einsum("qai,ce->qciae", gradients, unit).reshape(q * c * 2, wide * c)
        scaled = jnp.einsum("q,qcidj,qaj->qciad", w, tangent, gradients).reshape(q * c * 2, wide * c)
        load = jnp.einsum("q,qa,qc->ac", w, values, force) - jnp.einsum("q,qai,qci->ac", w, gradients, stress)
        return spread.T @ scaled, load.reshape(-1)

    arrays = (
        points.weight,
        points.values,
        points.gradients,
        tangent.reshape(b, q, c, 2, c, 2),
        stress.reshape(b, q, c, 2),
        force.reshape(b, q, c),
    )
    matrices, loads = jax.lax.map(block, jax.tree.map(jnp.asarray, arrays), batch_size=min(b, 128))
    owner = jnp.asarray(points.owner)
    return jax.ops.segment_sum(matrices, owner, count), jax.ops.segment_sum(loads, owner, count)


def beyond(matrices, loads, plain: int):
    """Without the entries between the first `plain` dofs, which cells and pieces have already."""
    new = np.arange(matrices.shape[1]) >= plain
    return jnp.where(new[:, None] | new[None, :], matrices, 0.0), jnp.where(new, loads, 0.0)


def edge_functions(problem: Problem, edge: Edge):
    """Branch functions at the points of a boundary term: rows (m,), patches (m, j), values (m, j)."""
    manifold = problem.manifold
    element = len(manifold.whole_list) + edge.piece
    rows, patches, values, _ = singular_basis(manifold, element, edge.xi)
    return rows, patches, values
