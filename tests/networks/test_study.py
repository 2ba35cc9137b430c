"""`nmm study`: experiments run, are judged by stored thresholds, and make a page."""

import json

import numpy as np
import pytest
import typer
from matplotlib.figure import Figure
from typer.testing import CliRunner

from networks.study import command, registry
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.record import load, record
from nmm.cli import guarded

MEANS = {"consistent": "as the papers say", "inconsistent": "not as the papers say"}


def experiment(measure, name="halving"):
    def draw(found):
        made = Figure()
        made.subplots().plot(found.series["errors"])
        return made

    return Experiment(
        name=name,
        label="E0",
        concepts=("C9",),
        about="errors <halve>",
        claim="errors halve",
        definition="ratio of errors, a definition of ours",
        statement="each error is half the one before",
        means=MEANS,
        expected="0.5",
        frame="nonlinearity",
        falsifiers=(
            Falsifier("ratio", "<=", 0.51, "rounding"),
            Falsifier("ratio", ">=", 0.49, "rounding"),
        ),
        measure=measure,
        draw=draw,
    )


def halving(ratio):
    def measure(effort: Effort):
        errors = ratio ** np.arange(effort.pick(20, 5))
        effort.report("measuring")
        table = Table("errors", ("step", "error"), list(enumerate(errors)))
        return Measured({"ratio": errors[1] / errors[0]}, {"ratio": (0.1, 0.9)}, [table], {"errors": errors})

    return measure


@pytest.fixture
def study(monkeypatch, tmp_path):
    made = {"halving": experiment(halving(0.5)), "slow": experiment(halving(0.8), "slow")}
    monkeypatch.setattr(registry, "HOMES", dict.fromkeys(made, "somewhere"))
    monkeypatch.setattr(registry, "experiment", made.__getitem__)
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(guarded(command.command))

    def run(*arguments):
        return CliRunner().invoke(app, [*arguments])

    return run, made, tmp_path / "results" / "study"


def test_all_of_them_run_and_planted_data_are_inconsistent(study):
    run, _, folder = study
    ended = run("all", "--quick")
    assert ended.exit_code == 0, ended.output
    assert "E0 halving: measured ratio 0.5 (limit ≤ 0.51, ≥ 0.49)" in ended.output
    assert "expected 0.5; consistent with the claim as tested" in ended.output
    assert (
        "measured ratio 0.8" in ended.output
        and f"; inconsistent with the claim as tested\n  -> {MEANS['inconsistent']}" in ended.output
    )
    kept = json.loads((folder / "slow.json").read_text())
    assert kept["verdict"] == "inconsistent" and kept["means"] == MEANS["inconsistent"]
    first = kept["falsifier"][0]
    assert (first["quantity"], first["relation"], first["limit"], first["holds"]) == (
        "ratio",
        "<=",
        0.51,
        False,
    )
    assert kept["seeds"] == 3 and kept["versions"]["nmm"] and kept["spread"]["ratio"] == [0.1, 0.9]
    page = (folder / "index.html").read_text()
    assert "errors &lt;halve&gt;" in page and page.count("data:image/png;base64") == 2
    assert page.index("Summary") < page.index('id="halving"') < page.index('id="slow"')
    for text in ("What would refute it", "refuted", "What degree of non-linearity", "Had it been consistent"):
        assert text in page


def test_what_is_finished_is_kept_and_resumed(study):
    run, made, folder = study

    def interrupted(effort):
        raise KeyboardInterrupt

    made["slow"] = experiment(interrupted, "slow")
    ended = run("all", "--quick")
    assert ended.exit_code == 130 and "--resume goes on" in ended.output
    assert load(folder, "halving") and not load(folder, "slow")
    assert "halving" in (folder / "index.html").read_text()
    made["halving"], made["slow"] = experiment(interrupted), experiment(halving(0.8), "slow")
    assert run("all", "--quick", "--resume").exit_code == 0
    assert run("all", "--resume").exit_code == 130  # a full run is another one


def test_experiments_are_listed_and_unknown_ones_named(study):
    run, _, _ = study
    assert "halving" in run().output
    ended = run("halving", "nothing")
    assert (
        ended.exit_code == 2
        and "no experiment is called 'nothing'; known: all, halving, slow" in ended.output
    )
    assert run("slow", "-q", "-o", "here").output == ""


def test_what_was_not_measured_supports_nothing():
    one = experiment(halving(0.5))
    kept = record(one, Measured({"ratio": np.nan}), Effort(), 0.0)
    assert kept["verdict"] == "inconsistent" and kept["values"]["ratio"] is None
    json.dumps(kept, allow_nan=False)


def test_a_damaged_record_is_named(study):
    run, _, folder = study
    folder.mkdir(parents=True)
    (folder / "slow.json").write_text("{")
    assert "slow.json" in run("slow", "--resume").output
