"""Faces of the planar graphs inside the touched cells, walked by the half-edge rule."""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.cover.lattice import Grid
from nmm.errors import GeometryError
from nmm.manifold.splitting import BOUNDARY, CRACK


def prune(inner, sub, kind, grid: Grid, touched, count):
    """Take away crack and interface stretches that end inside a cell, until none is left."""
    cells = grid.edge_cells(sub[:, 2])
    corner_keys = [
        np.unique(cells[:, side].astype(np.int64) * count + sub[:, end]) for side in (0, 1) for end in (0, 1)
    ]
    fixed = np.unique(np.concatenate(corner_keys))
    lost = []
    while True:
        keys = inner[:, 3:] * count + inner[:, :2]
        flat = keys.ravel()
        values, inverse, degree = np.unique(flat, return_inverse=True, return_counts=True)
        loose = (degree == 1) & ~np.isin(values, fixed)
        drop = loose[inverse].reshape(keys.shape).any(1) & (kind[inner[:, 2]] != BOUNDARY)
        if not drop.any():
            break
        lost.append(inner[drop, :3])
        inner = inner[~drop]
    lost = np.concatenate(lost) if lost else np.zeros((0, 3), np.int64)
    return inner, lost[kind[lost[:, 2]] == CRACK]


@dataclass
class HalfEdges:
    tail: np.ndarray
    head: np.ndarray
    cell: np.ndarray
    segment: np.ndarray
    forward: np.ndarray
    twin: np.ndarray
    sub_edges: np.ndarray
    phantom: np.ndarray


def half_edges(sub, sub_segment, sub_forward, inner, touched, grid: Grid) -> HalfEdges:
    """Half-edges of all touched cells, each with its cell on the left; phantoms close the sides."""
    cells = grid.edge_cells(sub[:, 2])
    active = np.isin(cells, touched) & (cells >= 0)
    left, right = np.flatnonzero(active[:, 0]), np.flatnonzero(active[:, 1])
    nl, nr, ni = len(left), len(right), len(inner)
    sub_edges = np.full((len(sub), 2), -1)
    sub_edges[left, 0] = np.arange(nl)
    sub_edges[right, 1] = nl + np.arange(nr)
    tail = np.concatenate([sub[left, 0], sub[right, 1], inner[:, 0], inner[:, 1]])
    head = np.concatenate([sub[left, 1], sub[right, 0], inner[:, 1], inner[:, 0]])
    cell = np.concatenate([cells[left, 0], cells[right, 1], inner[:, 3], inner[:, 3]])
    segment = np.concatenate([sub_segment[left], sub_segment[right], inner[:, 2], inner[:, 2]])
    yes, no = np.ones(ni, bool), np.zeros(ni, bool)
    forward = np.concatenate([sub_forward[left], ~sub_forward[right], yes, no])
    twin = np.concatenate(
        [sub_edges[left, 1], sub_edges[right, 0], nl + nr + ni + np.arange(ni), nl + nr + np.arange(ni)]
    )
    sides = nl + nr
    return HalfEdges(
        np.concatenate([tail, head[:sides]]),
        np.concatenate([head, tail[:sides]]),
        np.concatenate([cell, cell[:sides]]),
        segment,
        forward,
        twin,
        sub_edges,
        np.arange(len(tail) + sides) >= len(tail),
    )


def walk(half: HalfEdges, vertices, grid: Grid):
    """Loops of half-edges: number of each half-edge's loop, the loops in order, and their areas.

    A loop along a cell's side is an outer one, however thin; its area is positive.
    """
    real = len(half.segment)
    sides = len(half.tail) - real
    direction = vertices[half.head] - vertices[half.tail]
    angle = np.arctan2(direction[:, 1], direction[:, 0])
    order = np.lexsort((angle, half.tail, half.cell))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    group = half.cell * (half.tail.max() + 1) + half.tail
    ordered = group[order]
    first = np.searchsorted(ordered, ordered, "left")
    last = np.searchsorted(ordered, ordered, "right") - 1
    reverse = np.concatenate([real + np.arange(sides), half.twin[sides:real]])
    position = rank[reverse]
    before = np.where(position == first[position], last[position], position - 1)
    following = order[before]
    if half.phantom[following].any():
        bad = half.cell[np.flatnonzero(half.phantom[following])[0]]
        where = grid.to_user(grid.centre(np.array([bad])))[0]
        raise GeometryError(f"the pieces of the cell at ({where[0]:.6g}, {where[1]:.6g}) do not close")
    ids = np.arange(real)
    _, face = connected_components(coo_array((np.ones(real), (ids, following)), (real, real)), directed=False)
    loops, offsets = order_loops(face, following)
    anchor = vertices[half.tail[loops[offsets[:-1]]]][face]
    a, b = vertices[half.tail[:real]] - anchor, vertices[half.head[:real]] - anchor
    area = np.bincount(face, (a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]) / 2)
    area[face[:sides]] = np.maximum(area[face[:sides]], np.finfo(float).tiny)
    return face, loops, offsets, area


def order_loops(face, following):
    """Half-edges sorted loop by loop along `following`, by pointer doubling."""
    count = len(face)
    ids = np.arange(count)
    first = np.full(face.max() + 1, count)
    np.minimum.at(first, face, ids)
    end = first[face]
    distance = np.where(ids == end, 0, 1)
    jump = np.where(ids == end, ids, following)
    while True:
        step = distance[jump]
        if not step.any():
            break
        distance = distance + step
        jump = jump[jump]
    loops = np.lexsort((-distance, face))
    sizes = np.bincount(face)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return loops, offsets


def attach_islands(half: HalfEdges, vertices, face, loops, offsets, area, grid: Grid):
    """Give the outer contour of an island inside a cell to the face around it."""
    cell = half.cell[loops[offsets[:-1]]]
    owner = np.arange(len(area))
    for island in np.flatnonzero(area <= 0):
        around = np.flatnonzero((cell == cell[island]) & (area > 0))
        point = shapely.Point(vertices[half.tail[loops[offsets[island]]]])
        for candidate in around[np.argsort(area[around])]:
            ring = vertices[half.tail[loops[offsets[candidate] : offsets[candidate + 1]]]]
            if not shapely.Polygon(ring).contains(point):
                continue
            owner[island] = candidate
            break
        else:
            where = grid.to_user(np.array([[point.x, point.y]]))[0]
            raise GeometryError(f"a loop near ({where[0]:.6g}, {where[1]:.6g}) lies in no piece")
    kept, number = np.unique(owner, return_inverse=True)
    return number[face], number, cell[kept]


def classify(half: HalfEdges, face, face_cell, kind, polygon, grid: Grid):
    """Whether each face lies inside the domain: by its boundary half-edges, its neighbours, or its cell."""
    real = len(half.segment)
    count = len(face_cell)
    bounding = half.segment >= 0
    bounding[bounding] = kind[half.segment[bounding]] == BOUNDARY
    votes_in = np.bincount(face[bounding & half.forward], minlength=count)
    votes_out = np.bincount(face[bounding & ~half.forward], minlength=count)
    clash = (votes_in > 0) & (votes_out > 0)
    if clash.any():
        where = grid.to_user(grid.centre(face_cell[np.flatnonzero(clash)[:1]]))[0]
        raise GeometryError(
            f"the boundary crosses itself near ({where[0]:.6g}, {where[1]:.6g})",
            hint="an outline may touch itself at points but not cross itself",
        )
    twin = half.twin
    linked = (twin >= 0) & ~bounding & (half.cell[:real] == half.cell[np.maximum(twin, 0)])
    graph = coo_array((np.ones(linked.sum()), (face[linked], face[twin[linked]])), (count, count))
    _, group = connected_components(graph, directed=False)
    groups = group.max() + 1
    group_in = np.bincount(group, votes_in, minlength=groups) > 0
    group_out = np.bincount(group, votes_out, minlength=groups) > 0
    inside = group_in[group]
    unknown = np.flatnonzero(~(group_in | group_out)[group])
    inside[unknown] = contains(polygon, grid.centre(face_cell[unknown]), grid)
    return inside


def contains(polygon, units, grid: Grid):
    """Whether points (n, 2) in lattice units lie in the polygon (local coordinates)."""
    shapely.prepare(polygon)
    x, y = grid.to_local(units).T
    return shapely.contains_xy(polygon, x, y)
