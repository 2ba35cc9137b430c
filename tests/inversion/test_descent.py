"""L-BFGS finds what Gauss-Newton finds, and takes priors that are no least squares."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import nmm

BOX = (0.0, 0.0, 1.0, 1.0)
START = {"k": nmm.field(BOX, 1 / 4, 1.3)}
NOISE = 0.02


SENSORS = np.random.default_rng(2).uniform(0, 1, (40, 2))


def seen(params):
    """Blurred values of a field at forty points: nothing that takes long to compile."""
    nodes = START["k"].nodes.reshape(-1, 2)
    away = ((SENSORS[:, None] - nodes) ** 2).sum(-1)
    return jnp.asarray(np.exp(-away / 0.1)) @ params["k"].values.ravel()


@pytest.fixture(scope="module")
def data():
    x, y = np.moveaxis(START["k"].nodes, -1, 0)
    values = np.exp(0.5 * np.sin(3 * x) * np.cos(2.5 * y))
    exact = np.asarray(seen({"k": replace(START["k"], values=jnp.asarray(values))}))
    return exact + NOISE * np.random.default_rng(1).standard_normal(len(exact))


def inverse(prior, **options):
    given = {"strength": 20.0, "tolerance": 1e-9} | options
    return nmm.inverse(seen, lambda u: u, prior, NOISE, {"k": (0, None)}, **given)


@pytest.mark.parametrize("prior", [nmm.prior.smooth("k", 0.5), nmm.prior.tv("k")])
def test_both_methods_end_at_one_minimum(prior, data):
    one = inverse(prior, max_iterations=200)(data, START)
    other = inverse(prior, method="lbfgs")(data, START)
    assert np.asarray(other.z) == pytest.approx(np.asarray(one.z), abs=2e-3)
    assert other.stats.misfit == pytest.approx(one.stats.misfit, rel=1e-3)
    assert other.posterior.deviation == pytest.approx(one.posterior.deviation, rel=0.02)


def test_an_energy_may_be_a_prior(data, tmp_path):
    """Half a square as an energy is the normal prior; a search goes on from its checkpoint."""
    std, steps, path = 0.3, [], tmp_path / "search.npz"
    energy = nmm.prior.energy(lambda parts: jnp.sum(parts["k"].values ** 2) / (2 * std**2), "k")
    flat = {"k": nmm.field(BOX, 1 / 4, 1.0)}
    free = replace(inverse(energy, method="lbfgs", max_iterations=5, throw=False), bounds={"k": (0, None)})
    free(data, flat, lambda i, value: steps.append(value), path)
    assert len(steps) == 5 and (np.diff(steps) < 0).all()
    found = replace(free, options=replace(free.options, limit=300), throw=True)(data, flat, None, path)
    normal = inverse(nmm.prior.gaussian("k", std))(data, flat)
    assert np.asarray(found.z) == pytest.approx(np.asarray(normal.z), abs=1e-3)
    assert found.posterior.deviation == pytest.approx(normal.posterior.deviation, rel=1e-3)
    with pytest.raises(nmm.InputError, match="no least squares"):
        inverse(energy)
    with pytest.raises(nmm.InputError, match="does not choose"):
        inverse(nmm.prior.smooth("k", 0.5), method="lbfgs", strength="evidence")
