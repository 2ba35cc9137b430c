"""The weak form of −u″ = f on an interval, in splines of one variable with clamped ends."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from networks.covers import Splines


class Forms(NamedTuple):
    """Mass and stiffness (k, k) of a cover, and its weights (n, k) at Gauss points x (n,) of `share` (n,)."""

    mass: np.ndarray
    stiffness: np.ndarray
    weights: np.ndarray
    x: np.ndarray
    share: np.ndarray


def forms(cover: Splines) -> Forms:
    """∫ w_i w_j and ∫ w_i′ w_j′, exact."""
    place, share = np.polynomial.legendre.leggauss(cover.degree + 3)
    knots = np.asarray(cover.knots)
    sizes = np.diff(knots)[:, None]
    x = (knots[:-1, None] + sizes * (1 + place) / 2).ravel()
    share = (sizes * share / 2).ravel()
    points = jnp.asarray(x)[:, None]
    weights, slopes = map(np.asarray, jax.jvp(cover, (points,), (jnp.ones_like(points),)))
    mass, stiffness = (a.T @ (share[:, None] * a) for a in (weights, slopes))
    return Forms(mass, stiffness, weights, x, share)


def poisson(cover: Splines, source: Callable[[np.ndarray], Any]) -> Callable[[float, float], np.ndarray]:
    """−u″ = f with values on both ends: a function of these, to the unknowns (k,) of the cover."""
    made = forms(cover)
    load = made.weights.T @ (made.share * np.asarray(source(made.x)))
    inner = slice(1, -1)

    def solved(left: float, right: float) -> np.ndarray:
        d = np.zeros(len(load))
        d[0], d[-1] = left, right
        d[inner] = np.linalg.solve(made.stiffness[inner, inner], (load - made.stiffness @ d)[inner])
        return d

    return solved
