"""Quadrature rules of whole cells, of pieces and of all elements."""

import numpy as np

from nmm.manifold.manifold import Manifold
from nmm.manifold.mesh import cell_corners
from nmm.manifold.quadrature import Rule, moments, three_points, triangle_rule


def simplex(manifold: Manifold, fine: bool) -> bool:
    """Whether three points an element, exact for degree 2, are enough."""
    return manifold.functions.total <= 2 and not fine


def reference_rule(manifold: Manifold, upper: bool, fine: bool) -> tuple[np.ndarray, np.ndarray]:
    """Points (q, 2) and weights (q,) of a whole cell: three points, or Gauss points.

    As many of these in each direction as functions along it are exact for constant coefficients; fine rules
    have one more.
    """
    grid = manifold.grid
    corners = cell_corners(grid, np.array([int(upper)]))[0]
    if simplex(manifold, fine):
        m = moments(corners, np.roll(corners, -1, 0), np.zeros(len(corners), int), 1)
        return three_points(m)[0], np.full(3, m[0, 0] / 3)
    if grid.shape == "quad":
        nodes, weights = np.polynomial.legendre.leggauss(grid.functions.complete + 1 + fine)
        x, y = np.meshgrid((nodes + 1) / 2, (nodes + 1) / 2)
        return np.stack([x.ravel(), y.ravel()], -1), np.outer(weights, weights).ravel() / 4
    rule = triangle_rule(corners[None], np.zeros(1, int), grid.functions.total)
    return rule.points, rule.weights


def piece_rule(manifold: Manifold, fine: bool) -> Rule:
    """Quadrature of the pieces: three points each, or Gauss points on triangles."""
    if not simplex(manifold, fine):
        return manifold.fine_rule()
    count = manifold.pieces
    return Rule(
        manifold.piece_points[:count].reshape(-1, 2),
        np.repeat(manifold.piece_area[:count] / 3, 3),
        np.repeat(np.arange(count), 3),
        3,
    )


def element_rule(manifold: Manifold, fine: bool) -> Rule:
    """Quadrature of all elements, those of the pieces last."""
    parts = []
    whole = manifold.whole_list
    for upper in (False,) if manifold.shape == "quad" else (False, True):
        mine = np.arange(len(whole))
        if manifold.shape == "triangle":
            mine = np.flatnonzero(whole % 2 == upper)
        points, weights = reference_rule(manifold, upper, fine)
        parts.append(
            (np.tile(points, (len(mine), 1)), np.tile(weights, len(mine)), np.repeat(mine, len(weights)))
        )
    pieces = piece_rule(manifold, fine)
    parts.append((pieces.points, pieces.weights, len(whole) + pieces.element))
    points, weights, element = map(np.concatenate, zip(*parts, strict=True))
    return Rule(points, weights, element)
