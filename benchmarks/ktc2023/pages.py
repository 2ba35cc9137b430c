"""Table and picture of the challenge's record; nothing here measures anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from benchmarks.ktc2023.sweep import TARGETS, image_of, mean
from benchmarks.markdown import PASSED, show, table

COLORS = ListedColormap(["#DDE7F0", "#4477AA", "#EE6677"])


def page(result: Mapping[str, Any]) -> list[str]:
    """Scores by target and level, the published totals, and the checks."""
    rows = result["rows"]
    levels = sorted({row["level"] for row in rows})
    by_level = [
        (
            level,
            *(
                f"{mean(rows, 'score', target, level):.3f} ({mean(rows, 'baseline', target, level):.3f})"
                for target in TARGETS
            ),
            mean(rows, "score", None, level),
            mean(rows, "baseline", None, level),
            mean(rows, "seconds", None, level),
        )
        for level in levels
    ]
    by_level.append(
        (
            "mean",
            *(f"{mean(rows, 'score', t):.3f} ({mean(rows, 'baseline', t):.3f})" for t in TARGETS),
            mean(rows, "score"),
            mean(rows, "baseline"),
            mean(rows, "seconds"),
        )
    )
    heads = ("level", *(f"target {t}" for t in TARGETS), "mean", "linear, mean", "seconds an image")
    chosen = [next(row for row in rows if row["target"] == target) for target in TARGETS]
    best = result["best"]
    return [
        result["about"] + ". In brackets: the linear difference method.",
        table(heads, by_level),
        "The settings for each target are the best for the other three:",
        table(
            ("target", "weight of the variation", "least log contrast", "share of the peak"),
            [(row["target"], row["weight"], row["least"], row["share"]) for row in chosen],
        ),
        f"With one setting for all, the best on them: {best['score']:.3f} (weight {best['weight']:g},"
        f" least {best['least']:g}, share {best['share']:g});"
        f" the {len(result['grid'])} settings score {result['grid'][0]:.3f} to {result['grid'][-1]:.3f}.",
        "## Published",
        "Totals over 21 other targets, 3 at each level, which are not at hand here; beside them 21 times the"
        " mean score on the training targets.",
        table(
            ("method", "total of 21", "mean"),
            [
                *((name, total, total / 21) for name, total in result["published"].items()),
                ("here: linear, training targets", 21 * mean(rows, "baseline"), mean(rows, "baseline")),
                ("here: held out, training targets", 21 * mean(rows, "score"), mean(rows, "score")),
            ],
        ),
        "## Checks",
        table(
            ("check", "value", "expected", "passed"),
            [(c["check"], show(c["value"]), c["expected"], PASSED[c["passed"]]) for c in result["checks"]],
        ),
    ]


def picture(result: Mapping[str, Any]) -> Figure:
    """Truth and reconstructions: a row for each target, a column for each level."""
    rows, images = result["rows"], result["images"]
    levels = sorted({row["level"] for row in rows})
    figure = Figure(figsize=(1.45 * (len(levels) + 1), 1.62 * len(TARGETS)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(TARGETS), len(levels) + 1, squeeze=False)
    for line, target in zip(panels, TARGETS, strict=True):
        pictures = [("truth", images["truth"][str(target)])]
        for level in levels:
            value = mean(rows, "score", target, level)
            pictures.append((f"level {level}: {value:.2f}", images["found"][f"{target}, {level}"]))
        for panel, (title, runs) in zip(line, pictures, strict=True):
            panel.imshow(image_of(runs), cmap=COLORS, vmin=0, vmax=2, interpolation="nearest")
            panel.set_title(title, fontsize=8)
            panel.set_axis_off()
    return figure
