"""How node covers move between two states of a network.

A definition of ours, as the papers' own is not available to us: the cover of neuron j is where it is on, its
orientation the direction of ∇z_j.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from networks.anatomy.pathways import overlap, preactivations
from networks.relu import ReLU


@dataclass(frozen=True)
class Motion:
    """Means over points and neurons: `angle` in radians, `jaccard` of covers, share of `flips` of sign."""

    angle: float
    jaccard: float
    flips: float


def cover_motion(before: ReLU, after: ReLU, x: Any) -> Motion:
    """How the covers of all neurons moved, seen at points x (n, inputs).

    `angle` is the mean turn of ∇z where both are not zero; `jaccard` the mean over neurons of the points both
    covers contain over those of either; `flips` the share of (point, neuron) that went on or off.
    """
    angles, covers, flips = [], [], []
    for (z, slope), (w, turned) in zip(preactivations(before, x), preactivations(after, x), strict=True):
        length = np.linalg.norm(slope, axis=-1) * np.linalg.norm(turned, axis=-1)
        cosine = (slope * turned).sum(-1)[length > 0] / length[length > 0]
        angles.append(np.arccos(np.clip(cosine, -1, 1)))
        covers.append(overlap((z > 0).T, (w > 0).T))
        flips.append(((z > 0) != (w > 0)).ravel())
    every = np.concatenate(angles)
    return Motion(
        float(every.mean()) if every.size else 0.0,
        float(np.concatenate(covers).mean()),
        float(np.concatenate(flips).mean()),
    )
