"""What a verification problem must fulfil, judged on the rows of one method on one cover."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
    """The order p of errors ~ cells**-p between the two finest covers; None when there is only one."""
    if len(cells) < 2 or not all(math.isfinite(e) and e > 0 for e in errors[-2:]):
        return None
    return math.log(errors[-2] / errors[-1]) / math.log(cells[-1] / cells[-2])


@dataclass(frozen=True)
class Rate:
    """The error `key` falls with the order `order` within `tolerance`; None: the rate is only observed.

    `faster`: a higher rate passes too, where superconvergence hides the asymptotic one.
    """

    key: str
    order: float
    tolerance: float | None = 0.1
    faster: bool = False

    def judge(self, rows: Sequence[Row], quick: bool) -> Verdict:
        name = f"rate {self.key}"
        rate = observed_rate([row["cells"] for row in rows], [row[self.key] for row in rows])
        if self.tolerance is None:
            return Verdict(name, rate, f"about {self.order:g}, observed", None)
        low, high = self.order - self.tolerance, math.inf if self.faster else self.order + self.tolerance
        expected = f"≥ {low:g}" if self.faster else f"{self.order:g} ± {self.tolerance:g}"
        passed = None if quick else rate is not None and low <= rate <= high
        return Verdict(name, rate, expected, passed)


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
class Within:
    """`low` ≤ row[key] ≤ `high` in every row, or only observed; a method without the figure is not judged."""

    key: str
    low: float
    high: float
    judged: bool = True

    def judge(self, rows: Sequence[Row], quick: bool) -> Verdict:
        expected = f"{self.low:g} to {self.high:g}" + ("" if self.judged else ", observed")
        values = [row[self.key] for row in rows if row.get(self.key) is not None]
        if not values:
            return Verdict(self.key, None, expected, None)
        worst = max(values, key=lambda value: abs(math.log(value)) if value > 0 else math.inf)
        return Verdict(self.key, worst, expected, self.low <= worst <= self.high if self.judged else None)


@dataclass(frozen=True)
class Target:
    """row[key] of the finest row equals `value` within the fraction `tolerance` of it, or of `unit`."""

    key: str
    value: float
    tolerance: float
    unit: float | None = None

    def judge(self, rows: Sequence[Row], quick: bool) -> Verdict:
        found = rows[-1][self.key]
        unit = abs(self.value) if self.unit is None else self.unit
        passed = None if quick else bool(abs(found - self.value) <= self.tolerance * unit)
        of = "" if self.unit is None else f" of {self.unit:.4g}"
        return Verdict(self.key, found, f"{self.value:g} ± {100 * self.tolerance:g} %{of}", passed)
