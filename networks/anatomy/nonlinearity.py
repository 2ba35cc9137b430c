"""The polynomial degree of a function on one piece."""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev


def degree(
    function: Callable[[np.ndarray], np.ndarray],
    low: float,
    high: float,
    most: int = 64,
    tolerance: float = 1e-13,
) -> int:
    """Degree of f: (n,) -> (n,) on [low, high], up to `most`: the last Chebyshev coefficient that counts.

    Coefficients below `tolerance` of the largest are rounding. L composed layers that are each of degree p on
    the piece have degree p^L; a composition of affine functions has degree 1.

    >>> degree(lambda x: (x**2 + x) ** 3, 0.1, 0.9)
    6
    """
    nodes = chebyshev.chebpts1(most + 1)
    values = function(low + (high - low) * (nodes + 1) / 2)
    size = np.abs(chebyshev.chebfit(nodes, values, most))
    counts = np.flatnonzero(size > tolerance * size.max())
    return int(counts[-1]) if len(counts) else 0
