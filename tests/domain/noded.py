"""What every Geometry promises, checked without the code that made it."""

import numpy as np
import shapely

RESOLUTION = 1e-13


def assert_noded(geometry, resolution=RESOLUTION):
    """No two pieces meet except in a common vertex, the domain lies on the left, areas agree."""
    points = geometry.vertices
    pieces = np.concatenate([geometry.boundary, geometry.cracks, geometry.interfaces])
    near = resolution * geometry.diagonal
    ends = np.sort(pieces, axis=1)
    assert (ends[:, 0] != ends[:, 1]).all()
    assert len(np.unique(ends, axis=0)) == len(ends)
    assert len(np.unique(points, axis=0)) == len(points)
    assert np.array_equal(np.unique(pieces), np.arange(len(points)))

    lines = shapely.linestrings(points[pieces])
    first, second = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=near)
    first, second = first[first < second], second[first < second]
    common = pieces[first][:, :, None] == pieces[second][:, None, :]
    assert common.any(axis=(1, 2)).all()
    for one, two in ((first, second), (second, first)):
        for end in (0, 1):
            vertex = pieces[one, end]
            free = (vertex[:, None] != pieces[two]).all(axis=1)
            gap = shapely.distance(shapely.points(points[vertex[free]]), lines[two[free]])
            assert (gap > near).all()

    (x0, x1), (y0, y1) = points[geometry.boundary].transpose(2, 1, 0)
    scale = geometry.diagonal**2 + geometry.diagonal * np.abs(points).max()
    assert abs(0.5 * np.sum(x0 * y1 - x1 * y0) - geometry.area) <= 1e-14 * len(x0) * scale
    assert abs(geometry.polygon.length - geometry.length) <= 1e-12 * geometry.length
    corners = np.unique(shapely.get_coordinates(geometry.polygon), axis=0)
    assert np.array_equal(corners, np.unique(points[geometry.boundary].reshape(-1, 2), axis=0))
    assert shapely.is_valid(geometry.polygon)
    if len(geometry.cracks):
        assert shapely.contains_xy(geometry.polygon, points[geometry.cracks].mean(axis=1)).all()
    assert len(geometry.boundary_entity) == len(geometry.boundary)
    assert len(geometry.crack_entity) == len(geometry.cracks)
    assert all(geometry.entities[i].kind == "crack" for i in geometry.crack_entity)
    assert all(geometry.entities[i].kind != "crack" for i in np.unique(geometry.boundary_entity))


def lengths(geometry):
    """Length of boundary and crack by the text of their entity."""
    found = {}
    for pieces, entity in (
        (geometry.boundary, geometry.boundary_entity),
        (geometry.cracks, geometry.crack_entity),
    ):
        ends = geometry.vertices[pieces]
        size = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
        for number in np.unique(entity):
            key = str(geometry.entities[number])
            found[key] = found.get(key, 0.0) + float(size[entity == number].sum())
    return found


def traces(geometry):
    """The cracks of a geometry as polylines in the user's coordinates."""
    return [geometry.vertices[piece] + geometry.shift for piece in geometry.cracks]
