"""All plates on finer and finer covers, and some of them on many lattices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import nmm
from benchmarks.checks import observed_rate
from benchmarks.fracture.cases import Case, all_cases, edge_crack, inclined_crack, worst_of_groups
from benchmarks.fracture.solve import TIPS, solve
from benchmarks.record import record
from benchmarks.registry import Report

LIMITS = {"plain": 0.08, "enriched": 0.01, "order 1": 0.01}
"""Largest error on the finest cover, in units of the case, by `Case.tips`."""
HIGHER_CELLS = 40
"""The most cells to a length with local functions of order 1, which have three times the unknowns."""
LATTICES = 10
LATTICE_CELLS = 20


def run(quick: bool, report: Report, only: str = "") -> dict:
    """A row for each plate, cover and group of tips; the spread over random lattices; verdicts.

    `only`: plates with this text in their names.

    **Raises:** `InputError` when no plate is meant.
    """
    cases = [case for case in all_cases() if only in case.name and (not quick or case.cells[0] <= 10)]
    if not cases:
        raise nmm.InputError(
            f'no plate has "{only}" in its name', hint=", ".join(c.name for c in all_cases())
        )
    kinds, skipped = available()
    rows: list[dict] = []
    checks: list[dict] = []
    spread: list[dict] = []
    for tips in kinds:
        for case in (case for case in cases if tips in case.tips):
            cells = case.cells[:2] if quick else case.cells
            if tips == "order 1":
                cells = tuple(n for n in cells if n <= HIGHER_CELLS)
            found = list(refined(case, cells, tips))
            rows += found
            checks.append(verdict(case, tips, found, quick))
            report(line(case, tips, found))
        for case in (c for c in (inclined_crack(45), edge_crack(0.5, 2.0, 2.8254)) if only in c.name):
            spread.append(over_lattices(case, tips, 3 if quick else LATTICES))
            report(
                f"{tips:<9}{case.name:<28}{spread[-1]['lattices']} lattices: "
                f"standard deviation {spread[-1]['deviation']:.2%}, largest error {spread[-1]['largest']:.2%}"
            )
    about = "stress intensity factors by domain interaction integrals, on lattices aligned with nothing"
    known = {case.name: {"title": case.title, "reference": case.about} for case in cases}
    return record(
        "fracture", rows, checks, quick=quick, about=about, problems=known, lattices=spread, skipped=skipped
    )


def available() -> tuple[list[str], list[dict]]:
    """The kinds of tips that there are, and why others are skipped."""
    kinds, skipped = [], []
    for tips in LIMITS:
        try:
            nmm.lattice(cells=10, **TIPS[tips])
            kinds.append(tips)
        except nmm.InputError as error:
            skipped.append({"method": tips, "reason": error.message})
    return kinds, skipped


def refined(case: Case, cells: tuple[int, ...], tips: str) -> Iterator[dict]:
    """Rows of a plate: the worst of each group of tips that have one value."""
    opening = None
    for number in cells:
        answer = solve(case, number, tips, opening)
        opening = answer.opening
        for label, worst in worst_of_groups(case, answer.factors).items():
            yield {
                "case": case.name,
                "tips": tips,
                "cells": number,
                "unknowns": answer.unknowns,
                "label": label,
                **worst,
                "seconds": answer.seconds,
            }


def over_lattices(case: Case, tips: str, count: int) -> dict:
    """Mean, deviation and largest of all errors over lattices that are shifted and turned at random."""
    random = np.random.default_rng(7)
    errors = []
    for _ in range(count):
        node, angle = random.uniform(size=2), float(random.uniform(0, 90))
        answer = solve(case, LATTICE_CELLS, tips, node=(float(node[0]), float(node[1])), angle=angle)
        errors.append([
            (answer.factors[f.crack, f.end][f.key] - f.value) / case.unit for f in case.factors
        ])  # fmt: skip
    found = np.array(errors)
    return {
        "case": case.name,
        "tips": tips,
        "cells": LATTICE_CELLS,
        "lattices": count,
        "mean": float(found.mean()),
        "deviation": float(found.std(axis=0).max()),
        "largest": float(np.abs(found).max()),
    }


def worst(rows: list[dict], cells: int) -> float | None:
    """The largest error on a cover; None when a factor is missing."""
    errors = [row["error"] for row in rows if row["cells"] == cells]
    return None if None in errors else max(abs(error) for error in errors)


def verdict(case: Case, tips: str, rows: list[dict], quick: bool) -> dict:
    """The largest error on the finest cover against the limit."""
    value = worst(rows, max(row["cells"] for row in rows))
    passed = None if quick else value is not None and value <= LIMITS[tips]
    return {
        "problem": case.name,
        "tips": tips,
        "check": "largest error",
        "value": value,
        "expected": f"≤ {LIMITS[tips]:g}",
        "passed": passed,
    }


def line(case: Case, tips: str, rows: list[dict]) -> str:
    """One line of progress."""
    cells = sorted({row["cells"] for row in rows})
    errors = [worst(rows, number) for number in cells]
    shown = ", ".join("–" if error is None else f"{error:.2%}" for error in errors)
    rate = observed_rate(cells, [error or np.nan for error in errors])
    seconds = sum({row["cells"]: row["seconds"] for row in rows}.values())
    order = "" if rate is None else f", order {rate:.1f}"
    return f"{tips:<9}{case.name:<28}{shown}{order}  ({seconds:.1f} s)"
