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
from nmm.inversion import observe, prior
from nmm.manifold.locate import locate
from nmm.manifold.manifold import Manifold
from nmm.physics.problem import Problem


@dataclass(frozen=True, eq=False)
class Question:
    """The arguments of `nmm.inverse` and of the map that it makes, and true values for comparison.

    `truth` turns points (n, 2) into (n,), by the names of unknowns that have one.
    """

    options: Inverse
    measured: tuple[Measured, ...]
    observe: observe.Observation
    priors: tuple[prior.Prior, ...]
    bounds: dict[str, tuple[float, float]]
    start: dict[str, float]
    known: dict[str, float]
    truth: dict[str, Any]

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
    measured = tuple(_measured(case, i, entry, problem.manifold) for i, entry in enumerate(case.spec.data))
    values = case.parameters
    unknown = options.unknown
    start = {name: values[name] if table.start is None else table.start for name, table in unknown.items()}
    return Question(
        options,
        measured,
        observe.several(*(_observation(each) for each in measured)),
        tuple(made for name, table in unknown.items() if (made := _prior(name, table)) is not None),
        {name: table.bounds for name, table in unknown.items() if table.bounds is not None},
        start,
        {name: value for name, value in case.values(problem).items() if name not in unknown},
        {
            name: true_value(table.truth, values, problem.manifold)
            for name, table in unknown.items()
            if table.truth is not None
        },
    )


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
        found = read_measured(path, entry.kind, entry.noise, entry.file)
        found.check_inside(locate(manifold, found.points)[0] >= 0, manifold.box)
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
