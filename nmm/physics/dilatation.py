"""Mean dilatation: elements give the gradients of their weights beside their means over the element.

The hats of squares have gradients that are linear in the position, so that the mean over an element, whole
or cut, is the gradient at its centroid. The tangent of a density of such a wide gradient (see
`models.averaged`) consists of a deviatoric block (the first two columns) and a volumetric one, with which
everything that is made for plain gradients works as it stands.

The mean pressure is one number in an element. Dirichlet terms then need a penalty of the size of the bulk
modulus for one number of each piece alone, the mean of the normal displacement, and one of the size of the
shear modulus for the rest: with the bulk modulus everywhere the elements along the boundary would lock.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nmm.manifold.manifold import Manifold
from nmm.manifold.rules import piece_rule, reference_rule
from nmm.physics.models import columns


def centroids(manifold: Manifold) -> np.ndarray:
    """Centroids (elements, 2) of all elements in their squares."""

    def make() -> np.ndarray:
        kinds = (reference_rule(manifold, bool(kind), False) for kind in range(manifold.weights.types))
        middles = np.stack([weights @ points / weights.sum() for points, weights in kinds])
        rule, count = piece_rule(manifold, False), manifold.pieces
        total = np.bincount(rule.element, rule.weights, count)
        moments = [np.bincount(rule.element, rule.weights * x, count) for x in rule.points.T]
        whole = middles[manifold.whole_list % len(middles)]
        return np.concatenate([whole, np.stack(moments, -1) / total[:, None]])

    return manifold.cached("centroids", make)


def doubled(density: Callable, normal: Any, xp: Any = np) -> Any:
    """Normals (n, columns) that take a wide stress to the traction: its blocks add up to the stress."""
    return xp.concatenate([normal, normal], -1) if columns(density) == 4 else normal


def modulus(tangent: Any, xp: Any = np) -> Any:
    """Stiffness (n,) that stands for a tangent (n, c, 2, c, 2), or for the deviatoric block of a wide one."""
    return xp.einsum("ncici->n", tangent[:, :, :2, :, :2]) / (2 * tangent.shape[1])


def bulk_ratio(tangent: Any, xp: Any = np) -> Any:
    """Bulk modulus in the plane over shear modulus, (λ + μ) / μ (n,), of a wide tangent."""
    shear = xp.einsum("ncici->n", tangent[:, :, :2, :, :2]) / 2
    bulk = xp.einsum("ncici->n", tangent[:, :, 2:, :, 2:])
    return xp.where(shear > 0, bulk / xp.where(shear > 0, shear, 1.0), 1.0)


def penalised(density: Callable, tangent: Any, normal: Any, xp: Any = np) -> tuple[Any, ...]:
    """Normals (n, columns) whose fluxes t, summed as |t|², a Dirichlet term has to outweigh.

    With mean dilatation the deviatoric flux against the penalty β and the volumetric one against β times
    `bulk_ratio`.
    """
    if columns(density) == 2:
        return (normal,)
    none, root = xp.zeros_like(normal), xp.sqrt(1 / bulk_ratio(tangent, xp))
    deviatoric, volumetric = xp.concatenate([normal, none], -1), xp.concatenate([none, normal], -1)
    return deviatoric, root[:, None] * volumetric
