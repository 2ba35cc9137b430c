"""What the benchmarks of accuracy found, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.curves import groups, rate
from benchmarks.markdown import PASSED, percent, reasons, show, table


def verification(result: Mapping[str, Any]) -> list[str]:
    """One row for each problem, method and cover; the errors are those on the finest cover."""
    summary = []
    for problem, method, cover, rows in groups(result["rows"]):
        verdicts = [
            c for c in result["checks"] if (c["problem"], c["method"], c["cover"]) == (problem, method, cover)
        ]
        shown = "; ".join(
            f"{v['check']} {show(v['value'])} ({v['expected']})" for v in verdicts if v["value"] is not None
        )
        judged = [v["passed"] for v in verdicts if v["passed"] is not None]
        finest = rows[-1]
        summary.append(
            (
                problem,
                method,
                cover,
                finest["unknowns"],
                finest.get("l2"),
                finest.get("h1"),
                rate(rows, "l2"),
                rate(rows, "h1"),
                shown,
                PASSED[all(judged) if judged else None],
            )
        )
    heads = ("problem", "method", "cover", "unknowns", "L2", "H1", "rate L2", "rate H1", "checks", "passed")
    known = [(name, p["title"], p["reference"]) for name, p in result["problems"].items()]
    parts = [
        "Errors are relative to the same norm of the exact solution, on the finest cover;"
        " rates between the two finest.",
        table(heads, summary),
        "The limits in brackets are promises of nmm; for a peer they are information.",
        "## Effectivity of the estimated error",
        "Estimated by true error of nmm in the energy norm, on each cover from the coarsest to the finest.",
        effectivity(result["rows"]),
        "## Problems",
        table(("name", "problem", "reference"), known),
    ]
    if result["skipped"]:
        parts += ["## Skipped", table(("method", "reason", "problems"), reasons(result["skipped"]))]
    return parts


def effectivity(rows: Sequence[Mapping]) -> str:
    """One row for each problem and cover, one column for each refinement."""
    found = [
        (problem, cover, [row["cells"] for row in mine], [row["effectivity"] for row in mine])
        for problem, _, cover, mine in groups(rows)
        if all(row.get("effectivity") is not None for row in mine)
    ]
    most = max((len(cells) for _, _, cells, _ in found), default=0)
    heads = ("problem", "cover", "cells along the longer side", *(f"cover {i + 1}" for i in range(most)))
    return table(
        heads,
        [
            (problem, cover, ", ".join(map(str, cells)), *values, *[None] * (most - len(values)))
            for problem, cover, cells, values in found
        ],
    )


def accuracy(result: Mapping[str, Any]) -> list[str]:
    """One row for each cover, and the rates between the two finest."""
    keys = ("method", "degree", "cells", "unknowns", "l2", "h1", "seconds")
    heads = ("method", "degree", "cells", "unknowns", "L2", "H1", "seconds")
    parts = [
        f"{result['about'][0].upper()}{result['about'][1:]}. Errors are relative. Seconds are those of"
        " everything from the geometry to the solution, factorised, with nmm's few programs compiled before."
        " ngsxfem bends a mesh of triangles towards the circle; scikit-fem has netgen's mesh of it."
    ]
    for problem, title in result["problems"].items():
        shown = [[row[key] for key in keys] for row in result["rows"] if row["problem"] == problem]
        parts += [f"## {title[0].upper()}{title[1:]}", table(heads, shown)]
    checks = [
        (c["problem"], c["check"], c["value"], c["expected"], PASSED[c["passed"]]) for c in result["checks"]
    ]
    parts += [
        "## Rates from the coarsest to the finest cover",
        table(("curve", "check", "value", "expected", "passed"), checks),
    ]
    if result["skipped"]:
        parts += ["## Skipped", table(("method", "reason", "problems"), reasons(result["skipped"]))]
    return parts


def fracture(result: Mapping[str, Any]) -> list[str]:
    """Errors under refinement, one row for each plate, kind of tips and group of tips."""
    cells = sorted({row["cells"] for row in result["rows"]})
    found: dict[tuple[str, str, str], dict[int, Mapping]] = {}
    for row in result["rows"]:
        found.setdefault((row["case"], row["label"], row["tips"]), {})[row["cells"]] = row
    order = list(dict.fromkeys((row["case"], row["label"]) for row in result["rows"]))
    shown = []
    for (case, label, tips), rows in sorted(found.items(), key=lambda item: order.index(item[0][:2])):
        finest = rows[max(rows)]
        errors = [percent(rows[n]["error"]) if n in rows else "" for n in cells]
        shown.append((case, label, tips, finest["reference"], finest["value"], *errors))
    judged = [
        (c["problem"], c["tips"], percent(c["value"]), percent(float(c["expected"][2:])), PASSED[c["passed"]])
        for c in result["checks"]
    ]
    spread = [
        (s["case"], s["tips"], s["lattices"], *(percent(s[k]) for k in ("mean", "deviation", "largest")))
        for s in result["lattices"]
    ]
    known = [(name, p["title"], p["reference"]) for name, p in result["problems"].items()]
    parts = [
        f"{result['about'][0].upper()}{result['about'][1:]}. Errors are in per cent of the largest K of the"
        " plate, in infinite planes of σ√πa, on squares of a/10, a/20, ..., where a is the length of an edge"
        " crack or of an arm, half the length of a crack with two tips, the main part of the branched crack,"
        " and 1 for the eight cracks. Where several tips have one value by symmetry, the worst is shown."
        " Infinite planes are squares of 6a or 8a whose edge carries the exact stress: in closed form for the"
        " inclined crack, otherwise that of the cracks' own opening, found by repetition.",
        table(("plate", "factor", "tips", "reference", "finest", *(f"a/{n}" for n in cells)), shown),
        "## Lattices",
        "The same plates at a/20 on lattices shifted and turned at random.",
        table(("plate", "tips", "lattices", "mean error", "standard deviation", "largest error"), spread),
        "## Checks",
        table(("plate", "tips", "largest error on the finest cover", "limit", "passed"), judged),
        "## Plates",
        table(("name", "title", "reference"), known),
    ]
    if result["skipped"]:
        parts += [
            "## Skipped",
            table(("tips", "reason"), [(s["method"], s["reason"]) for s in result["skipped"]]),
        ]
    return parts


def outcrop(result: Mapping[str, Any]) -> list[str]:
    """Effective properties under refinement, and what the cut kept of the traces."""
    rows = result["rows"]
    properties = [
        (
            row["cells"],
            row["cell"],
            row["unknowns"],
            row["modulus"],
            row["permeability"],
            row["seconds"]["total"],
        )
        for row in rows
    ]
    lengths = [
        (
            row["cells"],
            row["pieces"],
            row["patches"],
            row["parts"],
            row["held"],
            row["length_cut"],
            row["length_lost"],
            row["overlap"],
        )
        for row in rows
    ]
    clean = result["cleanup"]
    return [
        result["about"],
        "## Effective properties",
        "Relative to the rock without fractures, which is 1.",
        table(("cells", "cell in m", "unknowns", "modulus", "permeability", "seconds"), properties),
        table(
            ("property", "limit", "rate", "difference to the limit on the finest cover"),
            [
                (name, fit["limit"], fit["rate"], fit["difference"])
                for name, fit in result["convergence"].items()
            ],
        ),
        "## The cut",
        table(
            (
                "cells",
                "pieces",
                "patches",
                "parts",
                "held parts",
                "crack length cut, m",
                "without effect, m",
                "overlap, m",
            ),
            lengths,
        ),
        table(("clean-up", "figure"), clean.items()),
        "## Checks",
        table(
            ("check", "figure", "expected", "passed"),
            [(c["check"], c["value"], c["expected"], PASSED[c["passed"]]) for c in result["checks"]],
        ),
    ]
