"""Markdown tables from a record; nothing here measures anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.checks import observed_rate
from benchmarks.multigrid import products
from nmm.results.files import save_text

PASSED = {True: "yes", False: "**no**", None: "–"}


def write(result: Mapping[str, Any], folder: Path) -> Path:
    """Write `folder/<benchmark>.md`."""
    body = BODIES.get(result["benchmark"], outcrop)(result)
    path = folder / f"{result['benchmark']}.md"
    save_text(path, "\n\n".join([f"# {result['benchmark']}", provenance(result), *body]) + "\n")
    return path


def provenance(result: Mapping[str, Any]) -> str:
    """When, on what and with what the figures were measured."""
    hardware, versions = result["hardware"], {**result["versions"], **result.get("methods", {})}
    quick = " A quick run: coarse covers, most limits not judged." if result["quick"] else ""
    memory = f", {hardware['memory_gib']} GiB" if "memory_gib" in hardware else ""
    later = "".join(
        f" Measured {run['date'][:10]} at commit {run['commit'] or 'unknown'} on {run['processor']}:"
        f" {'; '.join(run['rows'])}."
        for run in result.get("later", [])
    )
    return (
        f"Generated from `{result['benchmark']}.json`, measured {result['date'][:10]} at commit"
        f" {result['commit'] or 'unknown'} on {hardware['processor']}, {hardware['cores']} cores{memory}"
        f" ({', '.join(f'{name} {version}' for name, version in versions.items())}).{quick}{later}"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(show(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def show(value: Any) -> str:
    """A value for a reader: four digits, thousands apart, – for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return PASSED[value]
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, float):
        return f"{value:.2e}" if value and not 1e-2 <= abs(value) < 1e5 else f"{value:.4g}"
    return str(value).replace("|", "\\|")


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


def reasons(skipped: Sequence[Mapping]) -> list[tuple[str, str, str]]:
    """One row for each method and reason, with all the problems it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in skipped:
        named = f"{item['problem']} ({item['cover']})" if "problem" in item else "all"
        found.setdefault((item["method"], item["reason"]), []).append(named)
    return [(method, reason, ", ".join(problems)) for (method, reason), problems in found.items()]


def groups(rows: Sequence[Mapping]) -> Iterable[tuple[str, str, str, list[Mapping]]]:
    """Rows of one problem, method and cover together, problems first, in the order of their appearance."""
    found: dict[tuple[str, str, str], list[Mapping]] = {}
    for row in rows:
        found.setdefault((row["problem"], row["method"], row["cover"]), []).append(row)
    order = list(dict.fromkeys(row["problem"] for row in rows))
    for key in sorted(found, key=lambda key: order.index(key[0])):
        yield *key, found[key]


def rate(rows: Sequence[Mapping], key: str) -> float | None:
    """The observed rate, unless the error is at rounding."""
    errors = [row.get(key) for row in rows]
    if None in errors or max(errors) < 1e-9:
        return None
    return observed_rate([row["cells"] for row in rows], errors)


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


def percent(value: float | None) -> str:
    """A share in per cent with two decimals."""
    return "–" if value is None else f"{100 * value:.2f} %"


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


BODIES = {
    "accuracy": accuracy,
    "verification": verification,
    "multigrid": multigrid,
    "forward": forward,
    "core": core,
    "profile": profile,
    "fracture": fracture,
    "gpu": gpu,
}
