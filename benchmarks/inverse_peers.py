"""Inversions in nmm and in other libraries, from the same data and in one run."""

from __future__ import annotations

import ast
import inspect
import os
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import metadata
from typing import Any

import jax

import nmm
from benchmarks.checks import Verdict
from benchmarks.inversions import heads, tank, tank_nmm, tank_pyeit, with_nmm, with_scikit_fem
from benchmarks.markdown import PASSED, reasons, table
from benchmarks.record import record
from benchmarks.registry import Report

ABOUT = "one machine and one process, one method after the other; every method gets the same data"
TANKS = (
    ("neighbours, 0.1 % noise", 1, 1e-3),
    ("neighbours, 1 % noise", 1, 1e-2),
    ("opposite, 0.1 % noise", tank.COUNT // 2, 1e-3),
)
"""Which electrodes drive the current, how far apart they are, and the noise."""
CLOSE = 1.01
"""Seconds are counted until the objective is within 1 % of the lowest that the library finds."""


def run(quick: bool, report: Report, only: str = "") -> dict:
    """The record: one row for each method on each problem with `only` in its name.

    **Raises:** `InputError` when there is none.
    """
    problems = problems_of(quick)
    chosen = {name: make for name, make in problems.items() if only in name}
    if not chosen:
        raise nmm.InputError(f'no problem has "{only}" in its name', hint=f"known: {', '.join(problems)}")
    rows, skipped, methods = [], [], {name: version(name) for name in ("scikit-fem", "pyeit")}
    for name, make in chosen.items():
        for row in make(name):
            if "reason" in row:
                skipped.append(row)
                report(f"{name}: {row['method']} skipped: {row['reason']}")
            else:
                rows.append(row)
                report(f"{name}: {row['method']}: error {row['error']:.4f}, {row['seconds']:.3f} s")
        jax.clear_caches()
    checks = [vars(verdict) for verdict in verdicts(rows, quick)]
    methods = {name: found for name, found in methods.items() if found}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return record(
        "inverse_peers", rows, checks, quick=quick, about=ABOUT, methods=methods, skipped=skipped, load=load,
        statements={"nmm": statements(with_nmm.USER), "scikit-fem": statements(with_scikit_fem.USER)},
    )  # fmt: skip


def problems_of(quick: bool) -> dict[str, Callable[[str], Iterable[dict]]]:
    """The comparisons by name."""
    sizes = (16,) if quick else (32, 64, 128)
    made: dict[str, Callable[[str], Iterable[dict]]] = {
        f"heads, {cells} cells": partial(by_heads, cells=cells) for cells in sizes
    }
    cells, side = (12, 0.2) if quick else (32, 0.08)
    for name, apart, level in TANKS[:1] if quick else TANKS:
        data = partial(tank.measured, apart, level)
        made[f"tank, {name}"] = partial(by_tank, data=data, cells=cells, side=side)
    return made


def version(library: str) -> str | None:
    """The version of a library that may be missing."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def by_heads(name: str, cells: int) -> Iterator[dict]:
    """Conductivity from heads, see `benchmarks.inversions.heads`."""
    if reason := with_scikit_fem.missing():
        yield {"method": "scikit-fem", "reason": f"{reason}; it also makes the data"}
        return
    data = heads.measured()
    for library, made in (("nmm", with_nmm.runs), ("scikit-fem", with_scikit_fem.runs)):
        found = made(data, cells)
        lowest = min(f.trace[-1][1] for f in found.values())
        for method, one in found.items():
            yield {
                "problem": name, "library": library, "method": method, "error": heads.field_error(one),
                "misfit": heads.misfit(data, one), "objective": one.trace[-1][1],
                "iterations": len(one.trace) - 1, "setup": one.setup, "seconds": one.seconds,
                "until": heads.until(one.trace, CLOSE * lowest),
            }  # fmt: skip


def by_tank(name: str, data: Callable[[], tank.Measured], cells: int, side: float) -> Iterator[dict]:
    """Images of a water tank, see `benchmarks.inversions.tank`."""
    readings = data()
    for made in tank_nmm.reconstructions(readings, cells):
        yield {"problem": name, **tank.sweep(made)}
    if reason := tank_pyeit.missing():
        yield {"method": "pyEIT", "reason": reason}
        return
    for made in tank_pyeit.reconstructions(readings, side):
        yield {"problem": name, **tank.sweep(made)}


def statements(parts: Iterable[Any]) -> int:
    """Logical lines of functions and classes, whatever their layout, without docstrings and comments."""
    return sum(len(bare(part).splitlines()) for part in parts)


def bare(part: Any) -> str:
    """The source of a function or class with one statement a line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return "\n".join(line for line in ast.unparse(tree).splitlines() if line.strip())


def verdicts(rows: list[dict], quick: bool) -> Iterator[Verdict]:
    """How nmm compares with the best of the peers on each problem, everything compiled."""
    for name in dict.fromkeys(row["problem"] for row in rows):
        here = [row for row in rows if row["problem"] == name and "compilation" not in row["method"]]
        own = [row for row in here if row["library"] == "nmm"]
        others = [row for row in here if row["library"] != "nmm"]
        if own and others:
            ratio = least(own, "error") / least(others, "error")
            yield Verdict(f"{name}: error, nmm / peer", ratio, "≤ 1.05", None if quick else ratio <= 1.05)
            ratio = least(own, "seconds") / least(others, "seconds")
            yield Verdict(f"{name}: seconds, nmm / peer", ratio, "observed", None)


def least(rows: list[dict], key: str) -> float:
    """The smallest figure."""
    return min(row[key] for row in rows)


def page(result: Mapping[str, Any]) -> list[str]:
    """The tables of a record."""
    load = result.get("load")
    busy = "" if load is None else f" Load of the machine at the end (1: this program alone): {load:.1f}."
    parts = [
        f"{result['about'][0].upper()}{result['about'][1:]}.{busy}",
        *heads_page(result),
        *tank_page(result),
    ]
    if result["skipped"]:
        parts += ["## Skipped", table(("method", "reason", "problems"), reasons(result["skipped"]))]
    checks = [(c["check"], c["value"], c["expected"], PASSED[c["passed"]]) for c in result["checks"]]
    return [*parts, "## Checks", table(("check", "value", "expected", "passed"), checks)]


def heads_page(result: Mapping[str, Any]) -> list[str]:
    """Conductivity from heads."""
    keys = (
        "problem", "method", "misfit", "error", "objective", "iterations", "setup", "until", "seconds",
    )  # fmt: skip
    names = (
        "problem", "method", "misfit", "error of log k", "objective", "iterations", "set-up, s",
        "to 1 % of the lowest objective, s", "whole search, s",
    )  # fmt: skip
    rows = [[row[key] for key in keys] for row in result["rows"] if row["problem"].startswith("heads")]
    count = result["statements"]
    return [
        "## Conductivity from heads",
        "A field on 17 by 9 nodes from 60 heads with 1 % noise, made by quadratic triangles of scikit-fem;"
        " one prior of one strength for all. nmm solves on square cells that fit the rectangle, scikit-fem on"
        " the same nodes with linear triangles. `misfit`: mean square of the residuals in standard"
        " deviations; `error`: relative, in L2. Both Gauss-Newton searches end when a step gains less than"
        " 1e-4; nmm's whole search includes the posterior, which the others do not make. What a user writes"
        f" for Gauss-Newton takes {count['nmm']} statements in nmm and {count['scikit-fem']} in scikit-fem"
        " with the adjoint, the prior and the steps by hand.",
        table(names, rows),
    ]


def tank_page(result: Mapping[str, Any]) -> list[str]:
    """The tank."""
    names = (
        "problem", "method", "unknowns", "error, best", "at", "centres off", "error, default", "centres off",
        "first set-up, s", "set-up, s", "an image, s",
    )  # fmt: skip
    rows = [
        (
            *(row[key] for key in ("problem", "method", "unknowns", "error", "best")),
            off(row["places"]), row["plain_error"], off(row["plain_places"]),
            *(row[key] for key in ("first", "setup", "image")),
        )
        for row in result["rows"]
        if row["problem"].startswith("tank")
    ]  # fmt: skip
    count, times = len(tank.STRENGTHS), f"{tank.STRENGTHS[0]:g} to {tank.STRENGTHS[-1]:g}"
    return [
        "## Two inclusions in a tank",
        f"The unit disk with {tank.COUNT} electrodes, a conductive and a resistive inclusion (3 and 0.3"
        " in water of 1). Readings are nmm's complete electrode model on a finer cover, shifted and"
        " turned, with one draw of noise relative to the mean reading. Its electrodes have a width and a"
        " contact impedance, which nmm is told; pyEIT's are nodes of its mesh. All methods get the"
        " differences against the empty tank; those with several Gauss-Newton steps add them to their"
        " own empty tank. `error`: of the change of conductivity in L2 on 64 by 64 pixels, relative,"
        " after the best scalar scaling; `centres off`: of the conductive and the resistive inclusion,"
        f" in radii of the tank. Each method has its regularisation multiplied by {count} factors from"
        f" {times}: `best` is that of the least error, which nobody knows in practice, `default` the"
        f" factor 1: in nmm a prior of log σ with deviation {tank_nmm.DEVIATION:g} and length"
        f" {tank_nmm.LENGTH:g} and the noise as it is, in pyEIT p = 0.5 and λ = 0.01 of its examples."
        " `first set-up` includes what nmm compiles and has not compiled for the data.",
        table(names, rows),
    ]


def off(places: Iterable[float | None]) -> str:
    """Distances for a reader; a sign of change that an image lacks has none."""
    return ", ".join("none" if place is None else f"{place:.3f}" for place in places)
