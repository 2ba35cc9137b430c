"""Perceptrons as pure functions of their parameters, for training many at once."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp

Weights = list[tuple[jax.Array, jax.Array]]
"""A matrix (inputs, outputs) and a vector (outputs,) for each layer."""


def perceptron(key: jax.Array, sizes: Sequence[int], gain: float = 2.0, bias: float = 0.0) -> Weights:
    """Weights N(0, `gain` / inputs), those of He for 2, biases uniform in [−`bias`, `bias`]."""
    keys = jax.random.split(key, 2 * (len(sizes) - 1))
    return [
        (
            jnp.sqrt(gain / a) * jax.random.normal(keys[2 * k], (a, b)),
            bias * jax.random.uniform(keys[2 * k + 1], (b,), minval=-1.0, maxval=1.0),
        )
        for k, (a, b) in enumerate(pairwise(sizes))
    ]


def hidden(theta: Weights, x: Any, activation: Callable = jnp.tanh) -> list[jax.Array]:
    """Activations (points, units) of the hidden layers."""
    found = []
    for weight, bias in theta[:-1]:
        x = activation(x @ weight + bias)
        found.append(x)
    return found


def value(theta: Weights, x: Any, activation: Callable = jnp.tanh) -> jax.Array:
    """Values (points, outputs) at points (points, inputs)."""
    for weight, bias in theta[:-1]:
        x = activation(x @ weight + bias)
    weight, bias = theta[-1]
    return x @ weight + bias


def keys_of(first: int, count: int) -> jax.Array:
    """A key for each of `count` seeds from `first` on."""
    return jax.vmap(jax.random.key)(first + jnp.arange(count))
