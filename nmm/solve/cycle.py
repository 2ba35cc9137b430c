"""Multigrid on physical covers, compiled: V- and W-cycles over Galerkin levels, and a dense inverse below."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from nmm.solve.galerkin import coarse_system, prolong
from nmm.solve.levels import Level, Step
from nmm.solve.smoother import chebyshev, inverse_blocks, smoothers
from nmm.solve.system import System, apply

SHIFT = {"float64": 1e-10, "float32": 1e-6}
"""What is added to the scaled diagonal of the coarsest operator, in case parts float."""


def bottom_inverse(system: System, level: Level) -> jax.Array:
    """Dense inverse of the coarsest operator, shifted a little where parts float.

    A pseudo-inverse where unknowns are linearly dependent.
    """
    shape = system.load.shape
    size = shape[0] * shape[1]
    unit = jnp.eye(size, dtype=system.load.dtype).reshape(size, *shape)
    dense = jax.vmap(partial(apply, system))(unit).reshape(size, size)
    good = (jnp.diag(dense) > 0) & jnp.tile(jnp.asarray(level.active), shape[0])
    scale = jnp.where(good, 1 / jnp.sqrt(jnp.where(good, jnp.diag(dense), 1.0)), 0.0)
    if system.cells.functions.order > 0:
        return inverse_blocks(jnp.where(good[:, None] & good, dense, 0.0)[None])[0]
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
        """A sweep of the smoother, the correction, and one more sweep.

        On a processor it is one loop, so that the smoother is compiled once; a GPU would wait for its host at
        the condition in there.
        """

        def smoothed(x):
            return chebyshev(made[depth], x, b, degree)

        def sweep(i, x):
            return smoothed(jax.lax.cond(i > 0, lambda: corrected(x, b, depth), lambda: x))

        if jax.default_backend() == "cpu":
            return jax.lax.fori_loop(0, 2, sweep, x)
        return smoothed(corrected(smoothed(x), b, depth))

    if not steps:
        return lambda r: (bottom @ r.reshape(-1)).reshape(shape)
    return lambda r: visit(jnp.zeros_like(r), r, 0)


def repeated(times: int, function: Callable, x):
    """`lax.fori_loop`, without a loop where once is enough."""
    return function(0, x) if times == 1 else jax.lax.fori_loop(0, times, function, x)
