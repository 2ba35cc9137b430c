"""Weight functions of one cell as functions of the position inside its square, (xi, eta) in [0, 1]^2.

They are hat functions, bilinear on squares and linear on the two triangles of a square. Their sum is 1
and their order is that of `Grid.cell_nodes`.
"""

from typing import Any

import numpy as np


def hat_values(shape: str, xi, upper: Any = None, xp=np):
    """Weights (..., 4) on squares or (..., 3) on triangles at xi (..., 2).

    `upper` (...) tells for triangles whether the cell is the upper one of its square.
    """
    x, y = xi[..., 0], xi[..., 1]
    if shape == "quad":
        return xp.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], -1)
    low = xp.stack([1 - x, x - y, y], -1)
    high = xp.stack([1 - y, x, y - x], -1)
    return xp.where(upper[..., None], high, low)


def hat_gradients(shape: str, xi, upper: Any = None, xp=np):
    """Derivatives (..., 4, 2) or (..., 3, 2) of `hat_values` by xi and eta."""
    x, y = xi[..., 0], xi[..., 1]
    if shape == "quad":
        by_x = xp.stack([-(1 - y), 1 - y, -y, y], -1)
        by_y = xp.stack([-(1 - x), -x, 1 - x, x], -1)
        return xp.stack([by_x, by_y], -1)
    low = xp.asarray([[-1.0, 0.0], [1.0, -1.0], [0.0, 1.0]], dtype=xi.dtype)
    high = xp.asarray([[0.0, -1.0], [1.0, 0.0], [-1.0, 1.0]], dtype=xi.dtype)
    return xp.where(upper[..., None, None], high, low)
