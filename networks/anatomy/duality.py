"""Forward and inverse are dual: tests of the adjoint of a function, and what its gradient costs.

For f with the derivative J at x: ⟨J v, w⟩ = ⟨v, Jᵀ w⟩ for all v and w; a gradient leaves a remainder of
second order; and it costs a few evaluations at most (Griewank and Walther, Evaluating Derivatives, 2008).
That this is what Ma and Shi's "dual pairing" and "forward and inverse" mean is our reading of them.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

STEPS = (3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
"""Steps of a Taylor test."""

WINDOW = 0.01
"""Seconds that are timed at once."""


def dot_test(function: Callable, x: Any, key: jax.Array) -> jax.Array:
    """|⟨J v, w⟩ − ⟨v, Jᵀ w⟩| / (‖J v‖ ‖w‖) at x, for random v and w; traceable.

    `function` maps a pytree of floating arrays to another.
    """
    start, back = ravel_pytree(x)
    first, second = jax.random.split(key)
    v = jax.random.normal(first, start.shape, start.dtype)

    def flat(z):
        return ravel_pytree(function(back(z)))[0]

    value, ahead = jax.jvp(flat, (start,), (v,))
    w = jax.random.normal(second, value.shape, value.dtype)
    behind = jax.vjp(flat, start)[1](w)[0]
    gap = jnp.abs(jnp.vdot(ahead, w) - jnp.vdot(v, behind))
    return gap / (jnp.linalg.norm(ahead) * jnp.linalg.norm(w))


def taylor_test(function: Callable, x: Any, key: jax.Array, steps: Any = STEPS) -> jax.Array:
    """|f(x + h v) − f(x) − h ⟨∇f, v⟩| (steps,) for the steps h; traceable.

    `function` maps a pytree to a number; v is random, of length 1. The steps should be small against the
    scale on which f bends, and large against rounding.
    """
    start, back = ravel_pytree(x)
    v = jax.random.normal(key, start.shape, start.dtype)
    v = v / jnp.linalg.norm(v)
    value, slope = jax.value_and_grad(lambda z: function(back(z)))(start)
    steps = jnp.asarray(steps)
    there = jax.lax.map(lambda h: function(back(start + h * v)), steps)
    return jnp.abs(there - value - steps * jnp.vdot(slope, v))


def order_of(remainders: Any, steps: Any = STEPS) -> float:
    """Slope of log remainder by log step; 2 for a right gradient, 1 for a wrong one."""
    return float(np.polyfit(np.log(steps), np.log(np.asarray(remainders)), 1)[0])


def gradient_cost(function: Callable, x: Any, repeats: int = 30) -> float:
    """Processor seconds of value and gradient over those of the value alone, both compiled.

    The least of `repeats` in turn, as other work on the machine only adds; each of as many calls as take
    `WINDOW`, as the processor's clock is coarse.
    """
    calls = jax.jit(function), jax.jit(jax.value_and_grad(function))

    def seconds(call: Callable, count: int) -> float:
        clock = time.process_time()
        for _ in range(count):
            jax.block_until_ready(call(x))
        return (time.process_time() - clock) / count

    for call in calls:
        jax.block_until_ready(call(x))
    count = 1 + int(WINDOW / max(seconds(calls[0], 5), 1e-6))
    least = np.min([[seconds(call, count) for call in calls] for _ in range(repeats)], 0)
    return float(least[1] / least[0])
