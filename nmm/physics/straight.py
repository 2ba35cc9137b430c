"""The straight stretches of a boundary that the cracks and the lattice have cut into pieces."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.domain.geometry import Geometry

_STRAIGHT = 1e-9  # sine of the largest angle between two pieces of one stretch


def straight_runs(geometry: Geometry) -> np.ndarray:
    """For each boundary segment (nb,) the ends of its straight stretch: (nb, 2, 2), user's coordinates.

    A crack that ends on the boundary puts a vertex there; the stretch goes on beyond it, to the next vertex
    where the boundary turns or its entity changes. A stretch of a circle is one chord, with its ends on the
    circle itself.
    """
    segments, entity, vertices = geometry.boundary, geometry.boundary_entity, geometry.vertices
    count = len(segments)
    along = vertices[segments[:, 1]] - vertices[segments[:, 0]]
    along = along / np.linalg.norm(along, axis=1)[:, None]
    starting = np.full(len(vertices), -1)
    starting[segments[:, 0]] = np.arange(count)
    once = np.bincount(segments[:, 0], minlength=len(vertices)) == 1
    following = np.where(once[segments[:, 1]], starting[segments[:, 1]], -1)
    sine = along[:, 0] * along[following, 1] - along[:, 1] * along[following, 0]
    cosine = np.sum(along * along[following], axis=1)
    goes_on = (following >= 0) & (np.abs(sine) <= _STRAIGHT) & (cosine > 0) & (entity == entity[following])

    before = np.flatnonzero(goes_on)
    graph = coo_array((np.ones(len(before)), (before, following[before])), shape=(count, count))
    runs, run = connected_components(graph, directed=False)
    continues = np.zeros(count, dtype=bool)
    continues[following[before]] = True
    ends = np.zeros((runs, 2, 2))
    vertices = geometry.on_arcs
    ends[run[~continues], 0] = vertices[segments[~continues, 0]]
    ends[run[~goes_on], 1] = vertices[segments[~goes_on, 1]]
    return ends[run] + geometry.shift


def straight_of(ends: np.ndarray, segment: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The straight stretch (n, 2, 2) of every facet.

    `ends` (n, 2, 2) in the user's coordinates, `segment` (n,) that the facet lies on, those of the boundary
    first; a facet of a crack face is returned as it is.
    """
    result = np.array(ends, dtype=float)
    outer = np.flatnonzero(segment < len(geometry.boundary))
    result[outer] = straight_runs(geometry)[segment[outer]]
    return result
