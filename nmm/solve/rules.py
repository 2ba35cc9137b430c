"""Quadrature rules of whole cells and of pieces."""

import numpy as np

from nmm.manifold.manifold import Manifold
from nmm.manifold.mesh import cell_corners
from nmm.manifold.quadrature import Rule, moments, three_points, triangle_rule
from nmm.physics.problem import Problem


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


def piece_rule(problem: Problem) -> Rule:
    """Quadrature of the pieces: three points each, or the fine rule."""
    manifold = problem.manifold
    if problem.fine:
        return manifold.fine_rule()
    count = manifold.pieces
    return Rule(
        manifold.piece_points[:count].reshape(-1, 2),
        np.repeat(manifold.piece_area[:count] / 3, 3),
        np.repeat(np.arange(count), 3),
    )
