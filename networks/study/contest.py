"""E15: networks against the best classical methods, on problems that others have set."""

from collections import defaultdict
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from networks.comparison.row import Row
from networks.contest import allen_cahn, classical, many_dimensions, problems
from networks.contest.trained import WAYS, trained
from networks.study.experiment import CONSISTENT, INCONSISTENT, Effort, Experiment, Falsifier, Measured, Table

SECONDS = 1.0
"""Of training, a seed."""

CLASSICAL = ("hats", "spectral", "differences", "manifold")
ON_A_PLANE = tuple(WAYS)
IN_SPACE = ("pinn", "pinn_natural", "ritz_natural")
QUICK = ("pinn_natural", "local", "one", "extreme", "fine")
COLUMNS = (
    "problem",
    "method",
    "unknowns",
    "L2",
    "least",
    "largest",
    "max",
    "compile s",
    "solve s",
    "values ms",
    "end",
)


def contests(effort: Effort) -> list[tuple[problems.Contest, list[Row], tuple[str, ...]]]:
    """Problems with what the classical methods make of them, and which networks are tried."""
    line, wave = problems.line(), problems.oscillation()
    found = [
        (
            line,
            [classical.hats(line, 4096), classical.chebyshev(line, 16), classical.manifold(line, 16, 5)],
            ON_A_PLANE,
        ),
        (
            wave,
            [classical.hats(wave, 4096), classical.chebyshev(wave, 80), classical.manifold(wave, 96, 5)],
            ON_A_PLANE,
        ),
    ]
    if effort.quick:
        return [(contest, rows, QUICK) for contest, rows, _ in found]
    square, cube = problems.square(), problems.cube()
    return [
        *found,
        (square, [classical.manifold(square, 4, 5)], ON_A_PLANE),
        (cube, [classical.sines(cube, 64), classical.manifold(cube, 8, 5)], IN_SPACE),
    ]  # fmt: skip


def measure(effort: Effort) -> Measured:
    """Every method on every problem."""
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    seconds = effort.pick(SECONDS, 0.5)
    rows: dict[str, list[Row]] = defaultdict(list)
    for contest, solved, ways in contests(effort):
        rows[contest.title] += solved
        for way in ways:
            effort.report(f"{contest.title}: {WAYS[way].title}")
            rows[contest.title].append(trained(contest, WAYS[way], seeds, seconds))
    if not effort.quick:
        effort.report("Allen-Cahn")
        rows["1-D Allen-Cahn"] = allen_cahn.rows(seeds)
    values, spread = judged(rows)
    for axes in effort.pick((2, 5, 10), (2, 5)):
        effort.report(f"{axes} dimensions")
        sizes = {"rank": max(3, axes), "cells": 8, "degree": 7}
        many = many_dimensions.additive(axes)
        rows[many.name] = [many_dimensions.separable(many, seeds=seeds, **sizes)]
        values[f"error of the separable manifold, D = {axes}"] = rows[many.name][0].l2[0]
        spread[f"error of the separable manifold, D = {axes}"] = rows[many.name][0].l2[1:]
        if not effort.quick:
            rows[many.name].append(many_dimensions.perceptron(many, seeds, seconds, "natural"))
            other = many_dimensions.mixed(axes)
            rows[other.name] = [
                many_dimensions.separable(other, seeds=seeds, **sizes, sweeps=200),
                many_dimensions.perceptron(other, seeds, seconds, "natural"),
            ]
    table = Table(
        "Every method on every problem", COLUMNS, [cells(name, row) for name in rows for row in rows[name]]
    )
    points = {
        name: [(r.method, r.title, r.train, r.l2[0], *r.l2[1:]) for r in group]
        for name, group in rows.items()
    }
    return Measured(values, spread, [table], {"points": points})


def judged(rows: dict[str, list[Row]]) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """How much less the error of the best classical method is than that of the best network; local gains."""
    gains, spread = {}, {}
    for name, group in rows.items():
        exact = min(row.l2[0] for row in group if row.method in CLASSICAL)
        networks = [row for row in group if row.method not in CLASSICAL]
        best = min(networks, key=lambda row: row.l2[0])
        gains[name] = best.l2[0] / exact
        spread[f"classical gain, {name}"] = (best.l2[1] / exact, best.l2[2] / exact)
    wave = {row.method: row.l2[0] for row in rows[problems.oscillation().title]}
    values = {
        "least classical gain": min(gains.values()),
        "gain of local networks": wave["one"] / wave["local"],
        **{f"classical gain, {name}": gain for name, gain in gains.items()},
    }
    return values, spread


def cells(name: str, row: Row) -> list[Any]:
    """A row of the table."""
    numbers = [f"{v:.1e}" for v in (*row.l2, row.largest[0])]
    times = [f"{row.compile:.1f}", f"{row.train:.2g}", f"{1e3 * row.evaluate:.2g}"]
    return [name, row.title, row.unknowns, *numbers, *times, row.result]


def draw(found: Measured) -> Figure:
    """Error against seconds, a panel for each problem."""
    points = {name: group for name, group in found.series["points"].items() if len(group) > 1}
    across = min(3, len(points))
    down = -(-len(points) // across)
    figure = Figure(figsize=(3.6 * across, 2.9 * down + 0.5), layout="constrained")
    axes = np.ravel(figure.subplots(down, across))
    shown: dict[str, Any] = {}
    titles: dict[str, str] = {}
    for group in points.values():
        for method, title, *_ in group:
            titles.setdefault(method, title.split(",")[0] if method in CLASSICAL else title)
    marks = dict(zip(titles, cycle("osD^vP*X<>hdp8H"), strict=False))
    for panel, (name, group) in zip(axes, points.items(), strict=False):
        for method, _, seconds, error, least, largest in group:
            colour = "#1b4f72" if method in CLASSICAL or method == "separable" else "#c0392b"
            shown[method] = panel.errorbar(
                [seconds],
                [error],
                [[error - least], [largest - error]],
                fmt=marks[method],
                color=colour,
                markersize=5,
                linewidth=0.8,
            )
        panel.set(
            xscale="log",
            yscale="log",
            xlabel="seconds of a solve, or of training",
            ylabel="relative L2 error",
        )
        panel.set_title(name, fontsize=9)
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.grid(alpha=0.3, linewidth=0.5)
    for panel in axes[len(points) :]:
        panel.set_visible(False)
    names = [titles[method] for method in shown]
    figure.legend(list(shown.values()), names, loc="outside lower center", ncols=3, fontsize=7, frameon=False)
    return figure


EXPERIMENT = Experiment(
    name="contest",
    label="E15",
    concepts=("D11",),
    about="Networks against the best classical methods on problems that others have set",
    claim=(
        "Coverage, accuracy and performance are not to be had at once; many local models may do what one "
        "cannot."
    ),
    definition=(
        "Relative L2 errors and seconds of each method, compilation apart, on Poisson problems in one to "
        "three dimensions and Allen-Cahn's equation (Grossmann et al. 2024), on an oscillation, and on "
        "sums of sines in up to ten dimensions (INN-TD). A gain is the error of the best network over "
        "that of the best classical method. Local networks (a perceptron on each window) and one "
        "perceptron have equal weights and seconds. These definitions are ours."
    ),
    statement=(
        "In one to three dimensions the best classical method is more exact than every network trained for "
        f"{SECONDS:g} seconds, and on a high frequency local networks are more exact than one."
    ),
    means={
        CONSISTENT: "Networks do not replace a solver where a lattice can go; federation pays on high "
        "frequencies.",
        INCONSISTENT: "Some network beats the best classical method, or one perceptron many local ones.",
    },
    expected=(
        "Classical methods win forward problems in one to three dimensions (Grossmann et al. 2024; "
        "McGreivy and Hakim 2024); local networks win on high frequencies (Moseley et al. 2023); sums of "
        "products of interpolations reach 1.2e-8 to 1.8e-8 in 2 to 10 dimensions (INN-TD, ICML 2025)."
    ),
    frame="nonlinearity",
    falsifiers=(
        Falsifier(
            "least classical gain",
            ">=",
            1.0,
            "a network more exact than the best classical method refutes it",
        ),
        Falsifier(
            "gain of local networks", ">=", 1.0, "one perceptron as exact as many local ones refutes it"
        ),
    ),
    measure=measure,
    draw=draw,
)
