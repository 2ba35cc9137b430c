"""The search and the posterior without a Jacobian and without a dense array of the unknowns."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_flow import flow

import nmm
from nmm.inversion.precision import precision

BOX = (0.0, 0.0, 1.0, 1.0)
NOISE = 0.01


def inverse(*priors, **options):
    given = {"strength": 300.0, "tolerance": 1e-11, "max_iterations": 30} | options
    return nmm.inverse(flow, lambda u: u, priors, NOISE, {"k": (0, None)}, **given)


@pytest.fixture(scope="module")
def compiled():
    """Programs by how derivatives are made, shared by priors and strengths."""
    return {how: inverse(nmm.prior.smooth("k", 0.5), jacobian=how) for how in ("rows", "products")}


@pytest.fixture(scope="module")
def data():
    truth = nmm.field(BOX, 0.1)
    x, y = np.moveaxis(truth.nodes, -1, 0)
    heads = np.asarray(flow({"k": replace(truth, values=np.exp(0.5 * np.sin(3 * x) * np.cos(2.5 * y)))}))
    return heads + NOISE * np.random.default_rng(1).standard_normal(len(heads))


START = {"k": nmm.field(BOX, 1 / 9, 1.0)}


@pytest.fixture(scope="module")
def both(compiled, data):
    return tuple(compiled[how](data, START) for how in ("rows", "products"))


def test_products_are_those_of_the_jacobian(compiled, data):
    inverse = compiled["products"]
    unknowns, model, _ = inverse._model(inverse._spread(START))
    z = np.asarray(unknowns.vector(START)) + 0.1 * np.sin(np.arange(100))
    push, pull = model.linear(z, len(data))
    slope = model.jacobian(z, len(data))
    random = np.random.default_rng(0)
    v, w = random.standard_normal(len(z)), random.standard_normal(len(data))
    assert push(v) == pytest.approx(slope @ v, rel=1e-9, abs=1e-9 * np.abs(slope @ v).max())
    assert pull(w) == pytest.approx(slope.T @ w, rel=1e-9, abs=1e-9 * np.abs(slope.T @ w).max())


def test_the_search_by_products_ends_where_the_dense_one_does(both):
    dense, low = both
    assert np.asarray(low.z) == pytest.approx(np.asarray(dense.z), abs=1e-6)
    assert low.stats.history[-1]["objective"] == pytest.approx(dense.stats.history[-1]["objective"], rel=1e-9)
    assert low.stats.seen == dense.stats.seen


def test_the_low_rank_posterior_is_the_dense_one(both):
    dense, low = both
    assert 0 < low.posterior.truncation < 0.01
    kept = len(low.spectrum.values)
    assert kept < len(dense.spectrum.values) / 2
    assert low.spectrum.values == pytest.approx(dense.spectrum.values[:kept], rel=1e-3)
    assert low.posterior.deviation == pytest.approx(dense.posterior.deviation, rel=0.01)
    assert low.posterior.deviation == pytest.approx(np.sqrt(np.diag(low.posterior.covariance)), rel=1e-9)
    draws = np.log(np.asarray(low.posterior.samples(jax.random.key(0), 3000)["k"].values)).reshape(3000, -1)
    covariance = np.cov(draws.T)
    assert np.abs(covariance - dense.posterior.covariance).max() < 0.1 * covariance.max()


@pytest.mark.parametrize("rule", ["discrepancy", "evidence"])
def test_rules_choose_on_few_directions_what_they_choose_on_all(rule, compiled, data):
    found = []
    for how in ("rows", "products"):
        chosen = replace(
            compiled[how], options=replace(compiled[how].options, rule=rule, tolerance=1e-6), throw=False
        )
        found.append(chosen(data, START).stats)
    assert found[1].strength == pytest.approx(found[0].strength, rel=0.3)
    assert found[1].misfit == pytest.approx(found[0].misfit, rel=0.05)


def test_priors_of_every_kind_are_sparse_as_they_are_dense():
    both = nmm.prior.smooth("k", 0.5, std=0.7), nmm.prior.tv("k")
    more = nmm.prior.gaussian("h", 2.0), nmm.prior.function(lambda parts: 3 * jnp.diff(parts["m"]), "m")
    start = {"k": nmm.field(BOX, 0.25, 1.0), "h": 1.0, "m": np.arange(1.0, 4.0)}
    for priors in (both, both + more):
        _, _, made = inverse(*priors)._model(start)
        z = np.random.default_rng(0).standard_normal(len(made.start))
        for which in (0, 1):
            sparse = made.sparse(z, which)
            assert sparse.toarray() == pytest.approx(made.slopes(z, which), abs=1e-10)
            assert sparse.nnz < 0.3 * np.prod(sparse.shape)


def test_variances_of_a_sparse_prior_are_those_of_its_inverse():
    root = np.random.default_rng(0).standard_normal((40, 30)) * (np.arange(30) % 3 == 0) + np.eye(40, 30)
    found = precision(nmm.inversion.precision.csr_array(root))
    assert found.variances == pytest.approx(np.diag(np.linalg.inv(root.T @ root)), rel=1e-9)


def test_products_need_a_prior():
    with pytest.raises(nmm.InputError, match="needs a prior"):
        nmm.inverse(flow, lambda u: u, jacobian="products")
