"""Quadrature for functions that are singular at crack tips.

Triangles that touch a tip are integrated in polar form: with r = s² the integrands √r, 1 and 1/√r times the
area element become polynomials in s. All others are halved until they are no larger than their distance
from the tips.
"""

from itertools import pairwise

import numpy as np
import shapely

from nmm.manifold.quadrature import triangulate

TOUCH = 1e-9
"""Distance, in lattice units, at which a vertex counts as the tip."""

RADIAL, ANGULAR, PLAIN = (np.polynomial.legendre.leggauss(n) for n in (8, 8, 5))
"""Points and weights on [-1, 1]: along and across triangles at a tip, and in both directions elsewhere."""


def singular_rule(polygons: np.ndarray, tips: np.ndarray, axes: np.ndarray):
    """Points (m, 2), weights (m,) and owners (m,) over polygons (n,) for functions singular at their tips.

    `tips` (n, T, 2) and the directions `axes` (n, T, 2) of their advance, nan for none: inside a polygon
    cracks run straight back from their tips.
    """
    corners, owner = split_at_tips(polygons, tips, axes)
    area = cross(corners)
    corners = np.where((area < 0)[:, None, None], corners[:, ::-1], corners)
    real = np.abs(area) > 1e-18
    corners, owner = corners[real], owner[real]
    points, weights, owners = [], [], []
    for t in range(tips.shape[1]):
        touches = np.linalg.norm(corners - tips[owner, None, t], axis=-1) <= TOUCH
        mine = touches.any(1)
        for triangle, at, number in zip(corners[mine], touches[mine].argmax(1), owner[mine], strict=True):
            p, w = fan(*np.roll(triangle, -at, 0))
            points.append(p)
            weights.append(w)
            owners.append(np.full(len(w), number))
        corners, owner = corners[~mine], owner[~mine]
    corners, owner = graded(corners, owner, tips)
    p, w = gauss(corners)
    owners.append(np.repeat(owner, len(PLAIN[0]) ** 2))
    return np.concatenate([*points, p]), np.concatenate([*weights, w]), np.concatenate(owners)


def split_at_tips(polygons: np.ndarray, tips: np.ndarray, axes: np.ndarray):
    """Triangles (m, 3, 2) of polygons, and the polygon (m,) of each; tips are corners of theirs."""
    touching = np.stack([distance(polygons, tips[:, t]) for t in range(tips.shape[1])], 1) <= TOUCH
    parts, owner = [polygons[~touching.any(1)]], [np.flatnonzero(~touching.any(1))]
    for number in np.flatnonzero(touching.any(1)):
        mine = polygons[number : number + 1]
        for t in np.flatnonzero(touching[number]):
            mine = quadrants(mine, tips[number, t], axes[number, t])
        parts.append(mine)
        owner.append(np.full(len(mine), number))
    corners, part = triangulate(np.concatenate(parts))
    return corners, np.concatenate(owner)[part]


def distance(polygons: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance (n,) of each polygon from its point (n, 2); infinite where that is nan."""
    none = np.isnan(points[:, 0])
    away = shapely.distance(polygons, shapely.points(np.where(none[:, None], 0.0, points)))
    return np.where(none, np.inf, away)


def quadrants(parts: np.ndarray, point: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Parts of polygons in the four quadrants at a tip: no part crosses the crack."""
    normal = np.array([-axis[1], axis[0]])
    squares = [
        shapely.Polygon([point, point + 4 * a, point + 4 * (a + b), point + 4 * b])
        for a, b in ((axis, normal), (normal, -axis), (-axis, -normal), (-normal, axis))
    ]
    pieces = shapely.get_parts(shapely.intersection(parts[:, None], np.array(squares, object)).ravel())
    return pieces[(shapely.get_type_id(pieces) == 3) & (shapely.area(pieces) > 1e-16)]


def cross(corners: np.ndarray) -> np.ndarray:
    """Twice the signed areas of triangles (n, 3, 2)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def graded(corners: np.ndarray, owner: np.ndarray, tips: np.ndarray, depth: int = 16):
    """Triangles (n, 3, 2) halved at their longest side until it is no longer than the distance to a tip."""
    done = []
    for _ in range(depth):
        if not len(corners):
            break
        sides = np.linalg.norm(corners - np.roll(corners, -1, 1), axis=-1)
        shapes = np.asarray(shapely.polygons(corners))
        away = np.min([distance(shapes, tips[owner, t]) for t in range(tips.shape[1])], 0)
        good = sides.max(1) <= np.maximum(away, 1e-3)
        done.append((corners[good], owner[good]))
        corners, owner, longest = corners[~good], np.repeat(owner[~good], 2), sides[~good].argmax(1)
        rows = np.arange(len(corners))
        a, b, c = (corners[rows, (longest + i) % 3] for i in range(3))
        middle = (a + b) / 2
        corners = np.stack([np.stack([a, middle, c], 1), np.stack([middle, b, c], 1)], 1).reshape(-1, 3, 2)
    done.append((corners, owner))
    return np.concatenate([c for c, _ in done]), np.concatenate([o for _, o in done])


def gauss(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Collapsed Gauss rule on triangles (n, 3, 2)."""
    x, w = (PLAIN[0] + 1) / 2, PLAIN[1] / 2
    u, v = np.meshgrid(x, x, indexing="ij")
    weight = np.outer(w * x, w).ravel()
    bary = np.stack([1 - u, u * (1 - v), u * v], -1).reshape(-1, 3)
    points = np.einsum("qk,nkd->nqd", bary, corners)
    return points.reshape(-1, 2), (np.abs(cross(corners))[:, None] * weight).ravel()


def fan(tip: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Polar rule on a triangle with its apex at the tip, split into angles of at most 30 degrees."""
    a, b = first - tip, last - tip
    opening = np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b)
    parts = max(1, int(np.ceil(abs(opening) / np.deg2rad(30.0))))
    turn = np.arctan2(a[1], a[0]) + opening * np.arange(1, parts) / parts
    ray = np.stack([np.cos(turn), np.sin(turn)], -1)
    side = b - a
    reach = (a[0] * side[1] - a[1] * side[0]) / (ray[:, 0] * side[1] - ray[:, 1] * side[0])
    ends = np.concatenate([a[None], ray * reach[:, None], b[None]])
    s, ws = (RADIAL[0] + 1) / 2, RADIAL[1] / 2
    along, wa = (ANGULAR[0] + 1) / 2, ANGULAR[1] / 2
    points, weights = [], []
    for p, q in pairwise(ends):
        edge = p + along[:, None] * (q - p)
        area = abs(p[0] * q[1] - p[1] * q[0])
        points.append((tip + (s**2)[:, None, None] * edge).reshape(-1, 2))
        weights.append(np.outer(2 * s**3 * ws, wa).ravel() * area)
    return np.concatenate(points), np.concatenate(weights)
