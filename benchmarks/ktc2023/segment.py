"""From a conductivity on squares to an image of three classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np
from scipy.ndimage import distance_transform_edt, label, map_coordinates

from benchmarks.ktc2023.readings import PIXELS
from benchmarks.ktc2023.tank import Tank

SMALLEST = math.pi / 4 * (math.pi * PIXELS / 32) ** 2
"""Pixels of a disk as wide as the electrodes lie apart: the data say little of anything smaller."""


def pixels(tank: Tank, values: np.ndarray) -> np.ndarray:
    """(256, 256), row 0 at the top: bilinear between the squares inside; nan outside of the tank."""
    rows, columns = tank.model.shape
    grid = np.full((rows, columns), np.nan)
    grid.flat[tank.inside] = values
    nearest = distance_transform_edt(np.isnan(grid), return_distances=False, return_indices=True)
    grid = grid[tuple(nearest)]
    middle = (np.arange(PIXELS) + 0.5) / PIXELS
    where = np.meshgrid(middle[::-1] * rows - 0.5, middle * columns - 0.5, indexing="ij")
    image = map_coordinates(grid, where, order=1, mode="nearest")
    y, x = np.meshgrid(2 * middle - 1, 2 * middle - 1, indexing="ij")
    return np.where(x**2 + y**2 <= 1, image, np.nan)


def by_peaks(image: np.ndarray, least: float, share: float, smallest: float = SMALLEST) -> np.ndarray:
    """1 where log(σ/water) is low, 2 where it is high, 0 elsewhere.

    An inclusion is a connected part beyond `least` either way; of it the pixels beyond the `share` of its own
    extreme are kept, since the blur of an edge is the wider the farther it lies from the electrodes. Parts of
    fewer than `smallest` pixels are left out.
    """
    kinds = np.zeros(image.shape, int)
    for kind, height in ((1, -np.nan_to_num(image)), (2, np.nan_to_num(image))):
        top = np.where(height > least, over_parts(height, height > least, np.max), np.inf)
        high = height > np.maximum(least, share * top)
        kinds[high & (over_parts(np.ones(image.shape), high, np.sum) >= smallest)] = kind
    return kinds


def over_parts(values: np.ndarray, mask: np.ndarray, reduce: Callable) -> np.ndarray:
    """At the pixels of each connected part of `mask`: `reduce` of the values there; zero elsewhere."""
    part, count = cast("tuple[np.ndarray, int]", label(mask))
    found = [0.0, *(reduce(values[part == number]) for number in range(1, count + 1))]
    return np.array(found)[part]


def by_otsu(image: np.ndarray, bins: int = 256) -> np.ndarray:
    """Otsu's two thresholds; water is the largest of the three classes.

    Where water is the lowest class the other two are both conductive, where it is the highest both resistive.
    """
    low, high = otsu(image[np.isfinite(image)], bins)
    kind = (image > low).astype(int) + (image > high)
    inside = np.isfinite(image)
    water = int(np.argmax(np.bincount(kind[inside], minlength=3)))
    return np.where(inside & (kind < water), 1, np.where(inside & (kind > water), 2, 0))


def otsu(values: np.ndarray, bins: int) -> tuple[float, float]:
    """The two thresholds with the largest variance between classes (Otsu 1979)."""
    counts, edges = np.histogram(values, bins)
    share = np.concatenate([[0], np.cumsum(counts)]) / len(values)
    moment = np.concatenate([[0], np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)]) / len(values)

    def between(start, stop):
        weight = share[stop] - share[start]
        return np.where(weight > 0, (moment[stop] - moment[start]) ** 2 / np.where(weight > 0, weight, 1), 0)

    i, j = np.triu_indices(bins + 1, 1)
    best = np.argmax(between(0, i) + between(i, j) + between(j, bins))
    return float(edges[i[best]]), float(edges[j[best]])
