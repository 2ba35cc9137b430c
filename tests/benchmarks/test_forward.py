"""The benchmark against other libraries judges what it says, and says what it leaves out."""

import pytest

from benchmarks import figures, speed_tables
from benchmarks.forward import sweep
from benchmarks.forward.checks import judged
from benchmarks.forward.method import METHODS
from benchmarks.forward.plate import PROBLEMS


def row(method, problem="poisson", asked=1_000_000, setup=0.0, solve=1.0, mesh=0.0, **more):
    made = METHODS[method]
    return {
        "method": method,
        "library": made.library,
        "solver": made.solver,
        "problem": problem,
        "asked": asked,
        "unknowns": asked,
        "runs": 5,
        "seconds": {"mesh": mesh, "setup": setup, "solve": solve, "total": mesh + setup + solve},
        "first": mesh + setup + solve + 1.0,
        "compile": 1.0,
        "peak_gib": 1.0,
        "iterations": 7,
        "residual": 1e-9,
        "work": 1.0,
        "error": 1e-5,
    } | more


def verdicts(rows, quick=False):
    return {v.check: v for v in judged(rows, quick)}


def test_the_faster_solver_of_a_library_counts_and_its_mesh_does_not():
    rows = [
        row("nmm", mesh=0.5, solve=0.5),
        row("scikit-fem", solve=10.0, mesh=90.0),
        row("ngsolve-multigrid", solve=5.0),
        row("ngsolve-direct", solve=3.0),
    ]
    found = verdicts(rows)
    scikit = next(v for k, v in found.items() if k.endswith("seconds / scikit-fem without its mesh"))
    assert scikit.value == pytest.approx(0.1) and scikit.passed
    other = next(v for k, v in found.items() if k.endswith("seconds / NGSolve without its mesh"))
    assert other.value == pytest.approx(1 / 3) and other.passed is False


def test_a_missing_peer_is_no_verdict_and_a_quick_run_judges_residuals_alone():
    alone = verdicts([row("nmm"), row("nmm", asked=4_000_000, solve=4.0)])
    assert all(v.passed is None for k, v in alone.items() if "scikit-fem" in k)
    assert alone["poisson: growth of seconds an unknown"].passed
    quick = verdicts([row("nmm"), row("nmm", "elasticity"), row("scikit-fem", solve=0.1)], quick=True)
    assert {k for k, v in quick.items() if v.passed is not None} == {"largest residual of nmm"}


def test_a_process_that_holds_too_much_is_ended(monkeypatch):
    monkeypatch.setattr(sweep, "MEMORY_GIB", 1e-3)
    with pytest.raises(sweep.Stopped, match="GiB"):
        sweep.in_a_process("nmm", "poisson", 1000, 1)


def test_table_and_figure_of_a_record_with_a_skipped_method():
    rows = [
        row(name, problem, size) for name in ("nmm", "scikit-fem") for problem in PROBLEMS for size in (1, 2)
    ]
    skipped = [{"method": "feax", "problem": "poisson", "cover": "1", "reason": "not installed"}]
    made = {
        "about": "about",
        "problems": PROBLEMS,
        "rows": rows,
        "checks": [vars(v) for v in judged(rows, False)],
        "skipped": skipped,
    }
    text = "\n".join(speed_tables.forward(made))
    assert "smoothed aggregation" in text and "not installed" in text
    assert len(figures.forward(made).axes) == 3


def test_feax_is_taken_where_it_is_best():
    slow = row("feax-direct", asked=100_000, solve=2.0)
    fast = row("feax-multigrid", asked=10_000, solve=0.1)
    found = verdicts([row("nmm", solve=1.0), slow, fast])
    ratio = next(v for k, v in found.items() if "seconds an unknown / feax" in k)
    assert ratio.value == pytest.approx(0.1)
