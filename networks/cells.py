"""What a ReLU network on an interval or a rectangle is: cells, node covers, affine local functions.

`splitting.to_manifold` makes them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from scipy.sparse import csr_array

from networks.relu import ReLU, from_nodes
from nmm.errors import InputError

ROUNDING = 256 * np.finfo(float).eps
"""Values below this share of what they were summed from count as zero."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """A piecewise affine function of one variable: `nodes` (n + 1,) and its `values` (n + 1, c) there.

    `active` (n, neurons) tells which neurons are on in each interval.
    """

    nodes: np.ndarray
    values: np.ndarray
    active: np.ndarray

    def __len__(self) -> int:
        return len(self.nodes) - 1

    @property
    def slopes(self) -> np.ndarray:
        """Slope (n, c) on each interval."""
        return np.diff(self.values, axis=0) / np.diff(self.nodes)[:, None]

    def __call__(self, points: Any) -> np.ndarray:
        """Values at points (n, 1): (n,) or (n, c); nan outside."""
        x = points_of(points, 1)[:, 0]
        found = [np.interp(x, self.nodes, column, np.nan, np.nan) for column in self.values.T]
        return found[0] if len(found) == 1 else np.stack(found, -1)

    def gradient(self, points: Any) -> np.ndarray:
        """Derivatives (n, c, 1) at points (n, 1); nan outside."""
        x = points_of(points, 1)[:, 0]
        interval = np.clip(np.searchsorted(self.nodes, x, "right") - 1, 0, len(self) - 1)
        inside = (x >= self.nodes[0]) & (x <= self.nodes[-1])
        return np.where(inside[:, None], self.slopes[interval], np.nan)[..., None]

    def to_network(self) -> ReLU:
        """The same function as a ReLU network with one hidden layer."""
        return from_nodes(self.nodes, self.values)


@dataclass(frozen=True, eq=False)
class Cells:
    """A piecewise affine function on a rectangle, as a manifold.

    The corners of cell e are `corners[starts[e]:starts[e + 1]]`, counterclockwise, numbers of `vertices`
    (V, 2); `values` (V, c) at the vertices; `slopes` (F, c, 2) and `constants` (F, c) of the affine local
    functions; `active` (F, neurons) the neurons that are on in each cell, so that column j is the cover of
    neuron j.
    """

    vertices: np.ndarray
    values: np.ndarray
    corners: np.ndarray
    starts: np.ndarray
    active: np.ndarray
    slopes: np.ndarray
    constants: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def owner(self) -> np.ndarray:
        """Cell of each corner."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @cached_property
    def sides(self) -> np.ndarray:
        """Directed sides (n, 2) of all cells, in the order of the corners."""
        return np.stack([self.corners, self.corners[following_corners(self.starts)]], -1)

    @cached_property
    def edges(self) -> np.ndarray:
        """Edges (E, 2), vertices in rising order."""
        return np.unique(np.sort(self.sides, axis=1), axis=0)

    @property
    def euler(self) -> int:
        """V − E + F, 1 for a disk."""
        return len(self.vertices) - len(self.edges) + len(self)

    @property
    def areas(self) -> np.ndarray:
        """Area (F,) of each cell."""
        first, second = (self.vertices[self.sides[:, k]] for k in (0, 1))
        twice = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        return np.bincount(self.owner, twice, len(self)) / 2

    @cached_property
    def neighbours(self) -> np.ndarray:
        """Cells (n, 2) that share a side, and vertices (n, 2) at its ends, as (n, 4)."""
        low = np.sort(self.sides, axis=1)
        order = np.lexsort(low.T)
        same = np.flatnonzero((low[order][1:] == low[order][:-1]).all(1))
        first, second = order[same], order[same + 1]
        return np.column_stack([self.owner[first], self.owner[second], low[first]])

    @property
    def boundary(self) -> np.ndarray:
        """Directed sides (n, 2) with a cell on one side only."""
        low = np.sort(self.sides, axis=1)
        _, which, count = np.unique(low, axis=0, return_inverse=True, return_counts=True)
        return self.sides[count[which] == 1]

    @property
    def jump(self) -> float:
        """Largest difference between the affine functions of two cells on a vertex they share."""
        a, b, *ends = self.neighbours.T
        gaps = [np.abs(self._affine(a, self.vertices[v]) - self._affine(b, self.vertices[v])) for v in ends]
        return float(np.max(gaps, initial=0.0))

    @cached_property
    def triangles(self) -> np.ndarray:
        """Vertices (T, 3) of triangles that the cells are fans of.

        With the hats of the vertices as weights and `values` as local functions this is the P1 manifold of
        the network: u = Σ w_i d_i, exactly.
        """
        following = following_corners(self.starts)
        first = self.corners[self.starts[:-1]][self.owner]
        inner = (np.arange(len(self.corners)) != self.starts[:-1][self.owner]) & (self.sides[:, 1] != first)
        return np.column_stack([first, self.corners, self.corners[following]])[inner]

    @cached_property
    def covers(self) -> csr_array:
        """Node covers (V, F): which cells (columns) meet at each vertex (rows)."""
        ones = np.ones(len(self.corners), bool)
        return csr_array((ones, (self.corners, self.owner)), (len(self.vertices), len(self)))

    @cached_property
    def polygons(self) -> np.ndarray:
        """The cells as shapely polygons (F,)."""
        xy = self.vertices[self.corners]
        return np.asarray(shapely.polygons(shapely.linearrings(xy, indices=self.owner)))

    def locate(self, points: Any) -> np.ndarray:
        """A cell (n,) that each point (n, 2) lies in, -1 outside the rectangle."""
        points = points_of(points, 2)
        reach = ROUNDING * np.abs(self.vertices).max()
        who, cell = self._tree.query(shapely.points(points), predicate="dwithin", distance=reach)
        found = np.full(len(points), -1)
        found[who] = cell
        return found

    def __call__(self, points: Any) -> np.ndarray:
        """Values at points (n, 2) by the cells they lie in: (n,) or (n, c); nan outside the rectangle."""
        cell = self.locate(points)
        found = np.where(cell[:, None] >= 0, self._affine(cell, points_of(points, 2)), np.nan)
        return found[:, 0] if found.shape[1] == 1 else found

    def gradient(self, points: Any) -> np.ndarray:
        """Derivatives (n, c, 2) at points (n, 2); nan outside the rectangle."""
        cell = self.locate(points)
        return np.where(cell[:, None, None] >= 0, self.slopes[cell], np.nan)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.polygons)

    def _affine(self, cell, points) -> np.ndarray:
        return np.einsum("nci,ni->nc", self.slopes[cell], points) + self.constants[cell]


def following_corners(starts: np.ndarray) -> np.ndarray:
    """Place of the next corner of the same cell."""
    following = np.arange(1, starts[-1] + 1)
    following[starts[1:] - 1] = starts[:-1]
    return following


def points_of(points: Any, inputs: int) -> np.ndarray:
    x = np.asarray(points, float)
    if x.ndim != 2 or x.shape[1] != inputs:
        raise InputError(f"points must be an array (n, {inputs}), found shape {x.shape}")
    return x
