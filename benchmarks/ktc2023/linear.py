"""The organisers' kind of method, written anew: one linear step with a smooth prior."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.ktc2023.tank import Differences, Tank, predicted


def centres(tank: Tank) -> np.ndarray:
    """Positions (n, 2) of the squares inside, metres."""
    rows, columns = tank.model.shape
    xmin, ymin, xmax, ymax = tank.model.manifold.box
    row, column = np.divmod(tank.inside, columns)
    x = xmin + (column + 0.5) * (xmax - xmin) / columns
    return np.stack([x, ymin + (row + 0.5) * (ymax - ymin) / rows], -1)


def linear(tank: Tank, data: Differences, deviation: float = 0.3, length: float = 0.02) -> np.ndarray:
    """log(σ/water) on the squares inside: the mean of the linearised posterior under a Gaussian field.

    **Arguments:** the prior's `deviation` and correlation `length` (metres), covariance
    deviation² exp(-(d/length)²/2).
    """
    at = centres(tank)
    covariance = deviation**2 * np.exp(-cdist(at, at, "sqeuclidean") / (2 * length**2))
    _, slopes = predicted(tank, np.zeros(len(at)), data)
    gain = covariance @ slopes.T
    return gain @ np.linalg.solve(slopes @ gain + np.eye(len(slopes)), data.data.ravel())
