"""Where a value is heading as the cover is refined, at which order, and how sure that is.

With values f₃, f₂, f₁ on cells 4h, 2h, h the observed order is p = log₂((f₂ - f₃) / (f₁ - f₂)) and
Richardson's extrapolation f₁ + (f₁ - f₂) / (2^p - 1). The uncertainty is the grid convergence index of
Roache (1994, J. Fluids Eng. 116, 405-413): 1.25 |f₁ - f₂| / (2^p - 1), and with four covers or more not
less than the distance of the last two extrapolations. As Eça and Hoekstra (2014, J. Comput. Phys. 262,
104-130) do, the factor is 3 where p is larger than the order of the approximation, with which is then
extrapolated, and where no order shows (two covers, values that oscillate, p < 1/2) nothing is extrapolated
and three times the spread of the values is given.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SOURCE = (
    "Uncertainty: Roache's grid convergence index, 1.25 |f₁ − f₂| / (2^p − 1) (J. Fluids Eng. 116, 1994), "
    "not less than the distance of the last two extrapolations; with the factor 3 where the order is higher "
    "than that of the approximation, and three times the spread of the last three values where no order "
    "shows (Eça and Hoekstra, J. Comput. Phys. 262, 2014)."
)
_SAFETY, _WIDE = 1.25, 3.0
_LEAST, _SLACK = 0.5, 0.1


@dataclass(frozen=True)
class Limit:
    """`value` and its `uncertainty`; `order` observed, None where none shows; `kind` is how it was found.

    Kinds: "extrapolated"; "finest", the value of the finest cover because no order shows; "constant", the
    same on all covers up to the noise.
    """

    value: float
    uncertainty: float
    order: float | None
    kind: str


def limit(values: Sequence[float | None], highest: float = 2.0, noise: float = 0.0) -> Limit | None:
    """The limit of values on covers from the coarsest to the finest, each with half the cell.

    `highest` is the order of the approximation; differences up to `noise` are none. None when the two
    finest covers do not both have a value.
    """
    known = _tail(values)
    if len(known) < 2:
        return None
    last = known[-3:]
    spread = max(last) - min(last)
    if spread <= noise:
        return Limit(last[-1], noise, None, "constant")
    order = observed_order(last)
    if order is None or order < _LEAST:
        return Limit(last[-1], _WIDE * spread, order, "finest")
    step = (last[-1] - last[-2]) / (2 ** min(order, highest) - 1)
    uncertainty = (_SAFETY if order <= highest + _SLACK else _WIDE) * abs(step)
    before = limit(known[:-1], highest, noise)
    if before is not None and before.kind == "extrapolated":
        uncertainty = max(uncertainty, abs(last[-1] + step - before.value))
    return Limit(last[-1] + step, uncertainty, order, "extrapolated")


def observed_order(values: Sequence[float]) -> float | None:
    """Order of three values on cells 4h, 2h, h; None for fewer, and where they do not approach anything."""
    if len(values) < 3:
        return None
    coarse, middle, fine = values[-3:]
    if (middle - coarse) * (fine - middle) <= 0:
        return None
    return math.log2((middle - coarse) / (fine - middle))


def error_order(errors: Sequence[float | None]) -> float | None:
    """Order at which errors fall between the two finest covers; None where one is missing or zero."""
    known = _tail(errors)[-2:]
    if len(known) < 2 or min(known) <= 0:
        return None
    return math.log2(known[0] / known[1])


def _tail(values: Sequence[float | None]) -> list[float]:
    """The values of the finest covers, up to the first that is missing."""
    found: list[float] = []
    for value in reversed(values):
        if value is None or not math.isfinite(value):
            break
        found.insert(0, float(value))
    return found
