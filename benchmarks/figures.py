"""Figures from a record; nothing here measures anything."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

from benchmarks.curves import groups, rate
from benchmarks.inversions import pictures
from benchmarks.ktc2023 import pages
from nmm.results.files import replacing

DPI = {"profile": 220}
GHOST = ", ghost penalty"
WHERE = {"host": "#4477AA", "set-up": "#CCBB44", "iterations": "#228833"}
COLORS = ("#4477AA", "#EE6677", "#228833")
STYLES = {"l2": ("o", "-", "L2"), "h1": ("s", "--", "H1")}


def write(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the figures of a record into `folder`; their paths. A record of single figures has none."""
    if result["benchmark"] in ("core", "gpu", "inverse", "networks", "study"):
        return []
    figure = DRAWINGS.get(result["benchmark"], outcrop)(result)
    path = folder / f"{result['benchmark']}.png"
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI.get(result["benchmark"], 130))
    return [path]


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def verification(result: Mapping[str, Any]) -> Figure:
    """One panel for each problem whose errors are not at rounding: relative error against cells."""
    curves: dict[str, list] = {}
    for problem, method, cover, rows in groups(result["rows"]):
        if rate(rows, "h1") is not None:
            curves.setdefault(problem, []).append((method, cover, rows))
    columns = 3
    lines = max(1, math.ceil(len(curves) / columns))
    figure = new_figure(4.2 * columns, 3.3 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    labels = {f"{method}, {cover}" for found in curves.values() for method, cover, _ in found}
    colors = {label: f"C{i}" for i, label in enumerate(sorted(labels))}
    for panel, (problem, found) in zip(panels, curves.items(), strict=False):
        for method, cover, rows in found:
            for key, (marker, dashes, norm) in STYLES.items():
                panel.loglog(
                    [row["cells"] for row in rows],
                    [row[key] for row in rows],
                    marker=marker,
                    linestyle=dashes,
                    color=colors[f"{method}, {cover}"],
                    label=f"{method}, {cover}, {norm}",
                    markersize=4,
                )
        cells = sorted({row["cells"] for _, _, rows in found for row in rows})
        panel.set_xticks(cells, [str(n) for n in cells])
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_title(textwrap.fill(result["problems"][problem]["title"], 48), fontsize=9)
        panel.set_xlabel("cells along the longer side")
        panel.set_ylabel("relative error")
        panel.grid(True, alpha=0.3)
    for panel in panels[len(curves) :]:
        panel.set_axis_off()
    handles: dict[str, Any] = {}
    for panel in panels[: len(curves)]:
        handles |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def outcrop(result: Mapping[str, Any]) -> Figure:
    """Effective modulus and permeability against the cells, and their distance from the limit."""
    figure = new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    cells = [row["cells"] for row in result["rows"]]
    for number, (name, fit) in enumerate(result["convergence"].items()):
        values = [row[name] for row in result["rows"]]
        left.semilogx(cells, values, "o-", color=f"C{number}", label=name)
        if fit["limit"] is not None:
            left.axhline(fit["limit"], color=f"C{number}", linewidth=0.8, linestyle=":")
            distance = [abs(value - fit["limit"]) / abs(fit["limit"]) for value in values]
            label = f"{name}, rate {fit['rate']:.2f}"
            right.loglog(cells, distance, "o-", color=f"C{number}", label=label)
    for panel in (left, right):
        panel.set_xticks(cells, [str(n) for n in cells])
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xlabel("cells along the longer side")
        panel.grid(True, alpha=0.3)
        if panel.has_data():
            panel.legend(fontsize=8)
    left.set_ylabel("relative to the rock without fractures")
    right.set_ylabel("relative distance from the limit (dotted)")
    figure.suptitle(result["about"], fontsize=10)
    return figure


def multigrid(result: Mapping[str, Any]) -> Figure:
    """Iterations against the cells, with and without a promise, and seconds against the unknowns with one.

    The ghost penalty of a problem has its colour and crosses; markers change where colours begin anew.
    """
    names = list(dict.fromkeys(row["problem"] for row in result["rows"]))
    problems = [name for name in names if not name.endswith(GHOST)]
    limits = {row["problem"]: row["limit"] for row in result["rows"]}
    promised = [name for name in problems if limits[name] is not None]
    others = [name for name in problems if limits[name] is None]
    figure = new_figure(14.0, 4.0 + 0.18 * max(len(promised), len(others)))
    figure.set_layout_engine("constrained", h_pad=0.12)
    left, middle, right = figure.subplots(1, 3)
    for panel, shown in ((left, promised), (middle, others)):
        for number, problem in enumerate(shown):
            for name, style in ((problem, f"{'os^D'[number // 10 % 4]}-"), (problem + GHOST, "x--")):
                rows = [r for r in result["rows"] if r["problem"] == name and r["shape"] == "quad"]
                rows = [r for r in rows if r["iterations"]]
                label = problem if name == problem else None
                cells, steps = [r["cells"] for r in rows], [r["iterations"] for r in rows]
                if rows:
                    panel.semilogx(cells, steps, style, color=f"C{number}", label=label, markersize=5)
                peers = [(r["cells"], r["peer_iterations"]) for r in rows if r["peer_iterations"]]
                if peers and name == problem:
                    panel.semilogx(*zip(*peers, strict=True), ":", color=f"C{number}")
        cells = sorted({row["cells"] for row in result["rows"] if row["problem"] in shown})
        panel.set_xticks(cells, [str(n) for n in cells])
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xlabel("cells along the longer side, quad lattice")
        panel.set_ylim(bottom=0)
        if shown:
            panel.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False)
    left.set_ylabel("iterations to 1e-8")
    left.set_title("with a promise", fontsize=9)
    middle.set_title("observed", fontsize=9)
    figure.suptitle("dotted: PyAMG; dashed, crosses: with a ghost penalty", fontsize=9)
    for key, marker, name in (("seconds", "o", "nmm"), ("peer_seconds", "x", "PyAMG")):
        rows = [r for r in result["rows"] if r[key] is not None and r["limit"] is not None]
        right.loglog([r["unknowns"] for r in rows], [r[key] for r in rows], marker, label=name, alpha=0.7)
    right.set_xlabel("unknowns")
    right.set_ylabel("seconds, set-up and solve")
    right.set_title("with a promise", fontsize=9)
    right.legend(fontsize=8)
    for panel in (left, middle, right):
        panel.grid(True, alpha=0.3)
    return figure


def forward(result: Mapping[str, Any]) -> Figure:
    """Seconds against unknowns for each problem, and peak memory for both; log-log."""
    problems = list(result["problems"])
    figure = new_figure(5.0 * (len(problems) + 1), 4.4)
    *panels, memory = figure.subplots(1, len(problems) + 1)
    methods = list(dict.fromkeys(row["method"] for row in result["rows"]))
    for number, method in enumerate(methods):
        style = {"color": f"C{number}", "markersize": 4}
        for panel, problem, marker in zip(panels, problems, ("o", "s"), strict=True):
            rows = [r for r in result["rows"] if (r["method"], r["problem"]) == (method, problem)]
            if not rows:
                continue
            label = f"{rows[0]['library']}: {rows[0]['solver']}"
            unknowns = [r["unknowns"] for r in rows]
            total = [r["seconds"]["total"] for r in rows]
            solved = [r["seconds"]["setup"] + r["seconds"]["solve"] for r in rows]
            own = method == "nmm"
            panel.loglog(unknowns, total if own else solved, "o-", label=label, **style)
            panel.loglog(unknowns, [r["first"] for r in rows] if own else total, "o:", alpha=0.6, **style)
            memory.loglog(unknowns, [r["peak_gib"] for r in rows], marker + "-", **style)
    for panel, problem in zip(panels, problems, strict=True):
        panel.set_title(problem, fontsize=10)
        panel.set_ylabel("seconds")
    memory.set_title("both problems (squares: elasticity)", fontsize=10)
    memory.set_ylabel("peak memory in GiB")
    for panel in (*panels, memory):
        panel.set_xlabel("unknowns")
        panel.grid(True, alpha=0.3)
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_xlim(left=0.6 * min(row["unknowns"] for row in result["rows"]))
    memory.yaxis.set_major_locator(FixedLocator([0.25, 0.5, 1, 2, 4]))
    memory.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    memory.yaxis.set_minor_formatter(NullFormatter())
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    figure.suptitle(
        "solid: nmm with its cut, others without mesh; dotted: nmm with compilation, others with their mesh",
        fontsize=9,
    )
    return figure


def fracture(result: Mapping[str, Any]) -> Figure:
    """The largest error of each plate against cells; the inclined crack; the eight cracks."""
    figure = new_figure(14.0, 4.8)
    left, middle, right = figure.subplots(1, 3)
    styles = {"plain": ("o", "--"), "enriched": ("s", "-"), "order 1": ("^", ":")}
    families = list(dict.fromkeys(row["case"].split(",")[0] for row in result["rows"]))
    worst: dict[tuple[str, str], dict[int, float]] = {}
    for row in result["rows"]:
        at = worst.setdefault((row["case"], row["tips"]), {})
        at[row["cells"]] = max(at.get(row["cells"], 0.0), abs(row["error"] or math.nan))
    for (case, tips), errors in worst.items():
        family = case.split(",")[0]
        marker, dashes = styles[tips]
        if max(errors.values()) < 1e-6:
            continue
        left.loglog(
            list(errors),
            [100 * e for e in errors.values()],
            marker=marker,
            linestyle=dashes,
            color=f"C{families.index(family)}",
            markersize=4,
        )
    for number, family in enumerate(families):
        left.plot([], [], color=f"C{number}", label=family)
    cells = sorted({row["cells"] for row in result["rows"]})
    left.set_xticks(cells, [f"a/{n}" for n in cells])
    left.xaxis.set_minor_locator(NullLocator())
    left.set_xlabel("cell")
    left.set_ylabel("largest error in %")
    handles, _ = left.get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
    figure.suptitle(
        "circles, dashed: plain tips; squares, solid: enriched tips; triangles, dotted: enriched, of order 1",
        fontsize=9,
    )
    angles = [math.radians(b) for b in range(91)]
    unit = math.sqrt(math.pi)
    middle.plot(range(91), [math.sin(b) ** 2 for b in angles], color="C0", label="K_I, exact")
    middle.plot(range(91), [math.sin(b) * math.cos(b) for b in angles], color="C1", label="K_II, exact")
    for row in result["rows"]:
        mine = (r for r in result["rows"] if (r["case"], r["tips"]) == (row["case"], row["tips"]))
        finest = max(r["cells"] for r in mine)
        marker = styles[row["tips"]][0]
        hollow = {"markerfacecolor": "none"} if row["tips"] == "plain" else {}
        if row["cells"] != finest or row["value"] is None:
            continue
        color = "C0" if row["label"].startswith("K_I,") or row["label"] == "K_I" else "C1"
        style = {"marker": marker, "color": color, "linestyle": "", "markersize": 5, **hollow}
        if row["case"].startswith("inclined"):
            beta = float(row["case"].split(",")[1].strip(" °"))
            middle.plot(beta, row["value"] / unit, **style)
        if row["case"] == "eight cracks":
            right.plot(row["reference"], row["value"], **style)
    middle.set_xlabel("angle between crack and tension in degrees")
    middle.set_ylabel("K / σ√πa of the inclined crack")
    middle.legend(fontsize=8)
    right.plot([-2, 6], [-2, 6], color="0.6", linewidth=0.8)
    right.set_xlabel("reference (blue: K_I, orange: K_II)")
    right.set_ylabel("K of the eight cracks")
    for panel in (left, middle, right):
        panel.grid(True, alpha=0.3)
    return figure


def profile(result: Mapping[str, Any]) -> Figure:
    """Seconds of each stage as horizontal bars in the order of a run, a panel for each problem."""
    rows = result["rows"]
    stages = [stage["stage"] for stage in rows[0]["stages"]]
    figure = new_figure(9.0, 0.8 + 0.21 * len(stages))
    panels = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
    for panel, row in zip(panels, rows, strict=True):
        seconds = [stage["seconds"] for stage in row["stages"]]
        colors = [WHERE[stage["where"]] for stage in row["stages"]]
        bars = panel.barh(range(len(stages)), seconds, color=colors, height=0.72)
        panel.bar_label(bars, [f"{s:.2f}" if s >= 0.005 else "<0.01" for s in seconds], padding=2, fontsize=7)
        panel.set_xlim(0, 1.14 * max(seconds))
        panel.set_title(
            f"{row['problem'].capitalize()}: {row['unknowns']:,} unknowns, "
            f"{row['iterations']} iterations, {row['total']:.1f} s",
            fontsize=9,
        )
        panel.set_xlabel("seconds", fontsize=8)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(stages)), stages)
    panels[0].set_ylim(len(stages) - 0.4, -0.6)
    handles = [Patch(color=color) for color in WHERE.values()]
    names = ["on the host", "set-up on the device", "all iterations on the device"]
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def accuracy(result: Mapping[str, Any]) -> Figure:
    """Error in L2 against unknowns and against seconds, a row of panels for each problem."""
    problems = list(result["problems"])
    figure = new_figure(9.5, 3.7 * len(problems))
    panels = figure.subplots(len(problems), 2, squeeze=False, sharey="row")
    methods = list(dict.fromkeys(row["method"] for row in result["rows"]))
    markers = {1: "o", 2: "s", 3: "^"}
    for problem, (left, right) in zip(problems, panels, strict=True):
        for curve in dict.fromkeys(r["curve"] for r in result["rows"] if r["problem"] == problem):
            rows = [row for row in result["rows"] if row["curve"] == curve]
            method, degree = rows[0]["method"], rows[0]["degree"]
            look = {"marker": markers[degree], "color": COLORS[methods.index(method)], "markersize": 5}
            look |= {"linestyle": "-" if method == "nmm" else "--", "label": f"{method}, degree {degree}"}
            for panel, key in ((left, "unknowns"), (right, "seconds")):
                panel.loglog([row[key] for row in rows], [row["l2"] for row in rows], **look)
                panel.grid(True, alpha=0.3)
        left.set_ylabel("relative error in L2")
        left.set_title(result["problems"][problem], fontsize=9, loc="left")
    for panel, label in zip(panels[-1], ("unknowns", "seconds, of everything"), strict=True):
        panel.set_xlabel(label)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    return figure


DRAWINGS = {
    "accuracy": accuracy,
    "verification": verification,
    "multigrid": multigrid,
    "forward": forward,
    "fracture": fracture,
    "profile": profile,
    "ktc2023": pages.picture,
    "inverse_peers": pictures.picture,
}
