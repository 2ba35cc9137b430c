"""What a case asks of `nmm invert`: data, observation, unknowns and what is known of them beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats.qmc import Halton

from nmm.case.case import Case
from nmm.case.inverse_tables import Data, Inverse, Unknown
from nmm.case.measured import Measured, read_measured
from nmm.case.values import suggestion
from nmm.errors import CaseError, NotYet
from nmm.expressions import parse
from nmm.forward_map import Forward
from nmm.inversion import observe, prior
from nmm.manifold.locate import locate
from nmm.manifold.manifold import Manifold
from nmm.physics.problem import Problem
from nmm.several_experiments import Experiments, experiments


@dataclass(frozen=True, eq=False)
class Question:
    """The arguments of `nmm.inverse` and of the map that it makes, and true values for comparison.

    `truth` turns points (n, 2) into (n,), by the names of unknowns that have one; `experiments` are the known
    parameters that differ between several experiments, whose data come in that order.
    """

    options: Inverse
    measured: tuple[Measured, ...]
    observe: observe.Observation
    priors: tuple[prior.Prior, ...]
    bounds: dict[str, tuple[float, float]]
    start: dict[str, float]
    known: dict[str, float]
    truth: dict[str, Any]
    experiments: tuple[dict[str, float], ...]

    def forward(self, solve: Forward) -> Forward | Experiments:
        """The map from parameters to what is observed: a solution, or one for each experiment."""
        return experiments(solve, self.experiments) if self.experiments else solve

    def starts(self) -> list[dict[str, float]]:
        """Where searches may begin: at the start, and spread evenly over the bounds (Halton 1960)."""
        names, count = list(self.bounds), self.options.starts - 1
        if not count:
            return [self.start]
        places = Halton(len(names), rng=0).random(count)
        low, high = np.array([self.bounds[name] for name in names]).T
        spread = low + (0.02 + 0.96 * places) * (high - low)
        rows = (dict(zip(names, map(float, row), strict=True)) for row in spread)
        return [self.start, *({**self.start, **row} for row in rows)]

    @property
    def data(self) -> np.ndarray:
        """All measurements (n,) in the order of the observation."""
        return np.concatenate([each.values.ravel() for each in self.measured])

    @property
    def noise(self) -> np.ndarray:
        """Their standard deviations (n,)."""
        return np.concatenate([each.std.ravel() for each in self.measured])


def question(case: Case, problem: Problem) -> Question:
    """Read the data of a case and check them and its unknowns against the problem.

    **Raises:** `CaseError` with the place in the case file or in the data.
    """
    options, places = case.spec.inverse, case.places
    if options is None:
        raise CaseError(
            "nothing is unknown: there is no table [inverse]",
            where=places.file,
            hint="add [inverse.unknown.NAME] for a name of [parameters], and [[data]]",
        )
    if not case.spec.data:
        raise CaseError(
            "there are no data",
            where=places.at(("inverse",)),
            hint='add [[data]] with kind, file = "....csv" and noise',
        )
    shape = case.shape_parameters
    if shape.keys() & options.unknown.keys():
        _check_shape(case, options)
    for name in options.unknown:
        if name not in problem.parameters and name not in shape:
            raise CaseError(
                "nothing in the problem uses this parameter",
                where=places.at(("inverse", "unknown", name)),
                hint=suggestion(name, sorted({*problem.parameters, *shape})),
            )
    several = _experiments(case, options, problem)
    measured = [_measured(case, i, entry, problem.manifold) for i, entry in enumerate(case.spec.data)]
    groups = [measured] if not several else [_of(case, measured, name) for name in several]
    seen = [observe.several(*map(_observation, group)) for group in groups]
    values = case.parameters
    asked = {*options.unknown, *(name for own in several.values() for name in own)}
    unknown = options.unknown
    start = {name: values[name] if table.start is None else table.start for name, table in unknown.items()}
    return Question(
        options,
        tuple(each for group in groups for each in group),
        observe.each(*seen) if several else seen[0],
        tuple(made for name, table in unknown.items() if (made := _prior(name, table)) is not None),
        {name: table.bounds for name, table in unknown.items() if table.bounds is not None},
        start,
        {name: value for name, value in case.values(problem).items() if name not in asked},
        {
            name: true_value(table.truth, values, problem.manifold)
            for name, table in unknown.items()
            if table.truth is not None
        },
        tuple(several.values()),
    )


def _experiments(case: Case, options: Inverse, problem: Problem) -> dict[str, dict[str, float]]:
    """What differs between the experiments, by their names: each with a value for all that differs."""
    names = set().union(*options.experiment.values())
    for experiment, values in options.experiment.items():
        for name in values:
            where = case.places.at(("inverse", "experiment", experiment, name))
            if name in case.shape_parameters:
                raise CaseError(
                    "the domain depends on this parameter, and all experiments are on one body",
                    where=where,
                    hint="let loads and boundary values depend on what differs",
                )
            if name not in problem.parameters:
                raise CaseError(
                    "nothing in the problem uses this parameter",
                    where=where,
                    hint=suggestion(name, sorted(problem.parameters)),
                )
    common = {name: value for name, value in case.parameters.items() if name in names}
    return {experiment: {**common, **values} for experiment, values in options.experiment.items()}


def _of(case: Case, measured: list[Measured], experiment: str) -> list[Measured]:
    """The measurements of one experiment. **Raises:** `CaseError` if there are none."""
    found = [mine for each in measured if (mine := each.of(experiment)) is not None]
    if not found:
        raise CaseError(
            "this experiment has no data",
            where=case.places.at(("inverse", "experiment", experiment)),
            hint='name it in the column "experiment" of a file of [[data]], or leave it out',
        )
    return found


def _check_shape(case: Case, options: Inverse) -> None:
    for name, table in options.unknown.items():
        if table.is_field:
            raise NotYet(
                "not yet: a field together with an unknown shape",
                where=case.places.at(("inverse", "unknown", name, "prior")),
                hint='search for numbers: prior = "gaussian" or "none"',
            )


def _measured(case: Case, i: int, entry: Data, manifold: Manifold) -> Measured:
    with case.places.put("data", i):
        path = case.file(entry.file, "data", i, "file")
        found = _named(case, entry, read_measured(path, entry.kind, entry.noise, entry.file))
        found.check_inside(locate(manifold, found.points)[0] >= 0, manifold.box)
    return found


def _named(case: Case, entry: Data, found: Measured) -> Measured:
    """`found` with its experiments. **Raises:** `CaseError` where none, two or unknown ones are named."""
    assert case.spec.inverse is not None
    known, column = list(case.spec.inverse.experiment), found.experiments is not None
    if column and entry.experiment is not None:
        raise CaseError(
            'found the column "experiment" and experiment in the case file, expected one of them',
            where=entry.file,
            hint="leave one of them out",
        )
    if not known:
        if column or entry.experiment is not None:
            raise CaseError(
                "the data name an experiment, and the case has none",
                where=entry.file,
                hint="add [inverse.experiment] NAME = { PARAMETER = value }, or leave the names out",
            )
        return found
    if entry.experiment is not None:
        found = found.named(entry.experiment)
    if found.experiments is None:
        raise CaseError(
            "the data do not say which experiment they are of",
            where=entry.file,
            hint='add a column "experiment", or experiment = "..." to [[data]] if all are of one',
        )
    for line, name in zip(found.lines, found.experiments, strict=True):
        if name not in known:
            place = "" if entry.experiment is not None else f", line {line}, column experiment"
            raise CaseError(
                f'there is no experiment "{name}"',
                where=f"{entry.file}{place}",
                hint=suggestion(name, known),
            )
    return found


def _observation(measured: Measured) -> observe.Observation:
    if measured.kind == "displacement" and len(measured.columns) == 1:
        return observe.displacement(measured.points, ("ux", "uy").index(measured.columns[0]))
    return getattr(observe, measured.kind)(measured.points)


def _prior(name: str, table: Unknown) -> prior.Prior | None:
    if table.prior == "smooth":
        assert table.length is not None
        return prior.smooth(name, table.length, table.std, table.cell)
    if table.prior == "tv":
        return prior.tv(name, table.cell)
    if table.prior == "gaussian":
        assert table.std is not None
        return prior.gaussian(name, table.std)
    return None


def true_value(text: float | str, parameters: Mapping[str, float], manifold: Manifold) -> Any:
    """A function from points (n, 2) to (n,) of a number or an expression."""
    xmin, ymin, xmax, ymax = (float(v) for v in manifold.box)
    fixed = {
        "t": 0.0, "xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax,
        "xc": (xmin + xmax) / 2, "yc": (ymin + ymax) / 2, **parameters,
    }  # fmt: skip
    expression = parse(str(text) if isinstance(text, str) else repr(float(text)))

    def at(points):
        points = np.asarray(points, float)
        value = expression.evaluate({**fixed, "x": points[:, 0], "y": points[:, 1]})
        return np.broadcast_to(value, len(points))

    return at
