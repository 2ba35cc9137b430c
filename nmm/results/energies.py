"""Stresses from gradients, and the energy of a gradient without that of an initial stress."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp


def stresses(density: Callable[..., Any], gradient: Any, values: Mapping[str, Any]) -> Any:
    """Derivative of the density by the gradient at points, (n, components, 2)."""
    return _stresses(density, gradient, values)


def energy_product(density: Callable[..., Any], gradient: Any, values: Mapping[str, Any]) -> Any:
    """a(u, u) per area (n,): twice the stored energy, without what an initial stress adds."""
    gradient = jnp.asarray(gradient)
    stress = stresses(density, gradient, values) - stresses(density, 0 * gradient, values)
    return jnp.einsum("nci,nci->n", gradient, stress)


_stresses = jax.jit(
    lambda density, gradient, values: jax.vmap(jax.grad(density))(gradient, values), static_argnums=0
)
