"""What writers and figures ask of a mesh of polygons: areas, owners, edges, simple outlines or not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def element_of_point(mesh: Any) -> NDArray[np.int64]:
    """The element that each point belongs to, `(points,)`."""
    return np.repeat(np.arange(len(mesh.offsets) - 1), np.diff(mesh.offsets))


def triangle_areas(mesh: Any) -> NDArray[np.float64]:
    """Areas of the mesh's triangles, `(triangles,)`."""
    a, b, c = (np.asarray(mesh.points)[np.asarray(mesh.triangles)[:, i]] for i in range(3))
    u, v = b - a, c - a
    return 0.5 * np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def point_weights(mesh: Any) -> NDArray[np.float64]:
    """The area that each point stands for, `(points,)`: a third of each of its triangles."""
    share = np.repeat(triangle_areas(mesh) / 3.0, 3)
    total = np.bincount(np.asarray(mesh.triangles).ravel(), weights=share, minlength=len(mesh.points))
    return total.astype(np.float64)


def irregular(mesh: Any) -> NDArray[np.bool_]:
    """Whether an element's outline is no simple polygon, `(elements,)`: keyholes, pinches, several rings.

    Seen by a point that the outline passes twice, or by an area that is not that of the triangles.
    """
    sizes = np.diff(mesh.offsets)
    owner = element_of_point(mesh)
    shift = np.asarray(mesh.points)[np.asarray(mesh.offsets)[:-1]]
    (x, y), (u, v) = ((np.asarray(mesh.points) - shift[owner])[side].T for side in edges(mesh).T)
    outline = np.bincount(owner, 0.5 * (x * v - y * u), minlength=len(sizes))
    inside = np.bincount(mesh.element_of_triangle, triangle_areas(mesh), minlength=len(sizes))
    result = np.abs(outline - inside) > 1e-6 * (np.abs(outline) + inside)

    # Nothing with less than six vertices passes a point twice.
    some = np.flatnonzero(sizes[owner] >= 6)
    points, owner = np.asarray(mesh.points)[some], owner[some]
    order = np.lexsort((points[:, 1], points[:, 0], owner))
    points, owner = points[order], owner[order]
    same = (np.diff(points, axis=0) == 0).all(axis=1) & (np.diff(owner) == 0)
    result[owner[1:][same]] = True
    return result


def edges(mesh: Any) -> NDArray[np.int64]:
    """The sides of all elements as pairs of point numbers, `(points, 2)`; each in its element's direction."""
    start = np.arange(len(mesh.points))
    end = start + 1
    end[np.asarray(mesh.offsets)[1:] - 1] = np.asarray(mesh.offsets)[:-1]
    return np.column_stack([start, end])


def free_edges(mesh: Any, displacement: NDArray) -> NDArray[np.int64]:
    """Sides on the boundary, and sides of two elements whose displacements differ there (open cracks).

    `displacement (points, 2)`; two copies of an edge count as joined when they differ by less than 1e-6 of
    the largest displacement. Returns point numbers `(n, 2)`; both faces of a crack are among them.
    """
    sides = edges(mesh)
    keys = np.stack([_clustered(np.asarray(mesh.points)[:, i]) for i in range(2)], axis=1)
    (ax, ay), (bx, by) = keys[sides[:, 0]].T, keys[sides[:, 1]].T
    swap = (ax > bx) | ((ax == bx) & (ay > by))
    ordered = np.where(swap[:, None], sides[:, ::-1], sides)
    code = np.concatenate([keys[ordered[:, 0]], keys[ordered[:, 1]]], axis=1)
    order = np.lexsort(code.T)
    joined = (np.diff(code[order], axis=0) == 0).all(axis=1)
    first, second = ordered[order[:-1]], ordered[order[1:]]
    largest = float(np.nanmax(np.abs(displacement), initial=0.0))
    gap = np.abs(displacement[first] - displacement[second]).max(axis=(1, 2))
    joined &= ~(gap > 1e-6 * largest)

    free = np.ones(len(sides), dtype=bool)
    free[order[:-1][joined]] = False
    free[order[1:][joined]] = False
    return sides[free]


def _clustered(values: NDArray) -> NDArray[np.int64]:
    """Numbers that are equal for values that are equal up to rounding.

    Neighbours compute the place of a shared vertex each in its own cell; rounding to a grid would part
    two values on different sides of a grid line, so runs of close values are numbered instead.
    """
    order = np.argsort(values)
    size = float(np.ptp(values)) * 1e-12 + float(np.abs(values).max(initial=0.0)) * 16 * np.finfo(float).eps
    number = np.empty(len(values), dtype=np.int64)
    number[order] = np.concatenate([[0], np.cumsum(np.diff(values[order]) > size)])
    return number
