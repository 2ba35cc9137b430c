"""How strongly a prior counts, on spectra whose noise is known, and what a search says of itself."""

from dataclasses import replace

import numpy as np
import pytest
from small_flow import POINTS, flow

import nmm
from nmm.inversion.strength import spectrum

BOX = (0.0, 0.0, 1.0, 1.0)


def blurred(seed: int, noise: float, size: int = 80):
    """A signal seen through a blur, with noise of deviation 1 after scaling by `noise`."""
    random = np.random.default_rng(seed)
    x = np.linspace(0, 1, size)
    blur = np.exp(-0.5 * ((x[:, None] - x) / 0.04) ** 2) / noise
    data = blur @ np.sin(5 * x) + random.standard_normal(size)
    return spectrum(blur, data, np.eye(size), np.zeros(size))


@pytest.mark.parametrize("noise", [0.01, 0.1, 1.0])
def test_the_corner_of_the_curve_neither_fits_noise_nor_leaves_the_signal(noise):
    for seed in range(5):
        found = blurred(seed, noise)
        strength, curve = found.choose("l-curve")
        misfit = curve["misfit"][np.abs(curve["strength"] / strength - 1).argmin()] / found.count
        assert 0.4 < misfit < 2.0


def problem(noise, prior, **options):
    truth = nmm.field(BOX, 0.1)
    x, y = np.moveaxis(truth.nodes, -1, 0)
    data = np.asarray(flow({"k": replace(truth, values=np.exp(0.5 * np.sin(3 * x) * np.cos(2.5 * y)))}))
    data = data + 0.01 * np.random.default_rng(1).standard_normal(len(data))
    made = nmm.inverse(flow, lambda u: u, prior, noise, {"k": (0, None)}, throw=False, **options)
    return made, data


@pytest.fixture(scope="module")
def coarse():
    """Five by five nodes for data that they cannot fit to a thousandth of the noise."""
    find, data = problem(1e-5, nmm.prior.smooth("k", 0.5))
    return find, data, {"k": nmm.field(BOX, 0.25, 1.0)}


def test_noise_that_no_strength_reaches_is_said(coarse):
    find, data, start = coarse
    estimate = find(data, start)
    assert "no strength of the prior fits the data to their noise" in estimate.result.message
    assert estimate.stats.notes and estimate.stats.misfit > 1
    assert estimate.stats.history[0]["objective"] > estimate.stats.history[-1]["objective"]
    assert len(estimate.stats.history) == estimate.stats.iterations + 1


def test_a_checkpoint_knows_priors_and_the_forward_problem(coarse, tmp_path):
    find, data, start = coarse
    find = replace(find, options=replace(find.options, limit=1))
    path = tmp_path / "search.npz"
    find(data, start, checkpoint=path)
    find(data, start, checkpoint=path)
    for changed in (
        replace(find, priors=(nmm.prior.smooth("k", 0.4),), compiled={}),
        replace(find, forward=lambda params: 1.001 * flow(params), compiled={}),
    ):
        with pytest.raises(nmm.InputError, match="another forward problem, observation or prior"):
            changed(data, start, checkpoint=path)


def test_what_nothing_speaks_of_is_said():
    find = nmm.inverse(lambda p: p["a"] * p["b"] * POINTS[:5, 0], lambda u: u, noise=0.1, throw=False)
    estimate = find(2 * POINTS[:5, 0], {"a": 1.0, "b": 1.0})
    assert "leave 1 of 2 combinations of the unknowns open" in estimate.result.message
