"""Unknown shapes: differences of new cuts, guesses without a solution, and shapes in case files."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plate import nmm as command

import nmm
from nmm.case import read_case
from nmm.invert import Shape
from nmm.progress import Stages

CASES = Path(__file__).parents[2] / "benchmarks" / "cases" / "inverse"
SENSORS = np.stack(np.meshgrid(np.linspace(0.06, 0.94, 5), [0.06, 0.94]), -1).reshape(-1, 2)
LATTICE = nmm.lattice(cells=11)
TERMS = [nmm.value("x == 0", 0.0), nmm.value("x == 1", 1.0)]
READ = nmm.observe.potential(SENSORS)


def problem(x, y, r):
    return nmm.problem(
        nmm.cut(nmm.rectangle(0, 0, 1, 1) - nmm.disk((x, y), r), LATTICE), nmm.poisson(1.0), TERMS
    )


def plate(params):
    """A plate with a hole that conducts nothing."""
    return nmm.forward(problem(*params["centre"], params["r"]))()


TRUTH = {"centre": np.array([0.62, 0.43]), "r": 0.21}


def test_differences_of_new_cuts_are_the_shape_derivative():
    start = {"centre": np.array([0.613, 0.431]), "r": 0.207}
    inverse = nmm.inverse(nmm.recut(plate, step=1e-4), READ)
    unknowns, model, _ = inverse._model(start)
    z = np.asarray(unknowns.vector(start))
    scale = np.asarray(unknowns.slopes(jnp.asarray(z)))
    found = model.jacobian(z, len(SENSORS)) / scale
    made = problem(*start["centre"], start["r"])
    forward, manifold = nmm.forward(made, nmm.Multigrid(1e-12)), made.manifold
    v = manifold.vertices
    away = v - start["centre"]
    rim = (np.abs(np.hypot(*away.T) - start["r"]) < 1e-3)[:, None]

    @jax.jit
    @jax.jacfwd
    def exact(p):
        moved = v + rim * (p[:2] - start["centre"] + (p[2] / start["r"] - 1) * away)
        return forward({}, manifold.move(moved)).at(SENSORS)

    wanted = np.asarray(exact(jnp.array([*start["centre"], start["r"]])))
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_a_hole_is_found_and_guesses_that_leave_the_plate_are_turned_back():
    finer = nmm.lattice(cell=1 / 37, angle=13.0)
    domain = nmm.rectangle(0, 0, 1, 1) - nmm.disk(TRUTH["centre"], TRUTH["r"])
    data = nmm.forward(nmm.problem(nmm.cut(domain, finer), nmm.poisson(1.0), TERMS))().at(SENSORS)
    noise = 1e-3
    data = data + noise * np.random.default_rng(0).standard_normal(len(data))
    bounds = {"centre": (0.0, 1.0), "r": (0.01, 0.5)}
    inverse = nmm.inverse(nmm.recut(plate, step=0.02), READ, noise=noise, bounds=bounds)
    starts = [
        {"centre": np.array(c), "r": r} for c, r in (([0.1, 0.1], 0.4), ([0.3, 0.6], 0.1), ([0.5, 0.5], 0.3))
    ]
    estimate = inverse.multistart(data, starts, refine=2)
    assert estimate.params["centre"] == pytest.approx(TRUTH["centre"], abs=0.02)
    assert float(estimate.params["r"]) == pytest.approx(TRUTH["r"], abs=0.02)
    assert estimate.stats.forward_solves > len(starts)
    with pytest.raises(nmm.NmmError):  # a hole over the sensors is no start for one search
        inverse(data, {"centre": np.array([0.01, 0.5]), "r": 0.49})


def test_what_needs_a_compiled_map_is_refused():
    for options in ({"jacobian": "rows"}, {"method": "lbfgs", "strength": 1.0}):
        with pytest.raises(nmm.InputError, match="cuts anew"):
            nmm.inverse(nmm.recut(plate), READ, **options)
    with pytest.raises(nmm.InputError, match="step must be positive"):
        nmm.recut(plate, step=0.0)


def test_a_domain_may_depend_on_parameters(tmp_path):
    case = read_case(CASES / "crack.toml", ["parameters.angle=0.5"])
    tips = Shape.of(case).cracks.reshape(-1, 2)
    wanted = np.array([0.5, 0.5]) + np.outer([-0.1, 0.1], [np.cos(0.5), np.sin(0.5)])
    assert tips[[0, -1]] == pytest.approx(wanted)
    steps = case.shape_parameters
    assert set(steps) == {"cx", "cy", "length", "angle"}
    assert steps["cx"] == pytest.approx(0.25 / 20) and steps["angle"] > steps["cx"]
    moved = case.with_parameters({"cx": 0.7})
    assert Shape.of(moved).cracks[..., 0].mean() == pytest.approx(0.7)
    for value, message in ((["x", "y"], "depends on x"), (["cx + far", 0.5], 'uses the name "far"')):
        with pytest.raises(nmm.InputError, match=message):
            read_case(CASES / "crack.toml", [f"domain.cracks.0.0={json.dumps(value)}"])
    with pytest.raises(nmm.InputError, match="no bounds to spread"):
        read_case(CASES / "source.toml", ["inverse.unknown.a.bounds=[0, inf]"])


def run(name, directory, *settings):
    given = [part for setting in ("output.fields=[]", *settings) for part in ("--set", setting)]
    assert command("invert", CASES / f"{name}.toml", "-o", directory, "-q", *given) == 0
    return json.loads((directory / "summary.json").read_text())


def test_a_source_is_found_from_wells_that_a_peer_computed(tmp_path):
    found = run("source", tmp_path, "cover.cells=14", "inverse.starts=4", "inverse.tolerance=1e-2")
    for name, truth in (("a", 0.46), ("b", 0.68), ("rate", 40.0)):
        assert abs(found["params"][name] - truth) < 4 * found["std"][name] + 0.03 * truth


def test_a_crack_is_found_from_the_rim(tmp_path):
    near = [f"parameters.{name}={value}" for name, value in (("cx", 0.45), ("length", 0.3), ("angle", 0.3))]
    coarse = (
        "cover.cells=12",
        'cover.tips="enriched"',
        "cover.tip_radius=1.5",
        "inverse.starts=1",
        "inverse.tolerance=0.1",
    )
    found = run("crack", tmp_path, *coarse, *near)
    for name, truth in (("cx", 0.485), ("cy", 0.485), ("length", 0.39)):
        assert found["params"][name] == pytest.approx(truth, abs=0.02)
    with np.load(tmp_path / "estimate.npz") as arrays:
        assert arrays["experiment"].tolist() == ["upwards"] * 96 + ["sideways"] * 96
    assert (tmp_path / "figure_estimate_shape.png").exists()
    assert "estimated shape" in (tmp_path / "report.html").read_text()


def test_searches_from_several_starts_go_on_after_an_interruption(tmp_path, capsys, monkeypatch):
    given = ("cover.cells=8", "inverse.starts=3", "output.fields=[]")
    settings = [part for setting in given for part in ("--set", setting)]
    step = Stages.step

    def interrupt(self, text):
        step(self, text)
        if text.startswith("iteration 2"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Stages, "step", interrupt)
        assert command("invert", CASES / "source.toml", "-o", tmp_path, "-q", *settings) == 130
    assert "--resume goes on" in capsys.readouterr().err and (tmp_path / "checkpoint.npz.0").exists()
    assert command("invert", CASES / "source.toml", "-o", tmp_path, "-q", "--resume", *settings) == 0
    assert not list(tmp_path.glob("checkpoint*"))


def test_a_solution_that_did_not_converge_is_none():
    def stopped(params):
        made = problem(*params["centre"], params["r"])
        return nmm.forward(made, nmm.ConjugateGradient(max_iterations=1), throw=False)()

    with pytest.raises(nmm.NotConverged, match="iterations"):
        nmm.recut(stopped)(TRUTH)
