"""Integration over manifold elements.

Simplex integration (Shi 1996; see also Lien and Kajiya 1984) gives exact moments of polygons without a
triangulation. For integrands of degree 2 they are condensed into three points of equal weight: with the
centroid c and the covariance C = L Lᵀ of a piece, the points c + L u_k, u_k on the circle of radius √2 at
120 degrees, have the moments of the piece up to degree 2, whatever its shape. Everything else is
integrated by Gauss rules on a triangulation.

Rules are made for functions of a total degree d: products of two gradients have degree 2d - 2 on a piece,
products of two functions 2d on its boundary.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import shapely
from scipy.special import roots_jacobi


@cache
def segment_rule(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights on [-1, 1], for products of two functions of a degree."""
    return np.polynomial.legendre.leggauss(max(degree, 2) + 1)


def moments(first: np.ndarray, second: np.ndarray, owner: np.ndarray, count: int) -> np.ndarray:
    """Moments (count, 6): ∫ 1, x, y, x², xy, y² over polygons given by their directed edges.

    `first`, `second` (n, 2) are the ends of the edges, counterclockwise, and `owner` (n,) their polygon.
    """
    return np.stack([np.bincount(owner, term, count) for term in edge_moments(first, second)], -1)


def edge_moments(first, second):
    """What each directed edge (n,) adds to the six moments of its polygon; NumPy or JAX."""
    x0, y0 = first.T
    x1, y1 = second.T
    c = x0 * y1 - x1 * y0
    return (
        c / 2,
        c * (x0 + x1) / 6,
        c * (y0 + y1) / 6,
        c * (x0 * x0 + x0 * x1 + x1 * x1) / 12,
        c * (2 * x0 * y0 + x0 * y1 + x1 * y0 + 2 * x1 * y1) / 24,
        c * (y0 * y0 + y0 * y1 + y1 * y1) / 12,
    )


def three_points(moment: np.ndarray) -> np.ndarray:
    """Points (n, 3, 2), each of weight area / 3, that have the moments (n, 6) up to degree 2."""
    area = np.where(moment[:, 0] > 0, moment[:, 0], 1.0)[:, None]
    centre = moment[:, 1:3] / area
    xx, xy, yy = (
        moment[:, 3:] / area - np.stack([centre[:, 0] ** 2, centre.prod(1), centre[:, 1] ** 2], -1)
    ).T
    values, axes = np.linalg.eigh(np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2))
    root = axes * np.sqrt(np.maximum(values, 0))[:, None, :]
    turn = np.deg2rad([90.0, 210.0, 330.0])
    circle = np.sqrt(2) * np.stack([np.cos(turn), np.sin(turn)], -1)
    return centre[:, None] + circle @ np.swapaxes(root, 1, 2)


DUNAVANT_5 = (
    np.array(
        [[1 / 3, 1 / 3, 1 / 3]]
        + [
            [1 - 2 * a, a, a][s:] + [1 - 2 * a, a, a][:s]
            for a in (0.470142064105115, 0.101286507323456)
            for s in range(3)
        ]
    ),
    np.array([0.225] + [0.132394152788506] * 3 + [0.125939180544827] * 3),
)
"""Barycentric points and weights on a triangle, exact for degree 5 (Dunavant 1985)."""


@cache
def triangle_points(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric points (q, 3) and weights (q,), which sum to 1, for gradients of functions of a degree d.

    Up to d = 3 Dunavant's rule of degree 5, else the conical product of Gauss and Gauss-Jacobi rules with
    d² points, exact for degree 2d - 1 (Stroud, Approximate Calculation of Multiple Integrals, 1971).
    """
    if degree <= 3:
        return DUNAVANT_5
    n = degree
    along, share = np.polynomial.legendre.leggauss(n)
    away, weight = (np.asarray(v) for v in roots_jacobi(n, 0.0, 1.0)[:2])
    along, away = (along + 1) / 2, (away + 1) / 2
    x, y = np.outer(away, along).ravel(), np.outer(away, 1 - along).ravel()
    return np.stack([1 - x - y, x, y], -1), np.outer(weight / weight.sum(), share / share.sum()).ravel()


@dataclass(frozen=True)
class Rule:
    """A flat quadrature rule over elements.

    `points` (n, 2) inside the element's square, `weights` (n,) in lattice units of area (0: padding) and
    `element` (n,) the position of the element in its list, the same in every `block` of points.
    """

    points: np.ndarray
    weights: np.ndarray
    element: np.ndarray
    block: int = 1


def triangle_rule(corners: np.ndarray, element: np.ndarray, degree: int = 1) -> Rule:
    """Gauss rule on triangles (n, 3, 2) of the elements (n,), for functions of a degree."""
    bary, weight = triangle_points(degree)
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]) / 2
    points = np.einsum("qk,nkd->nqd", bary, corners)
    owner = np.repeat(element, len(weight))
    return Rule(points.reshape(-1, 2), (area[:, None] * weight).ravel(), owner, len(weight))


def triangulate(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (n, 3, 2) of shapely polygons (m,) and the polygon (n,) that each belongs to."""
    parts = shapely.constrained_delaunay_triangles(polygons)
    triangles, owner = shapely.get_parts(parts, return_index=True)
    corners = shapely.get_coordinates(triangles).reshape(-1, 4, 2)[:, :3]
    return corners, owner
