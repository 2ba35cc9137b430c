"""What is kept of each cover of a refinement, and what all of them say together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .richardson import SOURCE, Limit, error_order, limit
from .summary import probe

if TYPE_CHECKING:
    from nmm.results.solution import Solution

ERRORS = {
    "error_estimate": "estimated error",
    "energy": "true error, energy norm",
    "h1": "true error, H1",
    "l2": "true error, L2",
    "max": "true error, max",
}
"""Errors, all relative, and what tables call them."""


@dataclass(frozen=True)
class Level:
    """One cover: its cell, what the solve cost, its quantities by name, its errors by `ERRORS`.

    `groups` says for each quantity which others have its unit: their size tells what is negligible.
    A solve that did not converge has no values.
    """

    cell: float
    dofs: int
    elements: int
    seconds: float
    converged: bool
    values: Mapping[str, float | None]
    groups: Mapping[str, str]
    errors: Mapping[str, float | None]


@dataclass(frozen=True)
class Series:
    """A quantity on all covers from the coarsest to the finest, and its limit; None on a cover without it.

    `size` is the largest value of its group; beside it a `negligible` quantity is zero.
    """

    name: str
    values: tuple[float | None, ...]
    limit: Limit | None
    size: float
    negligible: bool


@dataclass(frozen=True)
class Decay:
    """An error on all covers, and the order at which it falls between the two finest."""

    name: str
    values: tuple[float | None, ...]
    order: float | None


@dataclass(frozen=True)
class Refinement:
    """Covers from the coarsest to the finest, each with half the cell of the one before.

    `asked` is how many there were to be: fewer are there after an interruption. `highest` is the order of
    the approximation and `noise` the relative size of differences that the solver's tolerance explains.
    """

    levels: tuple[Level, ...]
    asked: int
    highest: float = 2.0
    noise: float = 1e-7

    @property
    def interrupted(self) -> bool:
        return len(self.levels) < self.asked

    @property
    def cells(self) -> tuple[float, ...]:
        return tuple(level.cell for level in self.levels)

    def series(self) -> list[Series]:
        """Every quantity of the finest cover."""
        groups = {name: group for level in self.levels for name, group in level.groups.items()}
        sizes = dict.fromkeys(groups.values(), 0.0)
        for level in self.levels:
            for name, value in level.values.items():
                sizes[groups[name]] = max(sizes[groups[name]], abs(value or 0.0))
        found = []
        for name, group in groups.items():
            values = tuple(level.values.get(name) for level in self.levels)
            noise = self.noise * sizes[group]
            negligible = max(abs(value or 0.0) for value in values) <= noise
            found.append(Series(name, values, limit(values, self.highest, noise), sizes[group], negligible))
        return found

    def decays(self) -> list[Decay]:
        """The estimated error, and the true ones where there is an exact solution."""
        found = []
        for key in ERRORS:
            values = tuple(level.errors.get(key) for level in self.levels)
            if any(value is not None for value in values):
                found.append(Decay(key, values, error_order(values)))
        return found

    def data(self) -> dict[str, Any]:
        """What `convergence.json` holds."""
        costs = ("cell", "dofs", "elements", "seconds", "converged")
        return {
            "status": "interrupted" if self.interrupted else "done",
            "asked": self.asked,
            "covers": [{key: getattr(level, key) for key in costs} for level in self.levels],
            "quantities": [
                {
                    "name": one.name,
                    "values": one.values,
                    "order": one.limit and one.limit.order,
                    "limit": one.limit and one.limit.value,
                    "uncertainty": one.limit and one.limit.uncertainty,
                    "kind": one.limit and one.limit.kind,
                }
                for one in self.series()
            ],
            "errors": [vars(one) for one in self.decays()],
            "method": SOURCE,
        }


def level(
    solution: "Solution",
    cell: float,
    seconds: float,
    probes: Sequence[Any] = (),
    errors: Mapping[str, float | None] | None = None,
) -> Level:
    """What is kept of a solution; `errors` are relative to an exact one."""
    stats = solution.manifold.stats
    converged = bool(solution.result.converged)
    groups, values = {}, {}
    for name, group, value in quantities(solution, probes) if converged else ():
        groups[name], values[name] = group, value
    found = {"error_estimate": solution.estimate.relative, **(errors or {})} if converged else {}
    dofs = int(solution.stats.dofs)
    return Level(cell, dofs, int(stats["elements"]), seconds, converged, values, groups, found)


def quantities(solution: "Solution", probes: Sequence[Any]) -> list[tuple[str, str, float | None]]:
    """Name, group and value of everything that is followed: energy, tips, probes, loads and reactions."""
    found: list[tuple[str, str, float | None]] = [("energy", "energy", float(solution.energy))]
    for tip in solution.tips:
        at = f"crack {tip['crack']}, {tip['end']}"
        found += [(f"{key} at {at}", key[0], tip[key]) for key in ("KI", "KII", "G") if key in tip]
    names = ("u",) if solution.problem.model.components == 1 else ("u_x", "u_y")
    for row in probe(solution, probes):
        values = np.broadcast_to(np.asarray(row["value"], float), len(names))
        place = f"({row['x']:.6g}, {row['y']:.6g})"
        for name, value in zip(names, values, strict=True):
            found.append((f"{name} at {place}", "u", float(value) if np.isfinite(value) else None))
    for entry, force in solution.loads.items():
        kind = "reaction at" if entry in solution.reactions else "load on"
        parts = ("",) if len(names) == 1 else (", x", ", y")
        for part, value in zip(parts, np.atleast_1d(force), strict=True):
            found.append((f"{kind} {entry}{part}", "force", float(value)))
    return found
