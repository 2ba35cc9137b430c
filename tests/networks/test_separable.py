"""Sums of products of manifolds of one variable, against solutions in closed form."""

import jax
import numpy as np
import pytest

from networks.separable import solve_separable
from nmm.errors import InputError


def of_one_axis(function, axes):
    """The sum over axes of a function of that axis, as terms."""
    return [[function if e == d else None for e in range(axes)] for d in range(axes)]


def sine(x):
    return np.sin(np.pi * x / 2)


def bent_sine(x):
    return (np.pi / 2) ** 2 * sine(x)


def error(u, exact, axes, top=1.0):
    x = np.random.default_rng(0).uniform(0, top, (4000, axes))
    return np.linalg.norm(np.asarray(u(x)) - exact(x)) / np.linalg.norm(exact(x))


@pytest.mark.parametrize("axes", [3, 4])
def test_a_sum_of_sines_is_found_in_any_dimension(axes):
    found = solve_separable(
        [0] * axes + [1] * axes, of_one_axis(bent_sine, axes), of_one_axis(sine, axes), degree=5, rank=axes
    )
    assert found.converged and found.residual < 1e-3
    assert error(found.u, lambda x: sine(x).sum(1), axes) < 5e-6


@pytest.mark.parametrize("degree", [1, 3])
def test_errors_fall_with_one_power_more_than_the_degree(degree):
    """u = exp(x + 2 y) solves −Δu + u = −4 u."""

    def term(scale):
        return [[lambda x: scale * np.exp(x), lambda y: np.exp(2 * y)]]

    errors = [
        error(
            solve_separable(
                (0, 0, 1, 1), term(-4.0), term(1.0), reaction=1.0, cells=n, degree=degree, rank=1
            ).u,
            lambda x: np.exp(x[:, 0] + 2 * x[:, 1]),
            2,
        )
        for n in (4, 8)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.3)


def test_a_rank_that_is_too_small_shows_in_the_residual():
    few, enough = (
        solve_separable((0, 0, 1, 1), of_one_axis(bent_sine, 2), of_one_axis(sine, 2), rank=rank, starts=1)
        for rank in (1, 3)
    )
    assert few.residual > 10 * enough.residual


def test_values_are_the_same_under_jit_and_out_of_sweeps_is_said():
    found = solve_separable((0, 0, 1, 1), [[bent_sine, None]], rank=1, sweeps=1)
    x = np.random.default_rng(1).uniform(size=(7, 2))
    np.testing.assert_allclose(jax.jit(found.u)(x), found.u(x), rtol=1e-13)
    assert not found.converged and "raise sweeps" in found.message


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ([], {}, "no source"),
        ([[None]], {}, "one for each of 2 axes"),
        ([[None, None]], {"rank": 0}, "1 or more"),
    ],
)
def test_wrong_input_is_named(source, options, says):
    with pytest.raises(InputError, match=says):
        solve_separable((0, 0, 1, 1), source, **options)
