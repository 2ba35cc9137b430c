"""Which manifold element a point lies in, and on which side of a crack."""

import numpy as np
import shapely

from nmm.manifold.manifold import Manifold
from nmm.manifold.mesh import piece_polygons
from nmm.manifold.tips import beside_slit


def locate(manifold: Manifold, points: np.ndarray, side: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Element (n,) of each point (n, 2), -1 outside the domain, and its position (n, 2) in the square.

    On a crack `side=+1` chooses the element on the left of the crack's direction, -1 the right one.
    Points outside by less than the sagitta of a chord count as inside.
    """
    points = np.asarray(points, float).reshape(-1, 2)
    grid = manifold.grid
    units = grid.to_units(points - grid.shift)
    finite = np.all(np.isfinite(units), axis=1)
    units = np.where(np.expand_dims(finite, 1), units, -10.0)
    cell = grid.cell_of(units)
    number = manifold.cached("element_of_whole", lambda: number_whole(manifold))
    element = np.where(cell >= 0, number[np.maximum(cell, 0)], -1)
    rest = np.flatnonzero(element < 0)
    if len(rest):
        element[rest] = among_pieces(manifold, units[rest], side)
    late = rest[element[rest] < 0]
    if len(late):
        element[late] = nearest_whole(manifold, units[late], number)
    home = manifold.element_cells()[np.maximum(element, 0)]
    xi = np.where(element[:, None] >= 0, units - grid.corner(home), np.nan)
    return element, beside_slit(manifold, element, xi, side)


def number_whole(manifold: Manifold) -> np.ndarray:
    number = np.full(manifold.grid.cells, -1)
    number[manifold.whole_list] = np.arange(len(manifold.whole_list))
    return number


def rounding(manifold: Manifold) -> float:
    """Distance, in lattice units, at which a point still counts as lying on a line.

    The larger the user's coordinates, the fewer digits are left for the position in a cell.
    """
    return 1e-9 + 4 * np.finfo(float).eps * float(np.abs(manifold.box).max()) / manifold.grid.h


def reach(manifold: Manifold) -> float:
    """Distance, in lattice units, at which a point still counts as lying on the domain."""
    return rounding(manifold) + manifold.geometry.sagitta / manifold.grid.h


def among_pieces(manifold: Manifold, units: np.ndarray, side: int) -> np.ndarray:
    """Element of points (n, 2) that lie in or next to a piece; -1 for none."""
    tree, cracks, crack_ends = manifold.cached("trees", lambda: make_trees(manifold))
    point = np.asarray(shapely.points(units))
    whole = len(manifold.whole_list)
    result = np.full(len(units), -1)
    near = rounding(manifold)
    for distance in (near, reach(manifold)):
        open_ = np.flatnonzero(result < 0)
        who, piece = tree.query(point[open_], predicate="dwithin", distance=distance)
        who = open_[who]
        order = np.lexsort((-manifold.piece_area[piece], who))
        first = np.unique(who[order], return_index=True)[1]
        result[who[order][first]] = whole + piece[order][first]
        if len(crack_ends):
            many = np.flatnonzero(np.bincount(who, minlength=len(units)) > 1)
            choose_side(result, units, many, who, piece, tree, cracks, crack_ends, side, whole, near)
    return result


def choose_side(result, units, many, who, piece, tree, cracks, crack_ends, side, whole, near):
    """For points within `near` of a crack, the piece that lies on the wanted side of it."""
    on, crack = cracks.query(shapely.points(units[many]), predicate="dwithin", distance=2 * near)
    on, first = np.unique(on, return_index=True)
    crack = crack[first]
    direction = crack_ends[crack, 1] - crack_ends[crack, 0]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    nudged = units[many[on]] + side * 1e3 * near * np.stack([-direction[:, 1], direction[:, 0]], -1)
    for at, place in zip(many[on], nudged, strict=True):
        candidates = piece[who == at]
        inside = shapely.intersects_xy(tree.geometries[candidates], *place)
        if inside.any():
            result[at] = whole + candidates[inside][0]


def nearest_whole(manifold: Manifold, units: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Whole cell next to points (n, 2) on the outer side of a lattice line; -1 for none."""
    grid = manifold.grid
    result = np.full(len(units), -1)
    for shift in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1), (-1, 1), (1, -1)):
        cell = grid.cell_of(units + reach(manifold) * np.array(shift))
        found = np.where(cell >= 0, number[np.maximum(cell, 0)], -1)
        result = np.where(result < 0, found, result)
    return result


def make_trees(manifold: Manifold):
    """Search trees over the pieces and over the crack segments, in lattice units."""
    grid, cut = manifold.grid, manifold.host.arrangement
    polygons = piece_polygons(cut, grid, relative=False)
    extra = manifold.host.polygons[len(polygons) :]
    cells = manifold.piece_cell[len(polygons) : manifold.pieces]
    moved = [
        shapely.transform(p, lambda xy, c=c: xy + c) for p, c in zip(extra, grid.corner(cells), strict=True)
    ]
    tree = shapely.STRtree(np.concatenate([polygons, np.array(moved, object)]))
    left = np.flatnonzero(manifold.facet_side[: manifold.facets] == 1)
    corner = grid.corner(manifold.piece_cell[manifold.facet_piece[left]])
    ends = manifold.facet_ends[left] + corner[:, None]
    return tree, shapely.STRtree(np.asarray(shapely.linestrings(ends))), ends
