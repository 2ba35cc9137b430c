"""ReLU networks as pure functions of their parameters, for derivatives in these."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.relu import ReLU

Parameters = tuple[tuple[Any, Any], ...]
"""A matrix (outputs, inputs) and a vector (outputs,) for each layer."""


def forward(params: Parameters, x: Any) -> jax.Array:
    """Values (n, outputs) at points (n, inputs)."""
    for weight, bias in params[:-1]:
        x = jax.nn.relu(x @ weight.T + bias)
    weight, bias = params[-1]
    return x @ weight.T + bias


def parameters_of(network: ReLU) -> Parameters:
    """Dense parameters of a network."""
    return tuple(
        (jnp.asarray(w), jnp.asarray(b)) for w, b in zip(network.weights, network.biases, strict=True)
    )


def network_of(params: Parameters) -> ReLU:
    """The network of parameters."""
    return ReLU.of([np.asarray(w) for w, _ in params], [np.asarray(b) for _, b in params])


def stacked(networks: Sequence[ReLU]) -> Parameters:
    """Parameters of equally large networks, one axis more in front of each array, for vmap."""
    return jax.tree.map(lambda *arrays: jnp.stack(arrays), *map(parameters_of, networks))


def unstacked(params: Parameters) -> list[ReLU]:
    """The networks of `stacked` parameters."""
    count = len(params[0][0])
    return [network_of(jax.tree.map(lambda a, i=i: a[i], params)) for i in range(count)]
