"""Singular physical patches: branch functions, their quadrature, which weights and elements have them."""

import numpy as np
import pytest
import shapely
from scipy.integrate import dblquad

import nmm
from nmm.cover.branch import branch_functions
from nmm.manifold.locate import locate
from nmm.manifold.singular import singular_rule
from nmm.manifold.tips import singular_basis

TIP = (0.53, 0.47)


def edge_crack(h=1 / 16, tip=TIP, **cover):
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, tip[1]), tip]])
    return nmm.cut(domain, nmm.lattice(cell=h, tips="enriched", **cover))


def test_branch_functions_have_their_gradients():
    rng = np.random.default_rng(0)
    points, angle = rng.normal(size=(50, 2)), 0.7
    axis = np.broadcast_to([np.cos(angle), np.sin(angle)], (50, 2))
    side = np.zeros(50)
    step = 1e-6
    for d in range(2):
        shift = np.zeros(2)
        shift[d] = step
        high, low = (branch_functions(points + s * shift, axis, side)[0] for s in (1, -1))
        slope = branch_functions(points, axis, side)[1][:, :, d]
        assert (high - low) / (2 * step) == pytest.approx(slope, abs=1e-6)


def test_only_the_first_branch_function_jumps_at_the_crack():
    axis, behind = np.array([[1.0, 0.0]]), np.array([[-0.25, 0.0]])
    left, right = (branch_functions(behind, axis, np.array([s]))[0][0] for s in (1, -1))
    assert left - right == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-15)


@pytest.mark.parametrize("tip", [(0.3, 0.6), (0.5, 0.5), (0.0, 0.4), (1.0, 1.0)])
@pytest.mark.parametrize("power", [-1.0, -0.5, 0.5])
def test_quadrature_of_powers_of_the_distance(tip, power):
    axis = np.array([[[np.cos(0.4), np.sin(0.4)]]])
    points, weights, _ = singular_rule(np.array([shapely.box(0, 0, 1, 1)]), np.array([[tip]]), axis)
    found = weights @ np.hypot(*(points - tip).T) ** power
    exact = 0.0
    for x0, x1 in ((0, tip[0]), (tip[0], 1)):
        for y0, y1 in ((0, tip[1]), (tip[1], 1)):
            exact += quadrant(abs(x1 - x0), abs(y1 - y0), power)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert found == pytest.approx(exact, rel=1e-7)


def quadrant(a, b, power):
    """∫ r^power over (0, a) x (0, b), in polar coordinates by scipy."""
    if a == 0 or b == 0:
        return 0.0
    split = np.arctan2(b, a)
    low = dblquad(lambda r, t: r ** (power + 1), 0, split, 0, lambda t: a / np.cos(t))[0]
    return low + dblquad(lambda r, t: r ** (power + 1), split, np.pi / 2, 0, lambda t: b / np.sin(t))[0]


@pytest.mark.parametrize("shape", ["quad", "triangle"])
@pytest.mark.parametrize(
    "tip",
    [TIP, (0.5, 0.47), (0.5, 0.5), (0.53, 0.5)],
    ids=["inside", "on a line", "on a node", "along a line"],
)
def test_rule_fills_the_elements(shape, tip):
    manifold = edge_crack(tip=tip, shape=shape)
    cover = manifold.host.tips
    assert len(cover.tips) == 1
    area = np.bincount(cover.owner, cover.weights.sum(1), len(cover.element)) * manifold.grid.h**2
    assert area == pytest.approx(manifold.element_areas()[cover.element], rel=1e-11)


def test_radius_zero_enriches_the_tip_cell_alone():
    cover = edge_crack(tip_radius=0.0).host.tips
    assert len(cover.nodes) == 4
    assert len(edge_crack(tip_radius=2.0).host.tips.nodes) > 10


def test_functions_jump_across_the_crack_and_nowhere_else():
    manifold = edge_crack()
    tip = np.array(TIP)
    for offset, jumps in (
        ([-0.11, 0.0], True),
        ([-0.01, 0.0], True),
        ([0.05, 0.0], False),
        ([-0.05, 0.06], False),
    ):
        point = tip + offset
        values = []
        for sign in (1, -1):
            element, xi = locate(manifold, (point + [0, sign * 1e-9])[None])
            _, patches, value, _ = singular_basis(manifold, element, xi)
            total = np.zeros(manifold.patches)
            np.add.at(total, patches.ravel(), value.ravel())
            values.append(total)
        jump = np.abs(values[0] - values[1]).max()
        assert (jump > 0.05) if jumps else (jump < 1e-6)


def test_a_crack_too_short_for_the_lattice_keeps_plain_tips():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.47, 0.5), (0.53, 0.51)]])
    cover = nmm.cut(domain, nmm.lattice(cell=1 / 16, tips="enriched")).host.tips
    assert len(cover.tips) == 0
    assert len(cover.short) == 2


def test_path_with_a_kink_near_its_tip():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.4), (0.4, 0.4), (0.53, 0.47)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 16, tips="enriched"))
    cover = manifold.host.tips
    assert len(cover.tips) == 1
    area = np.bincount(cover.owner, cover.weights.sum(1), len(cover.element)) * manifold.grid.h**2
    assert area == pytest.approx(manifold.element_areas()[cover.element], rel=1e-11)
