"""The benchmark of accuracy solves its problems, and draws what it finds."""

import numpy as np
import pytest

from benchmarks import figures, record, tables
from benchmarks.accuracy import METHODS, PROBLEMS, with_nmm


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_exact_solution_is_one(problem):
    coarse, fine = (with_nmm(PROBLEMS[problem], 2, cells) for cells in (8, 16))
    assert np.log2(coarse.l2 / fine.l2) > 2.7 and np.log2(coarse.h1 / fine.h1) > 1.8


@pytest.mark.parametrize(("name", "needs"), [("ngsxfem", "xfem"), ("scikit-fem, fitted", "netgen")])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_peers_solve_the_same_problem(name, needs, problem):
    pytest.importorskip(needs)
    method, _, _ = METHODS[name]
    coarse, fine = (method(PROBLEMS[problem], 2, cells) for cells in (12, 24))
    assert np.log2(coarse.l2 / fine.l2) > 2.3 and fine.l2 < 1e-4


def test_table_and_figure_come_from_the_record(tmp_path):
    rows = [
        {"curve": f"{p}, {m}, degree {d}", "problem": p, "method": m, "degree": d, "cells": n}
        | {"unknowns": n * n, "l2": n**-2.0, "h1": 1 / n, "seconds": 0.1 * n}
        for p in PROBLEMS
        for m, d in (("nmm", 1), ("ngsxfem", 2))
        for n in (8, 16)
    ]
    check = {"problem": "disk", "check": "rate l2", "value": 2.0, "expected": "2 ± 0.1", "passed": True}
    titles = {name: problem.title for name, problem in PROBLEMS.items()}
    more = {"about": "error", "problems": titles, "skipped": []}
    made = record.record("accuracy", rows, [check], quick=False, **more)
    assert "ngsxfem" in tables.write(made, tmp_path).read_text()
    assert figures.write(made, tmp_path)[0].stat().st_size > 10_000
