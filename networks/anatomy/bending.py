"""How much a piecewise affine function bends."""

import numpy as np

from networks.cells import Cells, Intervals


def bend_energy(found: Cells | Intervals) -> float:
    """Σ ‖jump of ∇f‖ · length over the edges between cells; on a line the total variation of the slope.

    A definition of ours: the total variation of the gradient as a measure, for smooth f in one dimension
    ∫ |f''| dx.
    """
    if isinstance(found, Intervals):
        return float(np.linalg.norm(np.diff(found.slopes, axis=0), axis=1).sum())
    a, b, first, second = found.neighbours.T
    jump = np.linalg.norm(found.slopes[a] - found.slopes[b], axis=(1, 2))
    return float(jump @ np.linalg.norm(found.vertices[first] - found.vertices[second], axis=1))
