"""Regions of a ReLU network along lines and on planes, exactly, and an independent way to find them.

`networks.to_manifold` enumerates them. Here are lines through inputs of any dimension, the difference
between a region (a set of neurons that are on) and a piece (a slope), and brute force on a fine grid to check
against.
"""

from typing import Any

import numpy as np

from networks.cells import Cells, Intervals
from networks.relu import ReLU
from networks.splitting import to_manifold
from nmm.errors import InputError

LARGEST = 500_000_000
"""Numbers that a line may need at once."""


def on_line(network: ReLU, start: Any, end: Any) -> Intervals:
    """The network on the segment from `start` (d,) to `end` (d,), as a function of the share of the way.

    Every node is a bend of the path of activations. The values of a layer are kept at all nodes at once.

    >>> tent = ReLU.of([[[1.0, 0.0], [1.0, 0.0]], [[2.0, -4.0]]], [[0.0, -0.5], [0.0]])
    >>> len(on_line(tent, [0.0, 3.0], [1.0, 5.0]))
    2

    **Raises:** `InputError` for layers so wide that these would not fit into memory.
    """
    if network.neurons * max(network.sizes) > LARGEST:
        raise InputError(
            f"found {network.neurons:,} neurons and a layer of {max(network.sizes):,}, "
            f"expected at most {LARGEST:,} as their product",
            where="on_line",
            hint="networks.anatomy.events.bends goes from bend to bend instead",
        )
    start, end = np.asarray(start, float), np.asarray(end, float)
    return on_interval(network.on(start, (end - start)[None]))


def on_interval(network: ReLU, low: float = 0.0, high: float = 1.0) -> Intervals:
    """A network of one input on [low, high]."""
    found = to_manifold(network, (low, high))
    assert isinstance(found, Intervals)
    return found


def on_rectangle(network: ReLU, box: Any) -> Cells:
    """A network of two inputs on a box (xmin, ymin, xmax, ymax)."""
    found = to_manifold(network, box)
    assert isinstance(found, Cells)
    return found


def pieces(found: Intervals, tolerance: float = 1e-9) -> int:
    """Affine pieces: neighbouring intervals of one slope, to a share of the steepest, count once."""
    slopes = found.slopes
    changes = np.abs(np.diff(slopes, axis=0)).max(1, initial=0.0)
    return 1 + int((changes > tolerance * np.abs(slopes).max(initial=0.0)).sum())


def patterns_on_grid(network: ReLU, box: Any, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Sign patterns by brute force: points (n, 2) of a grid inside a box, and neurons on (n, neurons) there.

    Knows nothing of how cells are split: what is found here must be found there.
    """
    low, high = np.reshape(np.asarray(box, float), (2, 2))
    share = (np.arange(points) + 0.5) / points
    x, y = np.meshgrid(*(low[k] + share * (high[k] - low[k]) for k in (0, 1)))
    grid = np.stack([x.ravel(), y.ravel()], -1)
    return grid, np.concatenate(network.pattern(grid), 1)


def disagreements(network: ReLU, cells: Cells, box: Any, points: int) -> int:
    """Points of a fine grid whose neurons are not those of the cell they lie in, by brute force.

    Adds the cells that are larger than the mesh and that no point of the grid has found.
    """
    grid, pattern = patterns_on_grid(network, box, points)
    where = cells.locate(grid)
    wrong = (cells.active[where] != pattern).any(1)
    low, high = np.reshape(np.asarray(box, float), (2, 2))
    reach = np.hypot(*(high - low)) / points
    unseen = np.setdiff1d(np.arange(len(cells)), where)
    # A convex cell holds a disk of radius at least a third of area / half the perimeter.
    length = np.linalg.norm(np.subtract(*(cells.vertices[cells.sides[:, k]] for k in (0, 1))), axis=1)
    radius = cells.areas / np.bincount(cells.owner, length, len(cells))
    return int(wrong.sum() + (radius[unseen] > reach).sum())


def square_error(found: Intervals) -> float:
    """max |f − x²| of a piecewise affine f, exactly: at the ends of intervals and where the slope is 2x."""
    x, f, slope = found.nodes, found.values[:, 0], found.slopes[:, 0]
    inside = np.clip(slope / 2, x[:-1], x[1:])
    there = f[:-1] + slope * (inside - x[:-1]) - inside**2
    return float(max(np.abs(f - x**2).max(), np.abs(there).max()))
