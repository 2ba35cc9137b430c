"""The inverse map: fits, strengths, posteriors, checkpoints, and what is wrong with an input."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from forward_maps import SENSORS, SQUARE, heads, model_of, plate

import nmm
from nmm.inversion.model import Model
from nmm.inversion.noise import Whitener, weights
from nmm.inversion.strength import spectrum


def test_the_modulus_of_an_inclusion_comes_from_displacements_of_the_boundary():
    edge = np.linspace(0.02, 0.98, 25)
    around = np.concatenate([np.stack([edge, 0 * edge + s], -1) for s in (1e-6, 1 - 1e-6)])
    around = np.concatenate([around, np.stack([0 * edge + 1 - 1e-6, edge], -1)])
    domain = SQUARE.with_region("in", nmm.disk((0.55, 0.5), 0.22))
    model = nmm.elasticity({"in": 0.8, "default": 2.0}, 0.3)
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 1", (1.0, 0.3))]
    finer = nmm.lattice(cell=0.029, angle=17.0, origin=(0.013, 0.007))
    truth = nmm.forward(nmm.problem(nmm.cut(domain, finer), model, terms))().at(around)
    noise = 0.01 * float(np.abs(truth).max())
    random = np.random.default_rng(0)
    inverse = nmm.inverse(
        plate(cells=16),
        nmm.observe.displacement(around),
        noise=noise,
        bounds={"E": (0, None)},
        known={"nu": 0.3, "q": 1.0},
    )
    estimate = inverse(truth + noise * random.standard_normal(truth.shape), {"E": 2.0})
    assert float(estimate.params["E"]) == pytest.approx(0.8, rel=0.05)
    assert 0.5 < estimate.stats.misfit < 1.5
    assert estimate.stats.seen == (1, 1)


def sources(prior_std=1.0):
    """Heads that are linear in an unknown source: the posterior is normal."""
    manifold = nmm.cut(SQUARE, nmm.lattice(cells=8))
    problem = nmm.problem(manifold, nmm.poisson(1.0, source="s"), [nmm.value("outline", 0)])
    prior = nmm.prior.smooth("s", length=0.4, std=prior_std, cell=0.2)
    sensors = SENSORS[::3]
    std = 2e-3
    return nmm.inverse(nmm.forward(problem), nmm.observe.potential(sensors), prior, std), std, problem


def test_a_linear_problem_has_the_posterior_of_a_dense_bayesian_computation():
    """SciPy's factorisation of the assembled system and Bayes' formula with the covariance of the prior."""
    inverse, std, problem = sources()
    start = inverse._spread({"s": 1.0})
    shape, size = start["s"].values.shape, start["s"].values.size
    host = nmm.forward(problem, nmm.Direct(1e-13))
    sensors = SENSORS[::3]
    columns = []
    for k in range(size):
        values = np.zeros(size)
        values[k] = 1.0
        columns.append(host({"s": replace(start["s"], values=values.reshape(shape))}).at(sensors))
    matrix = np.stack(columns, 1)
    root = np.asarray(
        jax.jacobian(
            lambda v: inverse.priors[0].residual(
                {"s": replace(start["s"], values=v.reshape(shape))}, start, start
            )
        )(jnp.ones(size))
    )
    precision = root.T @ root
    random = np.random.default_rng(5)
    truth = 1 + np.linalg.solve(root, random.standard_normal(size))
    data = matrix @ truth + std * random.standard_normal(len(matrix))
    covariance = np.linalg.inv(precision + matrix.T @ matrix / std**2)
    mean = covariance @ (precision @ np.ones(size) + matrix.T @ data / std**2)
    estimate = inverse(data, {"s": 1.0})
    found = np.asarray(estimate.params["s"].values).ravel()
    assert np.linalg.norm(found - mean) < 0.01 * np.linalg.norm(mean)
    assert np.asarray(estimate.posterior.std["s"].values).ravel() == pytest.approx(
        np.sqrt(np.diag(covariance)), rel=0.01
    )
    draws = np.asarray(estimate.posterior.samples(jax.random.key(0), 4000)["s"].values).reshape(4000, -1)
    assert draws.std(0) == pytest.approx(np.sqrt(np.diag(covariance)), rel=0.1)


def test_credible_bounds_hold_the_truth_as_often_as_they_say(monkeypatch):
    inverse, std, _ = sources()
    start = inverse._spread({"s": 1.0})
    _, model, z = model_of(inverse, start)
    shape = start["s"].values.shape
    residual = inverse.priors[0].residual
    root = np.asarray(
        jax.jacobian(lambda v: residual({"s": replace(start["s"], values=v.reshape(shape))}, start, start))(
            jnp.ones(len(z))
        )
    )
    slope, base = model.jacobian(z, 12), model(z)
    monkeypatch.setattr(Model, "jacobian", lambda *_: slope)  # linear: the same everywhere, and cheap
    monkeypatch.setattr(Model, "__call__", lambda _, at: base + slope @ (at - z))
    random, hits = np.random.default_rng(7), []
    for _ in range(200):
        truth = 1 + np.linalg.solve(root, random.standard_normal(len(z)))
        data = base + slope @ (truth - z) + std * random.standard_normal(len(base))
        low, high = inverse(data, {"s": 1.0}).posterior.interval(0.9)
        inside = (np.asarray(low["s"].values).ravel() < truth) & (
            truth < np.asarray(high["s"].values).ravel()
        )
        hits.append(inside.mean())
    assert 0.85 < np.mean(hits) < 0.95


def field_problem(**options):
    forward = heads(cells=8)
    truth = nmm.field((0, 0, 1, 1), 0.1)
    x, y = np.moveaxis(truth.nodes, -1, 0)
    truth = replace(truth, values=np.exp(0.5 * np.sin(3 * x) * np.cos(2.5 * y)))
    data = np.asarray(forward({"k": truth, "h": 2.0}).at(SENSORS))
    std = 0.01 * np.ptp(data)
    data = data + std * np.random.default_rng(1).standard_normal(len(data))
    prior = nmm.prior.smooth("k", length=0.6, cell=0.25)
    given = {"prior": prior, "noise": std, "bounds": {"k": (0, None)}, "known": {"h": 2.0}} | options
    return nmm.inverse(forward, nmm.observe.potential(SENSORS), **given), data, truth


def test_a_conductivity_field_comes_from_heads_with_every_rule():
    inverse, data, truth = field_problem()
    points = np.random.default_rng(0).uniform(0.1, 0.9, (300, 2))
    wanted = np.asarray(truth(points))
    for rule in ("discrepancy", "evidence", "l-curve"):
        chosen = replace(inverse, options=replace(inverse.options, rule=rule))
        estimate = chosen(data, {"k": 1.0})
        found = np.asarray(estimate.params["k"](points))
        assert np.linalg.norm(found - wanted) < 0.2 * np.linalg.norm(wanted)
        assert np.linalg.norm(found - wanted) < 0.75 * np.linalg.norm(1.0 - wanted)
        assert 0.2 < estimate.stats.misfit < 1.3
        assert estimate.stats.curve is not None and estimate.stats.strength > 0
        if rule == "discrepancy":
            assert estimate.stats.misfit == pytest.approx(1.0, abs=0.2)


def test_total_variation_keeps_a_jump_that_smoothness_blurs():
    forward = heads(cells=8)
    truth = nmm.field((0, 0, 1, 1), 1 / 24)
    truth = replace(truth, values=np.where(truth.nodes[..., 0] > 0.5, 3.0, 1.0))
    data = np.asarray(forward({"k": truth, "h": 2.0}).at(SENSORS))
    std = 0.003 * np.ptp(data)
    data = data + std * np.random.default_rng(1).standard_normal(len(data))
    errors = {}
    for name, prior in (
        ("tv", nmm.prior.tv("k", 1 / 12)),
        ("smooth", nmm.prior.smooth("k", 0.5, cell=1 / 12)),
    ):
        inverse = nmm.inverse(
            forward,
            nmm.observe.potential(SENSORS),
            prior,
            std,
            {"k": (0, None)},
            {"h": 2.0},
            max_iterations=25,
            throw=False,
        )
        found = inverse(data, {"k": 1.5}).params["k"]
        points = np.random.default_rng(0).uniform(0.05, 0.95, (400, 2))
        errors[name] = np.abs(np.asarray(found(points)) - np.asarray(truth(points))).mean()
    assert errors["tv"] < errors["smooth"]


def test_outliers_disturb_robust_losses_less():
    forward = plate()
    observe, known = nmm.observe.displacement(SENSORS), {"nu": 0.3, "q": 1.0}
    data = np.asarray(forward({"E": 5.0} | known).at(SENSORS)).ravel()
    std = 0.01 * np.abs(data).max()
    data = data + std * np.random.default_rng(0).standard_normal(len(data))
    data[::9] += 30 * std
    off, bounds = {}, {"E": (0, None)}
    inverse = nmm.inverse(forward, observe, noise=std, bounds=bounds, known=known)
    for loss in ("gaussian", "huber", "student"):
        robust = replace(inverse, options=replace(inverse.options, loss=loss))
        off[loss] = abs(float(robust(data, {"E": 2.0}).params["E"]) - 5.0)
    assert off["huber"] < 0.5 * off["gaussian"] and off["student"] < 0.5 * off["gaussian"]


def test_a_search_goes_on_from_its_checkpoint(tmp_path):
    inverse, data, _ = field_problem(strength=20.0)
    whole = inverse(data, {"k": 1.0})
    path = tmp_path / "search.npz"

    class Stop(Exception):
        pass

    def interrupt(iteration, objective):
        if iteration == 2:
            raise Stop

    steps = []
    with pytest.raises(Stop):
        inverse(data, {"k": 1.0}, checkpoint=path, progress=lambda i, f: (steps.append(f), interrupt(i, f)))
    rest = inverse(data, {"k": 1.0}, checkpoint=path)
    assert rest.stats.iterations == whole.stats.iterations
    assert rest.stats.history[-1]["objective"] == pytest.approx(
        whole.stats.history[-1]["objective"], rel=1e-6
    )
    with pytest.raises(nmm.InputError, match="belongs to other data"):
        inverse(data + 1, {"k": 1.0}, checkpoint=path)
    path.write_text("nothing")
    with pytest.raises(nmm.InputError, match="not a checkpoint"):
        inverse(data, {"k": 1.0}, checkpoint=path)


def test_what_the_data_cannot_see_is_reported():
    """A traction and a modulus in proportion give the same displacements."""
    model = nmm.elasticity("E", 0.3)
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 1", ("q", 0))]
    forward = nmm.forward(nmm.problem(nmm.cut(SQUARE, nmm.lattice(cells=6)), model, terms))
    data = np.asarray(forward({"E": 2.0, "q": 1.0}).at(SENSORS)).ravel()
    inverse = nmm.inverse(forward, nmm.observe.displacement(SENSORS), noise=1e-4, bounds={"E": (0, None)})
    estimate = inverse(data, {"E": 3.0, "q": 1.2})
    assert estimate.stats.seen == (1, 2)
    assert float(estimate.params["q"] / estimate.params["E"]) == pytest.approx(0.5, rel=1e-3)
    assert not np.isfinite(estimate.posterior.std["q"])
    held = nmm.inverse(
        forward, nmm.observe.displacement(SENSORS), nmm.prior.gaussian("E", 0.1), 1e-4, {"E": (0, None)}
    )
    assert np.isfinite(held(data, {"E": 2.0, "q": 1.2}).posterior.std["q"])


def test_several_starts_find_what_one_start_misses():
    """A source that may be in two places: the misfit has two valleys."""
    manifold = nmm.cut(SQUARE, nmm.lattice(cells=12))
    source = "exp(-80*((x - a)**2 + (y - b)**2))"
    problem = nmm.problem(manifold, nmm.poisson(1.0, source=source), [nmm.value("outline", 0)])
    forward = nmm.forward(problem)
    data = np.asarray(forward({"a": 0.2, "b": 0.75}).at(SENSORS))
    inverse = nmm.inverse(
        forward, nmm.observe.potential(SENSORS), noise=1e-5, bounds={"a": (0, 1), "b": (0, 1)}
    )
    starts = [{"a": a, "b": b} for a in (0.25, 0.5, 0.75) for b in (0.25, 0.5, 0.75)]
    estimate = inverse.multistart(data, starts, refine=2)
    assert [float(estimate.params[k]) for k in "ab"] == pytest.approx([0.2, 0.75], abs=1e-3)


def test_noise_may_be_correlated():
    random = np.random.default_rng(0)
    root = np.tril(random.uniform(size=(5, 5))) + np.eye(5)
    whiten, values = Whitener(root @ root.T, 5), random.standard_normal(5)
    assert whiten(values) == pytest.approx(np.linalg.solve(root, values))
    assert whiten.back(values) == pytest.approx(np.linalg.solve(root.T, values))
    assert weights("huber", np.array([0.5, 5.0])) == pytest.approx([1.0, np.sqrt(1.345 / 5)])


def test_all_strengths_of_the_linearised_problem_are_those_of_their_own_solves():
    random = np.random.default_rng(0)
    slope, residual = random.standard_normal((6, 9)), random.standard_normal(6)
    prior, size = random.standard_normal((9, 9)) + 3 * np.eye(9), random.standard_normal(9)
    found = spectrum(slope, residual, prior, size)
    strengths = np.array([0.1, 1.0, 30.0])
    steps = [
        np.linalg.solve(slope.T @ slope + s * prior.T @ prior, slope.T @ residual - s * prior.T @ size)
        for s in strengths
    ]
    for s, step in zip(strengths, steps, strict=True):
        assert found.step(s) == pytest.approx(step, rel=1e-6)
    left = [((residual - slope @ step) ** 2).sum() for step in steps]
    assert found.misfits(strengths) == pytest.approx(left, rel=1e-6)
    sizes = np.array([((size + prior @ step) ** 2).sum() for step in steps])
    assert np.diff(found.sizes(strengths)) == pytest.approx(np.diff(sizes), rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.ones(3)}, "found 3 data, expected 36"),
        ({"data": np.full(36, np.nan)}, "datum 0 is nan, expected"),
        ({"noise": 0.0}, "expected a standard deviation > 0"),
        ({"noise": np.ones(4)}, "expected a standard deviation > 0"),
        ({"noise": -np.eye(36)}, "not positive definite"),
        ({"bounds": {"q": (0, 1)}}, "bounds are given for q"),
        ({"bounds": {"k": (2, 3)}}, "expected a start inside its bounds"),
        ({"bounds": {"k": (None, 3)}}, "only an upper bound"),
        ({"loss": "l1"}, 'found "l1"'),
        ({"strength": "best"}, 'found "best"'),
        ({"strength": -1.0}, "must be at least 0"),
        ({"jacobian": "both"}, 'found "both"'),
        ({"prior": nmm.prior.gaussian("z", 1.0)}, "no start"),
        ({"start": {"k": 1.0, "h": 1.0, "z": 0.0}}, "nothing in the problem uses"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"data": np.ones(36), "start": {"k": 1.0, "h": 1.0}, "noise": 0.1} | change
    data, start = given.pop("data"), given.pop("start")
    with pytest.raises(nmm.InputError, match=message):
        nmm.inverse(heads(cells=6), nmm.observe.potential(SENSORS), **given)(data, start)
    with pytest.raises(nmm.InputError, match="expected a positive"):
        nmm.prior.smooth("k", length=0.0)


def test_a_search_that_does_not_converge_says_so():
    inverse, data, _ = field_problem(max_iterations=1)
    with pytest.raises(nmm.NotConverged, match="largest number of iterations"):
        inverse(data, {"k": 1.0})
    inverse, data, _ = field_problem(max_iterations=1, throw=False)
    estimate = inverse(data, {"k": 1.0})
    assert not estimate.result.converged and estimate.stats.iterations == 1


def test_a_prior_of_known_strength_measures_steps():
    """Levenberg's step in the prior's metric: other coordinates of the unknowns do not change it."""
    random = np.random.default_rng(0)
    slope, firm = random.normal(size=(30, 4)) * [1, 10, 100, 1000], random.normal(size=(4, 4))
    both, residual, none = np.concatenate([slope, firm]), random.normal(size=34), np.zeros((0, 4))
    for turn in (np.eye(4), np.linalg.qr(random.normal(size=(4, 4)))[0]):
        step = spectrum(both @ turn, residual, none, np.zeros(0), firm @ turn).step(0.0, 0.3)
        expected = np.linalg.solve(both.T @ both + 0.3 * firm.T @ firm, both.T @ residual)
        np.testing.assert_allclose(turn @ step, expected, rtol=1e-9)
