"""The functions that span the approximation in one cell: weights times the monomials of local functions.

A local function of order q about the node x_i of a weight is Σ d_ij p_j((x - x_i) / h) with the monomials
1, ξ, η, ξ², … up to degree q. On hat weights of order q ≥ 1 they are linearly dependent, though the solution
is unique: see `linear.Direct`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nmm.cover.weights import Weights


@dataclass(frozen=True)
class Functions:
    """Products w_a p_j, the monomials p_j of each weight w_a side by side; `order` of the monomials."""

    weights: Weights
    order: int = 0

    @cached_property
    def powers(self) -> tuple[tuple[int, int], ...]:
        """Powers (i, j) of the monomials, the constant first."""
        return tuple((n - j, j) for n in range(self.order + 1) for j in range(n + 1))

    @property
    def per_patch(self) -> int:
        """Functions of a patch."""
        return len(self.powers)

    @property
    def per_cell(self) -> int:
        """Functions of a cell."""
        return self.weights.per_cell * self.per_patch

    @property
    def total(self) -> int:
        """Degree of the functions in a cell, as polynomials in two variables."""
        return self.order + self.weights.degree * (2 if self.weights.shape == "quad" else 1)

    @property
    def complete(self) -> int:
        """Degree up to which every polynomial is among the functions."""
        return self.order + self.weights.degree

    def values(self, xi, upper: Any = None, xp=np):
        """Functions (..., n) at xi (..., 2); `upper` (...) tells whether a triangle is the upper one."""
        weights = self.weights.values(xi, upper, xp)
        if self.order == 0:
            return weights
        value, _ = self._monomials(xi, upper, xp)
        return flat(weights[..., None] * value)

    def gradients(self, xi, upper: Any = None, xp=np):
        """Derivatives (..., n, 2) of `values` by xi and eta."""
        slopes = self.weights.gradients(xi, upper, xp)
        if self.order == 0:
            return slopes
        weights = self.weights.values(xi, upper, xp)
        value, slope = self._monomials(xi, upper, xp)
        parts = [flat(slopes[..., d, None] * value + weights[..., None] * slope[d]) for d in range(2)]
        return xp.stack(parts, -1)

    def _monomials(self, xi, upper, xp):
        """Monomials (..., k, m) about the nodes of the weights, and their derivatives by xi and eta."""
        nodes = [np.array(kind, float) for kind in self.weights.nodes]
        at = nodes[0] if len(nodes) == 1 else xp.where(upper[..., None, None], nodes[1], nodes[0])
        x, y = xi[..., None, 0] - at[..., 0], xi[..., None, 1] - at[..., 1]
        px, py = ([t**0 * 1.0, *(t**n for n in range(1, self.order + 1))] for t in (x, y))
        dx, dy = ([0.0 * t, *(n * p[n - 1] for n in range(1, self.order + 1))] for t, p in ((x, px), (y, py)))
        value = xp.stack([px[i] * py[j] for i, j in self.powers], -1)
        by_x = xp.stack([dx[i] * py[j] for i, j in self.powers], -1)
        by_y = xp.stack([px[i] * dy[j] for i, j in self.powers], -1)
        return value, (by_x, by_y)


def flat(array):
    """`array` (..., k, m) as (..., k m)."""
    *rows, k, m = array.shape
    return array.reshape(*rows, k * m)
