"""From one level of multigrid to the next: the two-scale relation and Galerkin coarse operators.

Every coefficient of the local functions is interpolated by itself. For those of order 1 and 2 the coarse
functions are then no polynomials, but what has little energy for its coefficients is smooth in these: with
nested polynomials iterations double from level to level.
"""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from nmm.cover.weights import Weights, two_scale_coefficients
from nmm.solve.levels import Level, Step
from nmm.solve.stencil import Cells, cell_matrices, rimmed, upper_index, with_nodes
from nmm.solve.system import System

LARGE = 20
"""Rows of a cell's matrix beyond which the map between upper triangles is larger than the work it saves."""


def child_table(weights: Weights):
    """For each coarse type its four children: (type, dx, dy, two-scale relation (k, k))."""
    table = []
    for kind in range(weights.types):
        children = []
        for dx, dy, fine in product((0, 1), (0, 1), range(weights.types)):
            if weights.shape == "triangle" and int((dy > dx) or (dx == dy and fine == 1)) != kind:
                continue
            relation = weights.two_scale(np.array([[dx, dy]]), np.array([fine]), np.array([kind == 1]))
            children.append((fine, dx, dy, relation[0]))
        table.append(children)
    return table


def coarse_cells(cells: Cells, step: Step, components: int) -> Cells:
    """Matrices of the whole coarse cells, Σ Pᵀ K P over their four children."""
    size = cells.weights.per_cell * components
    rows, columns = np.triu_indices(size)
    ny, nx = step.whole.shape[1:]
    inner = cells.inner
    inner = jnp.pad(inner, ((0, 0), (0, 0), (0, 2 * ny - inner.shape[2]), (0, 2 * nx - inner.shape[3])))
    thetas = []
    for kind, children in enumerate(child_table(cells.weights)):
        total = 0.0
        for fine, dx, dy, relation in children:
            wide = jnp.asarray(np.kron(relation, np.eye(components)), cells.theta.dtype)
            theta = inner[fine, :, dy::2, dx::2]
            if cells.matrices is None and size > LARGE:
                whole = jnp.einsum("ia,ijyx,jb->abyx", wide, theta[upper_index(size)], wide)
                total = total + whole[rows, columns]
                continue
            if cells.matrices is None:
                coarse = on_triangles(wide, rows, columns)
            else:
                coarse = jnp.einsum("ia,mij,jb->mab", wide, cells.matrices[fine], wide)[:, rows, columns]
            total = total + jnp.einsum("me,myx->eyx", coarse, theta)
        thetas.append(jnp.where(jnp.asarray(step.whole[kind]), total, 0.0))
    theta = rimmed(jnp.stack(thetas), cells.weights)
    return with_nodes(Cells(theta, None, cells.functions), components)


def on_triangles(wide: jax.Array, rows: np.ndarray, columns: np.ndarray) -> jax.Array:
    """Pᵀ K P as a matrix (m, m) from the upper triangle of K to that of the product, row by row."""
    first, second = wide[rows], wide[columns]
    same = first[:, rows] * second[:, columns]
    return same + jnp.where((rows != columns)[:, None], second[:, rows] * first[:, columns], 0.0)


def sandwich(matrices: jax.Array, relation, owner, count: int, components: int) -> jax.Array:
    """Sum of Pᵀ K P (count, kc, kc) over the children (n,) of each owner."""
    k = relation.shape[1]
    blocks = matrices.reshape(-1, k, components, k, components)
    blocks = jnp.einsum("nia,nicjd,njb->nacbd", relation, blocks, relation)
    return jax.ops.segment_sum(blocks.reshape(-1, k * components, k * components), owner, count)


def coarse_system(system: System, step: Step, level: Level) -> System:
    """The Galerkin operator on the next cover."""
    c = system.load.shape[0]
    count = len(level.patches)
    k = level.patches.shape[1]
    cells = coarse_cells(system.cells, step, c)
    children = cell_matrices(system.cells, jnp.asarray(step.child), k * c)
    pieces = sandwich(system.pieces, step.step, step.parent, count, c)
    pieces = pieces + sandwich(children, step.child_step, step.child_parent, count, c)
    pairs = tuple(
        sandwich(pair[: len(owner)], relation, owner, len(patches), c)
        for pair, relation, owner, patches in zip(
            system.pairs, step.pair_step, step.pair_owner, step.pair_patches, strict=True
        )
    )
    load = jnp.zeros((c, len(level.active)), system.load.dtype)
    patches = tuple(jnp.asarray(p) for p in step.pair_patches)
    return System(cells, pieces, jnp.asarray(level.patches), pairs, patches, load, system.beta)


def prolong(step: Step, coarse: jax.Array, lines: tuple[int, int], count: int, weights: Weights) -> jax.Array:
    """Values (components, count) on the finer cover; `lines` (rows, columns) of its nodes."""
    c, p = coarse.shape[0], weights.degree
    rows, columns = (n + p for n in step.whole.shape[1:])
    grid = coarse[:, : rows * columns].reshape(c, rows, columns)
    if weights.shape == "quad":
        full = refined(refined(grid, 2, p, lines[1]), 1, p, lines[0])
    else:
        right, up = (grid[:, :, :-1] + grid[:, :, 1:]) / 2, (grid[:, :-1] + grid[:, 1:]) / 2
        middle = (grid[:, :-1, :-1] + grid[:, 1:, 1:]) / 2
        full = interleave(interleave(grid, right, 2), interleave(up, middle, 2), 1)
    full = full[:, : lines[0], : lines[1]].reshape(c, -1)
    full = jnp.where(jnp.asarray(step.standard), full, 0.0)
    full = jnp.concatenate([full, jnp.zeros((c, count - full.shape[1]), full.dtype)], 1)
    values = jnp.einsum("cnk,nk->cn", coarse[:, jnp.asarray(step.columns)], jnp.asarray(step.weights))
    return full.at[:, jnp.asarray(step.special)].add(values)


def refined(coarse: jax.Array, axis: int, degree: int, count: int) -> jax.Array:
    """Coefficients of a spline in the splines of half its size along an axis, the first `count` of them."""
    coefficient = two_scale_coefficients(degree).tolist()
    half = -(-count // 2)
    padded = jnp.concatenate([coarse, jnp.zeros_like(jax.lax.slice_in_dim(coarse, 0, 1, axis=axis))], axis)
    lines = []
    for parity in (0, 1):
        terms = []
        for k in range((degree + parity) % 2, degree + 2, 2):
            start = (degree + parity - k) // 2
            near = jax.lax.slice_in_dim(padded, start, start + half, axis=axis)
            terms.append(near if coefficient[k] == 1 else coefficient[k] * near)
        lines.append(sum(terms[1:], terms[0]))
    return interleave(lines[0], lines[1], axis)


def interleave(a: jax.Array, b: jax.Array, axis: int) -> jax.Array:
    """a[0], b[0], a[1], … along an axis; b is as long or one shorter, and then padded."""
    pad = [(0, 0)] * a.ndim
    pad[axis] = (0, a.shape[axis] - b.shape[axis])
    both = jnp.stack([a, jnp.pad(b, pad)], axis + 1)
    shape = list(a.shape)
    shape[axis] *= 2
    return both.reshape(shape)
