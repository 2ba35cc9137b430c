"""Splines whose knots move to where a function needs them.

The unknowns d of a cover of one variable are found by one linear solve for every position of the knots, and
the knots follow the gradient of what is left (variable projection: Golub and Pereyra 1973; the free-knot
splines of Jupp 1978). At the best d the derivative by the knots is the partial one. With free knots the L2
error of splines of degree p falls as N^(−p−1) also for functions whose derivatives are not bounded, such as
x^0.6, where equal gaps of hats give N^(−1.1) (DeVore, Nonlinear approximation, Acta Numerica 1998).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from scipy.optimize import minimize

from networks.covers import Splines
from networks.manifold_net import ManifoldLayer, ManifoldNet
from nmm.errors import InputError

POINTS = 16
"""Gauss points in a cell; they move with the knots."""


@dataclass(frozen=True, eq=False)
class KnotFit:
    """Splines fitted to a function: the `net` of one layer, and its L2 `error`.

    `before` is the error of the best splines on the knots that training began with, `steps` how often the
    knots moved.
    """

    net: ManifoldNet
    error: float
    before: float
    steps: int

    @property
    def cover(self) -> Splines:
        """The cover, with its knots as they are now."""
        return self.net.layers[0].cover


def fit_knots(function: Callable[[jax.Array], jax.Array], cover: Splines, steps: int = 200) -> KnotFit:
    """The splines nearest to a function in L2, knots and unknowns, from the knots of `cover`.

    `function` turns points (n, 1) into values (n,) or (n, c). The knots move by L-BFGS, at most `steps`
    times; with `steps=0` they stay. What is found is a local minimum. For many functions of one form pass a
    `jax.tree_util.Partial` of their parameters, and they share one program.

    **Raises:** `InputError` for a cover that is no spline of one variable, or values that do not fit.
    """
    if not isinstance(cover, Splines):
        raise InputError(f"found {type(cover).__name__}, expected splines of one variable", where="cover")
    if steps < 0:
        raise InputError(f"found {steps} steps, expected 0 or more", where="steps")
    shape = jax.eval_shape(function, jax.ShapeDtypeStruct((3, 1), cover.gaps.dtype)).shape
    if shape[:1] != (3,) or len(shape) > 2:
        raise InputError(f"the function turns points (3, 1) into {shape}, expected (3,) or (3, c)")

    wrapped = function if isinstance(function, Partial) else Partial(function)

    def downhill(gaps):
        (value, _), slope = look(jnp.asarray(gaps, cover.gaps.dtype), cover, wrapped)
        return float(value), np.asarray(slope, float)

    start, moved = np.asarray(cover.gaps, float), 0
    best = start
    if steps:
        found = minimize(
            downhill,
            start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": steps, "maxcor": 30, "ftol": 1e-13, "gtol": 1e-8},
        )
        best, moved = found.x, int(found.nit)
    made = replace(cover, gaps=jnp.asarray(best, cover.gaps.dtype))
    (_, (before, _)), _ = look(cover.gaps, cover, wrapped)
    (_, (square, unknowns)), _ = look(made.gaps, cover, wrapped)
    net = ManifoldNet([ManifoldLayer(made, unknowns[:, None])])
    return KnotFit(net, float(jnp.sqrt(square)), float(jnp.sqrt(before)), moved)


@jax.jit
@partial(jax.value_and_grad, has_aux=True)
def look(gaps: jax.Array, cover: Splines, function: Partial):
    """What is made small, the square of the error and the unknowns, and the gradient by the gaps."""
    square, whole, unknowns = misfit(function, replace(cover, gaps=gaps))
    return jnp.log(square + jnp.finfo(square.dtype).eps ** 2 * whole), (square, unknowns)


def misfit(function: Callable, cover: Splines) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Square of the L2 distance of a function to the splines of a cover, its own square, the unknowns (k, c).

    Derivatives are right as if the unknowns were held.
    """
    x, weight = gauss(cover)
    basis, values = cover(x), function(x)
    values = values.reshape(len(x), -1)
    fixed, target = jax.lax.stop_gradient((basis, values))
    scale = 1 / jnp.sqrt(jax.lax.stop_gradient(weight) @ fixed**2)
    scaled = fixed * scale
    weighted = scaled.T * jax.lax.stop_gradient(weight)
    unknowns = scale[:, None] * jnp.linalg.solve(weighted @ scaled, weighted @ target)
    unknowns = jax.lax.stop_gradient(unknowns)
    square = weight @ jnp.sum((basis @ unknowns - values) ** 2, -1)
    return square, weight @ jnp.sum(values**2, -1), unknowns


def gauss(cover: Splines) -> tuple[jax.Array, Any]:
    """Points (n, 1) and weights (n,) in the cells of a cover, which move with its knots."""
    place, share = np.polynomial.legendre.leggauss(POINTS)
    knots = cover.knots
    sizes = jnp.diff(knots)[:, None]
    return (knots[:-1, None] + sizes * (1 + place) / 2).reshape(-1, 1), (sizes * share / 2).ravel()
