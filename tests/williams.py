"""Williams' leading terms at a crack tip in plane strain, as callables of points for boundary values."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

E, NU = 1.0, 0.3
MU, KAPPA = E / 2 / (1 + NU), 3 - 4 * NU


def displacement(component, K, tip, angle, points):
    """Displacement (n,) of mode I and II with K = (K_I, K_II), the crack along `angle` (radians)."""
    c, s = np.cos(angle), np.sin(angle)
    d = points - jnp.asarray(tip)
    x, y = c * d[:, 0] + s * d[:, 1], -s * d[:, 0] + c * d[:, 1]
    half = jnp.arctan2(y, x) / 2
    scale = jnp.sqrt(jnp.sqrt(x**2 + y**2 + 1e-300) / (2 * np.pi)) / (2 * MU)
    sin, cos = jnp.sin(half), jnp.cos(half)
    u = K[0] * cos * (KAPPA - 1 + 2 * sin**2) + K[1] * sin * (KAPPA + 1 + 2 * cos**2)
    v = K[0] * sin * (KAPPA + 1 - 2 * cos**2) - K[1] * cos * (KAPPA - 1 - 2 * sin**2)
    return scale * ((c * u - s * v) if component == 0 else (s * u + c * v))


def field(K=(1.0, 0.5), tip=(0.0, 0.0), angle=0.0):
    """Both components as callables that are pytrees."""
    return tuple(jax.tree_util.Partial(partial(displacement, i, K, tip, angle)) for i in range(2))
