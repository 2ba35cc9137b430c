"""A case from the validated file to the written results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmm.case import Case
from nmm.compile_clock import CompileClock
from nmm.forward_map import forward
from nmm.manifold.manifold import Manifold
from nmm.progress import Stages
from nmm.results.save import save_case, save_failure
from nmm.results.solution import Solution
from nmm.results.summary import probe
from nmm.tables import removals


@dataclass(frozen=True)
class Run:
    """A case that has been solved, and how long each stage took (seconds)."""

    case: Case
    solution: Solution
    errors: dict[str, float | None] | None
    seconds: dict[str, float | None]

    @property
    def converged(self) -> bool:
        return bool(self.solution.result.converged)

    def save(self, directory: Path, stages: Stages, **more: Any) -> Path:
        """Write everything the contract promises into `directory`, all at once; `more`: see `save_case`."""
        case = self.case
        with stages("write", "writing the results"):
            save_case(
                directory,
                self.solution,
                case_text=case.text,
                title=case.title,
                fields=case.fields,
                probes=case.output.probes,
                units=case.units,
                errors=self.errors,
                seconds={**self.seconds, "total": stages.total},
                tolerance=case.spec.solve.tolerance,
                log=stages.log,
                warnings=stages.warnings,
                progress=stages.note,
                **more,
            )
        return directory


def solve_case(case: Case, stages: Stages) -> Run:
    """Cut, set up and solve; raises `InputError` with the place in the case file."""
    manifold = _cut(case, stages)
    for line in removals(manifold):
        stages.note(line)
    with stages("set up", "setting up the problem"):
        problem = case.problem(manifold)
        solve = forward(problem, case.solver(), throw=False, progress=stages.residual)
    with (
        stages("solve", f"solving for {manifold.stats['patches'] * case.stored:,} unknowns"),
        case.placed(case.boundary()),
    ):
        clock = CompileClock()
        solution = solve(case.values(problem))
    errors = None
    if case.exact is not None:
        with stages("errors", "comparing with the exact solution"), case.places.put("exact", "solution"):
            errors = solution.errors(case.exact)
    _warn(case, solution, stages)
    seconds = {name: stages.seconds.get(name) for name in ("read", "cut")}
    seconds["compile"] = clock.seconds
    seconds["solve"] = max(0.0, sum(solution.stats.seconds.values()) - clock.seconds)
    return Run(case, solution, errors, seconds)


def save_failed(case: Case, error: Exception, directory: Path, stages: Stages) -> None:
    """Leave a summary that says "failed" in place of the results of an earlier run."""
    seconds = {name: stages.seconds.get(name) for name in ("read", "cut")}
    save_failure(
        directory,
        case_text=case.text,
        message=f"{type(error).__name__}: {error}",
        title=case.title,
        seconds={**seconds, "total": stages.total},
        log=stages.log,
    )


def check_case(case: Case, stages: Stages) -> Manifold:
    """Cut, and set up the problem so that every entry has been looked at."""
    manifold = _cut(case, stages)
    with stages("set up", "setting up the problem"):
        case.problem(manifold)
    return manifold


def _cut(case: Case, stages: Stages) -> Manifold:
    with stages("cut", "cutting"):
        return case.cut()


def _warn(case: Case, solution: Solution, stages: Stages) -> None:
    if not solution.result.converged:
        stages.warn(solution.result.message)
    for part in solution.held:
        stages.note(
            f"part {part['part']} (area {part['area']:.4g}, at {part['x']:.10g}, {part['y']:.10g}) is held "
            f"by no boundary: its {part['modes']} free motions are zero on average"
        )
    if solution.held:
        areas = sum(part["area"] for part in solution.held)
        count = len(solution.held)
        parts = "1 part" if count == 1 else f"{count} parts"
        stages.warn(f"{parts} (area {areas:.4g}) held by no boundary; -v lists what may move freely")
    if solution.overlap["length"] > 0:
        stages.warn(
            f"crack faces interpenetrate over a length of {solution.overlap['length']:.4g}, by up to "
            f"{solution.overlap['max']:.3g}: contact is not modelled"
        )
    for i, row in enumerate(probe(solution, case.output.probes)):
        if row["value"] is None:
            stages.warn(f"output.probes.{i}: ({row['x']:.10g}, {row['y']:.10g}) lies outside the domain")
