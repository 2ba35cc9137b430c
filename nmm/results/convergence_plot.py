"""How errors and differences fall with the cell, on logarithmic axes."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from .axes import NORMAL, SMALL, literal
from .drawing import Drawing
from .levels import ERRORS, Refinement, Series

_COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#000000")
"""Paul Tol's "bright" scheme."""
_MARKERS = "osD^vP*X"


def convergence_drawing(refinement: Refinement, length_unit: str | None = None) -> Drawing:
    """`convergence.png` with its caption."""
    shown, known = _followed(refinement), _curves(refinement)
    more = f"; {len(shown)} of {len(known)} quantities are drawn" if len(known) > len(shown) else ""
    caption = (
        f"Errors and distances from the extrapolated value on {len(refinement.levels)} covers, each with "
        f"half the cell of the one before{more}. Distances are relative to the largest value of their kind. "
        "Triangles show the slopes of first and second order."
    )
    return Drawing(
        "convergence",
        caption,
        lambda: convergence_figure(refinement, length_unit),
        file="convergence.png",
    )


def convergence_figure(refinement: Refinement, length_unit: str | None = None) -> Figure:
    """Relative errors against the cell; beside them distances of quantities from extrapolated values."""
    cells = np.array(refinement.cells)
    followed = _followed(refinement)
    figure = Figure(figsize=(9.2 if followed else 4.8, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2 if followed else 1, squeeze=False)[0]
    for decay, color, marker in zip(refinement.decays(), _COLORS, _MARKERS, strict=False):
        label = ERRORS[decay.name] + (f" ({decay.order:.2f})" if decay.order is not None else "")
        _curve(panels[0], cells, decay.values, label, color, marker)
    panels[0].set_ylabel("relative error", fontsize=NORMAL)
    for one, color, marker in zip(followed, _COLORS, _MARKERS, strict=False):
        assert one.limit is not None and one.limit.order is not None
        distances = [None if v is None else abs(v - one.limit.value) / one.size for v in one.values]
        _curve(panels[1], cells, distances, f"{literal(one.name)} ({one.limit.order:.2f})", color, marker)
    if followed:
        panels[1].set_ylabel("distance from the extrapolated value, relative", fontsize=NORMAL)
    for panel in panels:
        _finish(panel, cells, length_unit)
    return figure


def _curves(refinement: Refinement) -> list[Series]:
    found = [one for one in refinement.series() if not one.negligible and one.limit is not None]
    return [one for one in found if one.limit is not None and one.limit.kind == "extrapolated"]


def _followed(refinement: Refinement) -> list[Series]:
    return _curves(refinement)[: len(_COLORS)]


def _curve(panel: Axes, cells: np.ndarray, values, label: str, color: str, marker: str) -> None:
    known = np.array([math.nan if v is None or v <= 0 else v for v in values])
    panel.plot(cells, known, color=color, marker=marker, markersize=4.5, linewidth=1.3, label=label)


def _finish(panel: Axes, cells: np.ndarray, length_unit: str | None) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlim(cells.min() / 1.35, cells.max() * 1.35)
    panel.xaxis.set_major_locator(FixedLocator(list(cells)))
    panel.xaxis.set_major_formatter(lambda value, position: f"{value:.3g}")
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_locator(LogLocator(numticks=8))
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel(f"cell ({literal(length_unit)})" if length_unit else "cell", fontsize=NORMAL)
    panel.tick_params(labelsize=SMALL, width=0.6)
    panel.grid(True, which="major", linewidth=0.4, color="0.85")
    panel.spines[["top", "right"]].set_visible(False)
    if panel.lines:
        _slopes(panel, cells)
        panel.legend(
            fontsize=SMALL,
            frameon=False,
            loc="upper left",
            title="(observed order)",
            title_fontsize=SMALL,
            alignment="left",
        )


def _slopes(panel: Axes, cells: np.ndarray) -> None:
    """A triangle with a side of each of the orders 1 and 2, below the curves at the finest covers."""
    shown = np.concatenate([np.asarray(line.get_ydata(), float) for line in panel.lines])
    shown = shown[np.isfinite(shown)]
    if not len(shown):
        return
    low, high = shown.min(), shown.max()
    left, right = cells.min() * 1.08, cells.min() * 1.9
    base = low / 3.2
    for order in (1, 2):
        top = base * (right / left) ** order
        panel.plot([left, right, right], [base, top, base], color="0.45", linewidth=0.8)
        panel.annotate(
            str(order), (right, top), xytext=(3, -2), textcoords="offset points", fontsize=SMALL, color="0.35"
        )
    panel.plot([left, right], [base, base], color="0.45", linewidth=0.8)
    # Room above for the legend, which has a line for each curve.
    room = (high / base) ** (0.06 + 0.075 * (len(panel.get_legend_handles_labels()[1]) + 1))
    panel.set_ylim(base / 1.6, high * max(room, 2.0))
