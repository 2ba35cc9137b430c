"""The figure of a comparison: errors against seconds and unknowns, fields, and where a cover moved."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from networks.comparison.measure import Comparison
from networks.comparison.methods import CLASSICAL, METHODS, SPLINES
from networks.comparison.row import Row
from networks.fitted import Fitted

COLORS = ("#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#994455")
MARKERS = "sD^vP*X"
STYLE = dict(zip(METHODS, zip(COLORS, MARKERS, strict=True), strict=True))
GRID = 220

MOVING = "manifold"
"""The method whose cover moves."""


def figure(found: Comparison) -> Figure:
    """Errors against seconds and unknowns; below, fields, and the nodes of the cover that moves."""
    made = Figure(figsize=(9.2, 7.2), layout="constrained")
    FigureCanvasAgg(made)
    places: Any = made.subfigures(2, 1, height_ratios=[1.15, 1])
    above, below = places
    left, right = above.subplots(1, 2, sharey=True)
    curves(left, found.rows, lambda row: row.train, "seconds of a solve or of training, compilation apart")
    curves(right, found.rows, lambda row: row.unknowns, "unknowns")
    left.set_ylabel("relative error of the gradient", fontsize=9)
    handles, labels = right.get_legend_handles_labels()
    above.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    pictures(below, found)
    return made


def curves(axes: Axes, rows: list[Row], at: Any, label: str):
    """Errors of all methods; bars from the least to the largest of the seeds."""
    for method, how in ((CLASSICAL, "o-"), (SPLINES, "o--")):
        classical = [row for row in rows if row.method == method]
        label_of = f"nmm, {method}" if method == SPLINES else method
        x, y = [at(row) for row in classical], [row.gradient[0] for row in classical]
        axes.loglog(x, y, how, color="#4477aa", label=label_of)
    for row in rows:
        if row.method in (CLASSICAL, SPLINES) or not np.isfinite(row.gradient[0]):
            continue
        color, marker = STYLE[row.method]
        middle, low, high = row.gradient
        bars = [[middle - low], [high - middle]]
        style: dict[str, Any] = dict(fmt=marker, color=color, capsize=2, ms=6, label=row.title)
        axes.errorbar([at(row)], [middle], yerr=bars, **style)
    axes.set_xlabel(label, fontsize=9)
    axes.grid(True, which="major", lw=0.4, alpha=0.6)
    axes.tick_params(labelsize=8)


def pictures(place: Any, found: Comparison):
    """The fields of nmm and of the networks that came nearest to it, on one scale."""
    others = [row for row in found.rows if row.method in found.fields and row.method != CLASSICAL]
    ranked = sorted(others, key=lambda row: row.gradient[0])
    names = [CLASSICAL, *[row.method for row in ranked[:3]]]
    low, high = np.reshape(found.problem.manifold.box, (2, 2))
    x, y = np.meshgrid(np.linspace(low[0], high[0], GRID), np.linspace(low[1], high[1], GRID))
    points = np.stack([x.ravel(), y.ravel()], -1)
    fields = [np.asarray(found.fields[name].at(points)).reshape(GRID, GRID, -1)[..., 0] for name in names]
    least, most = np.nanmin(fields[0]), np.nanmax(fields[0])
    moved = found.fields.get(MOVING)
    panels = place.subplots(1, len(names) + (moved is not None), squeeze=False)[0]
    shown = None
    box = (low[0], high[0], low[1], high[1])
    for panel, name, field in zip(panels, names, fields, strict=False):
        shown = panel.imshow(field, origin="lower", extent=box, vmin=least, vmax=most, cmap="viridis")
        title = "nmm" if name == CLASSICAL else METHODS[name].title
        panel.set_title(textwrap.fill(title, 18), fontsize=9)
        bare(panel)
    symbol = "u" if found.problem.model.components == 1 else "$u_x$"
    place.colorbar(shown, ax=list(panels[: len(names)]), shrink=0.6, label=symbol)
    if moved is not None:
        panels[-1].imshow(np.isfinite(fields[0]), origin="lower", extent=box, cmap="Greys", vmin=0, vmax=8)
        cover_moved(panels[-1], moved)


def cover_moved(panel: Axes, solution: Fitted):
    """The nodes of the first layer's cover, before training and after."""
    trial = solution.task.trial
    nets: Any = [trial.net(z, solution.rest) for z in (solution.task.start[0], solution.z)]
    before, after = (np.asarray(net.layers[0].cover.nodes) for net in nets)
    color = STYLE[MOVING][0]
    panel.plot(*before.T, "o", ms=3.5, mfc="none", mec="0.45", mew=0.7, label="before")
    lines = np.stack([before, after, np.full_like(before, np.nan)], 1).reshape(-1, 2)
    panel.plot(*lines.T, "-", color=color, lw=0.8)
    panel.plot(*after.T, "o", ms=3.5, color=color, label="after")
    panel.set_title("nodes of the\nmoving cover", fontsize=9)
    panel.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2)
    bare(panel)


def bare(panel: Axes):
    """No ticks."""
    panel.set_xticks([])
    panel.set_yticks([])
