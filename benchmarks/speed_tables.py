"""What the benchmarks of the solver found, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import PASSED, reasons, table
from benchmarks.multigrid import products


def multigrid(result: Mapping[str, Any]) -> list[str]:
    """Iterations and seconds, nmm and PyAMG side by side."""
    rows = [
        row | {"products": None if row["iterations"] is None else products(row["iterations"])}
        for row in result["rows"]
    ]
    keys = (
        "problem", "shape", "cells", "unknowns", "cycle", "levels", "iterations", "products", "seconds",
        "compile", "peer_iterations", "peer_seconds",
    )  # fmt: skip
    heads = (
        "problem", "cover", "cells", "unknowns", "cycle", "levels", "iterations", "fine products", "seconds",
        "compilation", "PyAMG iterations", "PyAMG seconds",
    )  # fmt: skip
    checks = [(c["check"], c["value"], c["expected"], PASSED[c["passed"]]) for c in result["checks"]]
    return [
        f"{result['about']}. Seconds of nmm are assembly, levels, set-up and solve once everything is"
        " compiled, which takes the seconds of the next column the first time. PyAMG is smoothed"
        " aggregation with the rigid motions given, in conjugate gradients on the same matrix; its seconds"
        " are set-up and solve, without assembly. `fine products`: how often the solve applies the operator"
        " of the finest level, set-up included, for the"
        " cycle as it is now, whenever the row was measured.",
        table(heads, [[row.get(key) for key in keys] for row in rows]),
        "## Checks",
        table(("check", "worst", "expected", "passed"), checks),
    ]


def forward(result: Mapping[str, Any]) -> list[str]:
    """Seconds and memory of all methods, one table for each problem."""
    heads = (
        "unknowns", "library", "solver", "mesh or cut", "set-up", "solve", "total", "µs an unknown",
        "compilation", "peak GiB", "iterations", "error",
    )  # fmt: skip
    parts = [
        f"{result['about'][0].upper()}{result['about'][1:]}. Seconds are medians once everything is compiled;"
        " the first solve takes those of `compilation` longer. nmm cuts a lattice, the others take one and"
        " the same mesh of triangles (netgen's, halved), whose time is in `mesh or cut`. Iterative solvers"
        " reduce the residual to 1e-8. `error`: relative, of the work of the load, against a solution of"
        " high order on graded meshes."
    ]
    for problem, title in result["problems"].items():
        shown = [
            (
                row["unknowns"],
                row["library"],
                row["solver"],
                *(row["seconds"][part] for part in ("mesh", "setup", "solve", "total")),
                1e6 * row["seconds"]["total"] / row["unknowns"],
                row["compile"],
                row["peak_gib"],
                row["iterations"],
                row["error"],
            )
            for row in result["rows"]
            if row["problem"] == problem
        ]
        parts += [f"## {problem.capitalize()}", title[0].upper() + title[1:] + ".", table(heads, shown)]
    if result["skipped"]:
        parts += ["## Skipped", table(("method", "reason", "problems"), reasons(result["skipped"]))]
    checks = [(c["check"], c["value"], c["expected"], PASSED[c["passed"]]) for c in result["checks"]]
    return [*parts, "## Checks", table(("check", "value", "expected", "passed"), checks)]


def core(result: Mapping[str, Any]) -> list[str]:
    """One row for each figure."""
    heads = ("figure", "value", "expected", "passed", "of")
    of = {row["figure"]: row["parts"] for row in result["rows"]}
    shown = [
        (c["check"], c["value"], c["expected"], PASSED[c["passed"]], of[c["check"]]) for c in result["checks"]
    ]
    return [f"{result['about'][0].upper()}{result['about'][1:]}.", table(heads, shown)]


def profile(result: Mapping[str, Any]) -> list[str]:
    """Seconds of the stages and bytes of the arrays, the problems side by side."""
    rows = result["rows"]
    heads = tuple(f"{row['problem']}, {row['unknowns']:,} unknowns" for row in rows)
    stages = [
        (stage["stage"], stage["where"], *(row["stages"][i]["seconds"] for row in rows))
        for i, stage in enumerate(rows[0]["stages"])
    ]
    arrays = [
        (array["family"], *(row["arrays"][i]["bytes"] / 2**20 for row in rows))
        for i, array in enumerate(rows[0]["arrays"])
    ]
    whole = [
        ("all stages", *(sum(s["seconds"] for s in row["stages"]) for row in rows)),
        ("a whole run, everything compiled", *(row["total"] for row in rows)),
        ("of it the compiled program", *(row["program"] for row in rows)),
        ("the first run, which compiles", *(row["first"] for row in rows)),
        ("iterations", *(row["iterations"] for row in rows)),
        ("pieces", *(row["pieces"] for row in rows)),
        ("peak memory in GiB", *(row["peak_gib"] for row in rows)),
        ("load of the machine at the end (1: this program alone)", *(row["load"] for row in rows)),
        ("copy bandwidth in GB/s", *(row["bandwidth"] / 1e9 for row in rows)),
        ("operator, finest level: share of it", *(row["operator"]["share"] for row in rows)),
        ("vectors of conjugate gradients: share of it", *(row["vectors"]["share"] for row in rows)),
    ]
    levels = [
        (f"{row['problem']}, level {i}", level["visits"], 1e3 * level["operator"], 1e3 * level["smoother"])
        for row in rows
        for i, level in enumerate(row["levels"])
    ]
    return [
        f"{result['about'][0].upper()}{result['about'][1:]}. Host stages are timed inside the run, each"
        " without what it calls. Stages of the device (set-up, iterations) are the functions of the compiled"
        " program, compiled one by one and repeated alone; seconds of iterations are those of all iterations."
        " The share of the bandwidth counts the bytes that must be moved once.",
        table(("stage", "where", *(f"{head}, seconds" for head in heads)), stages),
        "## The whole",
        table(("figure", *heads), whole),
        "## Levels",
        table(("level", "visits of a cycle", "product, ms", "sweep of the smoother, ms"), levels),
        "## Arrays",
        table(("arrays", *(f"{head}, MiB" for head in heads)), arrays),
    ]


def gpu(result: Mapping[str, Any]) -> list[str]:
    """Seconds, memory and bandwidth of each size; the batches."""
    heads = (
        "problem", "unknowns", "cells", "iterations", "cut, s", "set-up on the host, s", "to the device, s",
        "program, s", "compilation, s", "GiB", "operator, ms", "GB/s", "share of the bandwidth",
    )  # fmt: skip
    solves = [row for row in result["rows"] if "unknowns" in row]
    solves.sort(key=lambda row: (list(result["problems"]).index(row["problem"]), row["unknowns"]))
    shown = [
        (
            row["problem"],
            row["unknowns"],
            row["cells"],
            row["iterations"] if row["converged"] else None,
            *(row["seconds"][part] for part in ("cut", "setup", "transfer", "program", "compile")),
            row["peak_gib"],
            1e3 * row["seconds"]["operator"],
            row["traffic"] / row["seconds"]["operator"] / 1e9,
            row["share"],
        )
        for row in solves
    ]
    batches = [
        (row["problem"], row["count"], row["cells"], row["one"], row["all"], row["ratio"])
        for row in result["rows"]
        if "count" in row
    ]
    parts = [
        f"{result['about'][0].upper()}{result['about'][1:]}: {result['device']['name']}. The program is all"
        " that is compiled: matrices, multigrid, and conjugate gradients to 1e-8, in double precision; its"
        " memory is the most that was held. The operator counts the bytes that must be moved once, against"
        " the bandwidth with which a long array is scaled in the same run.",
        table(heads, shown),
        "## Batches",
        "Geometries solved side by side, against one of them.",
        table(("problem", "geometries", "cells", "one, s", "all, s", "all / one"), batches),
    ]
    if result["skipped"]:
        parts += ["## Skipped", table(("method", "reason", "problems"), reasons(result["skipped"]))]
    return parts
