"""From a domain's description to its Geometry: arcs to chords, Boolean operations, labels, noding."""

from __future__ import annotations

import numpy as np
import shapely

from nmm.domain import shapes
from nmm.domain.borders import separating
from nmm.domain.cleanup import clean, keys, node
from nmm.domain.geometry import CleanupReport, Entity, Geometry
from nmm.domain.rings import Area, areas_only
from nmm.domain.segments import first_equal, split_segments
from nmm.errors import GeometryError

# Rounding errors of crossings, relative to the diagonal of the bounding box, and of the input's own
# coordinates, relative to the largest of them.
EXACT = 1e-13
ULPS = 2 * np.finfo(float).eps


def local_origin(bounds) -> np.ndarray:
    """What is subtracted from coordinates: 0, unless the domain lies far from the origin.

    Then the lower left corner, rounded so that the subtraction loses nothing of what the
    input's own digits say.
    """
    box = np.array(bounds)
    diagonal = np.hypot(*(box[2:] - box[:2]))
    if np.hypot(*(box[:2] + box[2:])) / 2 <= 8 * diagonal:
        return np.zeros(2)
    unit = 2.0 ** np.floor(np.log2(diagonal))
    return np.floor(box[:2] / unit) * unit


def discretise(domain, cell: float, degree: int = 1) -> Geometry:
    """Geometry of a Domain for cells of size `cell` and weights of a degree; see Domain.geometry."""
    if not (np.isfinite(cell) and cell > 0):
        raise GeometryError(f"the cell size is {cell}; it must be a positive number", where="cell")
    bounds = domain.bounds
    shift = local_origin(bounds)
    diagonal = float(np.hypot(bounds[2] - bounds[0], bounds[3] - bounds[1]))
    exact = max(EXACT * diagonal, ULPS * float(np.abs(bounds).max()))
    holes = domain.holes
    numbers = {id(hole): number for number, hole in enumerate(holes)}
    area, sources = shapes.evaluate(domain.shape, cell, shift, numbers, degree)
    if not area.area > 0:
        raise GeometryError(
            "nothing is left of the domain", where="domain", hint="the holes cover the whole outline"
        )
    points, boundary, ring = _boundary(area)
    label = _labels(points[boundary].mean(axis=1), sources, numbers, diagonal)
    entities = [Entity("outline", 0, domain.name)]
    entities += [Entity("hole", number, hole.name) for number, hole in enumerate(holes)]

    regions = _regions(domain, cell, shift, area, degree)
    borders = [np.asarray(r.coords) for _, region in regions for r in _rings(region)]
    n_boundary = len(boundary)
    fixed = boundary
    if borders:
        pieces, _ = node(points, boundary, n_boundary, borders, area, 0.0, exact)
        points, boundary = pieces.points, pieces.fixed
        ring, label = ring[pieces.source], label[pieces.source]
        n_boundary = len(boundary)
        points, fixed = _compact(points, np.concatenate([boundary, pieces.segments[pieces.inside]]))
        boundary = fixed[:n_boundary]

    report = CleanupReport()
    cracks, crack_entity = np.empty((0, 2), dtype=int), np.empty(0, dtype=int)
    if domain.cracks:
        pieces, keep, report = clean(
            domain.cracks, points, fixed, n_boundary, area, domain.snap * diagonal, exact, shift, bounds
        )
        used = np.unique(pieces.segments[keep])
        fixed, source = _only(pieces, used, fixed)
        points, cracks, numbers = pieces.points, pieces.segments[keep], pieces.paths[keep]
        on_boundary = source < n_boundary
        ring, label = ring[source[on_boundary]], label[source[on_boundary]]
        boundary, fixed = fixed[on_boundary], fixed[~on_boundary]
        fixed = fixed[~np.isin(keys(fixed, len(points)), keys(cracks, len(points)))]
        present, index = np.unique(numbers, return_inverse=True)
        crack_entity = len(entities) + index
        entities += [Entity("crack", int(number), domain.cracks[number].name) for number in present]
    else:
        fixed = fixed[n_boundary:]

    fixed, sides = separating(regions, points, fixed)
    points, boundary, cracks, fixed = _compact(points, boundary, cracks, fixed)
    return Geometry(
        shift=shift,
        vertices=points,
        boundary=boundary,
        boundary_entity=label,
        cracks=cracks,
        crack_entity=crack_entity,
        interfaces=fixed,
        interface_regions=sides,
        entities=tuple(entities),
        polygon=_polygon(points, boundary, ring),
        regions=tuple(regions),
        report=report,
        bounds=bounds,
        sagitta=shapes.sagitta(domain.shape, cell, degree),
        arcs=_arcs(domain, cell, shift, degree),
    )


def _arcs(domain, cell, shift, degree) -> np.ndarray:
    """Vertices (2, n, 2) of arcs in the polygons, and on the arcs, where these differ."""
    if degree == 1:
        return np.zeros((2, 0, 2))
    rings = [leaf.ring for leaf in shapes.leaves(domain.shape)]
    drawn, exact = (
        np.concatenate([r.flatten(cell, shift, degree, balanced=b) for r in rings]) for b in (True, False)
    )
    apart = np.any(drawn != exact, axis=1)
    return np.stack([drawn[apart], exact[apart]])


def _compact(points, *segments):
    """The points that segments use, and the segments in the numbers of those."""
    used = np.unique(np.concatenate([group.ravel() for group in segments]))
    new = np.full(len(points), -1)
    new[used] = np.arange(len(used))
    return points[used], *(new[group] for group in segments)


def _only(pieces, used, fixed):
    """The fixed segments, cut only where a vertex in `used` lies on them."""
    n = len(pieces.points)
    inner = pieces.fixed[:, 0]
    cut = (inner != fixed[pieces.source, 0]) & np.isin(inner, used, assume_unique=False) & (inner < n)
    return split_segments(fixed, pieces.source[cut], inner[cut])


def _rings(geometry) -> list[shapely.LinearRing]:
    rings = []
    for part in shapely.get_parts(geometry):
        rings += [part.exterior, *part.interiors]
    return rings


def _boundary(area):
    """Points (n, 2), directed boundary segments (m, 2) in the order of their rings, and for each the
    (part, ring) it belongs to."""
    # The union of one polygon with nothing nodes its rings with one another.
    area = shapely.orient_polygons(areas_only(shapely.union_all([area])))
    coordinates, segments, owner = [], [], []
    start = 0
    for part, polygon in enumerate(shapely.get_parts(area)):
        for number, line in enumerate([polygon.exterior, *polygon.interiors]):
            vertices = shapely.get_coordinates(line)[:-1] + 0.0
            index = start + np.arange(len(vertices))
            coordinates.append(vertices)
            segments.append(np.stack([index, np.roll(index, -1)], axis=1))
            owner.append(np.tile((part, number), (len(vertices), 1)))
            start += len(vertices)
    points, segments = np.concatenate(coordinates), np.concatenate(segments)
    number = first_equal(points)
    first, index = np.unique(number, return_inverse=True)
    return points[first], index[segments], np.concatenate(owner)


def _polygon(points, boundary, ring) -> Area:
    key = ring[:, 0] * (ring[:, 1].max() + 1) + ring[:, 1]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    lines = np.split(points[boundary[:, 0]], starts[1:])
    parts: dict[int, list] = {}
    for line, start in zip(lines, starts, strict=True):
        parts.setdefault(int(ring[start, 0]), []).append(line)
    polygons = [shapely.Polygon(rings[0], rings[1:]) for rings in parts.values()]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def _labels(middle, sources, numbers, diagonal) -> np.ndarray:
    """Index of the entity of each boundary segment: 0 the outline, 1 + k hole k."""
    if len(sources) == 1:
        return np.zeros(len(middle), dtype=int)
    segments = np.concatenate([np.stack([v, np.roll(v, -1, axis=0)], axis=1) for _, v in sources])
    label = np.concatenate([np.full(len(v), numbers.get(id(hole), -1) + 1) for hole, v in sources])
    lines = np.asarray(shapely.linestrings(segments))
    tree = shapely.STRtree(lines)
    centers = np.asarray(shapely.points(middle))
    edge, near = tree.query(centers, predicate="dwithin", distance=1e-9 * diagonal)
    distance = shapely.distance(centers[edge], lines[near])
    distance[distance <= 1e-12 * diagonal] = 0
    # Among rings that are equally near a hole comes before the outline, the lower number first.
    rank = np.where(label[near] == 0, len(numbers) + 1, label[near])
    order = np.lexsort((rank, distance, edge))
    edge, near = edge[order], near[order]
    found, first = np.unique(edge, return_index=True)
    result = np.full(len(middle), -1)
    result[found] = label[near[first]]
    missing = result < 0
    if missing.any():
        result[missing] = label[tree.nearest(centers[missing])]
    return result


def _regions(domain, cell, shift, area, degree):
    regions = []
    for name, region in domain.regions:
        polygon, _ = shapes.evaluate(region.shape, cell, shift, degree=degree)
        if not polygon.area > 0:
            raise GeometryError("is empty", where=f"region {name}")
        if not areas_only(shapely.intersection(polygon, area)).area > 0:
            raise GeometryError(
                f"lies wholly outside the domain: it is {shapes.box_text(region.bounds)}, "
                f"the domain is {shapes.box_text(domain.bounds)}",
                where=f"region {name}",
                hint="move it inside or remove it",
            )
        regions.append((name, polygon))
    return regions
