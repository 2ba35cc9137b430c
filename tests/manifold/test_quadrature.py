"""Simplex integration and the rules made of it, against independent integrals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from nmm.manifold.quadrature import DUNAVANT_5, moments, three_points, triangle_rule, triangulate

POWERS = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]


def star(n, seed):
    rng = np.random.default_rng(seed)
    angle = (np.arange(n) + rng.uniform(0, 0.9, n)) * 2 * np.pi / n
    radius = rng.uniform(0.2, 1.0, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


def moments_of(ring):
    return moments(ring, np.roll(ring, -1, 0), np.zeros(len(ring), int), 1)


def green(ring, p, q):
    """∫ x^p y^q over a polygon, by Gauss integration of x^(p+1) y^q / (p+1) dy around it."""
    nodes, weights = np.polynomial.legendre.leggauss(6)
    a, b = ring, np.roll(ring, -1, 0)
    t = (nodes + 1) / 2
    x = a[:, :1] + t * (b - a)[:, :1]
    y = a[:, 1:] + t * (b - a)[:, 1:]
    return ((x ** (p + 1) * y**q / (p + 1)) @ (weights / 2) * (b - a)[:, 1]).sum()


@given(st.integers(4, 12), st.integers(0, 10_000))
def test_simplex_integration_equals_greens_formula(n, seed):
    ring = star(n, seed)
    exact = np.array([green(ring, p, q) for p, q in POWERS])
    assert np.abs(moments_of(ring)[0] - exact).max() <= 1e-14


@given(st.integers(4, 12), st.integers(0, 10_000))
def test_three_points_have_the_moments_of_the_piece(n, seed):
    ring = star(n, seed)
    m = moments_of(ring)
    if m[0, 0] < 1e-3:
        return
    points = three_points(m)[0]
    rule = np.array([m[0, 0] / 3 * (points[:, 0] ** p * points[:, 1] ** q).sum() for p, q in POWERS])
    assert np.abs(rule - m[0]).max() <= 1e-14


@pytest.mark.parametrize("thin", [1e-3, 1e-6, 1e-9, 1e-12])
def test_three_points_of_a_sliver_stay_in_it(thin):
    ring = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, thin], [0.0, thin]])
    points = three_points(moments_of(ring))[0]
    assert (np.abs(points[:, 1] - thin / 2) <= thin / 2 + 1e-15).all()


def test_the_gauss_rule_is_exact_for_degree_five():
    bary, weights = DUNAVANT_5
    assert abs(weights.sum() - 1) < 1e-14
    assert np.abs(bary.sum(1) - 1).max() < 1e-14
    corner = np.array([[[0.1, 0.2], [1.3, 0.1], [0.4, 1.7]]])
    rule = triangle_rule(corner, np.zeros(1, int))
    for p in range(6):
        for q in range(6 - p):
            value = (rule.weights * rule.points[:, 0] ** p * rule.points[:, 1] ** q).sum()
            assert value == pytest.approx(green(corner[0], p, q), rel=1e-12)


def test_triangulation_keeps_holes_out():
    hole = [(0.2, 0.2), (0.4, 0.2), (0.4, 0.4), (0.2, 0.4)]
    polygons = np.array(
        [Polygon([(0, 0), (1, 0), (1, 1), (0, 1)], [hole]), Polygon([(0, 0), (1, 0), (0, 1)])]
    )
    corners, owner = triangulate(polygons)
    rule = triangle_rule(corners, owner)
    assert np.bincount(rule.element, rule.weights) == pytest.approx([0.96, 0.5], abs=1e-14)
