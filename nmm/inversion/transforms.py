"""Between parameters and the unbounded numbers that are searched for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from nmm.errors import InputError


@dataclass(frozen=True)
class Bound:
    """θ = low + scale exp(z) above a bound, a logistic curve between two, and scale z without any."""

    low: float | None
    high: float | None
    scale: float

    def value(self, z):
        """The parameter."""
        if self.low is None:
            return self.scale * z
        if self.high is None:
            return self.low + self.scale * jnp.exp(z)
        return self.low + (self.high - self.low) * jax.nn.sigmoid(z)

    def number(self, value):
        """The unbounded number of a parameter, the inverse of `value`."""
        if self.low is None:
            return value / self.scale
        if self.high is None:
            return jnp.log((value - self.low) / self.scale)
        share = (value - self.low) / (self.high - self.low)
        return jnp.log(share) - jnp.log1p(-share)

    def slope(self, z):
        """Derivative of `value`."""
        if self.low is None:
            return jnp.full_like(z, self.scale)
        if self.high is None:
            return self.scale * jnp.exp(z)
        share = jax.nn.sigmoid(z)
        return (self.high - self.low) * share * (1 - share)


def bound_of(name: str, start: Any, given: Any) -> Bound:
    """The bound of one parameter from (low, high), each of which may be None.

    **Raises:** `InputError` for a start on or outside of its bounds.
    """
    leaves = [np.asarray(leaf, float) for leaf in jax.tree.leaves(start)]
    flat = np.concatenate([leaf.ravel() for leaf in leaves])
    size = float(np.sqrt(np.mean(flat**2))) or 1.0
    low, high = (None, None) if given is None else given
    low = None if low is None or low == -np.inf else float(low)
    high = None if high is None or high == np.inf else float(high)
    if low is None and high is not None:
        raise InputError(
            f"found only an upper bound {high:g}, expected a lower one too or (low, None)",
            where=f"bounds.{name}",
        )
    if low is None:
        return Bound(None, None, size)
    top = np.inf if high is None else high
    if not (low < flat.min() and flat.max() < top):
        raise InputError(
            f"found {flat.min():g} to {flat.max():g}, expected a start inside its bounds ({low:g}, {top:g})",
            where=f"start.{name}",
        )
    return Bound(low, high, float(np.exp(np.mean(np.log(flat - low)))) if high is None else 1.0)


@dataclass(frozen=True)
class Unknowns:
    """The unknown parameters as one vector z: their bounds by name, and how the vector is taken apart."""

    bounds: Mapping[str, Bound]
    unravel: Any
    size: int

    @property
    def names(self) -> list[str]:
        """The parameter that each number of z (size,) belongs to."""
        parts = self.unravel(jnp.zeros(self.size))
        named = {k: jax.tree.map(lambda v, k=k: [k] * v.size, part) for k, part in parts.items()}
        return jax.tree.leaves(named)

    def params(self, z):
        """Parameters by name from z (size,)."""
        parts = self.unravel(z)
        return {name: jax.tree.map(self.bounds[name].value, part) for name, part in parts.items()}

    def vector(self, params):
        """z (size,) of parameters."""
        parts = {
            k: jax.tree.map(lambda v, k=k: self.bounds[k].number(jnp.asarray(v)), params[k]) for k in params
        }
        return ravel_pytree(parts)[0]

    def slopes(self, z):
        """Derivative (size,) of every parameter by its own number."""
        parts = self.unravel(z)
        found = {name: jax.tree.map(self.bounds[name].slope, part) for name, part in parts.items()}
        return ravel_pytree(found)[0]


def unknowns_of(start: Mapping[str, Any], bounds: Mapping[str, Any]) -> Unknowns:
    """The unknowns that begin at `start`.

    **Raises:** `InputError` for bounds of what is not unknown.
    """
    surplus = sorted(set(bounds) - set(start))
    if surplus:
        raise InputError(
            f"bounds are given for {surplus[0]}, which is not unknown",
            where="bounds",
            hint=f"unknown: {', '.join(start)}",
        )
    made = {name: bound_of(name, value, bounds.get(name)) for name, value in start.items()}
    plain = {k: jax.tree.map(lambda v: jnp.asarray(v, float), v) for k, v in start.items()}
    vector, unravel = ravel_pytree(plain)
    return Unknowns(made, unravel, len(vector))
