"""Regions along lines for any piecewise affine network, from bend to bend.

On a piece every gate is affine along the line, so that its value and its slope tell where the next one bends:
exact, and independent of the architecture, as long as all gates are known (see `tracing`).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

STEP = 1e-9
"""How far past a bend the next piece is looked at, as a share of the line; shorter pieces are not seen."""

MOST = 100_000


def bends(gates: Callable[[Any], Any], starts: Any, ends: Any, step: float = STEP, most: int = MOST):
    """Where (list of arrays, shares of the way) lines from `starts` to `ends` (n, …) cross a bend.

    `gates` maps inputs (n, …) to numbers (n, units). A line with k bends has k + 1 regions. Lines end early,
    with nan as their last bend, after `most` of them.
    """
    starts, ends = jnp.asarray(starts), jnp.asarray(ends)
    way = ends - starts

    @jax.jit
    def ahead(share):
        """Signs at a share (n,) of the way, and how far it is from there to the next bend."""
        where = starts + share.reshape(-1, *[1] * (starts.ndim - 1)) * way
        value, slope = jax.jvp(gates, (where,), (way,))
        far = -value / jnp.where(slope == 0, 1.0, slope)
        far = jnp.where((slope == 0) | (far <= 0), jnp.inf, far)
        return value > 0, far.min(1, initial=jnp.inf)

    share = np.zeros(len(starts))
    found: list[list[float]] = [[] for _ in starts]
    before, far = map(np.asarray, ahead(jnp.asarray(share)))
    for _ in range(most):
        bend = share + far
        open_lines = bend < 1
        if not open_lines.any():
            break
        share = np.where(open_lines, np.minimum(bend + step, 1.0), 1.0)
        signs, far = map(np.asarray, ahead(jnp.asarray(share)))
        for line in np.flatnonzero(open_lines & (signs != before).any(1)):
            found[line].append(float(bend[line]))
        before = signs
    else:
        for line in np.flatnonzero(share + far < 1):
            found[line].append(np.nan)
    return [np.array(each) for each in found]
