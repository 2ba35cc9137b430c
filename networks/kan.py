"""Kolmogorov-Arnold networks: every layer a sum of manifolds of one variable.

A layer is y_q = Σ_p φ_qp(x_p) with φ(x) = b silu(x) + Σ_i c_i B_i(x), B_i the cubic B-splines on equal cells
(Liu et al. 2024, arXiv 2404.19756, equations 2.5 and 2.10): for each of its inputs a numerical manifold on a
fixed cover of a line. In the coefficients b and c a layer is linear.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from networks.covers import box_of
from networks.perceptron import checked_sizes, glorot
from nmm.errors import InputError

NOISE = 0.1
"""Coefficients of the splines at the start, as the paper draws them."""
REACH = 2.0
"""Hidden layers have splines on [-REACH, REACH], the first one on [-1, 1]: the box, as it sees it."""


class KAN(nnx.Module):
    """A network x (n, d) -> (n, outputs) on a box. Splines vanish beyond their cells, and silu goes on.

    `unknowns` (width · (cells + 4), outputs) are the coefficients of the last layer.
    """

    def __init__(
        self, box: Any, hidden: Sequence[int] = (5,), outputs: int = 1, cells: int = 5, seed: int = 0
    ):
        """**Raises:** `InputError` for no hidden layers, no cells, or what is no box."""
        low, high, _ = box_of(box, 1)
        if cells < 1:
            raise InputError(f"found {cells} cells, expected one or more", where="network")
        self.middle, self.half, self.cells = tuple((low + high) / 2), tuple((high - low) / 2), cells
        draw = np.random.default_rng(seed)
        sizes = [*checked_sizes(len(low), hidden), outputs]
        weights = [started(draw, a, b, cells) for a, b in pairwise(sizes)]
        self.weights = nnx.List([nnx.Param(w) for w in weights[:-1]])
        self.unknowns = nnx.Param(weights[-1])

    def __call__(self, x: Any, element: Any = None) -> jax.Array:
        """Values (n, outputs) at points (n, d)."""
        y, reach = jnp.asarray(x), 1.0
        y = (y - jnp.array(self.middle, y.dtype)) / jnp.array(self.half, y.dtype)
        for weight in [*self.weights, self.unknowns]:
            y = functions(y, self.cells, reach) @ weight.get_value()
            reach = REACH
        return y


def functions(y: jax.Array, cells: int, reach: float) -> jax.Array:
    """Splines on [-reach, reach] and silu of each coordinate of y (n, p): (n, p (cells + 4)).

    >>> functions(jnp.zeros((1, 1)), 2, 1.0).round(3).tolist()
    [[0.0, 0.167, 0.667, 0.167, 0.0, 0.0]]
    """
    place = (y[..., None] / reach + 1) * cells / 2
    away = jnp.abs(place - jnp.arange(-1, cells + 2))
    near = jnp.maximum(1 - away, 0)
    bumps = (jnp.maximum(2 - away, 0) ** 3 - 4 * near**3) / 6
    return jnp.concatenate([bumps, jax.nn.silu(y)[..., None]], -1).reshape(len(y), -1)


def started(draw: np.random.Generator, inputs: int, outputs: int, cells: int) -> jax.Array:
    """Coefficients (inputs · (cells + 4), outputs) at the start."""
    splines = NOISE / cells * draw.normal(size=(inputs, cells + 3, outputs))
    return jnp.concatenate([splines, glorot(draw, inputs, outputs)[:, None]], 1).reshape(-1, outputs)
