"""One method on one problem in a process of its own: medians of several runs, and the most memory held."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from statistics import median

from benchmarks.forward.method import CORES, METHODS, PARTS, Solve
from benchmarks.forward.plate import REFERENCE

LONG, TOO_LONG = 8.0, 60.0
"""Seconds of a solve: beyond the first only three are run, beyond the second no other."""


def measure(name: str, problem: str, unknowns: int, runs: int | None = None) -> dict:
    """The row of a method: a first solve that also compiles, then `runs` others (5, or 3 of long ones)."""
    method = METHODS[name]
    last = method.once(problem, unknowns)
    first = bare(last)
    whole = first.total + first.seconds.get("compile", 0.0)
    if runs is None:
        runs = 0 if whole > TOO_LONG else 3 if first.total > LONG else 5
    rest = []
    for _ in range(runs):
        del last  # no two solutions at once
        last = method.once(problem, unknowns)
        rest.append(bare(last))
    solves = rest or [first]
    peak = peak_gib()
    total = median(solve.total for solve in solves)
    work = last.work()
    return {
        "method": name,
        "library": method.library,
        "solver": method.solver,
        "problem": problem,
        "asked": unknowns,
        "unknowns": last.unknowns,
        "runs": len(rest),
        "seconds": {part: median(solve.seconds[part] for solve in solves) for part in PARTS}
        | {"total": total},
        "first": whole,
        "compile": max(0.0, whole - total) if rest else first.seconds.get("compile", 0.0),
        "peak_gib": peak,
        "iterations": last.iterations,
        "residual": last.residual,
        "work": work,
        "error": abs(work / REFERENCE[problem] - 1),
    }


def bare(solve: Solve) -> Solve:
    """The solve without its solution."""
    return Solve(solve.unknowns, solve.seconds, lambda: float("nan"), solve.residual, solve.iterations)


def peak_gib() -> float:
    """The most memory that this process held so far.

    Linux counts what the parent held as well in `getrusage`, but not in `VmHWM`.
    """
    try:
        held = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
        return int(held.split()[1]) / 2**20
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def confine():
    """Two cores, whatever the machine has."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
