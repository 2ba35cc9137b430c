"""Derivatives of an energy density at zero gradient, and how many numbers its tangent really has."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import qr

from nmm.expressions import Expression
from nmm.physics.models import Model, columns
from nmm.physics.values import Product


def pairs(size: int) -> list[tuple[int, int]]:
    """Entries (row, column) of the upper triangle of a tangent (size, size); size is components × columns."""
    return [(i, j) for i in range(size) for j in range(i, size)]


def second(density: Callable, components: int, i: int, j: int) -> Callable:
    """Second derivative of the density by entries i and j of the gradient, at zero: values -> scalar."""
    shape = components, columns(density)
    ei, ej = (np.eye(shape[0] * shape[1])[k].reshape(shape) for k in (i, j))
    zero = np.zeros(shape)

    def first(gradient, values):
        return jax.jvp(lambda g: density(g, values), (gradient,), (ei,))[1]

    return lambda values: jax.jvp(lambda g: first(g, values), (zero,), (ej,))[1]


def tangent(density: Callable, components: int, values: Mapping[str, Any]) -> tuple[jax.Array, jax.Array]:
    """Second and first derivative (n, c, 2, c, 2) and (n, c, 2) at zero gradient for values (n, ...).

    With mean dilatation 4 takes the place of 2: `models.columns`.
    """
    zero = jnp.zeros((components, columns(density)))
    return jax.vmap(lambda v: (jax.hessian(density)(zero, v), jax.grad(density)(zero, v)))(dict(values))


def uniform(value: Any, params: Mapping[str, Any]) -> bool:
    """Whether a prepared value is one number for the whole domain."""
    if isinstance(value, tuple):
        return all(uniform(v, params) for v in value)
    if isinstance(value, Product):
        return uniform((value.first, value.second), params)
    if isinstance(value, Expression):
        scalar = all(not callable(params[n]) and np.ndim(params[n]) == 0 for n in value.names)
        return scalar and not value.uses & {"x", "y", "nx", "ny"}
    return not isinstance(value, Mapping) and not callable(value) and np.ndim(value) == 0


def isotropic(value: Any) -> bool:
    """Whether a prepared 2 x 2 value is a scalar times the identity by construction."""
    if isinstance(value, Mapping):
        return all(isotropic(v) for v in value.values())
    (xx, xy), (_, yy) = value
    same = xx is yy or (isinstance(xx, float | Expression) and xx == yy)
    return same and isinstance(xy, float) and xy == 0


def samples(model: Model, varying: frozenset[str], count: int = 16) -> list[dict[str, np.ndarray]]:
    """Plausible coefficients that differ in those that vary over the domain."""
    rng = np.random.default_rng(0)
    result = []
    for _ in range(count):
        values = {k: np.asarray(v, float) for k, v in (model.typical or {}).items()}
        for name in varying:
            scale = rng.uniform(0.5, 1.5)
            if name == "conductivity" and not isotropic(model.coefficients[name]):
                scale = scale + np.array([[0.0, 1.0], [1.0, 0.7]]) * rng.uniform(-0.3, 0.3, (2, 2))
                values[name] = (scale + scale.T) / 2 * np.array([[1.0, 1], [1, 1]])
                values[name] = values[name] * np.array([[1.0, 0.3], [0.3, 1.2]])
            else:
                values[name] = values[name] * scale
        result.append(values)
    return result


def rank(model: Model, varying: frozenset[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Entries of the tangent that determine all others, and as many samples that span it.

    A model without `typical` coefficients gets all entries and no samples.
    """
    shape = model.components, columns(model.density)
    entries = pairs(shape[0] * shape[1])
    if model.typical is None or any(k not in model.typical for k in model.coefficients):
        return tuple(range(len(entries))), ()
    found = samples(model, varying)
    used = {k: np.stack([s[k] for s in found]) for k in model.coefficients}
    with jax.ensure_compile_time_eval():
        full = jax.vmap(jax.hessian(model.density), (None, 0))(np.zeros(shape), used)
        full = np.asarray(full).reshape(len(found), shape[0] * shape[1], -1)
    table = full[:, *np.transpose(entries)]
    r = int(np.linalg.matrix_rank(table, tol=1e-10 * np.abs(table).max() * len(table)))
    pivots = qr(table, mode="r", pivoting=True)[-1]
    chosen = pivots[:r]
    rows = qr(table[:, chosen].T, mode="r", pivoting=True)[-1]
    return tuple(chosen.tolist()), tuple(rows[:r].tolist())
