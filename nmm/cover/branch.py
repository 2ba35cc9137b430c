"""The four branch functions of a crack tip (Belytschko and Black 1999; Moës, Dolbow and Belytschko 1999).

√r sin(θ/2), √r cos(θ/2), √r sin θ sin(θ/2), √r sin θ cos(θ/2) span the leading term of Williams' series; the
first jumps across the crack. Lengths are in lattice units.
"""

import numpy as np

COUNT = 4
"""Branch functions of a tip."""


def polar(points: np.ndarray, axis: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance (n,) and angle (n,) from the tip's direction of advance `axis` (n, 2), for offsets (n, 2).

    The angle jumps where the crack is: `side` (n,) says on which side of it a point's element lies, +1 left,
    -1 right, 0 for the element around the tip, in which the crack runs straight back. Beside a crack that
    bends, angles exceed π.
    """
    along = (points * axis).sum(-1)
    across = axis[..., 0] * points[..., 1] - axis[..., 1] * points[..., 0]
    angle = np.arctan2(across, along)
    behind = side * angle < -np.pi / 2
    return np.hypot(along, across), angle + 2 * np.pi * side * behind


def branch_functions(points: np.ndarray, axis: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, 4) and gradients (n, 4, 2) of the branch functions at offsets (n, 2) from the tip."""
    r, angle = polar(points, axis, side)
    root = np.sqrt(np.maximum(r, 1e-12))
    s, c = np.sin(angle / 2), np.cos(angle / 2)
    sin, cos = np.sin(angle), np.cos(angle)
    shape = np.stack([s, c, sin * s, sin * c], -1)
    by_angle = np.stack([c / 2, -s / 2, cos * s + sin * c / 2, cos * c - sin * s / 2], -1)
    outward = shape / (2 * root[..., None])
    around = by_angle / root[..., None]
    x = outward * cos[..., None] - around * sin[..., None]
    y = outward * sin[..., None] + around * cos[..., None]
    normal = np.stack([-axis[..., 1], axis[..., 0]], -1)
    gradient = x[..., None] * axis[..., None, :] + y[..., None] * normal[..., None, :]
    return shape * root[..., None], gradient
