"""`nmm solve --converge`: tables, files, limits that hold, what is refused, what an interruption keeps."""

import json
from dataclasses import replace

import numpy as np
import pytest
from plate import PLATE, nmm

from nmm import convergence
from nmm.case import read_case
from nmm.forward_map import forward
from nmm.results.levels import Refinement, level
from nmm.tables import convergence_rows

DISK = """\
[domain]
outline = { circle = [0, 0, 1] }

[cover]
cells = 64

[physics]
model = "poisson"
source = 4

[[boundary]]
name = "rim"
on = "outline"
value = 0

[exact]
solution = "1 - x**2 - y**2"

[output]
probes = [[0.21, 0.13], [2, 2]]
"""


@pytest.fixture
def disk(folder):
    (folder / "disk.toml").write_text(DISK)
    return folder


def test_the_results_folder_holds_the_finest_run_and_the_study(disk, capsys):
    assert nmm("solve", "disk.toml", "--converge", 4) == 0
    out = capsys.readouterr().out
    assert "convergence" in out and "order" in out and "estimated error" in out
    results = disk / "results" / "disk"
    assert (results / "convergence.png").stat().st_size > 0
    assert (results / "case.toml").read_text() == DISK
    found = json.loads((results / "convergence.json").read_text())
    summary = json.loads((results / "summary.json").read_text())
    assert found["status"] == "done" and found["asked"] == 4
    cells = [cover["cell"] for cover in found["covers"]]
    assert cells == pytest.approx([0.25, 0.125, 0.0625, 0.03125])
    assert found["covers"][-1]["dofs"] == summary["dofs"]
    energy = next(one for one in found["quantities"] if one["name"] == "energy")
    assert energy["values"][-1] == summary["energy"]
    page = (results / "report.html").read_text()
    assert "<h3>Convergence</h3>" in page and "grid convergence index" in page
    assert nmm("solve", "disk.toml", "-q") == 0
    assert not list(results.glob("convergence.*"))


def test_orders_and_limits_of_a_smooth_problem(disk):
    assert nmm("solve", "disk.toml", "--converge", 4, "-q", "-o", "out") == 0
    found = json.loads((disk / "out" / "convergence.json").read_text())
    series = {one["name"]: one for one in found["quantities"]}
    for name, exact in (("energy", np.pi), ("reaction at rim", -4 * np.pi)):
        one = series[name]
        assert abs(one["limit"] - exact) <= one["uncertainty"] < 0.02 * abs(exact)
    probe = series["u at (0.21, 0.13)"]
    assert abs(probe["limit"] - (1 - 0.21**2 - 0.13**2)) <= probe["uncertainty"] < 0.01
    assert series["u at (2, 2)"]["values"] == [None] * 4 and series["u at (2, 2)"]["limit"] is None
    errors = {one["name"]: one for one in found["errors"]}
    assert errors["l2"]["order"] == pytest.approx(2.0, abs=0.15)
    for name in ("h1", "energy", "error_estimate"):
        assert errors[name]["order"] == pytest.approx(1.0, abs=0.1)
    ratios = np.divide(errors["error_estimate"]["values"], errors["energy"]["values"])
    assert ((ratios > 0.7) & (ratios < 1.5)).all()


def test_elasticity_with_a_crack_follows_displacements_and_reactions(folder):
    (folder / "plate.toml").write_text(PLATE)
    assert nmm("solve", "plate.toml", "--converge", 2, "-q") == 0
    found = json.loads((folder / "results/plate/convergence.json").read_text())
    names = [one["name"] for one in found["quantities"]]
    assert {"energy", "u_x at (1.8, 0.5)", "reaction at fixed on x == 0, x"} <= set(names)
    assert found["quantities"][0]["kind"] == "finest" and found["quantities"][0]["order"] is None


@pytest.mark.parametrize("count", [-1, 0, 1, 9])
def test_a_count_out_of_range_is_wrong_input(disk, capsys, count):
    assert nmm("solve", "disk.toml", f"--converge={count}") == 2
    message = capsys.readouterr().err
    assert f"--converge {count}" in message and "2 to 8" in message
    assert not (disk / "results").exists()


def test_a_coarsest_cover_that_covers_nothing_is_wrong_input(disk, capsys):
    assert nmm("solve", "disk.toml", "--converge", 7) == 2
    message = capsys.readouterr().err
    assert "1 cells along" in message and "--converge 6" in message


def interrupt_after(monkeypatch, count):
    original, calls = convergence.solve_case, []

    def solve(case, stages):
        if len(calls) == count:
            raise KeyboardInterrupt
        calls.append(case)
        return original(case, stages)

    monkeypatch.setattr(convergence, "solve_case", solve)


def test_an_interruption_keeps_the_covers_that_are_finished(disk, capsys, monkeypatch):
    interrupt_after(monkeypatch, 2)
    assert nmm("solve", "disk.toml", "--converge", 4) == 130
    assert "what was finished is in results/disk" in capsys.readouterr().err
    results = disk / "results" / "disk"
    found = json.loads((results / "convergence.json").read_text())
    assert found["status"] == "interrupted" and len(found["covers"]) == 2
    assert "cover.cell=0.125" in (results / "case.toml").read_text()
    assert "interrupted after 2 of 4 covers" in (results / "report.html").read_text()
    assert json.loads((results / "summary.json").read_text())["dofs"] == found["covers"][-1]["dofs"]


def test_an_interruption_before_the_first_cover_writes_nothing(disk, capsys, monkeypatch):
    interrupt_after(monkeypatch, 0)
    assert nmm("solve", "disk.toml", "--converge", 3) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not (disk / "results").exists()


def test_a_cover_that_does_not_converge_has_no_values(disk, capsys, monkeypatch):
    original = convergence.solve_case

    def solve(case, stages):
        run = original(case, stages)
        return replace(run, solution=replace(run.solution, code=1)) if case.cell == 0.25 else run

    monkeypatch.setattr(convergence, "solve_case", solve)
    assert nmm("solve", "disk.toml", "--converge", 2, "--set", "cover.cells=16") == 1
    assert "cover 1 of 2, cell 0.25: not converged" in capsys.readouterr().err
    found = json.loads((disk / "results/disk/convergence.json").read_text())
    assert [cover["converged"] for cover in found["covers"]] == [False, True]
    energy = found["quantities"][0]
    assert energy["values"][0] is None and energy["values"][1] > 0 and energy["limit"] is None


def test_an_error_on_a_coarser_cover_says_which_it_was(folder, capsys):
    (folder / "plate.toml").write_text(PLATE)
    settings = ["--set", 'cover.tips="enriched"', "--set", "cover.cells=32"]
    assert nmm("solve", "plate.toml", "--converge", 2, *settings) == 2
    message = capsys.readouterr().err
    assert "cover 1 of 2, cell 0.125: plate.toml, line" in message and "singular patches" in message


def test_another_cover_keeps_the_case_and_shares_its_domain(disk):
    case = read_case("disk.toml")
    other = case.with_cell(0.5)
    assert (case.cell, other.cell) == (2 / 64, 0.5)
    assert other.domain() is case.domain()
    (disk / "other.toml").write_text(other.text)
    assert "--set cover.cell=0.5" in other.text and read_case("other.toml").cell == case.cell


def test_stress_intensity_factors_are_followed_where_there_are_tips(disk, monkeypatch):
    case = read_case("disk.toml")
    problem = case.problem()
    solution = forward(problem)()
    tip = {"crack": 0, "end": 1, "x": 0.0, "y": 0.0, "KI": 2.0, "KII": -1e-12, "G": 4.0}
    monkeypatch.setattr(type(solution), "tips", property(lambda self: [tip]))
    found = level(solution, 0.1, 1.0)
    assert found.values["KI at crack 0, 1"] == 2.0 and found.values["G at crack 0, 1"] == 4.0
    rows = convergence_rows(Refinement((found, found), 2))["rows"]
    named = [row[0] for row in rows]
    assert "KI at crack 0, 1" in named and "KII at crack 0, 1" not in named
