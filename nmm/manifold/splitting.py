"""The domain's segments and the lattice lines, split where they meet. Works in lattice units."""

import numpy as np

from nmm.cover.lattice import Grid
from nmm.errors import GeometryError

BOUNDARY, CRACK, INTERFACE = 0, 1, 2
"""Kinds of the domain's segments."""


def snap_to_lines(units: np.ndarray, grid: Grid) -> np.ndarray:
    """Move points (n, 2) that lie within the tolerance of a lattice line onto it."""
    nearest = np.round(units)
    on = np.abs(units - nearest) <= grid.tolerance
    units = np.where(on, nearest, units)
    if grid.families == 3:
        difference = units[:, 0] - units[:, 1]
        k = np.round(difference)
        diagonal = (np.abs(difference - k) <= 2 * grid.tolerance) & ~on.all(1)
        x = np.where(diagonal & ~on[:, 0], units[:, 1] + k, units[:, 0])
        y = np.where(diagonal & on[:, 0], units[:, 0] - k, units[:, 1])
        units = np.stack([x, y], -1)
    return units


def coordinate(units: np.ndarray, family: int) -> np.ndarray:
    """The coordinate that is constant on the lines of a family."""
    return units[..., family] if family < 2 else units[..., 0] - units[..., 1]


def split_segments(points, ends, grid: Grid):
    """Split segments at lattice lines: vertices and (start, stop, segment) of the pieces, in order."""
    first, last = points[ends[:, 0]], points[ends[:, 1]]
    count = len(ends)
    number, parameter, where = [np.arange(count)] * 2, [np.zeros(count), np.ones(count)], [first, last]
    for family in range(grid.families):
        a, b = coordinate(first, family), coordinate(last, family)
        if family == 2:
            a, b = settle(a, grid), settle(b, grid)
        low = np.floor(np.minimum(a, b)).astype(np.int64) + 1
        high = np.ceil(np.maximum(a, b)).astype(np.int64) - 1
        crossings = np.maximum(high - low + 1, 0)
        seg = np.repeat(np.arange(count), crossings)
        within = np.arange(len(seg)) - np.repeat(np.cumsum(crossings) - crossings, crossings)
        k = (low[seg] + within).astype(float)
        t = (k - a[seg]) / (b[seg] - a[seg])
        point = first[seg] + t[:, None] * (last[seg] - first[seg])
        if family < 2:
            point[:, family] = k
        else:
            point[:, 1] = point[:, 0] - k
        number.append(seg)
        parameter.append(t)
        where.append(snap_to_lines(point, grid))
    number, parameter, where = map(np.concatenate, (number, parameter, where))
    vertices, vertex = unique_points(where)
    order = np.lexsort((parameter, number))
    seg, vertex = number[order], vertex[order]
    keep = (seg[1:] == seg[:-1]) & (vertex[1:] != vertex[:-1])
    start, stop, seg = vertex[:-1][keep], vertex[1:][keep], seg[:-1][keep]
    # Near a common end two segments may round to the same stretch; the boundary comes before a crack.
    pair = np.minimum(start, stop) * len(vertices) + np.maximum(start, stop)
    first = np.sort(np.unique(pair, return_index=True)[1])
    return vertices, start[first], stop[first], seg[first]


def settle(values, grid: Grid):
    """Round values within the tolerance of an integer to it."""
    k = np.round(values)
    return np.where(np.abs(values - k) <= 2 * grid.tolerance, k, values)


def unique_points(points):
    """Distinct rows of points (n, 2) and the number of each row's representative."""
    order = np.lexsort((points[:, 1], points[:, 0]))
    ordered = points[order]
    fresh = np.ones(len(points), bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(1)
    number = np.empty(len(points), np.int64)
    number[order] = np.cumsum(fresh) - 1
    return ordered[fresh], number


def on_families(vertices, grid: Grid):
    """Which families (n, families) have a line through each vertex."""
    flags = [coordinate(vertices, f) for f in range(grid.families)]
    if grid.families == 3:
        flags[2] = settle(flags[2], grid)
    return np.stack([v == np.round(v) for v in flags], -1)


def locate(vertices, start, stop, grid: Grid):
    """For each piece of a segment: does it run along a lattice edge, along which, and in which cell."""
    on = on_families(vertices, grid)
    middle = (vertices[start] + vertices[stop]) / 2
    base = np.floor(middle).astype(np.int64)
    edge = np.full(len(start), -1)
    for family in range(grid.families):
        a, b = coordinate(vertices[start], family), coordinate(vertices[stop], family)
        along = on[start, family] & on[stop, family] & (np.round(a) == np.round(b))
        i, j = base[along].T
        if family == 0:
            i = np.round(vertices[start[along], 0]).astype(np.int64)
        if family == 1:
            j = np.round(vertices[start[along], 1]).astype(np.int64)
        edge[along] = grid.edge([1, 0, 2][family], i, j)
    on_line = edge >= 0
    cell = np.where(on_line, -1, grid.cell_of(middle))
    if (cell[~on_line] < 0).any():
        raise GeometryError("a segment of the domain leaves the lattice (internal error)")
    return on_line, edge, cell


def edges_of_vertices(vertices, grid: Grid):
    """Lattice edges that have a vertex strictly between their ends."""
    on = on_families(vertices, grid)
    single = on.sum(1) == 1
    family = np.argmax(on[single], 1)
    i, j = np.floor(vertices[single]).astype(np.int64).T
    return grid.edge(np.choose(family, [1, 0, 2]), i, j)


def split_edges(vertices, edges, grid: Grid):
    """Split lattice edges at the vertices on them; corners are appended to the vertices where missing.

    Returns the vertices and (ns, 3) rows (start, stop, edge), in the direction of the edges.
    """
    node = on_families(vertices, grid)[:, :2].all(1)
    code = vertices[node].astype(np.int64) @ [1, grid.nx + 1]
    known = np.flatnonzero(node)[np.argsort(code)]
    code = np.sort(code)
    ends = grid.edge_corners(edges)
    wanted, position = np.unique(ends, return_inverse=True)
    slot = np.searchsorted(code, wanted)
    found = slot < len(code)
    found[found] = code[slot[found]] == wanted[found]
    vertex_of = np.empty(len(wanted), np.int64)
    vertex_of[found] = known[slot[found]]
    vertex_of[~found] = len(vertices) + np.arange((~found).sum())
    on = on_families(vertices, grid)
    single = np.flatnonzero(on.sum(1) == 1)
    family = np.argmax(on[single], 1)
    base = np.floor(vertices[single]).astype(np.int64)
    on_edge = grid.edge(np.choose(family, [1, 0, 2]), *base.T)
    along = np.where(family == 0, vertices[single, 1] - base[:, 1], vertices[single, 0] - base[:, 0])
    vertices = np.concatenate([vertices, grid.corner_units(wanted[~found])])
    ends = vertex_of[position.reshape(ends.shape)]
    edge = np.concatenate([edges, edges, on_edge])
    place = np.concatenate([np.zeros(len(edges)), np.ones(len(edges)), along])
    vertex = np.concatenate([ends[:, 0], ends[:, 1], single])
    order = np.lexsort((place, edge))
    edge, vertex = edge[order], vertex[order]
    keep = edge[1:] == edge[:-1]
    return vertices, np.stack([vertex[:-1][keep], vertex[1:][keep], edge[:-1][keep]], -1)


def tag(sub, start, stop, segment, count):
    """Segment that runs along each sub-edge (-1: none) and whether it has the edge's direction."""

    def key(a, b):
        return np.minimum(a, b) * count + np.maximum(a, b)

    here, there = key(sub[:, 0], sub[:, 1]), key(start, stop)
    order = np.lexsort((segment, there))
    place = np.searchsorted(there[order], here)
    place = np.minimum(place, max(len(there) - 1, 0))
    tagged = np.full(len(sub), -1)
    forward = np.zeros(len(sub), bool)
    if len(there):
        hit = there[order][place] == here
        tagged[hit] = segment[order][place[hit]]
        forward[hit] = start[order][place[hit]] == sub[hit, 0]
    return tagged, forward
