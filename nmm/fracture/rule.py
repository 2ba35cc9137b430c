"""Quadrature around crack tips: over the elements in each disc, and along the faces in it.

Auxiliary fields and weights are no polynomials, so every element in a disc is cut into triangles that are
small against their distance to the tip, each with a Gauss rule of degree 8. Along a face the points are
Gauss points of √r, for integrands that grow like 1/√r.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from nmm.domain.tips import Tip
from nmm.fracture.discs import Disc
from nmm.manifold.locate import number_whole
from nmm.manifold.manifold import Manifold
from nmm.manifold.mesh import cell_corners, piece_triangles
from nmm.physics.problem import boundary_facets

INNER = 0.25
"""The weight is 1 up to this share of the radius."""
ORDER = 5
"""Gauss points in each direction of a triangle."""
FINE = 0.6
"""Largest size of a triangle against its distance to the tip."""
SMOOTH = 0.25
"""Largest size of a triangle against the radius."""
LEVELS = 6
"""Halvings of triangles at most; what is left around the tip is 1/64 of a cell."""


@dataclass(frozen=True, eq=False)
class Points:
    """Quadrature points around tips, all tips together.

    `disc` (n,) numbers the disc; `element` (n,) and `xi` (n, 2) say where the solution is evaluated;
    `weight` (n,) in the user's units, `offset` (n, 2) from the tip in the tip's frame, its polar `angle`
    (n,), and the weight function `q` (n,) with its gradient `dq` (n, 2) in that frame. On faces, `normal`
    (n, 2) points out of the body, in the user's axes, and `term` (n,) numbers the boundary term (-1: none).
    """

    disc: np.ndarray
    element: np.ndarray
    xi: np.ndarray
    weight: np.ndarray
    offset: np.ndarray
    angle: np.ndarray
    q: np.ndarray
    dq: np.ndarray
    normal: np.ndarray
    term: np.ndarray

    def where(self, chosen: np.ndarray) -> "Points":
        """Some of the points."""
        return Points(*(getattr(self, f.name)[chosen] for f in fields(self)))


def frame(tip: Tip) -> np.ndarray:
    """Axes of a tip as columns (2, 2): the direction of advance and its left."""
    e = tip.direction
    return np.array([[e[0], -e[1]], [e[1], e[0]]])


def make_points(number: int, disc: Disc, element, xi, weight, offset, angle=None, normal=None, term=-1):
    """Points with the weight function of their disc."""
    count = len(element)
    distance = np.hypot(*offset.T)
    s = np.clip((distance / disc.radius - INNER) / (1 - INNER), 0.0, 1.0)
    q = 1 - s**3 * (10 - 15 * s + 6 * s**2)
    steep = -30 * (s * (1 - s)) ** 2 / ((1 - INNER) * disc.radius)
    return Points(
        disc=np.full(count, number),
        element=element,
        xi=xi,
        weight=weight,
        offset=offset,
        angle=np.arctan2(offset[:, 1], offset[:, 0]) if angle is None else angle,
        q=q,
        dq=(steep / distance)[:, None] * offset,
        normal=np.zeros((count, 2)) if normal is None else normal,
        term=np.full(count, term),
    )


def joined(parts: list[Points]) -> Points:
    """Points of several parts in one."""
    return Points(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Points)))


def padded(points: Points) -> Points:
    """Padded with points of no weight to a power of two, so that few sizes are ever compiled."""
    count = len(points.element)
    size = 1 << max(6, (count - 1).bit_length())
    chosen = np.concatenate([np.arange(count), np.zeros(size - count, int)])
    weight = np.where(np.arange(size) < count, points.weight[chosen], 0.0)
    return replace(points.where(chosen), weight=weight)


def area_points(manifold: Manifold, number: int, disc: Disc, everywhere: bool) -> Points:
    """Points in the disc; without `everywhere` only those where the weight varies."""
    grid = manifold.grid
    centre = grid.to_units(disc.tip.point[None])[0]
    reach = disc.radius / grid.h
    element, corners = triangles_near(manifold, centre, reach)
    element, corners = graded(element, corners, centre, reach, 0.0 if everywhere else INNER * reach)
    bary, share = collapsed()
    units = np.einsum("qk,nkd->nqd", bary, corners).reshape(-1, 2)
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / 2
    element = np.repeat(element, len(share))
    offset = (units - centre) @ (grid.rotation.T * grid.h) @ frame(disc.tip)
    xi = units - grid.corner(manifold.element_cells()[element])
    weight = (area[:, None] * share).ravel() * grid.h**2
    points = make_points(number, disc, element, xi, weight, offset)
    return points.where(points.q > 0 if everywhere else np.abs(points.dq).max(1) > 0)


def triangles_near(manifold: Manifold, centre: np.ndarray, reach: float):
    """Elements (n,) and their triangles (n, 3, 2), lattice units, in the squares around a point."""
    grid = manifold.grid
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.floor(centre + reach) + 1, [grid.nx, grid.ny]).astype(int)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1])))
    families = grid.families - 1
    cells = ((j * grid.nx + i)[:, None] * families + np.arange(families)).ravel()
    number = manifold.cached("element_of_whole", lambda: number_whole(manifold))
    cells = cells[number[cells] >= 0]
    corners = cell_corners(grid, cells) + grid.corner(cells)[:, None]
    fan = [[0, 1, 2], [0, 2, 3]] if grid.shape == "quad" else [[0, 1, 2]]
    whole = corners[:, fan].reshape(-1, 3, 2)
    triangles, piece = piece_triangles(manifold)
    triangles = triangles + grid.corner(manifold.piece_cell[piece])[:, None]
    near = np.all((triangles.max(1) > low) & (triangles.min(1) < high), axis=1)
    first = len(manifold.whole_list)
    element = np.concatenate([np.repeat(number[cells], len(fan)), first + piece[near]])
    return element, np.concatenate([whole, triangles[near]])


def graded(element, corners, centre, reach: float, inner: float):
    """Triangles that touch the ring between `inner` and `reach`, halved until they are small."""
    done: list[tuple[np.ndarray, np.ndarray]] = []
    largest = SMOOTH * reach
    for level in range(LEVELS + 1):
        far = np.linalg.norm(corners - centre, axis=2)
        size = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
        near = far.min(1) - size
        ring = (near < reach) & (far.max(1) > inner)
        coarse = ring & (size > np.minimum(FINE * np.maximum(far.mean(1), inner), largest)) & (level < LEVELS)
        done.append((element[ring & ~coarse], corners[ring & ~coarse]))
        element, corners = np.repeat(element[coarse], 4), quartered(corners[coarse])
    return np.concatenate([e for e, _ in done]), np.concatenate([c for _, c in done])


def quartered(corners: np.ndarray) -> np.ndarray:
    """The four halves of triangles (n, 3, 2)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.stack([np.stack(p, 1) for p in parts], 1).reshape(-1, 3, 2)


def collapsed() -> tuple[np.ndarray, np.ndarray]:
    """Barycentric points (q, 3) and weights (q,), summing to 1, of a collapsed Gauss rule."""
    nodes, weights = np.polynomial.legendre.leggauss(ORDER)
    u, v = (a.ravel() for a in np.meshgrid((nodes + 1) / 2, (nodes + 1) / 2, indexing="ij"))
    share = (np.outer(weights * (nodes + 1) / 2, weights) / 2).ravel()
    return np.stack([1 - u, u * (1 - v), u * v], -1), share


def face_points(problem: Any, number: int, disc: Disc, selections) -> list[Points]:
    """Points on the crack faces in the disc that carry tractions, one part for each boundary term."""
    manifold = problem.manifold
    facets = boundary_facets(manifold)
    axes = frame(disc.tip)
    parts = []
    for term, selection in enumerate(selections):
        if problem.terms[term].kind not in ("traction", "pressure"):
            continue
        facet = selection.facet[facets.side[selection.facet] != 0]
        interval = selection.interval[facets.side[selection.facet] != 0]
        start, along = facets.ends[facet, 0], facets.ends[facet, 1] - facets.ends[facet, 0]
        ends = start[:, None] + interval[..., None] * along[:, None]
        ends = (ends - manifold.geometry.shift - disc.tip.point) @ axes
        near = np.abs(ends[..., 1]).max(1) < 1e-2 * disc.radius
        near &= (ends[..., 0].max(1) <= 1e-9 * disc.radius) & (-ends[..., 0].max(1) < disc.radius)
        facet, ends, interval = facet[near], ends[near], interval[near]
        if not len(facet):
            continue
        t, distance, weight = along_face(-ends[..., 0])
        count = t.shape[1]
        at = interval[:, :1] + (interval[:, 1:] - interval[:, :1]) * t
        face = manifold.facet_ends[facet]
        xi = face[:, :1] + at[..., None] * (face[:, 1:] - face[:, :1])
        upper = facets.normal[facet] @ axes[:, 1] < 0
        parts.append(
            make_points(
                number,
                disc,
                np.repeat(len(manifold.whole_list) + manifold.facet_piece[facet], count),
                xi.reshape(-1, 2),
                weight.ravel(),
                np.stack([-distance.ravel(), np.zeros(distance.size)], -1),
                np.repeat(np.where(upper, np.pi, -np.pi), count),
                np.repeat(facets.normal[facet], count, axis=0),
                term,
            )
        )
    return parts


def along_face(distance: np.ndarray):
    """Gauss points of √r between distances (n, 2): fraction of the way, distance and weight (n, m)."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    root = np.sqrt(np.maximum(distance, 0.0))
    step = root[:, 1:] - root[:, :1]
    r = root[:, :1] + step * (nodes + 1) / 2
    span = distance[:, 1:] - distance[:, :1]
    return (r**2 - distance[:, :1]) / span, r**2, np.abs(step) * r * weights


def bare_faces(number: int, disc: Disc) -> Points:
    """Points on both faces of the straight crack behind the tip, whatever the cover makes of it."""
    _, distance, weight = along_face(np.array([[0.0, INNER], [INNER, 1.0]]) * disc.radius)
    offset = np.stack([-distance.ravel(), np.zeros(distance.size)], -1)
    none = np.zeros(distance.size, int)
    sides = []
    for angle in (np.pi, -np.pi):
        normal = np.broadcast_to(-np.sign(angle) * frame(disc.tip)[:, 1], (distance.size, 2))
        turn = np.full(distance.size, angle)
        sides.append(
            make_points(number, disc, none, np.zeros((len(none), 2)), weight.ravel(), offset, turn, normal)
        )
    return joined(sides)
