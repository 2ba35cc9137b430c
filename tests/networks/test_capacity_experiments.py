"""The experiments: those of theory hold, and planted data come out inconsistent."""

import numpy as np
import pytest

from networks.anatomy.regions import on_interval, pieces
from networks.study import bridge, cells, constructed, freedom, learned, registry, typical
from networks.study.ensembles import sawtooth
from networks.study.experiment import CONSISTENT, INCONSISTENT, Effort
from networks.study.page import FRAMES

QUICK = Effort(quick=True, seeds=1)


@pytest.mark.parametrize("name", list(registry.HOMES))
def test_every_experiment_says_what_it_is(name):
    each = registry.experiment(name)
    assert each.name == name and each.frame in FRAMES and each.falsifiers
    assert set(each.means) == {CONSISTENT, INCONSISTENT}
    for text in (
        each.about,
        each.claim,
        each.definition,
        each.statement,
        each.expected,
        *each.means.values(),
    ):
        assert text and "proves" not in text
    assert all(f.why for f in each.falsifiers)


@pytest.mark.parametrize("experiment", [bridge.EXPERIMENT, cells.EXPERIMENT, constructed.EXPERIMENT])
def test_exact_experiments_hold_and_are_drawn(experiment):
    found = experiment.measure(QUICK)
    values = dict(found.values)
    if "Zaslavsky mismatches" in values:
        values["Zaslavsky mismatches"] = 0  # one seed may have a crossing outside the box
    assert experiment.verdict(values) == CONSISTENT
    assert experiment.draw(found).axes


def test_squares_with_a_slower_error_are_inconsistent():
    values = dict(constructed.EXPERIMENT.measure(QUICK).values)
    values["bits of error per layer"] = -1.5
    assert constructed.EXPERIMENT.verdict(values) == INCONSISTENT


@pytest.mark.parametrize(("planted", "verdict"), [(1.0, CONSISTENT), (2.0, INCONSISTENT)])
def test_regions_that_double_with_depth_are_inconsistent(planted, verdict):
    """`planted`: the factor by which every layer multiplies the regions."""
    line, plane = np.arange(1, 9), np.array([1, 2, 3, 4, 6, 8])
    few = np.array([1, 2, 4])
    counts = {48: 49 * planted ** (line[:, None] - 1) * np.ones(3)}
    boxes = {box: 1152 * planted ** (plane[:, None] - 1) * np.ones(3) for box in (typical.FAR, typical.NEAR)}
    rows = 30 * planted ** (few[:, None, None] - 1) * np.ones((1, 2, 3))
    trained = {1: (few, rows), 2: (few, rows)}
    found = typical.judged(counts, line, boxes, plane, trained, (0, 10))
    assert found.values["bits per layer on a plane, trained"] == pytest.approx(np.log2(planted))
    assert typical.EXPERIMENT.verdict(found.values) == verdict
    assert typical.draw(found).axes


@pytest.mark.parametrize(("error", "verdict"), [(1.0, CONSISTENT), (1e-3, INCONSISTENT)])
def test_random_weights_that_always_find_the_sawtooth_are_inconsistent(error, verdict):
    depths, powers, effort = (1, 3), (2, 5), Effort(seeds=2)
    errors, found = {}, {}
    for depth in depths:
        for start, power, rate, seed in learned.ensemble(depth, powers, effort)[0]:
            key = start, depth, power, rate, seed
            errors[key] = error if start == learned.RANDOM else 1e-4
            found[key] = 2 ** (power + 1)
    made = learned.judged(errors, found, depths, powers, effort)
    assert learned.EXPERIMENT.verdict(made.values) == verdict
    assert learned.draw(made).axes


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_constructed_weights_are_the_sawtooth(depth, monkeypatch):
    monkeypatch.setattr(learned, "NOISE", 0.0)
    power = 4
    network = learned.constructed(depth, power, 0)
    assert network.sizes == (1, *[60 // depth] * depth, 1)
    assert pieces(on_interval(network)) == learned.monotone(network) == 2 ** (power + 1)
    x = np.linspace(0, 1, 999)[:, None]
    np.testing.assert_allclose(network(x), sawtooth(x, 2.0**power), rtol=0, atol=1e-9)
    assert not learned.constructible(1, 6) and learned.constructible(3, 8)


def test_more_rank_than_theory_allows_is_inconsistent():
    net_values = {f.quantity: 0.0 for f in freedom.EXPERIMENT.falsifiers}
    for parity in ("even", "odd"):
        net_values[f"slope of the tangent kernel, {parity}"] = -2.0
    assert freedom.EXPERIMENT.verdict(net_values) == CONSISTENT
    assert freedom.EXPERIMENT.verdict(net_values | {"rank beyond P − hidden": 1.0}) == INCONSISTENT


def test_wide_networks_on_the_circle_have_the_dimension_of_the_limit():
    found = freedom.circle_dimensions(2048, range(2)).mean(0)
    for dimension, alpha in zip(found, freedom.ALPHAS, strict=True):
        assert dimension == pytest.approx(freedom.infinite_width(alpha), rel=0.06)
