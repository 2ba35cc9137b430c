"""Weight functions of one cell as functions of the position inside its square, (xi, eta) in [0, 1]^2.

On squares they are tensor products of uniform B-splines of degree p (de Boor, A Practical Guide to
Splines, 1978): p = 1 are the bilinear hat functions. On the two triangles of a square they are the linear
hat functions. Their sum is 1. Weights are numbered like the nodes of a lattice: weight (i, j) of degree p
lives on the squares i - p … i times j - p … j, so that the square (i, j) carries the weights i … i + p times
j … j + p.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Steps = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Weights:
    """The weight functions of a lattice: its shape, "quad" or "triangle", and their degree."""

    shape: str
    degree: int = 1

    @cached_property
    def nodes(self) -> tuple[Steps, ...]:
        """Nodes (x, y) of each type of cell, from the first of its square, in the order of weights."""
        if self.shape == "triangle":
            return ((0, 0), (1, 0), (1, 1)), ((0, 0), (1, 1), (0, 1))
        along = range(self.degree + 1)
        return (tuple((x, y) for y in along for x in along),)

    @property
    def types(self) -> int:
        """Types of cells in a square."""
        return len(self.nodes)

    @property
    def per_cell(self) -> int:
        """Weights of a cell."""
        return len(self.nodes[0])

    @cached_property
    def offsets(self) -> Steps:
        """Steps (x, y) from a node to the nodes that it shares a cell with."""
        return tuple(sorted({(bx - ax, by - ay) for t in self.nodes for ax, ay in t for bx, by in t}))

    def values(self, xi, upper: Any = None, xp=np):
        """Weights (..., k) at xi (..., 2); `upper` (...) tells whether a triangle is the upper one."""
        x, y = xi[..., 0], xi[..., 1]
        if self.shape == "quad":
            by_x, by_y = splines(self.degree, x), splines(self.degree, y)
            return xp.stack([a * b for b in by_y for a in by_x], -1)
        low = xp.stack([1 - x, x - y, y], -1)
        high = xp.stack([1 - y, x, y - x], -1)
        return xp.where(upper[..., None], high, low)

    def gradients(self, xi, upper: Any = None, xp=np):
        """Derivatives (..., k, 2) of `values` by xi and eta."""
        if self.shape == "quad":
            x, y = xi[..., 0], xi[..., 1]
            by_x, by_y = splines(self.degree, x), splines(self.degree, y)
            slope_x, slope_y = slopes(self.degree, x), slopes(self.degree, y)
            first = xp.stack([a * b for b in by_y for a in slope_x], -1)
            second = xp.stack([a * b for b in slope_y for a in by_x], -1)
            return xp.stack([first, second], -1)
        low = xp.asarray([[-1.0, 0.0], [1.0, -1.0], [0.0, 1.0]], dtype=xi.dtype)
        high = xp.asarray([[0.0, -1.0], [1.0, 0.0], [-1.0, 1.0]], dtype=xi.dtype)
        return xp.where(upper[..., None, None], high, low)

    def normal_derivatives(self, xi, normal: np.ndarray, upper: Any = None, xp=np):
        """Derivatives (..., k) of order p along a `normal` (2,), which is that of a lattice line."""
        if self.degree == 1:
            return self.gradients(xi, upper, xp) @ normal
        axis = int(abs(normal[1]) > 0.5)
        parts = [splines(self.degree, xi[..., d]) for d in range(2)]
        parts[axis] = slopes(self.degree, xi[..., axis], self.degree)
        return normal[axis] ** self.degree * xp.stack([a * b for b in parts[1] for a in parts[0]], -1)

    def two_scale(self, within: np.ndarray, kind: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """The weights of a coarse cell in terms of those of cells in it: (n, fine k, coarse k).

        `within` (n, 2) is the place of the fine squares in the coarse one, 0 or 1, `kind` (n,) the type of
        the fine cells and `upper` (n,) whether the coarse one is an upper triangle. A B-spline is the sum of
        those of half its size with the coefficients 2^-p C(p + 1, k); a hat function takes its values.
        """
        nodes = np.array(self.nodes)
        if self.shape == "triangle":
            xi = (within[:, None] + nodes[kind]) / 2
            return self.values(xi, np.broadcast_to(upper[:, None], xi.shape[:2]))
        coefficient = np.append(two_scale_coefficients(self.degree), 0.0)
        k = within[:, None, None] + nodes[0][:, None] - 2 * nodes[0] + self.degree
        k = np.where((k >= 0) & (k <= self.degree + 1), k, self.degree + 2)
        return coefficient[k].prod(-1)


def splines(degree: int, t) -> list[Any]:
    """The degree + 1 uniform B-splines on one interval at t in [0, 1], by their recursion.

    The first one ends with the interval, the last one begins with it; all terms are positive, so that small
    values keep their digits.
    """
    rows: list[Any] = [1 - t, t]
    for p in range(2, degree + 1):
        inner = [((t + (p - a)) * rows[a - 1] + ((1 + a) - t) * rows[a]) / p for a in range(1, p)]
        rows = [(1 - t) * rows[0] / p, *inner, t * rows[-1] / p]
    return rows


def slopes(degree: int, t, order: int = 1) -> list[Any]:
    """Derivatives of `splines`, of an order up to their degree; numbers where they are constant."""
    if degree == 1:
        return [-1.0, 1.0]
    before = splines(degree - 1, t) if order == 1 else slopes(degree - 1, t, order - 1)
    inner = [before[a] - before[a + 1] for a in range(degree - 1)]
    return [-before[0], *inner, before[-1]]


def two_scale_coefficients(degree: int) -> np.ndarray:
    """Coefficients (degree + 2,) of a B-spline in those of half its size."""
    row = np.ones(1)
    for _ in range(degree + 1):
        row = np.convolve(row, [1.0, 1.0])
    return row / 2**degree
