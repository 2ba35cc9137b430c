"""Tangent and stress of an energy density, by automatic differentiation."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmm.physics.models import columns


def linearise(density, components: int, values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Second and first derivative of the density at zero gradient: (n, c, 2, c, 2) and (n, c, 2).

    With mean dilatation 4 takes the place of 2: `models.columns`. Rows are padded to a power of two, so that
    few sizes are compiled.
    """
    count = len(next(iter(values.values())))
    full = {k: pad(v, roomy(count)) for k, v in values.items()}
    tangent, stress = _linearise(density, components, full)
    return np.asarray(tangent)[:count], np.asarray(stress)[:count]


def roomy(count: int) -> int:
    """The next power of two, at least 256."""
    return max(256, 1 << max(count - 1, 0).bit_length())


def pad(array: np.ndarray, size: int) -> np.ndarray:
    """`array` with its last row repeated up to `size`."""
    array = np.asarray(array)
    if not len(array):
        return np.ones((size, *array.shape[1:]))
    return np.concatenate([array, np.broadcast_to(array[-1], (size - len(array), *array.shape[1:]))])


@partial(jax.jit, static_argnums=(0, 1))
def _linearise(density, components, values):
    zero = jnp.zeros((components, columns(density)))
    return jax.vmap(lambda v: (jax.hessian(density)(zero, v), jax.grad(density)(zero, v)))(values)
