"""Closed curves of straight and circular edges, and the polygons that stand for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from nmm.errors import CapacityError, GeometryError

CHORDS_PER_CIRCLE = 64
MOST_CHORDS = 4_000_000
# The cell, relative to a ring's size, at which rings are judged before the cell is known: about
# 2,500 chords a circle.
FINE = 0.02

Area = shapely.Polygon | shapely.MultiPolygon


@dataclass(frozen=True, eq=False)
class Ring:
    """A closed curve.

    `points` (n, 2) without a repeated last point; `bulges` (n,) of the edges that start at each
    point: tan(angle / 4) of a circular arc, positive when it turns counterclockwise, 0 for a
    straight edge (the convention of DXF).
    """

    points: np.ndarray
    bulges: np.ndarray

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(xmin, ymin, xmax, ymax), arcs included exactly."""
        corners = [self.points]
        arcs = np.flatnonzero(self.bulges)
        if arcs.size:
            center, radius, start, sweep = self.arcs(arcs, self.points)
            for quarter in range(4):
                # How far along the arc, as an angle, the extreme point lies; extremes at the
                # arc's own ends are left to the end points, which are exact.
                along = np.mod((quarter * np.pi / 2 - start) * np.sign(sweep), 2 * np.pi)
                inside = (along > 1e-9) & (along < np.abs(sweep) - 1e-9)
                direction = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)][quarter])
                corners.append(center[inside] + radius[inside, None] * direction)
        corners = np.concatenate(corners)
        (xmin, ymin), (xmax, ymax) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return xmin, ymin, xmax, ymax

    def flatten(self, cell: float, shift: np.ndarray, degree: int = 1, balanced: bool = True) -> np.ndarray:
        """Vertices (m, 2) of the polygon that stands for the ring, in coordinates less `shift`.

        The sagitta of every chord is at most 1e-3 cell**2 / diameter of its circle, a full circle
        has at least 64 chords, and the vertices lie on the circle to rounding. For weights of a
        `degree` above 1 that would be too coarse: the vertices within an arc then lie outside of it by
        so much that the polygon has the area of the arc. Its distance from the arc has no mean, so that a
        smooth solution feels little of it. What is left in the gradient falls like the sagitta, which for
        degree 3 is therefore smaller by 8 cell / diameter. Without `balanced` the vertices stay on the arc.
        """
        points = self.points - shift
        arcs = np.flatnonzero(self.bulges)
        if not arcs.size:
            return points
        center, radius, start, sweep = self.arcs(arcs, points)
        chords = np.ceil(np.abs(sweep) / chord_angle(radius, cell, degree) * (1 - 1e-12))
        if not chords.sum() <= MOST_CHORDS:
            raise CapacityError(
                f"arcs of radius {radius.max():.6g} need {chords.sum():.3g} chords at a cell of {cell:.6g}",
                hint="use a larger cell",
            )
        counts = np.ones(len(points), dtype=int)
        counts[arcs] = chords.astype(int)
        first = np.cumsum(counts) - counts
        vertices = np.repeat(points, counts, axis=0)
        step = np.arange(counts.sum()) - np.repeat(first, counts)
        owner = np.repeat(np.arange(len(points)), counts)
        inner = np.flatnonzero(step)
        arc = np.searchsorted(arcs, owner[inner])
        turn = start[arc] + sweep[arc] * (step[inner] / counts[owner[inner]])
        away = radius[arc]
        if degree > 1 and balanced:
            many = counts[owner[inner]]
            away = away * equal_area(np.abs(sweep[arc]) / many, many, step[inner])
        vertices[inner] = center[arc] + away[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return vertices

    def sagitta(self, cell: float, degree: int = 1) -> float:
        """The most by which the ring's arcs leave the chords of `flatten`, 0 without arcs."""
        arcs = np.flatnonzero(self.bulges)
        _, radius, _, _ = self.arcs(arcs, self.points)
        return float((2 * radius * np.sin(chord_angle(radius, cell, degree) / 4) ** 2).max(initial=0.0))

    def arcs(self, arcs: np.ndarray, points: np.ndarray):
        """Center (k, 2), radius, first angle and signed sweep (k,) of the edges `arcs` (k,) of the ring,
        when its vertices are `points`."""
        start, end, bulge = points[arcs], np.roll(points, -1, axis=0)[arcs], self.bulges[arcs]
        chord = end - start
        left = np.stack([-chord[:, 1], chord[:, 0]], axis=1)
        center = (start + end) / 2 + left * ((1 - bulge**2) / (4 * bulge))[:, None]
        radius = np.hypot(*chord.T) * (1 + bulge**2) / (4 * np.abs(bulge))
        first = np.arctan2(start[:, 1] - center[:, 1], start[:, 0] - center[:, 0])
        return center, radius, first, 4 * np.arctan(bulge)


def equal_area(angle: np.ndarray, chords: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Distance from the centre, by the radius, of vertex `step` within an arc of `chords` of an `angle`.

    A triangle between the radii R and Q has the area ½ R Q sin a, and ½ a is wanted. The ends of the arc stay
    where they are: the vertex beside each makes up for the first two chords.
    """
    ratio = angle / np.sin(angle)
    middle = np.sqrt(ratio)
    beside = 2 * ratio / (1 + middle)
    beside = np.where(chords == 3, 3 * ratio / (1 + np.sqrt(1 + 3 * ratio)), beside)
    beside = np.where(chords == 2, ratio, beside)
    return np.where((step == 1) | (step == chords - 1), beside, middle)


def chord_angle(radius: np.ndarray, cell: float, degree: int = 1) -> np.ndarray:
    """The largest angle of a chord; its sagitta is r (1 - cos(a/2)) = 2 r sin(a/4)^2."""
    finer = np.minimum(1.0, 4 * cell / radius) if degree > 2 else 1.0
    angle = 4 * np.arcsin(np.minimum(1.0, np.sqrt(0.25e-3 * finer) * cell / radius))
    return np.minimum(angle * (1 - 1e-9), 2 * np.pi / CHORDS_PER_CIRCLE)


def ring(points, bulges=None, what: str = "polygon") -> Ring:
    """A checked ring; `what` names it in errors.

    Raises GeometryError for fewer than three points (two when there are arcs), a coordinate that
    is not finite, no area, or edges that cross one another.
    """
    points = as_points(points, what)
    bulges = np.zeros(len(points)) if bulges is None else np.array(bulges, dtype=float)
    if len(points) > 1 and np.array_equal(points[0], points[-1]):
        points, bulges = points[:-1], bulges[:-1]
    keep = np.any(points != np.roll(points, -1, axis=0), axis=1)
    points, bulges = points[keep], bulges[keep]
    if len(points) < (2 if bulges.any() else 3):
        raise GeometryError(
            f"{len(points)} different points; a closed outline has at least three", where=what
        )
    points.flags.writeable = bulges.flags.writeable = False
    made = Ring(points, bulges)
    box = np.array(made.bounds)
    size = float(np.hypot(*(box[2:] - box[:2])))
    ring_polygon(made, FINE * size, box[:2], what)
    return made


def as_points(points, what: str) -> np.ndarray:
    """(n, 2) finite float64 array of `points`, or a GeometryError that names the vertex."""
    try:
        array = np.array(points, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1:] not in ((2,), (3,)):
        raise GeometryError("expected a list of points [x, y]", where=what)
    array = array[:, :2] + 0.0
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if bad.size:
        raise GeometryError(
            f"vertex {bad[0]} is ({array[bad[0], 0]}, {array[bad[0], 1]}); coordinates must be finite",
            where=what,
        )
    return array


def ring_polygon(
    source: Ring, cell: float, shift: np.ndarray, what: str, degree: int = 1
) -> tuple[Area, np.ndarray]:
    """Valid polygon of a ring and the ring's vertices; touching itself is allowed, crossing is not."""
    vertices = source.flatten(cell, shift, degree)
    polygon: Area = shapely.Polygon(vertices)
    scale = float(np.ptp(vertices, axis=0).max())
    if not polygon.convex_hull.area > 1e-14 * scale**2:
        raise GeometryError("encloses no area", where=what, hint="its points lie on one line")
    if not shapely.is_valid(polygon):
        place = _self_crossing(vertices)
        if place is not None:
            x, y = place + shift
            raise GeometryError(
                f"crosses or retraces itself at ({x:.10g}, {y:.10g})",
                where=what,
                hint="order the points along the boundary; an outline may touch itself, not cross itself",
            )
        polygon = areas_only(shapely.make_valid(polygon))
    if not polygon.area > 1e-14 * scale**2:
        raise GeometryError("encloses no area", where=what, hint="give points around an area")
    return polygon, vertices


def _self_crossing(vertices: np.ndarray) -> np.ndarray | None:
    """A point where a closed polyline crosses or overlaps itself, or None where it only touches."""
    segments = np.asarray(shapely.linestrings(np.stack([vertices, np.roll(vertices, -1, axis=0)], axis=1)))
    n = len(segments)
    first, second = shapely.STRtree(segments).query(segments, predicate="intersects")
    keep = first < second
    first, second = first[keep], second[keep]
    meet = shapely.intersection(segments[first], segments[second])
    overlap = shapely.get_type_id(meet) != 0
    if overlap.any():
        return shapely.get_coordinates(meet[overlap][:1])[0]
    apart = (second - first != 1) & ~((first == 0) & (second == n - 1))
    # Cutting both edges where they touch leaves, at each such point, passes (before, after) of
    # the curve; two passes cross exactly when their four directions alternate.
    for i, j, point in zip(first[apart], second[apart], shapely.get_coordinates(meet[apart]), strict=True):
        one, two = _pass(vertices, i, point), _pass(vertices, j, point)
        turn = np.mod(np.array([*one, *two]) - one[0], 2 * np.pi)
        if (turn[2] < turn[1]) != (turn[3] < turn[1]):
            return point
    return None


def _pass(vertices: np.ndarray, edge: int, point: np.ndarray) -> tuple[float, float]:
    n = len(vertices)
    before, after = vertices[edge], vertices[(edge + 1) % n]
    if np.array_equal(point, before):
        before = vertices[edge - 1]
    elif np.array_equal(point, after):
        after = vertices[(edge + 2) % n]
    back, forth = before - point, after - point
    return float(np.arctan2(back[1], back[0])), float(np.arctan2(forth[1], forth[0]))


def areas_only(geometry: shapely.Geometry) -> Area:
    """The polygons of a geometry: points and lines where shapes only touch have no area."""
    if isinstance(geometry, shapely.Polygon | shapely.MultiPolygon):
        return geometry
    parts = shapely.get_parts(geometry)
    parts = parts[np.isin(shapely.get_type_id(parts), (3, 6))]
    united = shapely.union_all(parts) if len(parts) else None
    return united if isinstance(united, shapely.Polygon | shapely.MultiPolygon) else shapely.Polygon()
