"""Quadrature rules of whole cells, of pieces and of all elements."""

import numpy as np

from nmm.manifold.manifold import Manifold
from nmm.manifold.mesh import cell_corners
from nmm.manifold.quadrature import Rule, moments, three_points, triangle_rule


def reference_rule(manifold: Manifold, upper: bool, fine: bool) -> tuple[np.ndarray, np.ndarray]:
    """Points (q, 2) and weights (q,) of a whole cell: three points, or 3 x 3 Gauss / 7 points if fine."""
    grid = manifold.grid
    corners = cell_corners(grid, np.array([int(upper)]))[0]
    if not fine:
        m = moments(corners, np.roll(corners, -1, 0), np.zeros(len(corners), int), 1)
        return three_points(m)[0], np.full(3, m[0, 0] / 3)
    if grid.shape == "quad":
        nodes, weights = np.polynomial.legendre.leggauss(3)
        x, y = np.meshgrid((nodes + 1) / 2, (nodes + 1) / 2)
        return np.stack([x.ravel(), y.ravel()], -1), np.outer(weights, weights).ravel() / 4
    rule = triangle_rule(corners[None], np.zeros(1, int))
    return rule.points, rule.weights


def piece_rule(manifold: Manifold, fine: bool) -> Rule:
    """Quadrature of the pieces: three points each, or the fine rule."""
    if fine:
        return manifold.fine_rule()
    count = manifold.pieces
    return Rule(
        manifold.piece_points[:count].reshape(-1, 2),
        np.repeat(manifold.piece_area[:count] / 3, 3),
        np.repeat(np.arange(count), 3),
    )


def element_points(manifold: Manifold) -> tuple[np.ndarray, np.ndarray]:
    """Three points (elements, 3, 2) of equal weight, exact for degree 2, and the area in lattice units."""
    whole = manifold.whole_list
    kinds = (False,) if manifold.shape == "quad" else (False, True)
    rules = np.stack([reference_rule(manifold, upper, False)[0] for upper in kinds])
    which = whole % 2 if manifold.shape == "triangle" else np.zeros(len(whole), int)
    points = np.concatenate([rules[which], manifold.piece_points[: manifold.pieces]])
    return points, manifold.element_areas() / manifold.grid.h**2


def fine_rule(manifold: Manifold) -> Rule:
    """Gauss rule over all elements, for errors and coefficients that vary inside a cell."""
    parts = []
    whole = manifold.whole_list
    for upper in (False,) if manifold.shape == "quad" else (False, True):
        mine = np.arange(len(whole))
        if manifold.shape == "triangle":
            mine = np.flatnonzero(whole % 2 == upper)
        points, weights = reference_rule(manifold, upper, True)
        parts.append(
            (np.tile(points, (len(mine), 1)), np.tile(weights, len(mine)), np.repeat(mine, len(weights)))
        )
    pieces = manifold.fine_rule()
    parts.append((pieces.points, pieces.weights, len(whole) + pieces.element))
    return Rule(*map(np.concatenate, zip(*parts, strict=True)))
