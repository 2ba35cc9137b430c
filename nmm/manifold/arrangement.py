"""The planar arrangement of the domain's segments and the lattice lines near them.

Segments are split wherever they meet a lattice line; inside every touched cell the pieces of segments
and the cell's own sides form a planar graph whose faces are walked by the half-edge rule. A face inside
the domain is a manifold element. All of it is array work over touched cells only: its cost grows with
the length of the boundary in cells, not with the number of cells. Works in lattice units.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.cover.lattice import Grid
from nmm.domain.geometry import Geometry
from nmm.errors import GeometryError

BOUNDARY, CRACK, INTERFACE = 0, 1, 2


@dataclass(frozen=True)
class Arrangement:
    """Faces inside the domain in the touched cells, as loops of half-edges.

    `vertices` (nv, 2) in lattice units. Half-edges: `tail`, `head` (vertex numbers), `piece` (the piece
    on their left, -1: outside), `segment` (-1 for a plain lattice line, else the number of the domain's
    segment), `forward` (same direction as that segment), `twin` (half-edge of the other side, -1 none).
    `loops` orders the half-edges of the pieces: half-edges `loops[offsets[k]:offsets[k+1]]` bound loop k
    of piece `loop_piece[k]`, counterclockwise if outer. `sub_edges` (ns, 2) are the half-edges to the
    left and right of every piece of lattice edge `sub_edge_of`.
    `dangling` lists (va, vb, segment) of crack stretches that end inside a cell.
    """

    vertices: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    piece: np.ndarray
    segment: np.ndarray
    forward: np.ndarray
    twin: np.ndarray
    loops: np.ndarray
    offsets: np.ndarray
    loop_piece: np.ndarray
    piece_cell: np.ndarray
    sub_edges: np.ndarray
    sub_edge_of: np.ndarray
    touched: np.ndarray
    whole: np.ndarray
    dangling: np.ndarray
    kind: np.ndarray


def arrange(geometry: Geometry, grid: Grid) -> Arrangement:
    """Cut the touched cells of `grid` by `geometry`; see `Arrangement`.

    **Raises:** `GeometryError` when a segment leaves the lattice or the faces contradict each other.
    """
    points = snap_to_lines(grid.to_units(geometry.vertices), grid)
    ends = np.concatenate([geometry.boundary, geometry.cracks, geometry.interfaces]).astype(np.int64)
    kind = np.repeat(
        [BOUNDARY, CRACK, INTERFACE], [len(geometry.boundary), len(geometry.cracks), len(geometry.interfaces)]
    )
    vertices, start, stop, segment = split_segments(points, ends, grid)
    on_line, edge, cell = locate(vertices, start, stop, grid)

    touched_edges = np.concatenate([edge[on_line], edges_of_vertices(vertices, grid)])
    touched = np.concatenate([cell[~on_line], grid.edge_cells(np.unique(touched_edges)).ravel()])
    touched = np.unique(touched[touched >= 0])

    vertices, sub = split_edges(vertices, np.unique(grid.cell_edges(touched)), grid)
    sub_segment, sub_forward = tag(sub, start[on_line], stop[on_line], segment[on_line], len(vertices))
    inner = np.stack([start, stop, segment, cell], -1)[~on_line]
    inner, dangling = prune(inner, sub, kind, grid, touched, len(vertices))

    half = half_edges(sub, sub_segment, sub_forward, inner, touched, grid)
    face, loops, offsets, area = walk(half, vertices, grid)
    face, loop_face, face_cell = attach_islands(half, vertices, face, loops, offsets, area, grid)
    inside = classify(half, face, face_cell, kind, geometry.polygon, grid)
    return collect(
        half, vertices, face, loop_face, loops, offsets, face_cell, inside, sub, touched, dangling, kind,
        whole_cells(touched, geometry.polygon, grid), grid,
    )  # fmt: skip


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
    """Lattice edges that have a vertex strictly between their nodes."""
    on = on_families(vertices, grid)
    single = on.sum(1) == 1
    family = np.argmax(on[single], 1)
    i, j = np.floor(vertices[single]).astype(np.int64).T
    return grid.edge(np.choose(family, [1, 0, 2]), i, j)


def split_edges(vertices, edges, grid: Grid):
    """Split lattice edges at the vertices on them; nodes are appended to the vertices where missing.

    Returns the vertices and (ns, 3) rows (start, stop, edge), in the direction of the edges.
    """
    node = on_families(vertices, grid)[:, :2].all(1)
    code = vertices[node].astype(np.int64) @ [1, grid.nx + 1]
    known = np.flatnonzero(node)[np.argsort(code)]
    code = np.sort(code)
    ends = grid.edge_nodes(edges)
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
    vertices = np.concatenate([vertices, grid.node_units(wanted[~found])])
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


def whole_cells(touched, polygon, grid: Grid):
    """Cells (cells,) that no segment touches and that lie inside: one test for each run along a row."""
    per_row = grid.nx * (grid.families - 1)
    free = np.ones(grid.cells, bool)
    free[touched] = False
    chain = np.arange(grid.cells).reshape(grid.ny, per_row)
    if grid.families == 3:
        chain = chain.reshape(grid.ny, grid.nx, 2)[:, :, ::-1].reshape(grid.ny, per_row)
    along = free[chain]
    begins = along.copy()
    begins[:, 1:] &= ~along[:, :-1]
    inside = contains(polygon, grid.centre(chain[begins]), grid)
    run = np.cumsum(begins.ravel()).reshape(along.shape) - 1
    result = np.zeros(grid.cells, bool)
    result[chain] = along & inside[np.maximum(run, 0)] if len(inside) else False
    return result


def collect(
    half,
    vertices,
    face,
    loop_face,
    loops,
    offsets,
    face_cell,
    inside,
    sub,
    touched,
    dangling,
    kind,
    whole,
    grid,
) -> Arrangement:
    """Number the faces inside the domain as pieces, in the order of their cells."""
    real = len(half.segment)
    kept = np.flatnonzero(inside)
    kept = kept[np.argsort(face_cell[kept], kind="stable")]
    piece_of = np.full(len(face_cell), -1)
    piece_of[kept] = np.arange(len(kept))
    loop_piece = piece_of[loop_face]
    chosen = np.flatnonzero(loop_piece >= 0)
    chosen = chosen[np.argsort(loop_piece[chosen], kind="stable")]
    sizes = np.diff(offsets)[chosen]
    new_offsets = np.concatenate([[0], np.cumsum(sizes)])
    within = np.arange(new_offsets[-1]) - np.repeat(new_offsets[:-1], sizes)
    return Arrangement(
        vertices=vertices,
        tail=half.tail[:real],
        head=half.head[:real],
        piece=piece_of[face],
        segment=half.segment,
        forward=half.forward,
        twin=half.twin,
        loops=loops[np.repeat(offsets[:-1][chosen], sizes) + within],
        offsets=new_offsets,
        loop_piece=loop_piece[chosen],
        piece_cell=face_cell[kept],
        sub_edges=half.sub_edges,
        sub_edge_of=sub[:, 2],
        touched=touched,
        whole=whole,
        dangling=dangling,
        kind=kind,
    )
