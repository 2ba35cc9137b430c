"""The learning space: what a step of training can reach to first order.

The papers' own definition is not available to us; ours is the tangent space of the model at its parameters:
the columns of J = ∂f(x)/∂θ, as functions on the data.
"""

from typing import Any

import numpy as np
from scipy.linalg import subspace_angles

from networks.anatomy.freedom import LOST


def tangent_space(derivatives: Any, tolerance: float = LOST) -> np.ndarray:
    """An orthonormal basis (rows, k) of the columns of J (rows, P)."""
    vectors, values, _ = np.linalg.svd(np.asarray(derivatives, float), full_matrices=False)
    return vectors[:, values > tolerance * values[:1]]


def principal_angles(one: Any, other: Any) -> np.ndarray:
    """Angles in radians, the largest first, between the spaces that two bases (rows, k), (rows, l) span.

    >>> bool(principal_angles([[1.0], [0.0]], [[2.0], [0.0]])[0] < 1e-15)
    True
    """
    return subspace_angles(np.asarray(one, float), np.asarray(other, float))


def share_inside(basis: Any, residual: Any) -> float:
    """Share ‖projection‖² / ‖residual‖² of a residual (rows,) in the space of an orthonormal basis."""
    residual = np.asarray(residual, float).reshape(-1)
    size = residual @ residual
    part = np.asarray(basis).T @ residual
    return float(part @ part / size) if size > 0 else 1.0
