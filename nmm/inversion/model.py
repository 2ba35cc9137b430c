"""The data as a function of the unbounded numbers, and its derivatives."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Model:
    """The data as a function of the unbounded numbers z, and its Jacobian J (d, n); compiled once.

    **Arguments:** `predict`, z -> (data, whether they may be used); `by`, how derivatives are made: "rows",
    "columns", "products" or "auto", see `how`.
    """

    def __init__(self, predict: Callable[[Any], tuple[Any, Any]], by: str):
        self.plain, self.by = predict, by
        self.predict = jax.jit(predict)
        self._rows, self._columns = jax.jit(partial(rows, predict)), jax.jit(partial(columns, predict))
        self._linear = jax.jit(partial(jax.vjp, predict, has_aux=True))
        self._pull, self._push = jax.jit(lambda pull, w: pull(w)[0]), jax.jit(pushed)
        self._many = jax.jit(lambda z: jax.lax.map(predict, z))
        self._last: tuple[np.ndarray, Any] | None = None
        self.count, self.products = 0, 0

    def length(self, z: np.ndarray) -> int:
        """Number of data."""
        return jax.eval_shape(self.predict, jnp.asarray(z))[0].shape[0]

    def many(self, z: np.ndarray) -> np.ndarray:
        """Data (s, d) of several z (s, n) by one compiled program, nan where the solver did not converge."""
        self.count += len(z)
        data, good = self._many(jnp.asarray(z))
        return np.where(np.asarray(good)[:, None], np.asarray(data), np.nan)

    def __call__(self, z: np.ndarray, keep: bool = False) -> np.ndarray:
        """Data (d,), nan where the solver did not converge; with `keep`, ready for `linear` at z."""
        self.count += 1
        if keep:
            self._last = None  # what it holds is large
            data, pull, good = self._linear(jnp.asarray(z))
            self._last = z, pull
        else:
            data, good = self.predict(jnp.asarray(z))
        return np.where(good, np.asarray(data), np.nan)

    def how(self, data: int, unknowns: int) -> str:
        """ "rows", "columns" or "products": "auto" is what takes the fewest solves."""
        if self.by != "auto":
            return self.by
        if min(data, unknowns) > MANY:
            return "products"
        return "rows" if data < unknowns else "columns"

    def jacobian(self, z: np.ndarray, data: int) -> np.ndarray:
        """J (d, n): a solve for each datum or for each unknown, whatever is less or was asked for."""
        by_rows = data < len(z) if self.by in ("auto", "products") else self.by == "rows"
        self.products += data if by_rows else len(z)
        return np.asarray((self._rows if by_rows else self._columns)(jnp.asarray(z)))

    def linear(self, z: np.ndarray, data: int) -> tuple[Callable, Callable]:
        """v (n,) -> J v and w (d,) -> Jᵀ w, a tangent or an adjoint solve each; linearised here and now."""
        if self._last is None or self._last[0] is not z:
            self(z, keep=True)
        assert self._last is not None
        pull, like = self._last[1], jnp.zeros(data)

        def push(v):
            self.products += 1
            return np.asarray(self._push(pull, like, jnp.asarray(v)))

        def back(w):
            self.products += 1
            return np.asarray(self._pull(pull, jnp.asarray(w)))

        return push, back


MANY = 1000
"""Data and unknowns beyond which the Jacobian is not formed unless asked for.

With 900 data, 961 unknowns and the strength chosen, products took 0.84 of the solves of rows; with a given
strength 0.2 of them.
"""


def pushed(pull, like, v):
    """J v from w -> Jᵀ w: the transpose of the adjoint is the tangent at the same linearisation."""
    return jax.linear_transpose(lambda w: pull(w)[0], like)(v)[0]


def rows(predict, z):
    """Jacobian (d, n) by adjoint solves, one for each datum."""
    data, pull, _ = jax.vjp(predict, z, has_aux=True)
    return jax.lax.map(lambda one: pull(one)[0], jnp.eye(len(data), dtype=data.dtype))


def columns(predict, z):
    """Jacobian (d, n) by tangent solves, one for each unknown."""
    push = lambda one: jax.jvp(lambda v: predict(v)[0], (z,), (one,))[1]  # noqa: E731
    return jax.lax.map(push, jnp.eye(len(z), dtype=z.dtype)).T
