"""The data as a function of the unbounded numbers, and its derivatives."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Model:
    """The data as a function of the unbounded numbers z, and its Jacobian J (d, n); compiled once.

    Every evaluation is ready for derivatives, which costs little beside its solve: one program with the
    forward solve serves both, and derivatives compile no more than what they add.

    **Arguments:** `predict`, z -> (data, whether they may be used); `by`, how derivatives are made: "rows",
    "columns", "products" or "auto", see `how`.
    """

    def __init__(self, predict: Callable[[Any], tuple[Any, Any]], by: str):
        self.predict, self.by = predict, by
        self._linear = jax.jit(partial(jax.vjp, predict, has_aux=True))
        self._pull, self._push = jax.jit(pulled), jax.jit(pushed)
        self._rows, self._columns = jax.jit(rows), jax.jit(columns)
        self._last: tuple[np.ndarray, Any] | None = None
        self.count, self.products = 0, 0

    def length(self, z: np.ndarray) -> int:
        """Number of data."""
        return jax.eval_shape(self.predict, jnp.asarray(z))[0].shape[0]

    def many(self, z: np.ndarray) -> np.ndarray:
        """Data (s, d) of several z (s, n), nan where the solver did not converge."""
        return np.stack([self(each) for each in z])

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Data (d,), nan where the solver did not converge."""
        self.count += 1
        self._last = None  # what it holds is large
        data, pull, good = self._linear(jnp.asarray(z))
        self._last = z, pull
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
        return self.rows(z, data) if by_rows else self.columns(z, data)

    def rows(self, z: np.ndarray, data: int) -> np.ndarray:
        """J by adjoint solves."""
        self.products += data
        return np.asarray(self._rows(self._at(z), jnp.zeros(data)))

    def columns(self, z: np.ndarray, data: int) -> np.ndarray:
        """J by tangent solves."""
        self.products += len(z)
        return np.asarray(self._columns(self._at(z), jnp.zeros(data), jnp.asarray(z)))

    def _at(self, z: np.ndarray) -> Any:
        """w -> Jᵀ w at z, from the last evaluation if that was there."""
        if self._last is None or self._last[0] is not z:
            self(z)
        assert self._last is not None
        return self._last[1]

    def linear(self, z: np.ndarray, data: int) -> tuple[Callable, Callable]:
        """v (n,) -> J v and w (d,) -> Jᵀ w, a tangent or an adjoint solve each; linearised here and now."""
        pull, like = self._at(z), jnp.zeros(data)

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


def pulled(pull, w):
    """Jᵀ w."""
    return pull(w)[0]


def pushed(pull, like, v):
    """J v from w -> Jᵀ w: the transpose of the adjoint is the tangent at the same linearisation."""
    return jax.linear_transpose(partial(pulled, pull), like)(v)[0]


def rows(pull, like):
    """Jacobian (d, n) by adjoint solves, one for each datum."""
    return jax.lax.map(partial(pulled, pull), jnp.eye(len(like), dtype=like.dtype))


def columns(pull, like, z):
    """Jacobian (d, n) by tangent solves, one for each unknown."""
    return jax.lax.map(partial(pushed, pull, like), jnp.eye(len(z), dtype=z.dtype)).T
