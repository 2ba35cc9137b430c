"""The command line: exit codes, messages, files. Every malformed input names its place and its remedy."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from plate import CRACKS, PLATE, nmm

import nmm as package
from nmm.cli import main

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(package.__file__).parents[1])}


def test_a_bad_override_ends_with_code_2(folder, capsys):
    (folder / "plate.toml").write_text(PLATE)
    for setting in ("cover.cell", "cover.cell=a b", "cover.cel=1", "boundary.9.pressure=1"):
        assert nmm("solve", "plate.toml", "--set", setting) == 2
        message = capsys.readouterr().err
        assert f"--set {setting}".startswith("--set cover.cel") or f"--set {setting}" in message
        assert "->" in message


def test_a_missing_case_file_suggests_one_that_is_there(folder, capsys):
    (folder / "plate.toml").write_text(PLATE)
    assert nmm("check", "plat.toml") == 2
    assert 'did you mean "plate.toml"' in capsys.readouterr().err


def test_a_traceback_is_shown_only_with_debug(folder, capsys):
    (folder / "plate.toml").write_text(PLATE.replace("cells", "cels"))
    assert nmm("solve", "plate.toml", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_command_of_another_package_is_found_by_its_entry_point(folder, capsys, monkeypatch):
    import typer

    from nmm import cli
    from nmm.errors import InputError

    class Point:
        name, value, dist = "compare", "package:compare", None

        def load(self):
            def compare(case: str, fail: bool = False):
                """Compare."""
                if fail:
                    raise InputError("no such thing", where=case)
                print(f"comparing {case}")

            return compare

    monkeypatch.setattr(cli, "entry_points", lambda group: [Point()] if group == "nmm.commands" else [])
    monkeypatch.setattr(cli, "app", typer.Typer(callback=lambda: None))
    assert nmm("compare", "plate.toml") == 0
    assert "comparing plate.toml" in capsys.readouterr().out
    assert nmm("compare", "plate.toml", "--fail") == 2
    assert "plate.toml: no such thing" in capsys.readouterr().err


def test_new_writes_a_case_that_runs_and_never_overwrites(folder, capsys):
    assert nmm("new", "first") == 0
    assert nmm("solve", "first.toml", "--set", "cover.cells=16", "-q") == 0
    before = (folder / "first.toml").read_text()
    assert nmm("new", "") == 2
    assert "needs a name" in capsys.readouterr().err
    assert nmm("new", "first") == 2
    assert "first.toml" in capsys.readouterr().err
    assert (folder / "first.toml").read_text() == before


def test_solve_writes_what_the_contract_promises(folder, capsys):
    (folder / "plate.toml").write_text(PLATE)
    assert nmm("solve", "plate.toml") == 0
    out = capsys.readouterr().out
    assert "unknowns" in out and "results/plate" in out
    results = folder / "results" / "plate"
    for name in ("case.toml", "summary.json", "solution.npz", "solution.vtu", "report.html", "log.txt"):
        assert (results / name).stat().st_size > 0
    summary = json.loads((results / "summary.json").read_text())
    assert summary["status"] == "converged" and summary["parts"] == 1
    assert summary["seconds"]["total"] >= summary["seconds"]["cut"] > 0
    assert (results / "case.toml").read_text() == PLATE
    assert summary["probes"][0]["value"][0] > 0


def test_labels_that_are_no_formulas_are_set_as_they_are(folder):
    (folder / "plate.toml").write_text(PLATE + "[units]\nlength = '$\\bad{$'\nstress = 'N/mm^2 $'\n")
    assert nmm("solve", "plate.toml", "-q", "--set", "title='a $\\bad{$ b'") == 0
    assert nmm("check", "plate.toml", "-q", "--set", "title='a $\\bad{$ b'") == 0


def test_a_probe_outside_the_domain_is_reported_and_null(folder, capsys):
    (folder / "plate.toml").write_text(PLATE)
    assert nmm("solve", "plate.toml", "--set", "output.probes=[[1.8, 0.5], [1.4, 0.6]]") == 0
    caught = capsys.readouterr()
    assert "output.probes.1: (1.4, 0.6) lies outside the domain" in caught.err
    assert "at (1.8, 0.5)" in caught.out
    assert json.loads((folder / "results/plate/summary.json").read_text())["probes"][1]["value"] is None


def test_an_error_relative_to_a_zero_solution_is_null(folder, capsys):
    (folder / "plate.toml").write_text(PLATE + "[exact]\nsolution = ['1', '0']\n")
    assert nmm("solve", "plate.toml") == 0
    errors = json.loads((folder / "results/plate/summary.json").read_text())["errors"]
    assert errors["h1"] is None and errors["l2"] > 0
    assert "the exact one is zero" in capsys.readouterr().out


def test_check_lists_each_thing_once(folder, capsys):
    (folder / "plate.toml").write_text(PLATE.replace("0.0], [0.5", "-0.2], [0.5"))
    assert nmm("check", "plate.toml", "-v") == 0
    caught = capsys.readouterr()
    assert (caught.out + caught.err).count("lies outside the domain") == 1
    assert "crack 0 at (0.5, -0.2)" in caught.out


def test_a_reader_that_closes_early_is_no_error(folder):
    (folder / "plate.toml").write_text(PLATE)
    command = f"{sys.executable} -m nmm.cli check plate.toml -v | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0 and "error" not in done.stderr.lower(), done.stderr


def test_solve_says_nothing_when_quiet(folder, capsys):
    (folder / "plate.toml").write_text(PLATE)
    assert nmm("solve", "plate.toml", "-q", "-o", "out") == 0
    caught = capsys.readouterr()
    assert caught.out == caught.err == ""
    assert (folder / "out" / "summary.json").exists() and not (folder / "results").exists()


def test_results_are_written_even_if_the_solver_does_not_converge(folder, capsys):
    (folder / "plate.toml").write_text(PLATE)
    code = nmm(
        "solve",
        "plate.toml",
        "--set",
        'solve.method="cg"',
        "--set",
        "solve.max_iterations=1",
        "--set",
        "cover.cell=0.06",
    )
    assert code == 1
    assert json.loads((folder / "results/plate/summary.json").read_text())["status"] == "not converged"
    assert "not converged" in capsys.readouterr().out


def test_a_run_that_fails_leaves_a_summary_that_says_so(folder, capsys, monkeypatch):
    import nmm.run

    (folder / "plate.toml").write_text(PLATE)

    def broken(case, stages):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(nmm.run, "solve_case", broken)
    with pytest.raises(SystemExit) as ended:
        main(["solve", "plate.toml"])
    assert ended.value.code == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert json.loads((folder / "results/plate/summary.json").read_text())["status"] == "failed"


def test_entries_with_one_name_are_refused(folder, capsys):
    named = PLATE.replace("[[boundary]]", '[[boundary]]\nname = "edge"')
    (folder / "plate.toml").write_text(named)
    assert nmm("check", "plate.toml") == 2
    assert "edge" in capsys.readouterr().err


def test_single_precision_solves_the_same_problem(folder):
    (folder / "plate.toml").write_text(PLATE)
    found = []
    for precision in ("float64", "float32"):
        assert nmm("solve", "plate.toml", "-q", "--set", f'solve.precision="{precision}"') == 0
        found.append(json.loads((folder / "results/plate/summary.json").read_text())["energy"])
    assert found[1] == pytest.approx(found[0], rel=1e-3)


def test_interrupting_ends_with_130_and_writes_nothing(folder, capsys, monkeypatch):
    import nmm.run

    (folder / "plate.toml").write_text(PLATE)

    def interrupted(case, stages):
        raise KeyboardInterrupt

    monkeypatch.setattr(nmm.run, "solve_case", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["solve", "plate.toml"])
    assert ended.value.code == 130
    assert not (folder / "results").exists()


def test_check_reports_the_cut_and_draws_the_covers(folder, capsys):
    (folder / "plate.toml").write_text(PLATE.replace(CRACKS, 'cracks = "traces.geojson"'))
    assert nmm("check", "plate.toml", "-v") == 0
    out = capsys.readouterr().out
    for word in (
        "elements",
        "physical patches",
        "split weights",
        "smallest piece",
        "connected parts",
        "memory",
    ):
        assert word in out
    assert (folder / "results/plate/cover.png").read_bytes().startswith(b"\x89PNG")


def test_report_is_written_again_from_the_results(folder, capsys):
    (folder / "plate.toml").write_text(PLATE)
    assert nmm("solve", "plate.toml", "-q") == 0
    page = folder / "results/plate/report.html"
    page.unlink()
    assert nmm("report", "results/plate") == 0
    assert page.stat().st_size > 1000
    assert nmm("report", "results") == 2
    assert "summary.json" in capsys.readouterr().err


def test_an_estimate_of_memory_grows_with_the_lattice_and_a_fitting_cell_fits():
    from nmm.errors import CapacityError
    from nmm.memory import available_memory, check_memory

    assert available_memory() > 0
    check_memory(10_000, 0.01, 2, available=2**30)
    with pytest.raises(CapacityError, match="would fit") as caught:
        check_memory(10**8, 1e-4, 2, available=2**30)
    cell = float(re.search(r"a cell of (\S+) would fit", str(caught.value))[1])
    check_memory(round(10**8 * (1e-4 / cell) ** 2), cell, 2, available=2**30)


def test_version_and_help_do_not_wait_for_jax_and_figures(folder):
    code = (
        "import sys; from nmm.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit as end:\n"
        "    sys.exit(end.code or 'jax' in sys.modules or 'matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nmm ")


def test_a_run_killed_half_way_leaves_the_earlier_results_as_they_were(folder):
    (folder / "plate.toml").write_text(PLATE)
    assert nmm("solve", "plate.toml", "-q") == 0
    results = folder / "results" / "plate"
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    # Killed while it draws: everything slow is behind it and some files are complete.
    script = (
        "import os, sys, time\n"
        "import nmm.results.save as save\n"
        "original = save.write_vtu\n"
        "def slow(*a, **k):\n"
        "    original(*a, **k); print('writing', flush=True); time.sleep(60)\n"
        "save.write_vtu = slow\n"
        "from nmm.cli import main; main(['solve', 'plate.toml', '-q', '--set', 'cover.cells=8'])\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, stdout=subprocess.PIPE, env=ENVIRONMENT
    )
    assert run.stdout is not None and run.stdout.readline() == b"writing\n"
    time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    run.wait()
    after = {path.name: path.read_bytes() for path in results.iterdir() if path.is_file()}
    assert after == before
    assert nmm("solve", "plate.toml", "-q") == 0
    assert not [path for path in results.iterdir() if path.name.startswith(".")]
