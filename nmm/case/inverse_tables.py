"""Tables for `nmm invert`: what is unknown, what was measured, how to search."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

from pydantic import Field, PlainValidator, model_validator

from nmm.case.values import (
    Count,
    Number,
    Positive,
    Scalar,
    Table,
    Text,
    number,
    one_of,
    shown,
    suggestion,
    wrong,
)

COLUMNS = {
    "displacement": ("ux", "uy"),
    "strain": ("exx", "eyy", "exy"),
    "potential": ("value",),
    "flux": ("qx", "qy"),
}
"""What is measured at a point, by the columns of a data file."""
KINDS = {"elasticity": ("displacement", "strain"), "poisson": ("potential", "flux")}
RULES = ("discrepancy", "l-curve", "evidence")


class Data(Table):
    """Measurements of one kind, in a file."""

    kind: Annotated[str, one_of(*COLUMNS)]
    file: Text
    noise: Positive | None = None
    experiment: Text | None = None


def _bound(value: Any) -> float:
    infinite = isinstance(value, float) and math.isinf(value)
    return value if infinite else number(value)


def _bounds(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise wrong(f"found {shown(value)}, expected [low, high]", "inf stands for no upper bound: [0, inf]")
    low, high = _bound(value[0]), _bound(value[1])
    if low >= high:
        raise wrong(f"found [{low:g}, {high:g}], expected low < high")
    if math.isinf(low):
        raise wrong(
            f"found [{low:g}, {high:g}], expected a lower bound",
            "give both bounds, only a lower one as in [0, inf], or leave bounds out",
        )
    return low, high


class Unknown(Table):
    """A parameter that is searched for; a prior "smooth" or "tv" makes a field of it."""

    start: Number | None = None
    bounds: Annotated[tuple[float, float], PlainValidator(_bounds)] | None = None
    prior: Annotated[str, one_of("smooth", "tv", "gaussian", "none")] = "none"
    length: Positive | None = None
    std: Positive | None = None
    cell: Positive | None = None
    truth: Scalar | None = None

    takes: ClassVar[dict[str, tuple[str, ...]]] = {
        "smooth": ("length", "std", "cell"),
        "tv": ("cell",),
        "gaussian": ("std",),
        "none": (),
    }
    needs: ClassVar[dict[str, str]] = {"smooth": "length", "gaussian": "std"}

    @model_validator(mode="after")
    def _of_one_prior(self) -> Unknown:
        taken, needed = self.takes[self.prior], self.needs.get(self.prior)
        for key in ("length", "std", "cell"):
            if getattr(self, key) is not None and key not in taken:
                fits = " or ".join(f'"{prior}"' for prior, keys in self.takes.items() if key in keys)
                raise wrong(
                    f'does not belong to prior = "{self.prior}"', f"leave it out, or take prior = {fits}", key
                )
        if needed is not None and getattr(self, needed) is None:
            raise wrong(f'"{needed}" is missing', f'prior = "{self.prior}" needs {needed} = ...')
        return self

    @property
    def is_field(self) -> bool:
        return self.prior in ("smooth", "tv")

    @property
    def is_open(self) -> bool:
        """Whether the strength of its prior is chosen from the data."""
        return self.is_field and self.std is None


def _strength(value: Any) -> float | str:
    if isinstance(value, str):
        if value not in RULES:
            raise wrong(f'found "{value}", which is no rule and no number', suggestion(value, RULES))
        return value
    if (found := number(value)) < 0:
        raise wrong(
            f"found {found:g}, expected a number of at least 0 or a rule", f"rules: {', '.join(RULES)}"
        )
    return found


class Inverse(Table):
    unknown: dict[str, Unknown] = Field(default_factory=dict)
    experiment: dict[str, dict[str, Number]] = Field(default_factory=dict)
    strength: Annotated[float | str, PlainValidator(_strength)] | None = None
    loss: Annotated[str, one_of("gaussian", "huber", "student")] = "gaussian"
    max_iterations: Count = 50
    tolerance: Positive = 1e-4
    starts: Count = 1

    @model_validator(mode="after")
    def _whole(self) -> Inverse:
        if not self.unknown:
            raise wrong("nothing is unknown", "add a table [inverse.unknown.NAME] for a name of [parameters]")
        if self.tolerance >= 1:
            raise wrong(f"found {self.tolerance:g}, expected less than 1", "1e-4 is the default", "tolerance")
        for name, unknown in self.unknown.items() if self.starts > 1 else ():
            if unknown.bounds is None or math.isinf(unknown.bounds[1]):
                raise wrong(
                    f"found starts = {self.starts}, but no bounds to spread them between",
                    "add bounds = [low, high]",
                    ("unknown", name),
                )
        if self.strength is not None and not any(u.is_open for u in self.unknown.values()):
            raise wrong(
                "there is no prior whose strength is open",
                'leave it out; it belongs to prior = "smooth" without std, and to "tv"',
                "strength",
            )
        return self

    def check(self, parameters: dict[str, float]) -> None:
        """**Raises:** `CaseError` for an unknown that is no parameter or begins outside of its bounds, or an
        experiment that sets what is no parameter or unknown."""
        for experiment, values in self.experiment.items():
            for name in values:
                path = ("inverse", "experiment", experiment, name)
                if name not in parameters:
                    raise wrong("there is no such parameter", suggestion(name, parameters), path)
                if name in self.unknown:
                    raise wrong(
                        "the same parameter is unknown",
                        "an experiment sets what is known: leave it out here or among the unknowns",
                        path,
                    )
        for name, unknown in self.unknown.items():
            path = ("inverse", "unknown", name)
            if name not in parameters:
                raise wrong("there is no such parameter", suggestion(name, parameters), path)
            start = parameters[name] if unknown.start is None else unknown.start
            low, high = unknown.bounds or (-math.inf, math.inf)
            if not low < start < high:
                raise wrong(
                    f"the search starts at {start:g}, expected a start between {low:g} and {high:g}",
                    "change start (the value in [parameters] unless given) or bounds",
                    path,
                )
