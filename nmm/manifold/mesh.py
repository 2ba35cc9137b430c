"""The manifold elements as polygons and triangles: for pictures, files and fine quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from nmm.cover.lattice import Grid
from nmm.manifold.arrangement import Arrangement
from nmm.manifold.quadrature import Rule, triangle_rule, triangulate
from nmm.manifold.splitting import CRACK

if TYPE_CHECKING:
    from nmm.manifold.manifold import Manifold


@dataclass(frozen=True)
class Mesh:
    """Polygons of the manifold elements; each has vertices of its own, so that fields may jump.

    `points` (nv, 2) in the user's coordinates; `offsets` (ne + 1,), the vertices of element e are
    `offsets[e]:offsets[e+1]`, counterclockwise, holes joined by a doubled edge; `triangles` (nt, 3);
    `element_of_triangle` (nt,); `cell`, `part`, `region`, `cut` (ne,); `patches` (ne, k).
    """

    points: np.ndarray
    offsets: np.ndarray
    triangles: np.ndarray
    element_of_triangle: np.ndarray
    cell: np.ndarray
    part: np.ndarray
    region: np.ndarray
    cut: np.ndarray
    patches: np.ndarray

    @property
    def element_of_point(self) -> np.ndarray:
        """Element (nv,) that each vertex belongs to."""
        return np.repeat(np.arange(len(self.cell)), np.diff(self.offsets))


def piece_polygons(cut: Arrangement, grid: Grid, relative: bool = True) -> np.ndarray:
    """Shapely polygons (pieces,), relative to the square of their cell or in lattice units."""
    xy = cut.vertices[cut.tail[cut.loops]]
    sizes = np.diff(cut.offsets)
    if relative:
        xy = xy - np.repeat(grid.corner(cut.piece_cell[cut.loop_piece]), sizes, axis=0)
    ring = np.repeat(np.arange(len(sizes)), sizes)
    closed = np.concatenate([xy, xy[cut.offsets[:-1]]])
    order = np.argsort(np.concatenate([ring, np.arange(len(sizes))]), kind="stable")
    indices = np.sort(np.concatenate([ring, np.arange(len(sizes))]))
    rings = np.asarray(shapely.linearrings(closed[order], indices=indices))
    simple = np.bincount(cut.loop_piece, minlength=len(cut.piece_cell)) == 1
    polygons = np.empty(len(cut.piece_cell), object)
    alone = simple[cut.loop_piece]
    polygons[cut.loop_piece[alone]] = shapely.polygons(rings[alone])
    outer = np.asarray(shapely.is_ccw(rings))
    for piece in np.flatnonzero(~simple):
        mine = np.flatnonzero(cut.loop_piece == piece)
        shell, holes = rings[mine[outer[mine]]], rings[mine[~outer[mine]]]
        polygons[piece] = shapely.Polygon(shell[0], list(holes))
    broken = ~shapely.is_valid(polygons)
    polygons[broken] = shapely.buffer(polygons[broken], 0)
    return polygons


def cell_corners(grid: Grid, cells: np.ndarray) -> np.ndarray:
    """Corners (n, 4 or 3, 2) of whole cells, counterclockwise, relative to their square."""
    if grid.shape == "quad":
        return np.broadcast_to(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), (len(cells), 4, 2))
    upper = (cells % 2 == 1)[:, None, None]
    return np.where(upper, [[0.0, 0], [1, 1], [0, 1]], [[0.0, 0], [1, 0], [1, 1]])


def piece_triangles(manifold: Manifold) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (n, 3, 2) of the pieces, relative to their squares, and the piece of each."""

    def make():
        corners, owner = triangulate(manifold.host.polygons)
        return corners, owner

    return manifold.cached("piece_triangles", make)


def piece_rule(manifold: Manifold) -> Rule:
    """Gauss rule on the triangles of the pieces."""
    corners, owner = piece_triangles(manifold)
    return triangle_rule(corners, owner, manifold.functions.total)


def keyhole(shell: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """One ring (n, 2) that runs around the shell and, over doubled edges, around the holes."""
    for hole in sorted(holes, key=lambda h: h[:, 0].max(), reverse=True):
        distance = np.linalg.norm(shell[:, None] - hole[None], axis=-1)
        a, b = np.unravel_index(distance.argmin(), distance.shape)
        around = np.concatenate([hole[b:], hole[:b], hole[b : b + 1]])
        shell = np.concatenate([shell[: a + 1], around, shell[a:]])
    return shell


def make_mesh(manifold: Manifold) -> Mesh:
    """Polygons of all elements of the manifold."""
    grid, pieces = manifold.grid, manifold.pieces
    cells = manifold.element_cells()
    whole = len(manifold.whole_list)
    corners = cell_corners(grid, cells[:whole]) + grid.corner(cells[:whole])[:, None]
    k = corners.shape[1]
    corners = corners.reshape(-1, 2)
    polygons = manifold.host.polygons
    rings = [corners]
    sizes = [np.full(whole, k)]
    counts = shapely.get_num_interior_rings(polygons)
    plain = (counts == 0) & (shapely.get_type_id(polygons) == 3)
    coordinates, owner = shapely.get_coordinates(
        shapely.get_exterior_ring(polygons[plain]), return_index=True
    )
    last = np.append(owner[1:] != owner[:-1], True) if len(owner) else np.zeros(0, bool)
    coordinates, owner = coordinates[~last], np.flatnonzero(plain)[owner[~last]]
    special, special_owner = [], []
    for piece in np.flatnonzero(~plain):
        for part in shapely.get_parts(polygons[piece]):
            ring = keyhole(
                np.asarray(part.exterior.coords)[:-1], [np.asarray(h.coords)[:-1] for h in part.interiors]
            )
            special.append(ring)
            special_owner.append(np.full(len(ring), piece))
    owner = np.concatenate([owner, *special_owner])
    coordinates = np.concatenate([coordinates, *special])
    order = np.argsort(owner, kind="stable")
    owner, coordinates = owner[order], coordinates[order]
    rings.append(coordinates + grid.corner(manifold.piece_cell[owner]))
    sizes.append(np.bincount(owner, minlength=pieces))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])

    triangles, of_triangle = piece_triangles(manifold)
    position = (triangles + grid.corner(manifold.piece_cell[of_triangle])[:, None]).reshape(-1, 2)
    points = np.concatenate(rings)
    number = match(position, np.repeat(of_triangle, 3), rings[1], owner) + len(corners)
    fan = np.array([[0, 1, 2], [0, 2, 3]] if k == 4 else [[0, 1, 2]])
    whole_triangles = (np.arange(whole)[:, None, None] * k + fan).reshape(-1, 3)
    return Mesh(
        points=grid.to_user(points),
        offsets=offsets,
        triangles=np.concatenate([whole_triangles, number.reshape(-1, 3)]),
        element_of_triangle=np.concatenate([np.repeat(np.arange(whole), len(fan)), whole + of_triangle]),
        cell=cells,
        part=manifold.element_parts(),
        region=manifold.element_regions(),
        cut=np.arange(len(cells)) >= whole,
        patches=manifold.element_patches(),
    )


def match(points, owner, ring_points, ring_owner):
    """Number of the ring vertex of the same owner at each point; both come from the same coordinates."""
    scale = 2.0**40
    keys = np.concatenate(
        [
            np.column_stack([ring_owner, np.round(ring_points * scale)]),
            np.column_stack([owner, np.round(points * scale)]),
        ]
    )
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first[inverse.ravel()[len(ring_points) :]]


def crack_lines(manifold: Manifold) -> np.ndarray:
    """Crack stretches (n, 2, 2) that cut patches, in the user's coordinates."""
    side = manifold.facet_side[: manifold.facets] == 1
    ends = manifold.facet_ends[: manifold.facets][side]
    cell = manifold.piece_cell[manifold.facet_piece[: manifold.facets][side]]
    return manifold.grid.to_user((ends + manifold.grid.corner(cell)[:, None]).reshape(-1, 2)).reshape(
        -1, 2, 2
    )


def lost_lines(manifold: Manifold) -> np.ndarray:
    """Crack stretches (n, 2, 2) without effect on this cover, in the user's coordinates."""
    cut = manifold.host.arrangement
    ends = cut.vertices[cut.dangling[:, :2]]
    if (tips := manifold.host.tips) is not None and (tips.slit_element >= 0).any():
        slits = shapely.linestrings(np.stack([tips.slit, tips.position], 1)[tips.slit_element >= 0])
        middle = np.asarray(shapely.points(ends.mean(1)))
        ends = ends[shapely.distance(middle[:, None], np.asarray(slits)).min(1, initial=np.inf) > 0.05]
    return manifold.grid.to_user(ends.reshape(-1, 2)).reshape(-1, 2, 2)


def outline_lines(manifold: Manifold) -> np.ndarray:
    """Boundary segments (n, 2, 2) in the user's coordinates."""
    geometry = manifold.geometry
    return geometry.vertices[geometry.boundary] + geometry.shift


def crack_lengths(
    cut: Arrangement, grid: Grid, piece_patches: np.ndarray, crack_entity: np.ndarray, first: int
):
    """Length of each crack entity that separates patches, and that has no effect on this cover.

    A stretch has no effect where it ends inside a cell or where both faces see the same patches.
    Returns the lengths (entities,) with and without effect, in the user's units.
    """
    half = np.flatnonzero(cut.segment >= 0)
    half = half[(cut.kind[cut.segment[half]] == CRACK) & cut.forward[half]]
    half = half[(cut.piece[half] >= 0) & (cut.twin[half] >= 0)]
    half = half[cut.piece[cut.twin[half]] >= 0]
    length = np.linalg.norm(cut.vertices[cut.head[half]] - cut.vertices[cut.tail[half]], axis=1) * grid.h
    here, there = cut.piece[half], cut.piece[cut.twin[half]]
    shared = (
        grid.cell_nodes(cut.piece_cell[here])[:, :, None] == grid.cell_nodes(cut.piece_cell[there])[:, None]
    )
    same = piece_patches[here][:, :, None] == piece_patches[there][:, None]
    idle = (same | ~shared).all((1, 2))
    entity = crack_entity[cut.segment[half] - first]
    dangling = cut.dangling
    lost_length = np.linalg.norm(cut.vertices[dangling[:, 1]] - cut.vertices[dangling[:, 0]], axis=1) * grid.h
    lost_entity = crack_entity[dangling[:, 2] - first]
    count = int(crack_entity.max(initial=-1)) + 1
    active = np.bincount(entity[~idle], length[~idle], count)
    lost = np.bincount(lost_entity, lost_length, count) + np.bincount(entity[idle], length[idle], count)
    return active, lost
