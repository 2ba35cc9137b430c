"""From the curves of a drawing to rings, and from rings to an area with holes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from nmm.domain.rings import FINE, Ring, ring, ring_polygon
from nmm.domain.shapes import Leaf, Minus, Shape, join
from nmm.errors import GeometryError

# Ends of curves that are the same point, relative to the size of the drawing.
SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Curve:
    """A line from a file: `points` (n, 2), `bulges` (n,) of the edges that start there (see Ring; the
    last one belongs to the closing edge), whether it is closed, where it comes from, its layer."""

    points: np.ndarray
    bulges: np.ndarray
    closed: bool
    where: str
    layer: str | None = None

    def polyline(self) -> np.ndarray:
        """Points (m, 2), arcs as 256 chords a circle; first and last are equal when closed."""
        if not self.bulges.any():
            return np.concatenate([self.points, self.points[:1]]) if self.closed else self.points
        origin = self.points[0]
        bulges = self.bulges if self.closed else np.append(self.bulges[:-1], 0.0)
        arcs = Ring(self.points, bulges)
        # Ring.flatten makes chords of angle a with sin(a/4) = sqrt(0.25e-3) cell / radius; the cell is
        # a shade larger than that of 256 chords so that rounding does not make it 257.
        _, radius, _, _ = arcs.arcs(np.flatnonzero(bulges), self.points)
        cell = np.sin(np.pi / 512) / np.sqrt(0.25e-3) * radius.min() * (1 + 1e-6)
        points = arcs.flatten(float(cell), origin) + origin
        return np.concatenate([points, points[:1]]) if self.closed else points

    def reversed(self) -> Curve:
        """The same curve from its end to its start."""
        bulges = np.append(-self.bulges[-2::-1], -self.bulges[-1])
        return Curve(self.points[::-1], bulges, self.closed, self.where, self.layer)


def rings(curves: list[Curve], where: str) -> list[Ring]:
    """Closed rings: the closed curves, and the open ones linked where their ends meet."""
    closed = [ring(curve.points, curve.bulges, curve.where) for curve in curves if curve.closed]
    linked = loops([curve for curve in curves if not curve.closed], where)
    return closed + [ring(*_joined(loop), where) for loop in linked]


def loops(curves: list[Curve], where: str) -> list[list[Curve]]:
    """Open curves in the order and direction of the loops they form.

    Raises GeometryError where an end meets no other end or more than one.
    """
    if not curves:
        return []
    ends = np.concatenate([curve.points[[0, -1]] for curve in curves])
    size = float(np.hypot(*np.ptp(ends, axis=0)))
    near = KDTree(ends).query_pairs(SAME * size, output_type="ndarray")
    links = coo_array((np.ones(len(near)), near.T), shape=(len(ends), len(ends)))
    count, node = connected_components(links, directed=False)
    degree = np.bincount(node, minlength=count)
    if (degree != 2).any():
        number = int(np.flatnonzero(degree[node] != 2)[0])
        x, y = ends[number]
        if degree[node[number]] > 2:
            raise GeometryError(
                f"{degree[node[number]]} lines meet at ({x:.10g}, {y:.10g}); an outline has two",
                where=where,
                hint="give the outline a layer of its own and name the layer",
            )
        others = np.delete(ends, number, axis=0)
        gap = float(np.hypot(*(others - ends[number]).T).min()) if len(others) else np.inf
        raise GeometryError(
            f"the outline is not closed: it ends at ({x:.10g}, {y:.10g}), "
            f"the nearest other end is {gap:.3g} away",
            where=curves[number // 2].where,
            hint="close the outline in the drawing, or name the layer that holds it",
        )
    at = defaultdict(list)
    for index, corner in enumerate(node):
        at[corner].append(index)
    left = set(range(len(curves)))
    found = []
    while left:
        end = 2 * min(left)
        loop = []
        while end // 2 in left:
            left.remove(end // 2)
            curve = curves[end // 2]
            loop.append(curve.reversed() if end % 2 else curve)
            first, second = at[node[end ^ 1]]
            end = second if first == end ^ 1 else first
        found.append(loop)
    return found


def _joined(loop: list[Curve]) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate([curve.points[:-1] for curve in loop])
    return points, np.concatenate([curve.bulges[:-1] for curve in loop])


def area(outlines: list[Ring], where: str) -> Shape:
    """The area between rings: a ring inside an odd number of others is a hole, numbered last."""
    if not outlines:
        raise GeometryError("no closed outline", where=where)
    shift = outlines[0].points[0]
    polygons = np.array([ring_polygon(r, FINE * _size(r), shift, where)[0] for r in outlines])
    inner, outer = shapely.STRtree(polygons).query(polygons, predicate="covered_by")
    inner, outer = inner[inner != outer], outer[inner != outer]
    depth = np.bincount(inner, minlength=len(polygons))
    parts = []
    for number in np.flatnonzero(depth % 2 == 0):
        holes = [outlines[i] for i in inner[outer == number] if depth[i] == depth[number] + 1]
        parts.append(with_holes(outlines[number], holes))
    return join("|", parts)


def _size(outline: Ring) -> float:
    xmin, ymin, xmax, ymax = outline.bounds
    return float(np.hypot(xmax - xmin, ymax - ymin))


def with_holes(outline: Ring, holes: list[Ring], name: str | None = None) -> Shape:
    """The inside of a ring without that of others, which are numbered after all other holes."""
    shape: Shape = Leaf(outline, name)
    for hole in holes:
        shape = Minus(shape, Leaf(hole), last=True)
    return shape
