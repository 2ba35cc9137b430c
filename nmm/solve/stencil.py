"""The operator of the whole cells: a sum of shifted slices of the lattice.

Every type of cell (one for squares, two for triangles) has the same corners everywhere, so that the rows of
its matrix act on the lattice array moved by corner differences. With a matrix Σ_m θ_m(cell) K_m only the
coefficients θ are read; with a matrix of its own per cell, its upper triangle. Operators that are applied
often also keep their entries between neighbouring nodes, which takes fewer operations.
"""

from dataclasses import replace
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from nmm.pytrees import tree

CORNERS = {
    "quad": (((0, 0), (1, 0), (0, 1), (1, 1)),),
    "triangle": (((0, 0), (1, 0), (1, 1)), ((0, 0), (1, 1), (0, 1))),
}
"""Corners (x, y) of each type of cell in its square, in the order of the weight functions."""

OFFSETS = {
    shape: tuple(sorted({(bx - ax, by - ay) for kind in kinds for ax, ay in kind for bx, by in kind}))
    for shape, kinds in CORNERS.items()
}
"""Steps (x, y) from a node to the nodes that it shares a cell with."""


@tree("shape")
class Cells:
    """Matrices of the whole cells of a lattice; zero where a cell is not whole.

    `theta` (types, m, ny + 2, nx + 2) has a rim of zeros. With `matrices` (types, m, kc, kc) the matrix of a
    cell is Σ_m θ_m K_m; without, θ is the upper triangle of the cell's own matrix, row by row. `nodes`
    (offsets, c, c, ny + 1, nx + 1) are the entries between each node and its neighbours, or None.
    """

    theta: jax.Array
    matrices: jax.Array | None
    shape: str
    nodes: jax.Array | None = None


def with_nodes(cells: Cells, components: int) -> Cells:
    """The same operator with the entries between neighbouring nodes."""
    rows, columns = (n - 1 for n in cells.theta.shape[-2:])
    found = {}
    for kind, corners in enumerate(CORNERS[cells.shape]):
        k = len(corners)
        index = upper_index(k * components)
        full = cells.theta[kind][index].reshape(k, components, k, components, rows + 1, columns + 1)
        for (a, (ax, ay)), (b, (bx, by)) in product(enumerate(corners), repeat=2):
            here = full[a, :, b, :, 1 - ay : 1 - ay + rows, 1 - ax : 1 - ax + columns]
            offset = bx - ax, by - ay
            found[offset] = found[offset] + here if offset in found else here
    return replace(cells, nodes=jnp.stack([found[offset] for offset in OFFSETS[cells.shape]]))


def apply_nodes(cells: Cells, u: jax.Array) -> jax.Array:
    """Product with u (components, ny + 1, nx + 1), by the entries between neighbouring nodes."""
    c, rows, columns = u.shape
    padded = jnp.pad(u, ((0, 0), (1, 1), (1, 1)))
    total = jnp.zeros_like(u)
    for entry, (dx, dy) in zip(cells.nodes, OFFSETS[cells.shape], strict=True):  # pyright: ignore
        near = padded[:, 1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns]
        for j in range(c):
            total = total + entry[:, j] * near[j]
    return total


def upper_index(size: int) -> np.ndarray:
    """Position (size, size) of each entry of a symmetric matrix in its upper triangle, row by row."""
    index = np.zeros((size, size), np.int64)
    rows, columns = np.triu_indices(size)
    index[rows, columns] = index[columns, rows] = np.arange(len(rows))
    return index


def apply_cells(cells: Cells, u: jax.Array) -> jax.Array:
    """Product with u (components, ny + 1, nx + 1)."""
    if cells.nodes is not None:
        return apply_nodes(cells, u)
    c, rows, columns = u.shape
    padded = jnp.pad(u, ((0, 0), (1, 1), (1, 1)))

    def moved(array, dx, dy):
        return jax.lax.slice(array, (1 + dy, 1 + dx), (1 + dy + rows, 1 + dx + columns))

    result = []
    for i in range(c):
        total = jnp.zeros_like(u[0])
        for kind, corners in enumerate(CORNERS[cells.shape]):
            index = upper_index(len(corners) * c)
            for a, (ax, ay) in enumerate(corners):
                terms = [
                    (b * c + j, moved(padded[j], bx - ax, by - ay))
                    for b, (bx, by) in enumerate(corners)
                    for j in range(c)
                ]
                row = a * c + i
                if cells.matrices is None:
                    for column, value in terms:
                        total = total + moved(cells.theta[kind, index[row, column]], -ax, -ay) * value
                    continue
                for m in range(cells.theta.shape[1]):
                    inner = sum(cells.matrices[kind, m, row, column] * value for column, value in terms)
                    total = total + moved(cells.theta[kind, m], -ax, -ay) * inner
        result.append(total)
    return jnp.stack(result)


def diagonal_cells(cells: Cells, components: int) -> jax.Array:
    """Diagonal (components, ny + 1, nx + 1) of the operator."""
    rows, columns = (n - 1 for n in cells.theta.shape[-2:])
    result = []
    for i in range(components):
        total = jnp.zeros((rows, columns), cells.theta.dtype)
        for kind, corners in enumerate(CORNERS[cells.shape]):
            index = upper_index(len(corners) * components)
            for a, (ax, ay) in enumerate(corners):
                row = a * components + i
                theta = cells.theta[kind, :, 1 - ay : 1 - ay + rows, 1 - ax : 1 - ax + columns]
                if cells.matrices is None:
                    total = total + theta[index[row, row]]
                else:
                    total = total + jnp.tensordot(cells.matrices[kind, :, row, row], theta, 1)
        result.append(total)
    return jnp.stack(result)


def gather_loads(loads: jax.Array, shape: str) -> jax.Array:
    """Sum loads (types, k, components, ny, nx) of cells at the nodes (components, ny + 1, nx + 1)."""
    _, _, c, ny, nx = loads.shape
    total = jnp.zeros((c, ny + 1, nx + 1), loads.dtype)
    for kind, corners in enumerate(CORNERS[shape]):
        for a, (ax, ay) in enumerate(corners):
            total = total.at[:, ay : ay + ny, ax : ax + nx].add(loads[kind, a])
    return total
