"""`summary.json`: a few numbers about a run, under keys that always mean the same."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nmm._version import __version__

from .environment import peak_memory_mb
from .files import plain

PHASES = ("read", "cut", "compile", "solve", "total")
_COUNTS = ("patches", "elements", "parts", "area")
_ERRORS = ("l2", "h1", "max")
_OVERLAP = ("length", "max")


def summary(
    solution: Any,
    *,
    seconds: Mapping[str, float | None] | None = None,
    errors: Mapping[str, float | None] | None = None,
    probes: ArrayLike = (),
    memory: float | None = None,
) -> dict[str, Any]:
    """What `summary.json` holds, in the types of JSON; what does not exist is None, never NaN.

    **Arguments:** `seconds` per phase (added to those that the solution knows; a missing total is their
    sum), `errors` relative to an exact solution, `probes (n, 2)` points in the user's coordinates,
    `memory` the peak in MB (default: of this process until now).
    """
    found = {
        "status": "converged" if solution.result.converged else "not converged",
        "dofs": statistic(solution, "dofs"),
        **{key: solution.manifold.stats.get(key) for key in _COUNTS},
        "iterations": statistic(solution, "iterations"),
        "residual": statistic(solution, "residual"),
        "energy": solution.energy,
        "seconds": _seconds({**(statistic(solution, "seconds") or {}), **(seconds or {})}),
        "errors": _only(_ERRORS, errors),
        "error_estimate": solution.estimate.relative,
        "probes": probe(solution, probes),
        "tips": list(solution.tips or ()),
        "loads": forces(solution.loads),
        "held": list(solution.held or ()),
        "overlap": _only(_OVERLAP, solution.overlap),
        "peak_memory_mb": peak_memory_mb() if memory is None else memory,
        "version": __version__,
    }
    return plain(found)


def failed_summary(seconds: Mapping[str, float | None] | None = None) -> dict[str, Any]:
    """The summary of a run that ended without a solution: the same keys, mostly None."""
    return plain(
        {
            "status": "failed",
            **dict.fromkeys(("dofs", *_COUNTS, "iterations", "residual", "energy")),
            "seconds": _seconds(seconds or {}),
            "errors": _only(_ERRORS, None),
            "error_estimate": None,
            "probes": [],
            "tips": [],
            "loads": {},
            "held": [],
            "overlap": _only(_OVERLAP, None),
            "peak_memory_mb": peak_memory_mb(),
            "version": __version__,
        }
    )


def statistic(solution: Any, name: str) -> Any:
    """One of the solver's statistics, None when this solver does not keep it."""
    stats = solution.stats
    return stats.get(name) if isinstance(stats, Mapping) else getattr(stats, name, None)


def probe(solution: Any, points: ArrayLike) -> list[dict[str, Any]]:
    """Values at points `(n, 2)`: a number, or a list for a vector field; None outside the domain."""
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(places) == 0:
        return []
    values = np.asarray(solution.at(places))
    rows = []
    for (x, y), value in zip(places, values, strict=True):
        rows.append(
            {"x": float(x), "y": float(y), "value": plain(value) if np.isfinite(value).all() else None}
        )
    return rows


def forces(entries: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """Force per entry: a list of components, or one number for a scalar model."""
    return {
        name: plain(np.asarray(value).item() if np.size(value) == 1 else value)
        for name, value in (entries or {}).items()
    }


def _seconds(given: Mapping[str, float | None]) -> dict[str, float | None]:
    total = given.get("total")
    known = [value for phase in PHASES if phase != "total" and (value := given.get(phase)) is not None]
    if total is None and known:
        total = sum(known)
    return {**_only(PHASES, given), "total": total}


def _only(keys: Sequence[str], given: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: (given or {}).get(key) for key in keys}
