"""What an experiment is: a claim, what is measured, what theory expects, and what would refute it."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONSISTENT, INCONSISTENT = "consistent", "inconsistent"
RELATIONS = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Falsifier:
    """The statement is refuted unless `measured[quantity]` stands in `relation` ("<=" or ">=") to `limit`.

    `why` says where the limit comes from; it is shown in the report.
    """

    quantity: str
    relation: str
    limit: float
    why: str = ""

    def holds(self, measured: Mapping[str, float]) -> bool:
        """False also where the quantity is not a number: what was not measured supports nothing."""
        value = measured[self.quantity]
        return bool(np.isfinite(value)) and RELATIONS[self.relation](value, self.limit)


@dataclass(frozen=True)
class Effort:
    """How much to measure: `quick` for minutes in all; seeds `first_seed + range(seeds)`."""

    quick: bool = False
    seeds: int = 10
    first_seed: int = 0
    report: Callable[[str], None] = lambda line: None

    def pick(self, full: Any, quick: Any) -> Any:
        return quick if self.quick else full


@dataclass(frozen=True)
class Table:
    """Rows of numbers or words under `columns`."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Measured:
    """What an experiment found.

    values:
        The numbers that are judged and quoted, by name.
    spread:
        For those that vary with the seed: least and largest.
    tables:
        What a paper would print.
    series:
        Arrays that the figure draws, by name.
    """

    values: Mapping[str, float]
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    series: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """One claim, as a measurement.

    name:
        Of the command line, `nmm study NAME`.
    label:
        "E5".
    concepts:
        Which concepts it touches, as "C9" or "D6".
    about:
        One line.
    claim:
        What the papers say.
    definition:
        What is measured; it says so where the definition is ours.
    statement:
        The claim in the form that is tested; the verdict is about this sentence.
    means:
        By verdict: what it says about the papers' claim. A theory of others may be tested here that, if it
        holds, limits what the papers say.
    expected:
        What theory or the literature leads to expect, with its source.
    frame:
        Which of the papers' own three questions it belongs to: "degrees of freedom", "nonlinearity",
        "boundary conditions".
    falsifiers:
        What refutes the statement.
    measure:
        Does the work.
    draw:
        The figure of what was found.
    """

    name: str
    label: str
    concepts: Sequence[str]
    about: str
    claim: str
    definition: str
    statement: str
    means: Mapping[str, str]
    expected: str
    frame: str
    falsifiers: Sequence[Falsifier]
    measure: Callable[[Effort], Measured]
    draw: Callable[[Measured], "Figure"]

    def verdict(self, measured: Mapping[str, float]) -> str:
        """ "consistent" where every falsifier's condition holds, else "inconsistent"."""
        return CONSISTENT if all(f.holds(measured) for f in self.falsifiers) else INCONSISTENT

    def judged(self, measured: Mapping[str, float]) -> list[dict[str, Any]]:
        """Each falsifier with the value found and whether its condition holds."""
        return [
            {
                "quantity": f.quantity,
                "measured": float(measured[f.quantity]),
                "relation": f.relation,
                "limit": f.limit,
                "why": f.why,
                "holds": f.holds(measured),
            }
            for f in self.falsifiers
        ]
