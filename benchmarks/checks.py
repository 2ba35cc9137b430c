"""What a verification problem must fulfil, judged on the rows of one method on one cover."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """`passed` is None when a quick run is too coarse to judge, or when the figure is only observed."""

    check: str
    value: float | None
    expected: str
    passed: bool | None


class Check(Protocol):
    def judge(self, rows: Sequence[Row], quick: bool) -> Verdict: ...


def observed_rate(cells: Sequence[float], errors: Sequence[float]) -> float | None:
    """The order p of errors ~ cells**-p by least squares in the logarithms; None below two refinements."""
    if len(cells) < 2 or min(errors) <= 0 or not all(map(math.isfinite, errors)):
        return None
    return float(-np.polyfit(np.log(cells), np.log(errors), 1)[0])


@dataclass(frozen=True)
class Rate:
    """The error `key` falls with the order `order` within `tolerance`; without a tolerance only observed."""

    key: str
    order: float
    tolerance: float | None = 0.1

    def judge(self, rows: Sequence[Row], quick: bool) -> Verdict:
        rate = observed_rate([row["cells"] for row in rows], [row[self.key] for row in rows])
        if self.tolerance is None:
            return Verdict(f"rate {self.key}", rate, f"about {self.order:g}, observed", None)
        passed = None if quick else rate is not None and abs(rate - self.order) <= self.tolerance
        return Verdict(f"rate {self.key}", rate, f"{self.order:g} ± {self.tolerance:g}", passed)


@dataclass(frozen=True)
class AtMost:
    """|row[key]| of the finest row (`worst`: of every row) is at most `limit`."""

    key: str
    limit: float
    worst: bool = False

    def judge(self, rows: Sequence[Row], quick: bool) -> Verdict:
        values = [abs(row[self.key]) for row in (rows if self.worst else rows[-1:])]
        value = max(values) if all(map(math.isfinite, values)) else math.nan
        passed = bool(value <= self.limit)
        if quick and not self.worst:
            return Verdict(self.key, value, f"≤ {self.limit:g}", None)
        return Verdict(self.key, value, f"≤ {self.limit:g}", passed)


@dataclass(frozen=True)
class Target:
    """row[key] of the finest row equals `value` within the fraction `tolerance`."""

    key: str
    value: float
    tolerance: float

    def judge(self, rows: Sequence[Row], quick: bool) -> Verdict:
        found = rows[-1][self.key]
        passed = None if quick else bool(abs(found / self.value - 1) <= self.tolerance)
        return Verdict(self.key, found, f"{self.value:g} ± {100 * self.tolerance:g} %", passed)
