"""From a case with measurements to the parameters that explain them, and to the written results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.case import Case
from nmm.case.question import Question, question
from nmm.compile_clock import CompileClock
from nmm.errors import InputError
from nmm.forward_map import Forward, forward
from nmm.inversion.fields import Field
from nmm.inversion.inverse import Estimate, inverse
from nmm.inversion.recut import recut
from nmm.progress import Stages
from nmm.results.drawing import Drawing
from nmm.results.files import folder
from nmm.results.inverse_fit import Readings, fit_drawing
from nmm.results.inverse_maps import map_drawing
from nmm.results.inverse_search import history_drawing, strength_drawing
from nmm.results.inverse_shape import Shape, shape_drawing
from nmm.results.polygons import point_weights
from nmm.results.solution import Solution
from nmm.run import Run, cut_case, set_up, solved

CHECKPOINT = "checkpoint.npz"
"""What an interrupted search leaves in the folder of its results."""


@dataclass(frozen=True, eq=False)
class Inversion:
    """The estimate, and the case solved for it."""

    run: Run
    question: Question
    estimate: Estimate

    @property
    def converged(self) -> bool:
        return self.run.converged and bool(self.estimate.result.converged)

    @property
    def strength(self) -> float | None:
        """The strength of the priors that leave it open, if there are any."""
        is_open = any(table.is_open for table in self.question.options.unknown.values())
        return self.estimate.stats.strength if is_open else None

    def rows(self) -> Iterator[tuple[str, Any, Any, Any, Any, Any]]:
        """Name, start, estimate, standard deviation, true value, error of each unknown; of fields, means."""
        for name, value in self.estimate.params.items():
            std, truth, error = self.estimate.posterior.std[name], None, None
            if name in self.question.truth:
                mean, _, _ = described(self.question.truth[name](self._points), self._weights)
                truth, error = mean, self.error(name)
            start = self.question.start[name]
            yield name, start, self._mean(value), self._mean(std), truth, error

    @property
    def _points(self) -> np.ndarray:
        return self.run.solution.mesh.points

    @property
    def _weights(self) -> np.ndarray:
        return point_weights(self.run.solution.mesh)

    def _mean(self, value: Any) -> float:
        return described(self._on_points(value), self._weights)[0] if callable(value) else float(value)

    def _on_points(self, value: Any) -> np.ndarray:
        """A field or a number on the points of the mesh."""
        found = value(jnp.asarray(self._points)) if callable(value) else value
        return np.broadcast_to(np.asarray(found, float), len(self._points))

    def error(self, name: str) -> float | None:
        """‖estimate − truth‖ / ‖truth‖ over the domain."""
        truth = np.asarray(self.question.truth[name](self._points), float)
        off = self._on_points(self.estimate.params[name]) - truth
        size = float((self._weights * truth**2).sum())
        return float(np.sqrt((self._weights * off**2).sum() / size)) if size else None

    def facts(self) -> dict[str, Any]:
        """What summary.json holds beyond the usual keys."""
        stats, std = self.estimate.stats, self.estimate.posterior.std
        return {
            "status": "converged" if self.converged else "not converged",
            "misfit": stats.misfit,
            "regularisation": self.strength,
            "params": {name: self._summary(value) for name, value in self.estimate.params.items()},
            "std": {name: self._summary(std[name]) for name in self.estimate.params},
            "params_error": {name: self.error(name) for name in self.question.truth},
            "search": {
                "message": self.estimate.result.message,
                "iterations": stats.iterations,
                "forward_solves": stats.forward_solves,
                "data": len(self.estimate.data),
                "unknowns": stats.seen[1],
                "seen": stats.seen[0],
            },
        }

    def _summary(self, value: Any) -> Any:
        if not callable(value):
            return float(value)
        return dict(
            zip(("mean", "min", "max"), described(self._on_points(value), self._weights), strict=True)
        )

    def arrays(self) -> dict[str, Any]:
        """What estimate.npz holds."""
        estimate, found = self.estimate, {}
        for name, value in estimate.params.items():
            std = estimate.posterior.std[name]
            found[f"params.{name}"] = getattr(value, "values", value)
            found[f"std.{name}"] = getattr(std, "values", std)
            if isinstance(value, Field):
                found[f"box.{name}"] = np.asarray(value.box)
                if name in self.question.truth:
                    nodes = value.nodes
                    truth = self.question.truth[name](nodes.reshape(-1, 2)).reshape(nodes.shape[:2])
                    found[f"truth.{name}"] = truth
        measured = self.question.measured
        found["measured"], found["noise"] = self.question.data, self.question.noise
        found["predicted"] = estimate.data
        found["points"] = np.concatenate([np.repeat(m.points, len(m.columns), 0) for m in measured])
        found["component"] = np.concatenate([np.tile(m.columns, len(m.points)) for m in measured])
        if self.question.experiments:
            found["experiment"] = np.concatenate([np.full(m.values.size, m.experiment) for m in measured])
        found["spectrum"], found["z"] = estimate.spectrum.values, estimate.z
        history = estimate.stats.history
        for key in ("objective", "misfit", "strength"):
            found[f"history.{key}"] = np.array([step[key] for step in history])
        for key, values in (estimate.stats.curve or {}).items():
            found[f"curve.{key}"] = values
        return found

    def drawings(self) -> Iterator[Drawing]:
        """The figures of the estimate."""
        estimate, case = self.estimate, self.run.case
        places = np.concatenate([m.points for m in self.question.measured])
        for name, value in estimate.params.items():
            if not callable(value):
                continue
            std, truth = self._on_points(estimate.posterior.std[name]), self.question.truth.get(name)
            yield map_drawing(
                self.run.solution,
                name,
                self._on_points(value),
                std,
                None if truth is None else np.asarray(truth(self._points)),
                places,
                case.units,
            )
        if case.shape_parameters.keys() & estimate.params.keys():
            yield shape_drawing(self.run.solution, *self._shapes(), places, case.units)
        yield fit_drawing(self._readings(), case.units)
        options = self.question.options
        if estimate.stats.curve is not None and self.strength is not None:
            rule = str(options.strength or "discrepancy")
            yield strength_drawing(estimate.stats.curve, self.strength, rule, len(estimate.data))
        if estimate.stats.history:
            yield history_drawing(estimate.stats.history)

    def _shapes(self) -> tuple[list[Shape], Shape | None]:
        """Shapes drawn from the posterior, and the true one if the case gives it."""
        case, estimate, names = self.run.case, self.estimate, self.run.case.shape_parameters
        drawn, made = [], {}
        if all(np.isfinite(float(estimate.posterior.std[name])) for name in estimate.params):
            made = estimate.posterior.samples(jax.random.key(0), 40)
        for i in range(40 if made else 0):
            with suppress(InputError):  # a shape that is none
                drawn.append(Shape.of(case.with_parameters({name: float(v[i]) for name, v in made.items()})))
        unknown = names.keys() & estimate.params.keys()
        if not unknown <= self.question.truth.keys():
            return drawn, None
        place = np.zeros((1, 2))
        truth = {name: float(self.question.truth[name](place)[0]) for name in unknown}
        return drawn, Shape.of(case.with_parameters(truth))

    def _readings(self) -> list[Readings]:
        """Measured and predicted values by kind and component."""
        found, begin = [], 0
        for each in self.question.measured:
            predicted = self.estimate.data[begin : begin + each.values.size].reshape(each.values.shape)
            begin += each.values.size
            found += [
                Readings(
                    each.kind, column, each.values[:, i], predicted[:, i], each.std[:, i], each.experiment
                )
                for i, column in enumerate(each.columns)
            ]
        return found

    def table(self) -> dict[str, Any]:
        """The estimate as a table of the report."""
        fields = [name for name, value in self.estimate.params.items() if callable(value)]
        text = f"Of {', '.join(fields)}: means over the domain. " if fields else ""
        return {
            "title": "Parameters",
            "head": ["unknown", "start", "estimate", "standard deviation", "true value", "relative error"],
            "rows": [list(row) for row in self.rows()],
            "text": text + "Standard deviations are those of the Laplace approximation: to first order about "
            "the estimate, and only as good as noise and prior are.",
        }

    def numbers(self) -> str:
        """The search in a line."""
        stats = self.estimate.stats
        steps = f"{stats.iterations} iteration{'s' * (stats.iterations != 1)}"
        text = (
            f"{steps}, {stats.forward_solves} forward solves; mean square of the residuals "
            f"{stats.misfit:.3g} (1: as the noise is)"
        )
        notes = "".join(f" {note[0].upper()}{note[1:]}." for note in stats.notes if self.converged)
        if self.strength is None:
            return f"{text}.{notes}"
        return (
            f"{text}, strength of the prior {self.strength:.3g}; the data determine {stats.seen[0]} of "
            f"{stats.seen[1]} numbers better than the prior does.{notes}"
        )

    def save(self, directory: Path, stages: Stages) -> None:
        """The usual results of the final solution with `estimate.npz`, figures and tables of the estimate."""
        self.run.save(
            directory,
            stages,
            tables=[self.table()],
            figures=self.drawings(),
            arrays={"estimate.npz": self.arrays()},
            facts=self.facts(),
            search={
                "converged": bool(self.estimate.result.converged),
                "message": self.estimate.result.message.removeprefix("not converged: "),
                "numbers": self.numbers(),
            },
        )
        if self.converged:
            for path in checkpoints(directory):
                path.unlink()


def described(values: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Mean, least and largest of `values` with area `weights`."""
    return float((weights * values).sum() / weights.sum()), float(values.min()), float(values.max())


def invert_case(case: Case, directory: Path, stages: Stages, resume: bool = False) -> Inversion:
    """Search the parameters that explain the case's measurements, and solve for them.

    A checkpoint is kept in `directory` after every step; with `resume` the search goes on from it.

    **Raises:** `InputError` with the place in the case file or the data; `NotConverged` when the forward
    problem has no solution at the start.
    """
    solve = set_up(case, cut_case(case, stages), stages)
    with stages("set up", "reading the measurements"):
        asked = question(case, solve.problem)
    checkpoint = _checkpoint(folder(directory) / CHECKPOINT, resume, case)
    clock = CompileClock()
    with stages("search", f"searching for {', '.join(asked.start)}"), case.placed(case.boundary()):
        estimate = _search(case, solve, asked, checkpoint, stages)
    if not estimate.result.converged:
        stages.warn(f"the search ended early: {estimate.result.message.removeprefix('not converged: ')}")
    for note in estimate.stats.notes if estimate.result.converged else ():
        stages.warn(note)
    compiling = clock.seconds
    found: dict[str, Any] = {k: v if callable(v) else float(v) for k, v in estimate.params.items()}
    if case.shape_parameters.keys() & found.keys():
        case = case.with_parameters({name: float(value) for name, value in found.items()})
        solve = set_up(case, cut_case(case, stages), stages)
        run = solved(case, solve, case.values(solve.problem), stages)
    else:
        run = solved(case, solve, {**asked.known, **found}, stages)
    seconds = {**run.seconds}
    seconds["compile"] = (seconds["compile"] or 0.0) + compiling
    seconds["solve"] = (seconds["solve"] or 0.0) + max(0.0, stages.seconds["search"] - compiling)
    return Inversion(replace(run, seconds=seconds), asked, estimate)


def checkpoints(directory: Path) -> list[Path]:
    """What interrupted searches left in `directory`: one file, or one for each of several starts."""
    return sorted(directory.glob(f"{CHECKPOINT}*"))


def _checkpoint(path: Path, resume: bool, case: Case) -> Path:
    kept = checkpoints(path.parent)
    if resume and not kept:
        raise InputError(
            "there is no interrupted search to go on with",
            where=str(path),
            hint=f"leave --resume out: nmm invert {case.path}",
        )
    for old in [] if resume else kept:
        old.unlink()
    return path


def _anew(case: Case, asked: Question, params: dict[str, Any]) -> Solution | list[Solution]:
    """The case cut and solved for other parameters. **Raises:** `InputError`, `NotConverged`."""
    now = case.with_parameters(params)
    problem = now.problem()
    return asked.forward(forward(problem, now.solver()))(now.values(problem))


def _search(case: Case, solve: Forward, asked: Question, checkpoint: Path, stages: Stages) -> Estimate:
    options, shape = asked.options, case.shape_parameters
    find = inverse(
        recut(partial(_anew, case, asked), shape)
        if shape.keys() & asked.start.keys()
        else asked.forward(solve),
        asked.observe,
        asked.priors,
        asked.noise,
        asked.bounds,
        asked.known,
        options.strength,
        options.loss,
        options.tolerance,
        options.max_iterations,
        throw=False,
    )

    def progress(iteration: int, objective: float) -> None:
        stages.step(f"iteration {iteration}: objective {objective:.6g}")

    starts = asked.starts()
    if len(starts) > 1:
        return find.multistart(asked.data, starts, 3, progress, checkpoint)
    return find(asked.data, asked.start, progress, checkpoint)
