"""Seams: where the patches of two regions end on each other at the border between them."""

from dataclasses import dataclass

import numpy as np

from nmm.cover.lattice import Grid
from nmm.domain.geometry import Geometry
from nmm.manifold.arrangement import Arrangement
from nmm.manifold.splitting import INTERFACE


@dataclass(frozen=True)
class Seams:
    """Straight stretches (n,) of the borders between regions, each between two pieces.

    `pieces` (n, 2) on the left and on the right, `regions` (n, 2) of these; `ends` (n, 2, 2) in lattice
    units, with the first piece on the left; `normal` (n, 2) from the first to the second piece. `vertices`
    (n, 2) number the ends among those of the arrangement.
    """

    pieces: np.ndarray
    regions: np.ndarray
    ends: np.ndarray
    normal: np.ndarray
    vertices: np.ndarray

    def __len__(self) -> int:
        return len(self.pieces)

    def lengths(self, grid: Grid) -> np.ndarray:
        """Lengths (n,) in the user's units."""
        return np.linalg.norm(self.ends[:, 1] - self.ends[:, 0], axis=1) * grid.h


def border_halves(cut: Arrangement) -> np.ndarray:
    """Half-edges of pieces that lie on an interface."""
    half = np.flatnonzero((cut.segment >= 0) & (cut.piece >= 0))
    return half[cut.kind[cut.segment[half]] == INTERFACE]


def regions_of(cut: Arrangement, geometry: Geometry, half: np.ndarray, other: bool = False) -> np.ndarray:
    """Region on the left of half-edges of an interface, or on the other side."""
    first = len(geometry.boundary) + len(geometry.cracks)
    right = (cut.forward[half] == other).astype(np.int64)
    return geometry.interface_regions[cut.segment[half] - first, right]


def find_seams(cut: Arrangement, geometry: Geometry, grid: Grid) -> Seams:
    """All seams of a cut."""
    half = border_halves(cut)
    half = half[cut.forward[half] & (cut.twin[half] >= 0)]
    half = half[cut.piece[cut.twin[half]] >= 0]
    ends = np.stack([cut.vertices[cut.tail[half]], cut.vertices[cut.head[half]]], 1)
    direction = ends[:, 1] - ends[:, 0]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    normal = np.stack([direction[:, 1], -direction[:, 0]], -1) @ grid.rotation.T
    regions = np.stack([regions_of(cut, geometry, half), regions_of(cut, geometry, half, True)], -1)
    pieces = np.stack([cut.piece[half], cut.piece[cut.twin[half]]], -1)
    return Seams(pieces, regions, ends, normal, np.stack([cut.tail[half], cut.head[half]], -1))


def settle_regions(cut: Arrangement, geometry: Geometry, grid: Grid, region: np.ndarray) -> np.ndarray:
    """Regions (pieces,), corrected by the borders of the pieces: on a sliver a point says little."""
    half = border_halves(cut)
    length = np.linalg.norm(cut.vertices[cut.head[half]] - cut.vertices[cut.tail[half]], axis=1)
    order = np.argsort(length, kind="stable")
    region = region.copy()
    region[cut.piece[half[order]]] = regions_of(cut, geometry, half[order])
    return region
