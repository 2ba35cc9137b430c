"""The challenge's score of an image: structural similarity of the masks of the two kinds of inclusion."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

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
    inside = windowed(np.ones_like(x))

    def local(values):
        return windowed(values) / inside

    mean_x, mean_y = local(x), local(y)
    var_x, var_y = local(x * x) - mean_x**2, local(y * y) - mean_y**2
    both = local(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    return float(np.mean(top / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))))


def windowed(values: np.ndarray) -> np.ndarray:
    window = np.exp(-((np.arange(-REACH, REACH + 1) / WIDTH) ** 2) / 2)
    for axis in (0, 1):
        values = correlate1d(values, window, axis, mode="constant")
    return values
