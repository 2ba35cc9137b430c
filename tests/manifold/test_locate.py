"""Which element a point lies in: inside and outside, and the two sides of a crack."""

import numpy as np
import pytest
import shapely

import nmm
from nmm.manifold.locate import locate

SHAPES = ("quad", "triangle")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", [0.13, 1.5, 300.0])
def test_points_are_inside_exactly_where_the_domain_is_whatever_the_cell(shape, cell):
    hole = [(0.2, 0.3), (0.6, 0.2), (0.7, 0.7), (0.3, 0.6)]
    domain = nmm.polygon([(0, 0), (1, 0), (1.1, 1), (0, 1)], [hole])
    manifold = nmm.cut(domain, nmm.lattice(cell=cell, shape=shape))
    points = np.random.default_rng(0).uniform(-0.2, 1.3, (2000, 2))
    inside = shapely.contains_xy(manifold.geometry.polygon, *points.T)
    assert ((locate(manifold, points)[0] >= 0) == inside).all()


@pytest.mark.parametrize("shift", [(0.0, 0.0), (467000.0, 6692000.0)])
def test_both_sides_of_a_crack_are_found_at_any_coordinates(shift):
    x, y = shift
    domain = nmm.rectangle(x, y, x + 1, y + 1).with_cracks([[(x, y + 0.52), (x + 1, y + 0.57)]])
    t = np.linspace(0.01, 0.99, 97)
    on = np.stack([x + t, y + 0.52 + 0.05 * t], -1)
    for shape in SHAPES:
        manifold = nmm.cut(domain, nmm.lattice(cells=40, shape=shape))
        parts = manifold.element_parts()
        above, below = locate(manifold, np.array([[x + 0.5, y + 0.9], [x + 0.5, y + 0.1]]))[0]
        assert (parts[locate(manifold, on, 1)[0]] == parts[above]).all()
        assert (parts[locate(manifold, on, -1)[0]] == parts[below]).all()


def test_points_of_a_true_circle_are_inside_although_chords_stand_for_it():
    angle = np.linspace(0, 2 * np.pi, 500)
    for cell in (0.1, 1.0, 10.0):
        manifold = nmm.cut(nmm.disk((0, 0), 1.0), nmm.lattice(cell=cell))
        circle = np.stack([np.cos(angle), np.sin(angle)], -1)
        assert (locate(manifold, circle)[0] >= 0).all()
        assert (locate(manifold, 1.01 * circle)[0] < 0).all()
