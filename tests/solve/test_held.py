"""Parts that nothing holds: found, reported, and never a singular solve."""

import numpy as np
import pytest

import nmm

BLOCK = [[(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]]


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_a_block_cut_loose_is_held_and_listed(shape):
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1).with_cracks(BLOCK), nmm.lattice(cells=11, shape=shape))
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 1", (1.0, 0.0))]
    solution = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), terms))()
    assert manifold.stats["parts"] == 2
    assert len(solution.held) == 1
    assert solution.held[0]["area"] == pytest.approx(0.16)
    assert (solution.held[0]["x"], solution.held[0]["y"]) == pytest.approx((0.5, 0.5))
    assert np.abs(solution.at([[0.5, 0.5], [0.4, 0.6]])).max() < 1e-12
    assert solution.result.converged


def test_loads_that_do_not_balance_on_a_loose_part_are_an_error_that_names_it():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1).with_cracks(BLOCK), nmm.lattice(cells=11))
    model = nmm.elasticity(1.0, 0.3, body_force=(0.0, -1.0))
    with pytest.raises(nmm.UnbalancedError, match=r"part \d.*resultant.*0\.16"):
        nmm.forward(nmm.problem(manifold, model, [nmm.fixed("y == 0")]))()


def test_a_part_that_can_still_slide_is_told_apart_from_one_that_nothing_holds():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=8))
    terms = [nmm.fixed("x == 0 or x == 1", (0, "free")), nmm.traction("y == 1", (0.0, 1.0))]
    with pytest.raises(nmm.UnbalancedError, match="can still move in 1 of 3 ways"):
        nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), terms))()


def test_a_moment_that_does_not_balance_is_an_error():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=8))
    terms = [nmm.traction("x == 1", (0.0, 1.0)), nmm.traction("x == 0", (0.0, -1.0))]
    with pytest.raises(nmm.UnbalancedError):
        nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), terms))()


@pytest.mark.parametrize("method", [nmm.Direct(), nmm.ConjugateGradient(1e-12)])
def test_a_free_body_with_balanced_loads_is_solved_at_zero_mean_motion(method):
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cell=0.13, angle=20))
    terms = [nmm.traction("x == 0", (-1.0, 0)), nmm.traction("x == 1", (1.0, 0))]
    solution = nmm.forward(nmm.problem(manifold, nmm.elasticity(2.0, 0.25, "stress"), terms), method)()
    assert solution.held[0]["modes"] == 3
    assert solution.errors(("(x - 0.5)/2", "-0.25*(y - 0.5)/2"))["l2"] < 1e-9


def test_a_part_held_in_one_direction_reports_the_motions_left():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=8))
    terms = [nmm.fixed("x == 0", normal=0), nmm.traction("x == 1", (1.0, 0.0))]
    solution = nmm.forward(nmm.problem(manifold, nmm.elasticity(2.0, 0.0, "stress"), terms))()
    assert solution.held[0]["modes"] == 1
    assert solution.errors(("x/2", "0"))["l2"] < 1e-9


def test_flow_in_an_isolated_part_with_a_source_is_an_error():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1).with_cracks(BLOCK), nmm.lattice(cells=11))
    with pytest.raises(nmm.UnbalancedError, match="sources"):
        nmm.forward(nmm.problem(manifold, nmm.poisson(1.0, source=1.0), [nmm.value("outline", 0)]))()
    solution = nmm.forward(nmm.problem(manifold, nmm.poisson(1.0), [nmm.value("outline", "x")]))()
    assert solution.held[0]["modes"] == 1
