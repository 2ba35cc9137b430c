"""What a method must offer to take part: nmm itself and every peer look the same to a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from benchmarks.problems import Problem

Field = Callable[[NDArray], NDArray]


class Unsupported(Exception):
    """This method does not do this problem; the message says why and is printed in the table."""


@dataclass(frozen=True)
class Answer:
    """One solution of one problem.

    `at`: points (n, 2) -> (n,) or (n, 2); `stress`: points (n, 2) -> (n, 2, 2), None for scalar problems.
    `errors`: `l2`, `h1` (seminorm) and `max`, each relative to the exact solution, or empty without one.
    `tips`: the stress intensity factors of each crack tip, see `nmm.stress_intensity`.
    `seconds`: named parts of the wall time. `facts`: anything else worth a column.
    """

    unknowns: int
    at: Field
    stress: Field | None = None
    errors: Mapping[str, float] = field(default_factory=dict)
    tips: Sequence[Mapping[str, Any]] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class Peer(Protocol):
    """A solver of the problem set. Its library is imported inside `missing` and `solve`, never before."""

    name: str
    covers: tuple[str, ...]

    def missing(self) -> str | None:
        """None when the peer can run here, else one line: what is missing and how to install it."""
        ...

    def version(self) -> str:
        """The version of the library, for the record."""
        ...

    def solve(self, problem: Problem, cells: int, cover: str) -> Answer:
        """Solve with `cells` along the longer side of the domain on the cover (or mesh) named `cover`.

        Raises `Unsupported` with a reason.
        """
        ...
