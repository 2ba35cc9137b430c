"""A case on several covers, each with half the cell of the one before."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmm.case import Case
from nmm.errors import InputError
from nmm.progress import Stages
from nmm.results.convergence_plot import convergence_drawing
from nmm.results.levels import Level, Refinement, level
from nmm.run import Run, solve_case
from nmm.tables import convergence_rows

FEWEST, MOST = 2, 8
"""Covers of a refinement."""


@dataclass(frozen=True)
class Convergence:
    """The finest run, and what all the covers say."""

    run: Run
    refinement: Refinement

    @property
    def converged(self) -> bool:
        return all(level.converged for level in self.refinement.levels)

    def save(self, directory: Path, stages: Stages) -> None:
        """The results of the finest run with `convergence.json`, `convergence.png` and their table."""
        self.run.save(
            directory,
            stages,
            tables=[convergence_rows(self.refinement)],
            figures=[convergence_drawing(self.refinement, self.run.case.units.get("length"))],
            data={"convergence.json": self.refinement.data()},
        )


def covers_of(case: Case, count: int) -> list[Case]:
    """The case on `count` covers from the coarsest to its own, cells halved each time.

    **Raises:** `InputError` for a count out of range or a coarsest cover without two cells along the longer
    side; `CapacityError` when the finest does not fit into memory.
    """
    where = f"--converge {count}"
    if not FEWEST <= count <= MOST:
        raise InputError(
            f"found {count} covers, expected {FEWEST} to {MOST}",
            where=where,
            hint="3 show the orders, 4 also how well they are known",
        )
    xmin, ymin, xmax, ymax = case.domain().bounds
    along = max(xmax - xmin, ymax - ymin) / case.cell
    if along < 2**count:
        fits = int(np.log2(max(along, 1.0)))
        hint = f"use a finer cell, or --converge {fits}" if fits >= FEWEST else "use a finer cell"
        raise InputError(
            f"the coarsest of {count} covers would have {along / 2 ** (count - 1):.3g} cells along the "
            "longer side, expected at least 2",
            where=where,
            hint=hint,
        )
    case.check_memory()
    return [case.with_cell(case.cell * 2**k) for k in range(count - 1, 0, -1)] + [case]


def converge(case: Case, count: int, stages: Stages) -> Convergence:
    """Solve on `count` covers; an interruption keeps those that are finished.

    **Raises:** what `covers_of` and `solve_case` do.
    """
    levels: list[Level] = []
    run: Run | None = None
    try:
        for i, each in enumerate(covers_of(case, count)):
            began = time.perf_counter()
            if each is case:
                solved = solve_case(case, stages)
            else:
                solved = _coarser(each, f"cover {i + 1} of {count}, cell {each.cell:.4g}", stages)
            levels.append(_level(solved, time.perf_counter() - began))
            run = solved
            if not solved.converged and each is not case:
                stages.warn(
                    f"cover {i + 1} of {count}, cell {each.cell:.4g}: {solved.solution.result.message}"
                )
    except KeyboardInterrupt:
        if run is None:
            raise
        stages.warn(
            f"interrupted after {len(levels)} of {count} covers: the results are those of the cell "
            f"{run.case.cell:.4g}, not of {case.cell:.4g}"
        )
    assert run is not None
    cover = case.spec.cover
    highest, noise = 2.0 * (cover.degree + cover.order), 10 * case.spec.solve.tolerance
    return Convergence(run, Refinement(tuple(levels), count, highest, noise))


def _coarser(case: Case, label: str, stages: Stages) -> Run:
    """Solve on a coarser cover: its stages are in the log and not shown; its errors say which it was."""
    inner = Stages(stages.console, quiet=True)
    inner.began, inner.log = stages.began, stages.log
    try:
        with stages(label):
            return solve_case(case, inner)
    except InputError as error:
        raise error.at(label) from None


def _level(run: Run, seconds: float) -> Level:
    solution, errors = run.solution, dict(run.errors or {})
    if run.case.exact is not None and solution.energy > 0:
        errors["energy"] = solution.energy_error(run.case.exact) / float(np.sqrt(2 * solution.energy))
    return level(solution, run.case.cell, seconds, run.case.output.probes, errors)
