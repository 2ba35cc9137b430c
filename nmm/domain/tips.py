"""Crack tips: where they are, which way they would advance, and the crack behind them."""

from dataclasses import dataclass

import numpy as np

from nmm.domain.geometry import Geometry

TURN = np.cos(np.deg2rad(80.0))
"""A crack that turns by more than 80 degrees ends there as seen from its tip."""


@dataclass(frozen=True, eq=False)
class Tip:
    """A crack tip in local coordinates.

    `crack` is the number of the crack, `end` 0 at the first, 1 at the last point of its trace, and `segment`
    the number of the crack segment that ends there; `path`
    (m, 2) runs from the tip backwards along the crack to the `mouth` on the boundary, or to where another
    crack, another tip or a sharp turn ends it.
    """

    crack: int
    end: int
    segment: int
    path: np.ndarray
    mouth: bool

    @property
    def point(self) -> np.ndarray:
        """Position (2,)."""
        return self.path[0]

    @property
    def direction(self) -> np.ndarray:
        """Unit vector (2,) of the tip's advance."""
        ahead = self.path[0] - self.path[1]
        return ahead / np.linalg.norm(ahead)


def find_tips(geometry: Geometry) -> list[Tip]:
    """All ends of cracks inside the domain, in the order of the cracks."""
    segments = geometry.cracks
    if not len(segments):
        return []
    meeting = np.bincount(segments.ravel(), minlength=len(geometry.vertices))
    on_boundary = np.zeros(len(geometry.vertices), bool)
    on_boundary[geometry.boundary.ravel()] = True
    around: dict[int, list[int]] = {}
    for number, (a, b) in enumerate(segments.tolist()):
        around.setdefault(a, []).append(number)
        around.setdefault(b, []).append(number)
    tips = []
    for vertex in np.flatnonzero((meeting == 1) & ~on_boundary).tolist():
        segment = around[vertex][0]
        path, mouth = backwards(geometry, around, on_boundary, vertex, segment)
        entity = geometry.entities[geometry.crack_entity[segment]]
        end = int(segments[segment, 1] == vertex)
        tips.append(Tip(entity.number, end, segment, geometry.vertices[path], mouth))
    return sorted(tips, key=lambda tip: (tip.crack, tip.end))


def backwards(geometry: Geometry, around, on_boundary, vertex: int, segment: int):
    """Vertices from a tip backwards along its crack, and whether they end on the boundary."""
    points, segments = geometry.vertices, geometry.cracks
    path, used = [vertex], {segment}
    while True:
        here = path[-1]
        other = int(segments[segment].sum()) - here
        path.append(other)
        if on_boundary[other]:
            return path, True
        arrived = points[other] - points[here]
        arrived = arrived / np.linalg.norm(arrived)
        best, follow = TURN, -1
        for candidate in around[other]:
            if candidate in used:
                continue
            leaving = points[int(segments[candidate].sum()) - other] - points[other]
            straight = float(arrived @ leaving) / float(np.linalg.norm(leaving))
            if straight > best:
                best, follow = straight, candidate
        if follow < 0:
            return path, False
        segment = follow
        used.add(segment)
