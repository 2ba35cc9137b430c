"""Mean dilatation: elements give the gradients of their weights beside their means over the element.

The hats of squares have gradients that are linear in the position, so that the mean over an element, whole or
cut, is the gradient at its centroid. A density of the wide gradient (see `models.averaged`) then has a tangent
of blocks, with which everything that is made for plain gradients works as it stands.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nmm.manifold.manifold import Manifold
from nmm.manifold.rules import element_points
from nmm.physics.models import columns


def centroids(manifold: Manifold) -> np.ndarray:
    """Centroids (elements, 2) of all elements in their squares."""
    return manifold.cached("centroids", lambda: element_points(manifold)[0].mean(1))


def doubled(density: Callable, normal: Any, xp: Any = np) -> Any:
    """Normals (n, columns) that take a wide stress to the traction: its blocks add up to the stress."""
    return xp.concatenate([normal, normal], -1) if columns(density) == 4 else normal


def folded(tangent: Any) -> Any:
    """Derivative (n, c, 2, c, 2) of the stress by the averaged gradient, of a tangent that may be wide."""
    n, c, wide = tangent.shape[:3]
    return tangent.reshape(n, c, wide // 2, 2, c, wide // 2, 2).sum((2, 5))
