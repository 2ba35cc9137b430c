"""Priors: what is known of the parameters before there are data, as vectors r whose ½‖r‖² is minimised.

All of them speak of the unbounded numbers of `transforms`: of the logarithm of a parameter with a lower
bound, of the parameter itself, divided by its size at the start, without one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.inversion.fields import Field, field

PIN = 1e-2
"""Pull towards the start that makes total variation definite."""
KINK = 1e-3
"""Differences between neighbours below which total variation is rounded off."""


@dataclass(frozen=True, eq=False)
class Prior:
    """Residuals of the unbounded numbers; see the functions of this module.

    `residual(parts, origin, lagged)` turns numbers by name, those of the start and those that weights are
    taken from into a vector; None for an energy that is no least squares. `known`: whether its strength is,
    or is to be chosen. `names` are the parameters that it speaks of; `spread(value, box)` makes a field of
    one that was given as a number. `reach`: how many nodes away one residual looks at most, within one array;
    None: nothing is known of it. `whole(parts, origin)`: the energy, where it is not half the square of the
    residuals.
    """

    names: tuple[str, ...]
    residual: Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], Any] | None
    known: bool
    spread: Callable[[Any, Any], Any] | None = None
    reach: int | None = None
    whole: Callable[[Mapping[str, Any], Any], Any] | None = None

    def energy(self, parts, origin) -> Any:
        """What it adds to the objective: `whole`, or half the square of its residuals."""
        if self.whole is not None:
            return self.whole(parts, origin)
        assert self.residual is not None
        return 0.5 * jnp.sum(self.residual(parts, origin, parts) ** 2)


def checked(what: str, value: float | None) -> float | None:
    """**Raises:** `InputError` for a number that is not positive."""
    if value is not None and not (np.isfinite(value) and value > 0):
        raise InputError(f"found {what} = {value}, expected a positive number", where=f"prior.{what}")
    return None if value is None else float(value)


def smooth(name: str, length: float, std: float | None = None, cell: float | None = None) -> Prior:
    """A Gaussian field that varies over a `length`: the Matérn field of order 1.

    The solution of (κ² − Δ) u = white noise with κ = √8 / length (Lindgren, Rue and Lindström 2011, J. R.
    Stat. Soc. B 73, 423-498), whose correlation at that distance is about 0.13. With a number as its start
    the parameter becomes a `Field` with nodes `cell` (a third of the length) apart, half a length beyond
    the domain.

    **Arguments:** `std`, its standard deviation: relative for parameters without bounds, of the logarithm for
    those with a lower one; None: chosen from the data (see `nmm.inverse`).
    """
    reach, deviation = checked("length", length), checked("std", std)
    assert reach is not None
    scale = deviation or 1.0
    apart = checked("cell", cell) or reach / 3

    def residual(parts, origin, lagged):
        before = origin[name]
        v = grid_of(parts[name], name) - grid_of(before, name)
        dx, dy = spacing_of(before)
        kappa = np.sqrt(8) / reach
        up = jnp.diff(v, axis=0) / dy**2
        right = jnp.diff(v, axis=1) / dx**2
        laplace = (
            jnp.zeros_like(v).at[:-1].add(up).at[1:].add(-up).at[:, :-1].add(right).at[:, 1:].add(-right)
        )
        noise = np.sqrt(dx * dy) / (np.sqrt(4 * np.pi) * kappa)
        return ((kappa**2 * v - laplace) * noise).ravel() / scale

    def spread(value, box):
        return field(box, min(apart, *sides(box)), value, margin=reach / 2)

    return Prior((name,), residual, deviation is not None, spread, 1)


def tv(name: str, cell: float | None = None, weight: float | None = None) -> Prior:
    """Total variation ∫ |∇u|, which lets a field jump: weight √(|∇u|² + ε²), by reweighted least squares.

    Rudin, Osher and Fatemi 1992; Vogel and Oman 1996. `cell` as for `smooth` (an eighth of the smaller side).
    """
    factor = checked("weight", weight)
    scale = np.sqrt(factor or 1.0)

    def residual(parts, origin, lagged):
        v, before = grid_of(parts[name], name), grid_of(lagged[name], name)
        dx, dy = spacing_of(origin[name])

        def slopes(u):
            across = jnp.diff(u, axis=1, append=u[:, -1:])
            return across / dx, jnp.diff(u, axis=0, append=u[-1:]) / dy

        steep = KINK / np.sqrt(dx * dy)
        across, up = slopes(before)
        root = (dx * dy / jnp.sqrt(across**2 + up**2 + steep**2)) ** 0.5 * scale
        pin = PIN * np.sqrt(dx * dy) * (v - grid_of(origin[name], name)).ravel()  # so that it is definite
        return jnp.concatenate([*((root * s).ravel() for s in slopes(v)), pin])

    def spread(value, box):
        return field(box, cell or min(sides(box)) / 8, value)

    def whole(parts, origin):
        v = grid_of(parts[name], name)
        dx, dy = spacing_of(origin[name])
        across, up = jnp.diff(v, axis=1, append=v[:, -1:]) / dx, jnp.diff(v, axis=0, append=v[-1:]) / dy
        pin = PIN**2 * dx * dy * (v - grid_of(origin[name], name)) ** 2 / 2
        return (dx * dy * scale**2 * jnp.sqrt(across**2 + up**2 + KINK**2 / (dx * dy)) + pin).sum()

    return Prior((name,), residual, factor is not None, spread, 1, whole)


def gaussian(name: str, std: float) -> Prior:
    """Every number of a parameter is normal about its start; `std` as for `smooth`."""
    deviation = checked("std", std) or 1.0

    def residual(parts, origin, lagged):
        leaves, before = jax.tree.leaves(parts[name]), jax.tree.leaves(origin[name])
        return jnp.concatenate([jnp.ravel(a - b) / deviation for a, b in zip(leaves, before, strict=True)])

    return Prior((name,), residual, True, None, 0)


def function(of: Callable[[Mapping[str, Any]], Any], *names: str) -> Prior:
    """Any pure function from the unbounded numbers by name to a vector of residuals."""
    return Prior(names, lambda parts, origin, lagged: jnp.ravel(of(parts)), True)


def energy(of: Callable[[Mapping[str, Any]], Any], *names: str) -> Prior:
    """Any pure function from the unbounded numbers by name to a number, minus the logarithm of a probability.

    For `nmm.inverse(..., method="lbfgs")`, which needs no least squares.
    """
    return Prior(names, None, True, whole=lambda parts, origin: of(parts))


def grid_of(part: Any, name: str) -> jax.Array:
    """Values (rows, columns) of a field or array. **Raises:** `InputError` for anything else."""
    values = part.values if isinstance(part, Field) else part
    if jnp.ndim(values) != 2:
        raise InputError(
            f"found an array of {jnp.ndim(values)} dimensions, expected a field or an array (rows, columns)",
            where=f"prior of {name}",
            hint="start from a number, and the prior makes a field of it",
        )
    return jnp.asarray(values)


def spacing_of(part: Any) -> tuple[float, float]:
    """Distance between the values of a field; of an array, counted in squares."""
    return part.spacing if isinstance(part, Field) else (1.0, 1.0)


def sides(box: Any) -> tuple[float, float]:
    """Width and height of a box, or of what has one."""
    xmin, ymin, xmax, ymax = (float(v) for v in getattr(box, "box", box))
    return xmax - xmin, ymax - ymin
