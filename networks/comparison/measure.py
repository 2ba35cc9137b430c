"""Times and errors of every method on one case."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import numpy as np

from networks.comparison.methods import CLASSICAL, SPLINES, Method, chosen
from networks.comparison.row import UNKNOWN, Row, row_of, spread
from networks.fitted import Fitted
from networks.sampling import ground
from networks.training import fit_seeds
from nmm.case import Case
from nmm.errors import InputError
from nmm.forward_map import forward
from nmm.physics.problem import Problem
from nmm.progress import Stages

COARSER = (4, 2, 1)
"""Classical covers: the case's cell times these; the coarser two with cubic splines, too."""

TRAINED = 16
"""Cells along the longer side of the cut on which networks are trained, at most those of the case."""

SEEDS, SECONDS = 5, 4.0
POINTS = 1000
"""Points at which solutions are evaluated for the clock."""


@dataclass(frozen=True)
class Comparison:
    """The rows, what they are compared with, the networks' solutions by method, and the classical one."""

    title: str
    against: str
    rows: list[Row]
    fields: dict[str, Any]
    problem: Problem

    def as_json(self) -> dict[str, Any]:
        """What is written to `compare.json`."""
        return {
            "title": self.title,
            "against": self.against,
            "device": jax.devices()[0].device_kind,
            "rows": [asdict(row) | {"nmm_as_exact": as_exact(self.rows, row)} for row in self.rows],
            "verdict": verdict(self.rows),
        }


def compare(case: Case, methods: Sequence[str], seeds: int, seconds: float, stages: Stages) -> Comparison:
    """Solve a case classically on three covers, and train every network for some seconds a seed.

    **Raises:** `InputError` for methods that are unknown, or a case that no network can be trained on.
    """
    networks = chosen(methods)
    params = None
    with stages("reference", "solving for a reference"):
        exact, against = reference(case)
    rows: list[Row] = []
    fields: dict[str, Any] = {}
    problem: Any = None
    judge = judged(case)
    for coarser in COARSER:
        with stages(f"nmm {coarser}", f"nmm on a cell of {case.cell * coarser:.4g}"):
            row, solution = classical(case.with_cell(case.cell * coarser), judge, exact)
        rows.append(row)
        fields[CLASSICAL], problem = solution, solution.problem
        params = solution.params
    for coarser in COARSER[:2]:
        with stages(f"splines {coarser}", f"cubic splines on a cell of {case.cell * coarser:.4g}"):
            smooth = case.with_cell(case.cell * coarser).with_cover(weights="bspline", degree=3, order=0)
            try:
                rows.append(classical(smooth, judge, exact, SPLINES)[0])
            except InputError as error:  # triangles, enriched tips and ghost penalties have no splines
                stages.note(f"no splines: {error}")
    trained = case.with_cell(max(case.cell, case.cell * problem.manifold.nx / TRAINED))
    where = trained.problem(trained.cut())
    for method in networks:
        with stages(method.name, f"{method.title}: {seeds} seeds"):
            found, row = trained_row(method, where, params, exact, seeds, seconds, stages)
        rows.append(row)
        if found is not None:
            fields[method.name] = found
    return Comparison(case.title, against, rows, fields, problem)


def reference(case: Case) -> tuple[Any, str]:
    """What errors are measured against: the exact solution, or the classical one on half the cell."""
    if case.exact is not None:
        return case.exact, "the exact solution"
    fine = case.with_cell(case.cell / 2)
    problem = fine.problem(fine.cut())
    return forward(problem, fine.solver())(fine.values(problem)), "the classical solution on half the cell"


def judged(case: Case) -> Any:
    """The rule by which the classical solutions are judged too: that of the case's own cut."""
    problem = case.problem(case.cut())
    return jax.jit(lambda where: where.gauss(2).domain)(ground(problem, case.values(problem)))


def classical(case: Case, judge: Any, exact: Any, method: str = CLASSICAL) -> tuple[Row, Any]:
    """The classical method on the case's cover; its times are those of a second solve."""
    problem = case.problem(case.cut())
    params = case.values(problem)
    solve = forward(problem, case.solver())
    clock = time.perf_counter()
    solve(params)
    first = time.perf_counter() - clock
    clock = time.perf_counter()
    solution = solve(params)
    again = time.perf_counter() - clock
    if hasattr(exact, "at"):
        error, slope = against_solution(solution, judge, exact)
    else:
        error = float(solution.errors(exact)["l2"] or 0.0)
        slope = float(solution.errors(exact)["h1"] or 0.0)
    row = Row(
        method,
        f"{method}, cell {case.cell:.3g}",
        problem.manifold.stats["patches"] * case.stored,
        spread([error]),
        max(0.0, first - again),
        again,
        evaluation(solution, problem),
        1,
        "done",
        gradient=spread([slope]),
    )
    return row, solution


def against_solution(solution: Any, judge: Any, exact: Any) -> tuple[float, float]:
    """Relative errors of values and of gradients against a finer solution, in points of the case's cut."""
    x, weight = np.asarray(judge.points), np.asarray(judge.weight)

    def norm(a):
        a = np.nan_to_num(a).reshape(len(x), -1)
        return float(np.sqrt(weight @ np.sum(a**2, -1)))

    value, slope = exact.at(x), exact.gradient(x)
    return (
        norm(solution.at(x) - value) / norm(value),
        norm(solution.gradient(x) - slope) / norm(slope),
    )


def evaluation(solution: Any, problem: Problem) -> float:
    """Seconds that values at a thousand points take, the second time."""
    low, high = np.reshape(problem.manifold.box, (2, 2))
    x = np.random.default_rng(0).uniform(low, high, (POINTS, 2))
    solution.at(x)
    clock = time.perf_counter()
    solution.at(x)
    return time.perf_counter() - clock


def trained_row(
    method: Method, problem: Problem, params: Any, exact: Any, seeds: int, seconds: float, stages: Stages
) -> tuple[Fitted | None, Row]:
    """A network of every seed, trained together; what fails is a row that says so."""
    components = problem.model.components
    try:
        fits = fit_seeds(
            problem,
            lambda seed: method.build(problem.manifold, components, seed),
            range(seeds),
            params,
            method.loss,
            optimiser=method.optimiser,
            steps=method.steps,
            rate=method.rate,
            seconds=seconds * seeds,
            progress=lambda step, steps, loss: stages.step(f"{method.name}: step {step:,}, loss {loss:.4g}"),
        )
    except InputError as error:
        return None, Row(method.name, method.title, 0, UNKNOWN, 0.0, 0.0, 0.0, 0, str(error).splitlines()[0])
    errors = [one.solution.errors(exact) for one in fits]
    best = fits[int(np.argsort([e["h1"] for e in errors])[len(errors) // 2])].solution
    return best, row_of(method, fits, errors, evaluation(best, problem))


def verdict(rows: Sequence[Row]) -> str:
    """Which method won, by how much, and when the network would pay."""
    classical = [row for row in rows if row.method in (CLASSICAL, SPLINES)]
    others = [row for row in rows if row not in classical and np.isfinite(row.gradient[0])]
    if not others:
        return "No network could be trained on this problem."
    best, exact = (min(group, key=lambda row: row.gradient[0]) for group in (others, classical))
    as_good = at_least(classical, best)
    network = f"the best network ({best.title}: {in_short(best)})"
    if not as_good:
        return (
            f"{network.capitalize()} has {exact.gradient[0] / best.gradient[0]:.3g} times less error in the "
            f"gradient than the most exact of nmm, {exact.title} ({in_short(exact)})."
        )
    same = min(as_good, key=lambda row: row.train)
    mine = f"{same.title} ({in_short(same)})"
    if same.train <= best.train:
        text = (
            f"nmm wins: {mine} is at least as exact as {network}, {best.train / same.train:.3g} times faster."
        )
    else:
        quicker = same.train / best.train
        text = f"At its own accuracy {network} wins, {quicker:.3g} times faster than nmm: {mine}."
    text += f" The most exact is {exact.title} ({in_short(exact)})."
    saved = same.evaluate - best.evaluate
    if saved <= 0:
        return f"{text} Evaluations of the network are no faster, so that their number does not matter."
    count = max(1, round((best.train + best.compile - same.train) / saved))
    return f"{text} The network pays from {count:,} evaluations at a thousand points on."


def at_least(rows: Sequence[Row], row: Row) -> list[Row]:
    """Those of nmm whose gradient is at least as exact as that of a row."""
    return [one for one in rows if one.method in (CLASSICAL, SPLINES) and one.gradient[0] <= row.gradient[0]]


def as_exact(rows: Sequence[Row], row: Row) -> float | None:
    """Seconds of the quickest solve of nmm that is at least as exact as a network, if there is one."""
    found = at_least(rows, row)
    if row.method in (CLASSICAL, SPLINES) or not found:
        return None
    return min(one.train for one in found)


def in_short(row: Row) -> str:
    """Error and seconds of a row."""
    return f"{row.gradient[0]:.2g} in {row.train:.2g} s"
