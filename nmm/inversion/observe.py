"""Observations: pure functions from a solution to a vector of data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.fracture.intensity import stress_intensity


@dataclass(frozen=True, eq=False)
class Observation:
    """A pure function from a solution to data (n,), with a name for each kind of it."""

    kind: str
    of: Callable[[Any], Any]

    def __call__(self, solution: Any):
        return jnp.ravel(jnp.asarray(self.of(solution)))


def points_of(points: Any) -> np.ndarray:
    """Points (n, 2). **Raises:** `InputError` for another shape."""
    found = np.atleast_2d(np.asarray(points, float))
    if found.ndim != 2 or found.shape[1] != 2 or not np.isfinite(found).all():
        raise InputError(f"points must be finite, (n, 2), found an array {found.shape}", where="observe")
    return found


def at(points: Any, side: int = 1) -> Observation:
    """Values of the solution at points (n, 2): n of a potential, or ux, uy of each point in turn."""
    where = points_of(points)
    return Observation("value", lambda u: u.at(where, side))


def potential(points: Any, side: int = 1) -> Observation:
    """Heads, temperatures or voltages (n,) at points (n, 2)."""
    return at(points, side)


def displacement(points: Any, component: int | None = None, side: int = 1) -> Observation:
    """Displacements at points (n, 2): ux, uy of each in turn, or one `component` (0 or 1) of all."""
    where = points_of(points)
    if component is None:
        return Observation("displacement", lambda u: u.at(where, side))
    return Observation("displacement", lambda u: u.at(where, side)[:, component])


def strain(points: Any, side: int = 1) -> Observation:
    """Strains at points (n, 2): xx, yy, xy of each in turn."""
    where = points_of(points)

    def of(u):
        e = u.gradient(where, side)
        return jnp.stack([e[:, 0, 0], e[:, 1, 1], (e[:, 0, 1] + e[:, 1, 0]) / 2], -1)

    return Observation("strain", of)


def stress(points: Any, side: int = 1) -> Observation:
    """Stresses at points (n, 2): xx, yy, xy of each in turn."""
    where = points_of(points)

    def of(u):
        s = u.stress(where, side, recovered=False)
        return jnp.stack([s[:, 0, 0], s[:, 1, 1], s[:, 0, 1]], -1)

    return Observation("stress", of)


def flux(points: Any, normal: Any = None, side: int = 1) -> Observation:
    """k∇u at points (n, 2): both components in turn, or their part along `normal` (2,) or (n, 2)."""
    where = points_of(points)
    if normal is None:
        return Observation("flux", lambda u: u.flux(where, side, recovered=False))
    along = np.broadcast_to(np.asarray(normal, float), where.shape)
    return Observation("flux", lambda u: (u.flux(where, side, recovered=False) * along).sum(-1))


def intensity() -> Observation:
    """K_I and K_II of every crack tip in turn, by the interaction integral."""

    def of(u):
        return jnp.array([[tip["KI"], tip["KII"]] for tip in stress_intensity(u)])

    return Observation("stress intensity", of)


def function(of: Callable[[Any], Any]) -> Observation:
    """Any pure function of the solution."""
    return Observation("function", of)


def each(*observations: Callable[[Any], Any]) -> Observation:
    """The data of `nmm.experiments` one after the other: an observation for each, or one for all of them."""

    def of(solutions):
        chosen = observations * len(solutions) if len(observations) == 1 else observations
        if len(chosen) != len(solutions):
            raise InputError(
                f"found {len(chosen)} observations, expected one for each of {len(solutions)} experiments, "
                "or one for all",
                where="observe.each",
            )
        pairs = zip(chosen, solutions, strict=True)
        return jnp.concatenate([jnp.ravel(jnp.asarray(o(u))) for o, u in pairs])

    return Observation("each", of)


def several(*observations: Callable[[Any], Any]) -> Observation:
    """The data of several observations one after the other."""
    if not observations:
        raise InputError("at least one observation is expected", where="observe.several")
    return Observation(
        "several", lambda u: jnp.concatenate([jnp.ravel(jnp.asarray(o(u))) for o in observations])
    )
