"""Many small ReLU networks trained at once by vmap, each on its own target and at its own rate."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from networks.anatomy.functions import Parameters, forward


@partial(jax.jit, static_argnames=("target", "inputs", "points"))
def train(
    params: Parameters,
    codes: Any,
    rates: Any,
    keys: Any,
    steps: Any,
    target: Callable[[jax.Array, Any], jax.Array],
    inputs: int = 1,
    points: int = 256,
) -> Parameters:
    """Adam on the mean square of f − target(x, code) over fresh uniform points of [0, 1]^inputs each step.

    `params` are stacked, with `codes`, `rates` and `keys` (networks,). The rate rises over a twentieth of the
    `steps` and falls along a cosine.
    """
    rule = optax.scale_by_adam()

    def loss(params, x, code):
        return jnp.mean((forward(params, x)[:, 0] - target(x, code)) ** 2)

    def one(params, code, rate, key):
        def body(number, carry):
            params, state = carry
            key_now = jax.random.fold_in(key, number)
            x = jax.random.uniform(key_now, (points, inputs), params[0][0].dtype)
            change, state = rule.update(jax.grad(loss)(params, x, code), state)
            share = number / steps
            now = rate * jnp.minimum(20 * share, 1.0) * (1 + jnp.cos(jnp.pi * share)) / 2
            return jax.tree.map(lambda p, c: p - now * c, params, change), state

        return jax.lax.fori_loop(0, steps, body, (params, rule.init(params)))[0]

    return jax.vmap(one)(params, codes, rates, keys)


@partial(jax.jit, static_argnames="target")
def relative_errors(params: Parameters, codes: Any, x: Any, target: Callable) -> jax.Array:
    """Root mean square of f − target over the standard deviation of the target (networks,), at points x."""

    def one(params, code):
        exact = target(x, code)
        return jnp.sqrt(jnp.mean((forward(params, x)[:, 0] - exact) ** 2)) / jnp.std(exact)

    return jax.vmap(one)(params, codes)


def sawtooth(x: jax.Array, teeth: Any) -> jax.Array:
    """`teeth` triangles of height 1 on [0, 1] (n,) at x (n, 1): 2 · teeth affine pieces."""
    phase = x[:, 0] * teeth % 1.0
    return 1 - jnp.abs(2 * phase - 1)
