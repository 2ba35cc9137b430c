"""Crack tips of a geometry: ends inside the domain, their direction, the crack behind them."""

import numpy as np
import pytest

import nmm
from nmm.domain.tips import find_tips


def tips_of(cracks, h=0.1):
    domain = nmm.rectangle(0, 0, 2, 1).with_cracks(cracks)
    return find_tips(domain.geometry(h))


def test_edge_crack_has_one_tip_and_a_mouth():
    (tip,) = tips_of([[(0.0, 0.5), (0.7, 0.5)]])
    assert (tip.crack, tip.end, tip.mouth) == (0, 1, True)
    assert tip.point == pytest.approx([0.7, 0.5])
    assert tip.direction == pytest.approx([1.0, 0.0])


def test_both_ends_of_an_inner_crack():
    first, last = tips_of([[(0.5, 0.5), (0.8, 0.8)]])
    assert (first.end, last.end) == (0, 1)
    assert first.direction == pytest.approx([-np.sqrt(0.5)] * 2)
    assert np.allclose(first.path[::-1], last.path)
    assert not first.mouth


def test_path_follows_a_kink_but_no_sharp_turn():
    gentle, _ = tips_of([[(0.5, 0.5), (0.8, 0.5), (1.0, 0.6)]])
    assert gentle.path == pytest.approx(np.array([[0.5, 0.5], [0.8, 0.5], [1.0, 0.6]]))
    sharp, _ = tips_of([[(0.5, 0.5), (0.8, 0.5), (0.8, 0.9)]])
    assert sharp.path == pytest.approx(np.array([[0.5, 0.5], [0.8, 0.5]]))


def test_star_and_tee_have_tips_only_at_free_ends():
    centre = (1.0, 0.5)
    arms = [[centre, (1.0 + 0.3 * np.cos(t), 0.5 + 0.3 * np.sin(t))] for t in np.arange(3) * 2 * np.pi / 3]
    assert len(tips_of(arms)) == 3
    tee = tips_of([[(0.5, 0.5), (1.5, 0.5)], [(1.0, 0.5), (1.0, 0.8)]])
    assert [(t.crack, t.end) for t in tee] == [(0, 0), (0, 1), (1, 1)]
    assert tee[0].path[-1] == pytest.approx([1.5, 0.5])


def test_crack_through_the_domain_has_no_tip():
    assert tips_of([[(0.0, 0.4), (2.0, 0.6)]]) == []
