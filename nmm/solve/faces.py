"""Faces of the lattice between cut elements and their neighbours: where a ghost penalty acts.

In lattice units the integral of the square of the jump of ∂u/∂n over a face is one of two (triangles: three)
matrices, by the direction of the face, so that a face is two elements and a direction.
"""

from typing import Any

import numpy as np

from nmm.capacity import padded
from nmm.cover.lattice import FAMILIES, Grid
from nmm.cover.weights import Weights
from nmm.manifold.manifold import Manifold
from nmm.manifold.quadrature import segment_rule
from nmm.manifold.tips import at_tips
from nmm.physics.problem import GHOST, Problem
from nmm.pytrees import tree

CUT = 1 - 1e-9
"""An element below this fraction of its cell's area is cut."""


@tree()
class Faces:
    """The two elements of each face: `cell`, `region` (2, n) and centroid `xi` (2, n, 2) in their squares.

    `family` (n,) is the direction of the face, `factor` (n,) the penalty (zero: padding), `patches` (n, 2 k)
    those of both elements.
    """

    cell: Any
    xi: Any
    region: Any
    family: Any
    factor: Any
    patches: Any


def ghost_faces(manifold: Manifold) -> tuple[np.ndarray, np.ndarray]:
    """Elements (n, 2) on the left and the right of each face, and the edge (n,) of the lattice it is.

    At least one of the two is cut; they share an uncracked part of the face, hence its patches, and their
    region, as the gradient jumps between materials. Elements with singular patches have none.
    """
    return manifold.cached("ghost_faces", lambda: find_faces(manifold))


def find_faces(manifold: Manifold) -> tuple[np.ndarray, np.ndarray]:
    """What `ghost_faces` keeps."""
    grid = manifold.grid
    pair = np.unique(np.sort(manifold.host.links, 1), axis=0)
    cells, regions = manifold.element_cells(), manifold.element_regions()
    cut = manifold.element_areas() < CUT * grid.cell_area
    first, second = pair.T
    good = (cells[first] != cells[second]) & (regions[first] == regions[second])
    pair = pair[good & (cut[first] | cut[second]) & ~at_tips(manifold, first) & ~at_tips(manifold, second)]
    sides = grid.cell_edges(cells[pair[:, 0]])
    common = (sides[:, :, None] == grid.cell_edges(cells[pair[:, 1]])[:, None, :]).any(2)
    edge = sides[np.arange(len(pair)), common.argmax(1)]
    swap = grid.edge_cells(edge)[:, 0] != cells[pair[:, 0]]
    return np.where(swap[:, None], pair[:, ::-1], pair), edge


def faces_of(problem: Problem) -> Faces | None:
    """The faces of a problem with a ghost penalty; None for one without."""
    if problem.ghost is None:
        return None
    manifold = problem.manifold
    pair, edge = ghost_faces(manifold)
    whole = len(manifold.whole_list)
    cell, patches = manifold.element_cells()[pair], manifold.element_patches()[pair]
    xi = manifold.grid.centre(cell.ravel()) - manifold.grid.corner(cell.ravel())
    xi = xi.reshape(*pair.shape, 2)
    pieces = pair >= whole
    xi[pieces] = manifold.piece_points[pair[pieces] - whole].mean(1)
    return Faces(
        cell.astype(np.int32).T,
        np.moveaxis(xi, 0, 1),
        manifold.element_regions()[pair].astype(np.int32).T,
        manifold.grid.edge_parts(edge)[0].astype(np.int32),
        np.full(len(pair), float(problem.ghost)),
        patches.reshape(len(pair), -1).astype(np.int32),
    )


def padded_faces(problem: Problem) -> Faces | None:
    """The same with room; padding stands where the first face is, so that values make sense there."""
    faces = faces_of(problem)
    if faces is None:
        return None
    manifold = problem.manifold
    count = manifold.room(f"pairs of level 0, {GHOST}", len(faces.family))

    def sides(values, empty):
        rows = np.moveaxis(values, 1, 0)
        return np.moveaxis(padded(rows, count, rows[0] if len(rows) else empty), 0, 1)

    return Faces(
        sides(faces.cell, 0),
        sides(faces.xi, 0.5),
        sides(faces.region, -1),
        padded(faces.family, count, 0),
        padded(faces.factor, count, 0.0),
        padded(faces.patches, count, manifold.patches - 1),
    )


def jump_matrices(weights: Weights) -> np.ndarray:
    """Matrices (families, 2 k, 2 k) of ∫ [∂ᵖu/∂nᵖ]² over a face, in lattice units.

    Rows are the weights of the left element, then those of the right one, extended over the whole face.
    """
    grid = Grid(np.zeros(2), 1.0, np.eye(2), 3, 3, weights.shape, np.zeros(2))
    nodes, shares = segment_rule(2 * weights.degree)
    result = []
    for edge in grid.edge(np.arange(FAMILIES[weights.shape]), 1, 1):
        edges = np.array([edge])
        start, stop = grid.corner_units(grid.edge_corners(edges)[0])
        length = np.linalg.norm(stop - start)
        tangent = (stop - start) / length
        normal = np.array([tangent[1], -tangent[0]])
        points = start + (nodes[:, None] + 1) / 2 * (stop - start)
        slopes = []
        for cell, sign in zip(grid.edge_cells(edges)[0], (1.0, -1.0), strict=True):
            upper = np.full(len(points), cell % 2 == 1)
            place = points - grid.corner(np.array([cell]))
            slopes.append(sign * weights.normal_derivatives(place, normal, upper))
        jump = np.concatenate(slopes, 1)
        result.append(jump.T @ (jump * (length * shares / 2)[:, None]))
    return np.stack(result)
