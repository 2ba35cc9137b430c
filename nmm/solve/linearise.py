"""Tangent and stress of an energy density, by automatic differentiation."""

from functools import partial

import jax
import jax.numpy as jnp


@partial(jax.jit, static_argnums=0)
def linearise(density, components, values):
    """Second and first derivative of the density at zero gradient: (n, c, 2, c, 2) and (n, c, 2).

    `components` is any array whose length is the number of components c.
    """
    zero = jnp.zeros((components.shape[0], 2))
    return jax.vmap(lambda v: (jax.hessian(density)(zero, v), jax.grad(density)(zero, v)))(values)
