"""What a method did on a problem: errors and their spread over seeds, unknowns, seconds told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from networks.comparison.methods import Method
from networks.training import Fit

Spread = tuple[float, float, float]
UNKNOWN: Spread = (float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Row:
    """A method as measured.

    Relative errors are medians, and the least and largest of the seeds: `l2`, of the `gradient`, and the
    `largest` at a point; nan where they were not measured. `train` are the seconds of one seed, the solve or
    training; `evaluate` those of a value at a thousand points; `result` how it ended.
    """

    method: str
    title: str
    unknowns: int
    l2: Spread
    compile: float
    train: float
    evaluate: float
    seeds: int
    result: str
    gradient: Spread = UNKNOWN
    largest: Spread = UNKNOWN


def row_of(
    method: Method, fits: Sequence[Fit], errors: Sequence[Mapping[str, float]], evaluate: float
) -> Row:
    """A network trained from several seeds at once; `errors` as `Fitted.errors` gives them."""

    def of(name: str) -> Spread:
        return spread([each.get(name, float("nan")) for each in errors])

    one = fits[0]
    return Row(
        method=method.name,
        title=method.title,
        unknowns=int(one.solution.z.size),
        l2=of("l2"),
        compile=one.seconds["compile"],
        train=one.seconds["train"] / len(fits),
        evaluate=evaluate,
        seeds=len(fits),
        result=one.result.name,
        gradient=of("h1"),
        largest=of("max"),
    )


def spread(values: Sequence[float]) -> Spread:
    """Median, least and largest."""
    return float(np.median(values)), float(np.min(values)), float(np.max(values))
