"""Borders between regions: which pieces of the regions' outlines separate two of them."""

import numpy as np
import shapely

BESIDE = 1e-6
"""How far from a border, as a fraction of its piece's length, its two sides are looked at."""


def topmost(regions, points: np.ndarray) -> np.ndarray:
    """Number of the topmost region at points (n, 2), -1 where there is none."""
    found = np.full(len(points), -1)
    for number, (_, shape) in enumerate(regions):
        shapely.prepare(shape)
        found[shapely.contains_xy(shape, points)] = number
    return found


def sides(regions, points: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Topmost regions (n, 2) on the left and on the right of segments (n, 2) of `points`."""
    ends = points[segments]
    along = ends[:, 1] - ends[:, 0]
    aside = BESIDE * np.stack([-along[:, 1], along[:, 0]], -1)
    middle = ends.mean(1)
    return np.stack([topmost(regions, middle + aside), topmost(regions, middle - aside)], -1)


def separating(regions, points: np.ndarray, segments: np.ndarray):
    """The segments that have regions of different names on their two sides, and these regions (n, 2)."""
    names = np.array([name for name, _ in regions] + [""], object)
    both = sides(regions, points, segments)
    differ = names[both[:, 0]] != names[both[:, 1]]
    return segments[differ], both[differ]
