"""How a small error grows through a stack of layers.

In a random ReLU network with weights N(0, 2 c / n) the mean square of a perturbation is multiplied by c in
every layer, and at c = 1 the logarithm of its square has a variance of about 5 Σ 1 / n_l (Hanin and Nica
2018, arXiv 1812.05994). So errors neither grow nor decay with the depth at c = 1 only.
"""

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp


def growth(key: jax.Array, widths: Sequence[int], gain: float) -> jax.Array:
    """‖δ_l‖² / ‖δ_0‖² (layers,) after each layer of a random network without biases; traceable.

    `widths` are the input and the layers. Point and perturbation are random.
    """
    first, second, key = jax.random.split(key, 3)
    x, d = jax.random.normal(first, (widths[0],)), jax.random.normal(second, (widths[0],))
    start, found = jnp.sum(d**2), []
    for inputs, outputs in pairwise(widths):
        key, now = jax.random.split(key)
        w = jnp.sqrt(2 * gain / inputs) * jax.random.normal(now, (outputs, inputs))
        z = w @ x
        x, d = jnp.maximum(z, 0.0), (w @ d) * (z > 0)
        found.append(jnp.sum(d**2) / start)
    return jnp.stack(found)
