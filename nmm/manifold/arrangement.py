"""The planar arrangement of the domain's segments and the lattice lines near them.

Segments are split wherever they meet a lattice line; inside every touched cell the pieces of segments
and the cell's own sides form a planar graph whose faces are walked by the half-edge rule. A face inside
the domain is a manifold element. All of it is array work over touched cells only: its cost grows with
the length of the boundary in cells, not with the number of cells. Works in lattice units.
"""

from dataclasses import dataclass

import numpy as np

from nmm.cover.lattice import Grid
from nmm.domain.geometry import Geometry
from nmm.manifold.faces import attach_islands, classify, contains, half_edges, prune, walk
from nmm.manifold.splitting import (
    BOUNDARY,
    CRACK,
    INTERFACE,
    edges_of_vertices,
    locate,
    snap_to_lines,
    split_edges,
    split_segments,
    tag,
)


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
