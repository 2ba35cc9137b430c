"""Inversions in nmm and in other libraries say the same, as far as they solve the same."""

import numpy as np
import pytest

from benchmarks import inverse_peers
from benchmarks.inversions import heads, tank, tank_nmm, tank_pyeit, with_nmm, with_scikit_fem


@pytest.fixture(scope="module")
def data():
    pytest.importorskip("skfem")
    return heads.measured(cells=60)


def test_the_adjoint_by_hand_is_the_derivative(data):
    flow = with_scikit_fem.Flow(data, 16)
    rng = np.random.default_rng(0)
    z, along = 0.1 * rng.standard_normal((2, np.prod(data.nodes)))
    _, pulled = flow(z)
    slope = (flow(z + 1e-5 * along)[0] - flow(z - 1e-5 * along)[0]) / 2e-5
    np.testing.assert_allclose(pulled(np.eye(len(data.data))) @ along, slope, rtol=1e-6, atol=1e-8)


def test_priors_are_the_same(data):
    prior = with_nmm.prior_of(data)
    parts = np.random.default_rng(0).standard_normal(data.nodes)
    own = prior.residual({"k": with_nmm.start(data, parts)}, {"k": with_nmm.start(data, 0 * parts)}, {})
    np.testing.assert_allclose(own, with_scikit_fem.matern(data) @ parts.ravel(), rtol=1e-10, atol=1e-12)


def test_scikit_fem_finds_the_field_and_both_searches_agree(data):
    found = with_scikit_fem.runs(data, 32)
    newton, lbfgs = found.values()
    np.testing.assert_allclose(newton.trace[-1][1], lbfgs.trace[-1][1], rtol=1e-3)
    assert heads.misfit(data, newton) < 1 and heads.field_error(newton) < 0.6


def test_both_predict_the_same_heads(data):
    inverse = with_nmm.inverse_of(data, 16)
    own = inverse.predict({"k": with_nmm.start(data, np.ones(data.nodes))})
    peer, _ = with_scikit_fem.Flow(data, 16)(np.zeros(np.prod(data.nodes)))
    np.testing.assert_allclose(own, peer, atol=2 * data.noise)


def test_statements_are_counted_without_docstrings_and_layout():
    assert inverse_peers.statements([inverse_peers.least]) == 2


@pytest.fixture(scope="module")
def readings():
    return tank.measured(1, 1e-3, cells=24)


def test_the_tank_is_found_in_nmm(readings):
    linear, newton = (tank.sweep(made) for made in tank_nmm.reconstructions(readings, 12))
    assert newton["error"] < linear["error"] < 0.85
    assert max(newton["places"]) < 0.1


def test_the_tank_is_found_in_pyeit(readings):
    pytest.importorskip("pyeit")
    made = next(tank_pyeit.reconstructions(readings, 0.2))
    found = tank.sweep(made)
    assert found["error"] < 0.9 and max(found["places"]) < 0.15


def test_the_true_image_has_no_error():
    assert tank.score(lambda points: 5 * tank.change(points)).error < 1e-12


def test_derivatives_are_those_of_the_readings(readings):
    made = tank_nmm.Tank(readings, 8)
    along = np.random.default_rng(0).standard_normal(made.slopes.shape[1])
    slope = (made.linearised(1e-5 * along)[0] - made.linearised(-1e-5 * along)[0]) / 2e-5
    np.testing.assert_allclose(made.slopes @ along, slope, rtol=1e-5, atol=1e-8)
