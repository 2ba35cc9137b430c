"""How a small error grows through a stack of layers.

In a random ReLU network with weights N(0, 2 c / n) the mean square of a perturbation is multiplied by c in
every layer, and at c = 1 the logarithm of its square has a variance of about 5 Σ 1 / n_l (Hanin and Nica
2018, arXiv 1812.05994). So errors neither grow nor decay with the depth at c = 1 only.
"""

import jax
import jax.numpy as jnp


def growth(key: jax.Array, width: int, depth: int, gain: jax.Array | float) -> jax.Array:
    """‖δ_l‖² / ‖δ_0‖² (depth,) after each layer of a random network without biases; traceable.

    Input and layers have `width` units; point and perturbation are random.
    """
    first, second, third = jax.random.split(key, 3)
    x, d = jax.random.normal(first, (width,)), jax.random.normal(second, (width,))
    start = jnp.sum(d**2)

    def layer(carry, now):
        x, d = carry
        w = jnp.sqrt(2 * gain / width) * jax.random.normal(now, (width, width))
        z = w @ x
        d = (w @ d) * (z > 0)
        return (jnp.maximum(z, 0.0), d), jnp.sum(d**2) / start

    return jax.lax.scan(layer, (x, d), jax.random.split(third, depth))[1]
