"""The operator of the whole cells: a sum of shifted slices of the lattice.

Every type of cell (one for squares, two for triangles) has the same nodes everywhere, so that the rows of
its matrix act on the lattice array moved by differences of nodes. With a matrix Σ_m θ_m(cell) K_m only the
coefficients θ are read; with a matrix of its own per cell, its upper triangle. Operators that are applied
often also keep their entries between neighbouring nodes, which takes fewer operations.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from nmm.cover.functions import Functions
from nmm.cover.weights import Weights
from nmm.pytrees import tree

UNROLLED = 8
"""Rows of the matrix of a cell up to which its product is written out, entry by entry."""


@tree("functions")
class Cells:
    """Matrices of the whole cells of a lattice; zero where a cell is not whole.

    `theta` (types, m, ny + 2p, nx + 2p) has a rim of zeros as wide as the degree p of the weights. With
    `matrices` (types, m, kc, kc) the matrix of a cell is Σ_m θ_m K_m; without, θ is the upper triangle of the
    cell's own matrix, row by row. `nodes` (offsets, c, c, ny + p, nx + p) are the entries between each node
    and its neighbours, or None.
    """

    theta: jax.Array
    matrices: jax.Array | None
    functions: Functions
    nodes: jax.Array | None = None

    @property
    def weights(self) -> Weights:
        """The weight functions."""
        return self.functions.weights

    @property
    def lines(self) -> tuple[int, int]:
        """Rows and columns of nodes."""
        rows, columns = (n - self.weights.degree for n in self.theta.shape[-2:])
        return rows, columns

    @property
    def inner(self) -> jax.Array:
        """`theta` (types, m, ny, nx) without its rim."""
        rim = self.weights.degree
        return self.theta[:, :, rim:-rim, rim:-rim]

    def at_node(self, kind: int, step: tuple[int, int]) -> jax.Array:
        """θ (m, ny + p, nx + p) of the cell of a type in which each node is the one at `step`."""
        rows, columns = self.lines
        x, y = (self.weights.degree - s for s in step)
        return self.theta[kind, :, y : y + rows, x : x + columns]


def rimmed(theta: jax.Array, weights: Weights) -> jax.Array:
    """`theta` (types, m, ny, nx) with a rim of zeros."""
    rim = (weights.degree, weights.degree)
    return jnp.pad(theta, ((0, 0), (0, 0), rim, rim))


def with_nodes(cells: Cells, components: int) -> Cells:
    """The same operator with the entries between neighbouring nodes."""
    k = cells.weights.per_cell
    index = upper_index(k * components).reshape(k, components, k, components)
    found = {}
    for kind, nodes in enumerate(cells.weights.nodes):
        for a, first in enumerate(nodes):
            theta = cells.at_node(kind, first)[index[a]]
            for b, second in enumerate(nodes):
                here = theta[:, b]
                offset = second[0] - first[0], second[1] - first[1]
                found[offset] = found[offset] + here if offset in found else here
    return replace(cells, nodes=jnp.stack([found[offset] for offset in cells.weights.offsets]))


def apply_nodes(cells: Cells, u: jax.Array) -> jax.Array:
    """Product with u (components, ny + p, nx + p), by the entries between neighbouring nodes."""
    c, rows, columns = u.shape
    rim = cells.weights.degree
    padded = jnp.pad(u, ((0, 0), (rim, rim), (rim, rim)))
    total = jnp.zeros_like(u)
    for entry, (dx, dy) in zip(cells.nodes, cells.weights.offsets, strict=True):  # pyright: ignore
        near = padded[:, rim + dy : rim + dy + rows, rim + dx : rim + dx + columns]
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
    """Product with u (components, ny + p, nx + p)."""
    if cells.nodes is not None:
        return apply_nodes(cells, u)
    if cells.weights.per_cell * len(u) > UNROLLED:
        return apply_by_cell(cells, u)
    c, rows, columns = u.shape
    rim = cells.weights.degree
    padded = jnp.pad(u, ((0, 0), (rim, rim), (rim, rim)))

    def moved(array, dx, dy):
        return jax.lax.slice(array, (rim + dy, rim + dx), (rim + dy + rows, rim + dx + columns))

    result = []
    for i in range(c):
        total = jnp.zeros_like(u[0])
        for kind, nodes in enumerate(cells.weights.nodes):
            index = upper_index(len(nodes) * c)
            for a, (ax, ay) in enumerate(nodes):
                terms = [
                    (b * c + j, moved(padded[j], bx - ax, by - ay))
                    for b, (bx, by) in enumerate(nodes)
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


def apply_by_cell(cells: Cells, u: jax.Array) -> jax.Array:
    """The same as a product of matrices: values at the nodes of each cell are gathered, its forces summed.

    The (p + 1)⁴ entries of a spline's cell, written out one by one, would take long to compile.
    """
    c, rows, columns = u.shape
    ny, nx = rows - cells.weights.degree, columns - cells.weights.degree
    forces = []
    for kind, nodes in enumerate(cells.weights.nodes):
        local = jnp.concatenate([u[:, y : y + ny, x : x + nx] for x, y in nodes])
        theta = cells.inner[kind]
        if cells.matrices is None:
            force = jnp.einsum("abyx,byx->ayx", theta[upper_index(len(local))], local)
        else:
            force = jnp.zeros_like(local)
            for m in range(len(theta)):
                force = force + theta[m] * jnp.einsum("ab,byx->ayx", cells.matrices[kind, m], local)
        forces.append(force.reshape(len(nodes), c, ny, nx))
    return gather_loads(jnp.stack(forces), cells.weights)


def cell_matrices(cells: Cells, index: jax.Array, size: int) -> jax.Array:
    """Matrices (n, kc, kc) of whole cells given by index into the flattened lattice (types, ny, nx)."""
    types, m = cells.theta.shape[:2]
    inner = cells.inner
    per_type = inner.shape[2] * inner.shape[3]
    kind, place = index // per_type, index % per_type
    theta = inner.reshape(types, m, per_type)[kind, :, place]
    if cells.matrices is None:
        return theta[:, upper_index(size)]
    return jnp.einsum("nm,nmab->nab", theta, cells.matrices[kind])


def diagonal_cells(cells: Cells, components: int) -> jax.Array:
    """Diagonal (components, ny + p, nx + p) of the operator."""
    result = []
    for i in range(components):
        total = jnp.zeros(cells.lines, cells.theta.dtype)
        for kind, nodes in enumerate(cells.weights.nodes):
            index = upper_index(len(nodes) * components)
            for a, step in enumerate(nodes):
                row = a * components + i
                theta = cells.at_node(kind, step)
                if cells.matrices is None:
                    total = total + theta[index[row, row]]
                else:
                    total = total + jnp.tensordot(cells.matrices[kind, :, row, row], theta, 1)
        result.append(total)
    return jnp.stack(result)


def gather_loads(loads: jax.Array, weights: Weights) -> jax.Array:
    """Sum loads (types, k, components, ny, nx) of cells at the nodes (components, ny + p, nx + p)."""
    _, _, c, ny, nx = loads.shape
    total = jnp.zeros((c, ny + weights.degree, nx + weights.degree), loads.dtype)
    for kind, nodes in enumerate(weights.nodes):
        for a, (ax, ay) in enumerate(nodes):
            total = total.at[:, ay : ay + ny, ax : ax + nx].add(loads[kind, a])
    return total
