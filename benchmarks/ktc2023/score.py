"""The challenge's score of an image: structural similarity of the masks of the two kinds of inclusion."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

C1, C2 = 1e-4, 9e-4
WIDTH, REACH = 80.0, 160
"""Standard deviation and reach of the Gaussian window, pixels."""


def score(truth: np.ndarray, image: np.ndarray) -> float:
    """Mean similarity, at most 1, of the masks of classes 2 and 1."""
    return (similarity(truth == 2, image == 2) + similarity(truth == 1, image == 1)) / 2


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) of two masks, averaged over all pixels.

    The window is normalised by its weight inside of the image.
    """
    x, y = first.astype(float), second.astype(float)
    down, across = (window(size) for size in x.shape)

    def local(values):
        return down @ values @ across.T

    mean_x, mean_y = local(x), local(y)
    var_x, var_y = local(x * x) - mean_x**2, local(y * y) - mean_y**2
    both = local(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    return float(np.mean(top / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))))


@lru_cache
def window(size: int) -> np.ndarray:
    """(size, size): weights of a mean around each pixel of a line."""
    away = np.arange(size)[:, None] - np.arange(size)
    weights = np.where(np.abs(away) <= REACH, np.exp(-((away / WIDTH) ** 2) / 2), 0.0)
    return weights / weights.sum(1, keepdims=True)
