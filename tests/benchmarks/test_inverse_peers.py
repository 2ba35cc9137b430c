"""Inversions in nmm and in other libraries say the same, as far as they solve the same."""

import numpy as np
import pytest

from benchmarks import figures, inverse_peers, tables
from benchmarks.inversions import heads, tank, tank_nmm, with_nmm, with_scikit_fem
from benchmarks.record import record


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


@pytest.fixture(scope="module")
def rows(readings):
    return list(inverse_peers.by_tank("tank, small", lambda: readings, 12, 0.2))


def test_the_tank_is_found_in_nmm(rows):
    linear, newton, *_ = rows
    assert newton["error"] < linear["error"] < 0.85
    assert max(newton["places"]) < 0.1


def test_the_tank_is_found_in_pyeit(rows):
    if rows[-1]["method"] == "pyEIT":
        pytest.skip(rows[-1]["reason"])
    for row in rows[2:]:
        assert row["error"] < 0.9 and max(row["places"]) < 0.15


def test_tables_and_figures_are_drawn_from_the_rows(rows, tmp_path):
    found = [row for row in rows if "reason" not in row]
    checks = [vars(verdict) for verdict in inverse_peers.verdicts(found, quick=True)]
    skipped = [row for row in rows if "reason" in row]
    made = record(
        "inverse_peers", found, checks, quick=True, about="about", skipped=skipped,
        statements={"nmm": 1, "scikit-fem": 2},
    )  # fmt: skip
    assert "nmm, one linear step" in tables.write(made, tmp_path).read_text(encoding="utf-8")
    assert figures.write(made, tmp_path)[0].stat().st_size > 10_000


def test_the_true_image_has_no_error():
    assert tank.score(lambda points: 5 * tank.change(points)).error < 1e-12


def test_derivatives_are_those_of_the_readings(readings):
    made = tank_nmm.Tank(readings, 8)
    along = np.random.default_rng(0).standard_normal(made.slopes.shape[1])
    slope = (made.linearised(1e-5 * along)[0] - made.linearised(-1e-5 * along)[0]) / 2e-5
    np.testing.assert_allclose(made.slopes @ along, slope, rtol=1e-5, atol=1e-8)
