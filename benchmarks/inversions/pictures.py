"""Two figures of the comparison: seconds of the heads, and errors of the tank over the regularisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.inversions.tank import STRENGTHS

LOOKS = {"nmm": ("o", "-"), "scikit-fem": ("s", "--"), "pyEIT": ("s", "--")}


def picture(result: Mapping[str, Any]) -> Figure:
    """One panel for the heads and one for each tank."""
    rows = result["rows"]
    tanks = list(dict.fromkeys(row["problem"] for row in rows if row["problem"].startswith("tank")))
    figure = Figure(figsize=(4.4 * (1 + len(tanks)), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    first, *others = figure.subplots(1, 1 + len(tanks), squeeze=False)[0]
    seconds(first, [row for row in rows if row["problem"].startswith("heads")])
    for panel, name in zip(others, tanks, strict=True):
        errors(panel, [row for row in rows if row["problem"] == name])
        panel.set_title(name, fontsize=9, loc="left")
    return figure


def seconds(panel, rows: list[Mapping[str, Any]]):
    """Seconds of each method against cells."""
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        marker, dashes = LOOKS[own[0]["library"]]
        cells = [int(row["problem"].split()[1]) for row in own]
        panel.loglog(cells, [row["seconds"] for row in own], marker=marker, ls=dashes, label=method)
    panel.set_xlabel("cells along")
    panel.set_ylabel("seconds, whole search")
    panel.set_title("conductivity from heads", fontsize=9, loc="left")
    finished(panel)


def errors(panel, rows: list[Mapping[str, Any]]):
    """Error of each method against the factor of its regularisation."""
    for row in rows:
        marker, dashes = LOOKS[row["library"]]
        panel.semilogx(STRENGTHS, row["errors"], marker=marker, ls=dashes, label=row["method"])
    panel.set_xlabel("regularisation / default")
    panel.set_ylabel("relative error of the image, L2")
    finished(panel)


def finished(panel):
    """Grid and legend."""
    panel.grid(True, alpha=0.3)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16))
