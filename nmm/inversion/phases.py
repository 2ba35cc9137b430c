"""Piecewise constant fields: a few values, and level sets that say where each of them holds."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from nmm.errors import InputError
from nmm.inversion.fields import Field
from nmm.pytrees import tree


@tree("width")
class Phases:
    """The value of one phase at each point, smoothed over the interfaces; see `phases`."""

    levels: tuple[Any, ...]
    values: tuple[Any, ...]
    width: float

    def shares(self, points):
        """Smoothed indicators (phases, n) at points (n, 2); they add up to one."""
        rest, found = 1.0, []
        for level in self.levels:
            inside = jax.nn.sigmoid(2 * level(points) / (self.width * min(level.spacing)))
            found.append(rest * inside)
            rest = rest * (1 - inside)
        return jnp.stack([rest, *found])

    def __call__(self, points):
        """Values (n,) at points (n, 2)."""
        return sum(value * share for value, share in zip(self.values, self.shares(points), strict=True))


def phases(levels: Sequence[Field], values: Sequence[Any], width: float = 1.0) -> Phases:
    """A field that is constant but for jumps, with as many phases as `values`.

    The k-th level set φ_k, a field in units of length, positive inside of phase k, has the smoothed indicator
    ½ (1 + tanh(φ_k / (width * cell))) with the cell of its nodes. Earlier level sets lie on top of later
    ones; where none is positive the first of the values holds. Differentiable by level sets and values:
    made inside of a forward map, it has fields and values as the unknowns of `nmm.inverse`.

    **Arguments:** `levels`, one fewer than values; `width` of an interface in cells of the level set.

    **Raises:** `InputError` for another number of values, or a width that is not positive.
    """
    if len(values) != len(levels) + 1 or not levels:
        raise InputError(
            f"found {len(values)} values for {len(levels)} level sets, expected one value more",
            where="phases.values",
            hint="the first value holds where no level set is positive",
        )
    if not width > 0:
        raise InputError(
            f"found the width {width}, expected a positive number of cells", where="phases.width"
        )
    return Phases(tuple(levels), tuple(values), float(width))
