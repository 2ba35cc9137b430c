"""The smoother of multigrid: a Chebyshev polynomial in B A.

B is the sum of the inverses of the blocks of all pieces (additive Schwarz) and, for the unknowns in no piece,
of the diagonal, or of the block of the patch where its local function is not constant. Unweighted blocks, all
of them: that is what keeps the iteration count independent of the cuts.
"""

from dataclasses import dataclass, replace
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from nmm.solve.levels import Level
from nmm.solve.small import inverse, largest_of_tridiagonal
from nmm.solve.stencil import Cells, cell_matrices, rimmed, upper_index, with_nodes
from nmm.solve.system import System, apply, batches_of, diagonal, gathered, on_lattice, scattered

INTERVAL = {1: 4.0, 2: 4.0, 3: 6.0, 4: 10.0}
"""The smoother works on [λ_max / INTERVAL[degree], 1.1 λ_max]."""

SINGULAR = {"float64": 1e-8, "float32": 1e-4}
"""Pivots of blocks, in the scale of their diagonals, that count as zero: rounding would fill the inverses."""

LANCZOS = 10
"""Steps in which the largest eigenvalue of the smoother is estimated."""


@dataclass(frozen=True)
class Smoother:
    """Operator of a level, the inverses of its blocks (n, kc, kc), of its diagonal, and λ_max of B A.

    The inverse of the diagonal (c, patches), or that of the blocks of patches (c, c, patches).
    `cells`: the inverses of the blocks of the whole cells, if they have any.
    """

    system: System
    blocks: jax.Array
    inverse: jax.Array
    largest: jax.Array
    cells: Cells | None

    def base(self, r: jax.Array) -> jax.Array:
        """B r."""
        product_ = jnp.einsum("nab,nb->na", self.blocks, gathered(r, self.system.patches))
        alone = self.inverse * r if self.inverse.ndim == 2 else jnp.einsum("ijp,jp->ip", self.inverse, r)
        total = scattered(alone, product_, self.system.patches)
        return total if self.cells is None else total + on_lattice(self.cells, r)


def smoothers(systems: list[System], levels: tuple[Level, ...], everywhere: bool) -> list[Smoother]:
    """The smoother of each level; `everywhere`, whole cells have blocks too.

    What is alike on all levels is worked out for all at once, so that it is compiled once.
    """
    if not systems:
        return []
    blocks = [diagonal_blocks(system, level) for system, level in zip(systems, levels, strict=True)]
    inverses = inverse_blocks(jnp.concatenate(blocks))
    inverses = jnp.split(inverses, np.cumsum([len(block) for block in blocks])[:-1])
    made, main, off = [], [], []
    for system, level, inverse_ in zip(systems, levels, inverses, strict=True):
        one, along = with_blocks(system, level, inverse_, everywhere)
        made.append(one)
        a, b = lanczos(one, jnp.asarray(level.active), along)
        main.append(a)
        off.append(b)
    largest = 1.05 * jax.vmap(largest_of_tridiagonal)(jnp.stack(main), jnp.stack(off))
    return [replace(one, largest=largest[i]) for i, one in enumerate(made)]


def diagonal_blocks(system: System, level: Level) -> jax.Array:
    """The blocks (n, kc, kc) of the matrix that belong to the patches of the pieces."""
    c = system.load.shape[0]
    k = level.patches.shape[1]
    slots = len(level.counts)

    def meeting(matrices, size):
        return jnp.moveaxis(matrices.reshape(-1, size, c, size, c), 2, 3).reshape(-1, c, c)

    ring = cell_matrices(system.cells, jnp.asarray(level.ring), k * c)
    pairs = zip(system.pairs, system.pair_patches, strict=True)
    entries = [meeting(system.pieces, k), meeting(ring, k), *(meeting(p, q.shape[1]) for p, q in pairs)]
    where = [level.slots, level.ring_slots, *level.pair_slots]
    total = jnp.zeros((slots, c, c), system.load.dtype)
    for values, index in zip(entries, where, strict=True):
        total = total.at[jnp.asarray(index).reshape(-1)].add(values)
    return jnp.moveaxis(total[jnp.asarray(level.slots)], 3, 2).reshape(-1, k * c, k * c)


def with_blocks(system: System, level: Level, inverses, everywhere: bool) -> tuple[Smoother, jax.Array]:
    """The smoother with the inverses of its blocks, λ_max unknown yet; and the diagonal of the matrix."""
    main = diagonal(system)
    real = jnp.asarray(level.slots)[:, 0, 0] < len(level.counts) - 1
    blocks = jnp.where(real[:, None, None], inverses, 0.0)
    alone = jnp.ones(main.shape[1], bool).at[jnp.asarray(level.patches)].set(False)
    cells = inverse_cells(system) if everywhere else None
    if cells is not None:
        alone = alone & (jnp.arange(main.shape[1]) >= lattice_nodes(cells))
    good = (main > 0) & alone & jnp.asarray(level.active)
    single = jnp.where(good, 1 / jnp.where(good, main, 1.0), 0.0)
    if system.cells.functions.order > 0:
        own = inverse_blocks(jnp.moveaxis(patch_blocks(system), -1, 0))
        single = jnp.where(good, jnp.moveaxis(own, 0, -1), 0.0)
    return Smoother(system, blocks, single, jnp.ones(()), cells), main


def lattice_nodes(cells: Cells) -> int:
    """Number of lattice nodes."""
    rows, columns = cells.lines
    return rows * columns


def patch_blocks(system: System) -> jax.Array:
    """Diagonal blocks (c, c, patches) of the matrix that belong to one patch each."""
    cells, c = system.cells, len(system.load)
    total = jnp.zeros((c, c, *cells.lines), system.load.dtype)
    for kind, places in enumerate(cells.weights.nodes):
        for a, place in enumerate(places):
            theta, own = cells.at_node(kind, place), slice(a * c, (a + 1) * c)
            if cells.matrices is None:
                total = total + theta[upper_index(len(places) * c)[own, own]]
            else:
                total = total + jnp.einsum("mij,myx->ijyx", cells.matrices[kind, :, own, own], theta)
    total = total.reshape(c, c, -1)
    rest = jnp.zeros((c, c, system.load.shape[1] - total.shape[2]), total.dtype)
    total = jnp.concatenate([total, rest], 2)
    for matrices, patches in batches_of(system):
        k = patches.shape[1]
        same = (patches[:, :, None] == patches[:, None, :]).astype(matrices.dtype)
        entries = jnp.einsum("naibj,nab->ijna", matrices.reshape(-1, k, c, k, c), same)
        total = total.at[:, :, patches].add(entries)
    return total


def inverse_cells(system: System) -> Cells:
    """Inverses of the diagonal blocks that belong to the whole cells, row by row of the lattice."""
    cells, c = system.cells, system.load.shape[0]
    near = neighbour_entries(system)
    size = cells.weights.per_cell * c
    rows, columns = np.triu_indices(size)
    whole = jnp.any(cells.inner != 0, axis=1)
    ny, nx = whole.shape[1:]
    thetas = []
    for kind, places in enumerate(cells.weights.nodes):
        parts = [
            [
                near[_offset(a, b, cells.weights.degree)][:, :, a[1] : a[1] + ny, a[0] : a[0] + nx]
                for b in places
            ]
            for a in places
        ]
        block = jnp.stack([jnp.stack(row, 2) for row in parts], 0)  # (k, c, c, k, ny, nx): a, i, j, b
        block = jnp.transpose(block, (4, 5, 0, 1, 3, 2)).reshape(ny, nx, size, size)
        theta = jax.lax.map(lambda row: inverse_blocks(row)[:, rows, columns], block)
        thetas.append(jnp.where(whole[kind], jnp.moveaxis(theta, -1, 0), 0.0))
    return with_nodes(Cells(rimmed(jnp.stack(thetas), cells.weights), None, cells.functions), c)


def _offset(a, b, degree: int) -> int:
    """Number of the step from node a to node b among the (2p + 1)² neighbours of a node."""
    return (2 * degree + 1) * (b[1] - a[1] + degree) + b[0] - a[0] + degree


def neighbour_entries(system: System) -> jax.Array:
    """Entries ((2p + 1)², c, c, ny + p, nx + p) of the matrix between lattice nodes and their neighbours."""
    cells, c = system.cells, system.load.shape[0]
    degree = cells.weights.degree
    side = 2 * degree + 1
    rows, columns = cells.lines
    nodes = rows * columns
    total = jnp.zeros((side**2, c, c, rows, columns), cells.theta.dtype)
    for kind, steps in enumerate(cells.weights.nodes):
        index = upper_index(len(steps) * c)
        for (p, a), (q, b) in product(enumerate(steps), enumerate(steps)):
            theta = cells.at_node(kind, a)
            for i, j in product(range(c), range(c)):
                row, column = p * c + i, q * c + j
                if cells.matrices is None:
                    value = theta[index[row, column]]
                else:
                    value = jnp.tensordot(cells.matrices[kind, :, row, column], theta, 1)
                total = total.at[_offset(a, b, degree), i, j].add(value)
    total = jnp.moveaxis(total.reshape(-1, c, c, nodes), 3, 1).reshape(-1, c, c)
    batches = [(system.pieces, system.patches), *zip(system.pairs, system.pair_patches, strict=True)]
    for matrices, patches in batches:
        k = patches.shape[1]
        first, second = patches[:, :, None], patches[:, None, :]
        right = second % columns - first % columns
        up = second // columns - first // columns
        near = (first < nodes) & (second < nodes) & (abs(right) <= degree) & (abs(up) <= degree)
        where = jnp.where(near, (side * (up + degree) + right + degree) * nodes + first, side**2 * nodes)
        values = jnp.moveaxis(matrices.reshape(-1, k, c, k, c), 2, 3)
        total = total.at[where.reshape(-1)].add(values.reshape(-1, c, c), mode="drop")
    return jnp.moveaxis(total.reshape(-1, nodes, c, c), 1, 3).reshape(-1, c, c, rows, columns)


def inverse_blocks(blocks: jax.Array) -> jax.Array:
    """Pseudo-inverses of symmetric blocks in the scale of their diagonals."""
    main = jnp.einsum("nii->ni", blocks)
    scale = jnp.where(main > 0, 1 / jnp.sqrt(jnp.where(main > 0, main, 1.0)), 0.0)
    result = inverse(blocks * scale[:, :, None] * scale[:, None, :], SINGULAR[blocks.dtype.name])
    return result * scale[:, :, None] * scale[:, None, :]


def rough(shape: tuple[int, ...], dtype) -> jax.Array:
    """Numbers in [-1/2, 1/2] without any order: a hash of their position, cheap to compile."""
    i = jnp.arange(np.prod(shape), dtype=jnp.uint32) * np.uint32(0x9E3779B1)
    for factor in (0x85EBCA6B, 0xC2B2AE35):
        i = (i ^ (i >> 15)) * np.uint32(factor)
    return ((i >> 8).astype(dtype) / 2**24 - 0.5).reshape(shape)


def lanczos(made: Smoother, active, main) -> tuple[jax.Array, jax.Array]:
    """Tridiagonal matrix of B A by Lanczos, its diagonal and what is beside it, from conjugate gradients."""
    r = rough(main.shape, main.dtype) * jnp.sqrt(jnp.maximum(main, 0.0))
    r = jnp.where(active, r, 0.0)

    def step(state, _):
        r, p, before, alpha = state
        z = made.base(r)
        rz = jnp.vdot(r, z)
        beta = jnp.where(before > 0, rz / before, 0.0)
        p = z + beta * p
        q = apply(made.system, p)
        new = rz / jnp.vdot(p, q)
        main, off = 1 / new + beta / alpha, jnp.sqrt(jnp.maximum(beta, 0.0)) / alpha
        return (r - new * q, p, rz, new), (main, off)

    start = (r, jnp.zeros_like(r), jnp.zeros((), r.dtype), jnp.ones((), r.dtype))
    _, (main, off) = jax.lax.scan(step, start, None, LANCZOS)
    return jnp.nan_to_num(main), jnp.nan_to_num(off[1:])


def chebyshev(level: Smoother, x, b, degree: int):
    """`degree` steps of the Chebyshev iteration for A x = b from x; returns x.

    Each step works its residual out anew, so that the program holds A and B once.
    """
    high, low = 1.1 * level.largest, level.largest / INTERVAL[degree]
    centre, half = (high + low) / 2, (high - low) / 2
    sigma = centre / half

    def step(_, state):
        x, d, rho, kept, gain = state
        d = kept * d + gain * level.base(b - apply(level.system, x))
        fresh = 1 / (2 * sigma - rho)
        return x + d, d, fresh, fresh * rho, 2 * fresh / half

    start = (x, jnp.zeros_like(x), 1 / sigma, jnp.zeros_like(sigma), 1 / centre)
    return jax.lax.fori_loop(0, degree, step, start)[0]
