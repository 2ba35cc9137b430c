"""`nmm invert`: estimates, files, exit codes, an interruption and what goes on from it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from plate import nmm

from nmm.progress import Stages

CASES = Path(__file__).parents[1] / "benchmarks" / "cases" / "inverse"
COARSE = {"heads": 10, "inclusion": 8, "traction": 16}
KEYS = {"misfit", "regularisation", "params", "std"}


def invert(name, directory, *more):
    settings = [f"cover.cells={COARSE[name]}", "output.fields=[]"]
    given = [part for setting in settings for part in ("--set", setting)]
    return nmm("invert", CASES / f"{name}.toml", "-o", directory, "-q", *given, *more)


def summary(directory):
    return json.loads((directory / "summary.json").read_text())


@pytest.fixture(scope="module")
def inclusion(tmp_path_factory):
    """Results of an uninterrupted run."""
    directory = tmp_path_factory.mktemp("inclusion")
    assert invert("inclusion", directory) == 0
    return directory


def test_two_moduli_are_found_within_their_standard_deviations(inclusion):
    found = summary(inclusion)
    assert found["status"] == "converged" and set(found) > KEYS
    for name, truth in (("E", 14.0), ("E_inclusion", 45.0)):
        assert abs(found["params"][name] - truth) < 4 * found["std"][name]
    assert found["regularisation"] is None
    assert found["misfit"] == pytest.approx(1.0, rel=0.6)  # on a coarse cover, not of the noise alone
    assert found["search"]["data"] == 58


def test_results_hold_data_estimate_and_the_usual_files(inclusion):
    with np.load(inclusion / "estimate.npz") as found:
        assert found["measured"].shape == found["predicted"].shape == found["noise"].shape == (58,)
        assert found["points"].shape == (58, 2)
        assert list(found["component"][:2]) == ["ux", "uy"]
        assert float(found["params.E"]) == pytest.approx(summary(inclusion)["params"]["E"])
        assert len(found["spectrum"]) == 2
        chi = np.mean(((found["measured"] - found["predicted"]) / found["noise"]) ** 2)
        assert chi == pytest.approx(summary(inclusion)["misfit"])
    names = {path.name for path in inclusion.iterdir()}
    assert {"solution.vtu", "solution.npz", "figure_data_fit.png", "figure_search.png"} <= names
    assert not {"checkpoint.npz", "figure_strength.png"} & names
    assert nmm("report", inclusion, "-q") == 0
    page = (inclusion / "report.html").read_text()
    assert "The search converged." in page and "Parameters" in page


def test_a_later_solve_leaves_no_estimate_behind(inclusion, tmp_path):
    directory = shutil.copytree(inclusion, tmp_path / "copied")
    assert nmm("solve", CASES / "inclusion.toml", "-o", directory, "-q", "--set", "cover.cells=8") == 0
    assert not (directory / "estimate.npz").exists()
    assert not KEYS & set(summary(directory))


def test_an_interrupted_search_goes_on_where_it_was(inclusion, tmp_path, capsys, monkeypatch):
    plain = Stages.step

    def interrupt(self, line):
        if line.startswith("iteration 3"):
            raise KeyboardInterrupt
        plain(self, line)

    with monkeypatch.context() as patched:
        patched.setattr(Stages, "step", interrupt)
        assert invert("inclusion", tmp_path) == 130
    assert "--resume" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
    assert invert("inclusion", tmp_path, "--resume") == 0
    with np.load(inclusion / "estimate.npz") as once, np.load(tmp_path / "estimate.npz") as twice:
        assert np.allclose(once["z"], twice["z"], rtol=1e-10)
        assert np.allclose(once["history.objective"], twice["history.objective"], rtol=1e-10)
    assert not (tmp_path / "checkpoint.npz").exists()
    assert invert("inclusion", tmp_path, "--resume") == 2
    assert "no interrupted search" in capsys.readouterr().err


def test_a_search_that_ends_early_is_code_1_and_writes_its_results(tmp_path, capsys):
    assert invert("traction", tmp_path, "--set", "inverse.max_iterations=1") == 1
    assert summary(tmp_path)["status"] == "not converged"
    assert "The search did not converge" in (tmp_path / "report.html").read_text()
    assert invert("traction", tmp_path, "--resume") == 0
    found = summary(tmp_path)
    for name, truth in (("p", -1.5), ("q", 0.6)):
        assert abs(found["params"][name] - truth) < 4 * found["std"][name]


def test_a_conductivity_field_is_found_from_heads(tmp_path):
    assert invert("heads", tmp_path, "--set", "inverse.unknown.k.cell=0.25") == 0
    found = summary(tmp_path)
    with np.load(tmp_path / "estimate.npz") as arrays:
        estimate, truth, std = (arrays[f"{key}.k"] for key in ("params", "truth", "std"))
        assert estimate.shape == truth.shape == std.shape and (estimate > 0).all() and (std > 0).all()
        x0, y0, x1, y1 = arrays["box.k"]
        assert x0 < 0 < 2 < x1 and y0 < 0 < 1 < y1
        inside = np.s_[2:-2, 2:-2]
        assert np.corrcoef(np.log(estimate[inside]).ravel(), np.log(truth[inside]).ravel())[0, 1] > 0.8
    assert found["params"]["k"]["min"] < found["params"]["k"]["mean"] < found["params"]["k"]["max"]
    assert found["regularisation"] > 0
    assert {"figure_estimate_k.png", "figure_strength.png"} <= {path.name for path in tmp_path.iterdir()}
