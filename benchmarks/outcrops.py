"""Effective modulus and permeability of the outcrops KB7 and KB11 under refinement of the cover."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from rich.console import Console

from benchmarks.checks import Verdict
from benchmarks.record import record
from benchmarks.registry import Report
from nmm.case import Case, read_case
from nmm.demo import effective_conductivity, effective_stiffness
from nmm.errors import InputError
from nmm.progress import Stages
from nmm.run import Run, solve_case

KB11 = Path(__file__).parent / "data" / "kb11"


def kb7(quick: bool, report: Report) -> dict:
    about = "KB7: 240 fracture traces (461 m) in 535 m² of bedrock"
    return outcrop("kb7", about, (), (32, 64) if quick else (64, 128, 256, 512), quick, report)


def kb11(quick: bool, report: Report) -> dict:
    about = "KB11: 707 fracture traces (1593 m) in 1238 m² of bedrock"
    area, traces = KB11 / "KB11_area.geojson", KB11 / "KB11_traces.geojson"
    if not traces.exists():
        raise InputError("its data are in the repository only", where="kb11", hint="run it from a checkout")
    data = (f'domain.outline="{area.as_posix()}"', f'domain.cracks="{traces.as_posix()}"')
    return outcrop("kb11", about, data, (64, 128) if quick else (64, 128, 256, 512), quick, report)


def outcrop(
    name: str, about: str, data: Sequence[str], refinements: Sequence[int], quick: bool, report: Report
) -> dict:
    """The record of one outcrop: the two cases of `nmm demo` with its `data` on each cover."""
    folder = files("nmm") / "data" / "kb7"
    rows, run = [], None
    for cells in refinements:
        overrides = [*data, f"cover.cells={cells}"]
        start = time.perf_counter()
        run = solved(read_case(Path(str(folder / "pull.toml")), overrides))
        flow = solved(read_case(Path(str(folder / "drain.toml")), overrides))
        stiffness, intact = effective_stiffness(run)
        conductivity, intact_conductivity = effective_conductivity(flow)
        rows.append(
            {
                "cells": cells,
                **cut(run),
                "unknowns": int(run.solution.stats.dofs),
                "modulus": stiffness / intact,
                "permeability": conductivity / intact_conductivity,
                "held": len(run.solution.held),
                "overlap": float(run.solution.overlap["length"]),
                "imbalance": float(run.solution.balance["residual"]),
                "seconds": {
                    "pull": run.seconds,
                    "drain": flow.seconds,
                    "total": time.perf_counter() - start,
                },
            }
        )
        row = rows[-1]
        report(
            f"{name}: {cells} cells, {row['unknowns']:,} unknowns, modulus {row['modulus']:.5f}, "
            f"permeability {row['permeability']:.5f} ({row['seconds']['total']:.1f} s)"
        )
    assert run is not None
    convergence = {key: limit(rows, key) for key in ("modulus", "permeability")}
    checks = [vars(verdict) for verdict in judged(run, rows)]
    return record(name, rows, checks, quick=quick, about=about, convergence=convergence, cleanup=cleanup(run))


def solved(case: Case) -> Run:
    return solve_case(case, Stages(Console(stderr=True), quiet=True, verbose=False))


def cut(run: Run) -> dict:
    """What the manifold's statistics say of the cut."""
    stats = run.solution.manifold.stats
    xmin, ymin, xmax, ymax = run.case.domain().bounds
    found = {key: int(stats[key]) for key in ("elements", "pieces", "patches", "split", "parts")}
    found |= {"smallest_piece": float(stats["smallest_piece"])}
    return found | {
        "cell": max(xmax - xmin, ymax - ymin) / run.case.spec.cover.cells,
        "length_cut": float(stats["crack_length_cut"]),
        "length_lost": float(stats["crack_length_lost"]),
    }


def cleanup(run: Run) -> dict:
    """What the clean-up did to the traces; the same on every cover."""
    report = run.solution.manifold.geometry.report
    found = {
        f"length {key}, m": float(getattr(report, f"length_{key}")) for key in ("total", "inside", "kept")
    }
    found["moved by at most, m"] = float(report.moved_max)
    for when in ("before", "after"):
        counts = getattr(report, f"junctions_{when}")
        found[f"junctions {when}"] = ", ".join(f"{kind} {count}" for kind, count in counts.items())
    return found | {kind: int(count) for kind, count in report.counts.items()}


def limit(rows: Sequence[dict], key: str) -> dict:
    """Richardson's limit and rate from the three finest covers: value(h) = limit + C h**rate.

    All None when there are fewer than three or their differences do not shrink with one sign.
    """
    nothing = {"limit": None, "rate": None, "difference": None}
    if len(rows) < 3:
        return nothing
    coarse, middle, fine = (row[key] for row in rows[-3:])
    if coarse == middle or not 0 < (middle - fine) / (coarse - middle) < 1:
        return nothing
    ratio = rows[-1]["cells"] / rows[-2]["cells"]
    shrink = (coarse - middle) / (middle - fine)
    found = fine - (middle - fine) / (shrink - 1)
    return {"limit": found, "rate": math.log(shrink) / math.log(ratio), "difference": fine - found}


def judged(run: Run, rows: Sequence[dict]) -> list[Verdict]:
    """The promises of the clean-up and of the solution."""
    geometry = run.solution.manifold.geometry
    report, allowed = geometry.report, run.case.domain().snap * geometry.diagonal
    kept = report.length_kept / report.length_inside
    imbalance = max(row["imbalance"] for row in rows)
    return [
        Verdict("length kept of the length inside", kept, "≥ 0.99", kept >= 0.99),
        Verdict("moved by at most, m", report.moved_max, f"≤ {allowed:.3g}", report.moved_max <= allowed),
        Verdict("imbalance of loads and reactions", imbalance, "≤ 1e-8", imbalance <= 1e-8),
    ]
