"""How large a network's output should be, so that training starts at the size of the solution."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

CANCELLED = 1e-2
"""Where a load works so little along a function, as a share of its parts' work, it tells no size."""


def along(
    value: Callable[[Any], jax.Array], fixed: Any, moved: Any
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Slope and curvature of `value` from `fixed` fields in the direction `moved`.

    Last the sum of the sizes of all that the slope is a sum of.
    """
    slopes = jax.grad(value)(fixed)
    parts = [jnp.ravel(a * b) for a, b in zip(jax.tree.leaves(slopes), jax.tree.leaves(moved), strict=True)]
    bent = jax.jvp(jax.grad(value), (fixed,), (moved,))[1]
    curves = [jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(bent), jax.tree.leaves(moved), strict=True)]
    work = jnp.concatenate(parts)
    return work.sum(), jnp.stack(curves).sum(), jnp.abs(work).sum()


def size(slope: Any, curve: Any, total: Any) -> float:
    """Where a parabola is least, without its sign; 0 for no curvature, or a slope that is a cancellation."""
    slope, curve, total = float(slope), float(curve), float(total)
    if curve <= 0 or abs(slope) <= CANCELLED * total:
        return 0.0
    found = abs(slope) / curve
    return found if np.isfinite(found) else 0.0
