"""Classical methods and networks of the contest, against what is known of them."""

import numpy as np
import pytest

from benchmarks.networks import sweep
from networks.comparison.row import Row
from networks.contest import allen_cahn, classical, many_dimensions, problems
from networks.contest.trained import WAYS, trained
from networks.study.contest import EXPERIMENT, judged


@pytest.mark.parametrize(("cells", "error"), [(16, 3.22e-3), (32, 8.04e-4)])
def test_differences_on_a_cube_have_the_error_of_theory(cells, error):
    """In the nodes the error is that of one eigenvalue: 1 − π²h² / (4 sin²(πh/2))."""
    found = classical.sines(problems.cube(), cells).l2[0]
    known = np.pi**2 / (4 * cells**2 * np.sin(np.pi / (2 * cells)) ** 2) - 1
    assert found == pytest.approx(known, rel=1e-9) == pytest.approx(error, rel=2e-3)


def test_hats_on_a_line_have_their_rate_and_chebyshev_is_exact():
    line = problems.line()
    coarse, fine = (classical.hats(line, n).l2[0] for n in (32, 64))
    assert np.log2(coarse / fine) == pytest.approx(2, abs=0.02)
    assert classical.chebyshev(line, 16).l2[0] < 1e-13


def test_allen_cahn_by_elements_and_by_fourier_meet():
    truth = allen_cahn.reference()
    coarse, fine = (np.linalg.norm(allen_cahn.hats(n, s) - truth) for n, s in ((128, 50), (256, 200)))
    assert fine < coarse / 3.5
    spectral = np.linalg.norm(np.asarray(allen_cahn.spectral(512, 50)) - truth)
    assert spectral < fine


def test_a_cyclic_system_is_solved():
    draw = np.random.default_rng(0)
    diagonal, right = draw.uniform(3, 4, 7), draw.normal(size=7)
    matrix = np.diag(diagonal) + np.roll(np.eye(7), 1, 0) + np.roll(np.eye(7), -1, 0)
    np.testing.assert_allclose(matrix @ allen_cahn.cyclic(diagonal, 1.0, right), right, atol=1e-13)


def test_what_is_no_sum_of_products_is_found_by_one():
    row = many_dimensions.separable(many_dimensions.mixed(3), 3, 6, 4, range(1))
    assert row.l2[0] < 5e-4


def test_a_network_is_a_row_like_the_others():
    row = trained(problems.line(), WAYS["extreme"], range(1), 5.0)
    assert row.l2[0] < 1e-5 and row.seeds == 1


def test_a_network_that_beats_the_classical_method_is_told():
    """Planted errors: the verdict must be able to come out inconsistent."""

    def row(method, error):
        return Row(method, method, 1, (error,) * 3, 0.0, 1.0, 0.0, 1, "done")

    def group(network):
        return [row("hats", 1e-3), row("local", network), row("one", 2 * network)]

    name = problems.oscillation().title
    assert EXPERIMENT.verdict(judged({name: group(1e-2)})[0]) == "consistent"
    assert EXPERIMENT.verdict(judged({name: group(1e-4)})[0]) == "inconsistent"


def test_the_benchmark_measures_rates_of_knots():
    rows = sweep.run(True, lambda line: None, "knots")["rows"]
    moving, equal = (row["value"] for row in rows)
    assert moving > 1.5 and equal == pytest.approx(1.1, abs=0.05)
