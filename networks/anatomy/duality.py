"""Forward and inverse are dual: tests of the adjoint of a function, and what its gradient costs.

For f with the derivative J at x: ⟨J v, w⟩ = ⟨v, Jᵀ w⟩ for all v and w; a gradient leaves a remainder of
second order; and it costs a few evaluations at most (Griewank and Walther, Evaluating Derivatives, 2008).
That this is what Ma and Shi's "dual pairing" and "forward and inverse" mean is our reading of them.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree


def dot_test(function: Callable, x: Any, seed: int = 0) -> float:
    """|⟨J v, w⟩ − ⟨v, Jᵀ w⟩| / (‖J v‖ ‖w‖) at x, for random v and w.

    `function` maps a pytree of floating arrays to another.
    """
    start, back = ravel_pytree(x)
    draw = np.random.default_rng(seed)
    v = jnp.asarray(draw.normal(size=start.shape))

    def flat(z):
        return ravel_pytree(function(back(z)))[0]

    ahead = jax.jvp(flat, (start,), (v,))[1]
    w = jnp.asarray(draw.normal(size=ahead.shape))
    behind = jax.vjp(flat, start)[1](w)[0]
    gap = jnp.abs(jnp.vdot(ahead, w) - jnp.vdot(v, behind))
    return float(gap / (jnp.linalg.norm(ahead) * jnp.linalg.norm(w)))


def taylor_test(
    function: Callable, x: Any, seed: int = 0, steps: Sequence[float] = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3)
) -> tuple[float, np.ndarray]:
    """Slope of log |f(x + h v) − f(x) − h ⟨∇f, v⟩| by log h, and these remainders; 2 for a right gradient.

    `function` maps a pytree to a number; v is random, of length 1. The steps should be small against the
    scale on which f bends, and large against rounding.
    """
    start, back = ravel_pytree(x)
    v = np.random.default_rng(seed).normal(size=start.shape)
    v = jnp.asarray(v / np.linalg.norm(v))
    value, slope = jax.value_and_grad(lambda z: function(back(z)))(start)
    look = jax.jit(lambda h: function(back(start + h * v)) - value - h * jnp.vdot(slope, v))
    left = np.abs([float(look(h)) for h in steps])
    return float(np.polyfit(np.log(steps), np.log(left), 1)[0]), left


def gradient_cost(function: Callable, x: Any, repeats: int = 20) -> float:
    """Seconds of value and gradient over seconds of the value alone, both compiled; least of `repeats`."""
    forward, both = jax.jit(function), jax.jit(jax.value_and_grad(function))

    def seconds(call):
        jax.block_until_ready(call(x))
        took = []
        for _ in range(repeats):
            clock = time.perf_counter()
            jax.block_until_ready(call(x))
            took.append(time.perf_counter() - clock)
        return min(took)

    return seconds(both) / seconds(forward)
