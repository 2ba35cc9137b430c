"""Multigrid on physical covers, compiled: Galerkin coarse operators, Chebyshev smoother, V- and W-cycles.

The smoother is a Chebyshev polynomial in B A, where B is the sum of the inverses of the blocks of all
pieces (additive Schwarz) and of the diagonal for the unknowns in no piece. Unweighted blocks, all of them:
that is what keeps the iteration count independent of the cuts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from nmm.cover.weights import Weights, two_scale_coefficients
from nmm.solve.levels import Level, Step
from nmm.solve.small import inverse, largest_of_tridiagonal
from nmm.solve.stencil import Cells, rimmed, upper_index, with_nodes
from nmm.solve.system import System, apply, diagonal, gathered, on_lattice, scattered

INTERVAL = {1: 4.0, 2: 4.0, 3: 6.0, 4: 10.0}
"""The smoother works on [λ_max / INTERVAL[degree], 1.1 λ_max]."""

SINGULAR = {"float64": 1e-8, "float32": 1e-4}
"""Pivots of blocks, in the scale of their diagonals, that count as zero: rounding would fill the inverses."""

SHIFT = {"float64": 1e-10, "float32": 1e-6}
"""What is added to the scaled diagonal of the coarsest operator, in case parts float."""

LANCZOS = 10
"""Steps in which the largest eigenvalue of the smoother is estimated."""


@dataclass(frozen=True)
class Smoother:
    """Operator of a level, the inverses of its blocks (n, kc, kc), of its diagonal, and λ_max of B A.

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
        total = scattered(self.inverse * r, product_, self.system.patches)
        return total if self.cells is None else total + on_lattice(self.cells, r)


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


def coarse_cells(cells: Cells, step: Step, components: int) -> Cells:
    """Matrices of the whole coarse cells, Σ Pᵀ K P over their four children."""
    size = cells.weights.per_cell * components
    rows, columns = np.triu_indices(size)
    ny, nx = step.whole.shape[1:]
    inner = cells.inner
    inner = jnp.pad(inner, ((0, 0), (0, 0), (0, 2 * ny - inner.shape[2]), (0, 2 * nx - inner.shape[3])))
    unit = np.zeros((len(rows), size, size))
    unit[np.arange(len(rows)), rows, columns] = unit[np.arange(len(rows)), columns, rows] = 1.0
    thetas = []
    for kind, children in enumerate(child_table(cells.weights)):
        total = 0.0
        for fine, dx, dy, relation in children:
            wide = np.kron(relation, np.eye(components))
            wide = jnp.asarray(wide, cells.theta.dtype)
            matrices = jnp.asarray(unit, wide.dtype) if cells.matrices is None else cells.matrices[fine]
            coarse = jnp.einsum("ia,mij,jb->mab", wide, matrices, wide)[:, rows, columns]
            total = total + jnp.einsum("me,myx->eyx", coarse, inner[fine, :, dy::2, dx::2])
        thetas.append(jnp.where(jnp.asarray(step.whole[kind]), total, 0.0))
    theta = rimmed(jnp.stack(thetas), cells.weights)
    return with_nodes(Cells(theta, None, cells.weights), components)


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
    return Smoother(system, blocks, single, jnp.ones(()), cells), main


def lattice_nodes(cells: Cells) -> int:
    """Number of lattice nodes."""
    rows, columns = cells.lines
    return rows * columns


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
    return with_nodes(Cells(rimmed(jnp.stack(thetas), cells.weights), None, cells.weights), c)


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


def bottom_inverse(system: System, level: Level) -> jax.Array:
    """Dense inverse of the coarsest operator, shifted a little where parts float."""
    shape = system.load.shape
    size = shape[0] * shape[1]
    unit = jnp.eye(size, dtype=system.load.dtype).reshape(size, *shape)
    dense = jax.vmap(partial(apply, system))(unit).reshape(size, size)
    good = (jnp.diag(dense) > 0) & jnp.tile(jnp.asarray(level.active), shape[0])
    scale = jnp.where(good, 1 / jnp.sqrt(jnp.where(good, jnp.diag(dense), 1.0)), 0.0)
    scaled = dense * scale[:, None] * scale[None, :] + jnp.diag(jnp.where(good, SHIFT[dense.dtype.name], 1.0))
    return jnp.linalg.inv(scaled) * scale[:, None] * scale[None, :]


def cast(tree, dtype):
    """The floating arrays of a pytree in another precision."""

    def one(leaf):
        floating = jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
        return jnp.asarray(leaf, dtype) if floating else leaf

    return jax.tree.map(one, tree)


def in_precision(system: System, name: str, make: Callable[[System], Callable]) -> Callable:
    """The cycle that `make` makes of a system, worked out in the precision `name`."""
    dtype = system.load.dtype
    if dtype == name:
        return make(system)
    cycle = make(cast(system, name))

    def rounded(r):
        size = jnp.linalg.norm(r)
        small = (r / jnp.where(size > 0, size, 1.0)).astype(name)
        return cycle(small).astype(dtype) * size

    return rounded


def preconditioner(
    system: System,
    levels: tuple[Level, ...],
    steps: tuple[Step, ...],
    degree: int,
    turns: int,
    everywhere: bool,
) -> Callable[[jax.Array], jax.Array]:
    """One cycle of multigrid for A x = r; `turns` 1 is the V-cycle, 2 the W-cycle.

    It works in the precision of `system`.
    """
    steps = cast(steps, system.load.dtype)
    systems = []
    for step, level in zip(steps, levels[1:], strict=True):
        systems.append(system)
        system = coarse_system(system, step, level)
    made = smoothers(systems, levels[:-1], everywhere)
    shape = system.load.shape
    bottom = bottom_inverse(system, levels[-1])

    def corrected(x, b, depth: int):
        """x for A x = b with what the coarser levels find of its error."""
        level, step = made[depth], steps[depth]
        cells = level.system.cells
        up = partial(prolong, step, lines=cells.lines, count=b.shape[1], weights=cells.weights)
        zero = jnp.zeros((b.shape[0], len(levels[depth + 1].active)), b.dtype)
        rest = jax.linear_transpose(up, zero)(b - apply(level.system, x))[0]
        if depth + 1 == len(steps):
            return x + up((bottom @ rest.reshape(-1)).reshape(shape))
        return x + up(repeated(turns, lambda _, y: visit(y, rest, depth + 1), zero))

    def visit(x, b, depth: int):
        """A sweep of the smoother, the correction, and one more sweep: one loop, compiled once."""

        def sweep(i, x):
            x = jax.lax.cond(i > 0, lambda: corrected(x, b, depth), lambda: x)
            return chebyshev(made[depth], x, b, degree)

        return jax.lax.fori_loop(0, 2, sweep, x)

    if not steps:
        return lambda r: (bottom @ r.reshape(-1)).reshape(shape)
    return lambda r: visit(jnp.zeros_like(r), r, 0)


def repeated(times: int, function: Callable, x):
    """`lax.fori_loop`, without a loop where once is enough."""
    return function(0, x) if times == 1 else jax.lax.fori_loop(0, times, function, x)
