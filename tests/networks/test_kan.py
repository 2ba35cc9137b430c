"""Kolmogorov-Arnold networks."""

import jax.numpy as jnp
import numpy as np
import pytest

from networks import KAN, covers, fit
from networks.contest import problems
from networks.kan import functions
from nmm.errors import InputError


def test_the_functions_of_a_layer_are_the_splines_of_a_cover():
    x = np.linspace(-2, 2, 41)[:, None]
    cover = covers.splines((-2, 2), 7, degree=3, clamped=False)
    np.testing.assert_allclose(functions(jnp.asarray(x), 7, 2.0)[:, :-1], cover(x), atol=1e-14)


def test_one_layer_has_the_rate_of_cubic_splines_for_sums_of_functions_of_one_variable():
    x = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
    f = np.exp(x[:, 0]) + np.sin(3 * x[:, 1])
    errors = []
    for cells in (8, 16):
        basis = np.asarray(functions(jnp.asarray(x), cells, 1.0))
        errors.append(np.linalg.norm(basis @ np.linalg.lstsq(basis, f, rcond=None)[0] - f))
    assert np.log2(errors[0] / errors[1]) > 3.8


def test_it_learns_a_problem_on_a_box():
    contest = problems.line()
    fitted = fit(contest.problem, KAN((0, 1), (3,)), optimiser="natural", steps=50)
    assert fitted.solution.errors(contest.exact)["l2"] < 1e-4


@pytest.mark.parametrize("bad", [{"cells": 0}, {"hidden": ()}, {"box": (0, 1, 2)}])
def test_bad_input_says_what_is_wrong(bad):
    with pytest.raises(InputError, match="expected"):
        KAN(**{"box": (0, 1), **bad})
