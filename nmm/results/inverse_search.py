"""How a search for parameters went, and the curve from which the strength of a prior was chosen."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from .axes import NORMAL, SMALL, number
from .drawing import Drawing
from .inverse_fit import COLORS, plain_axes

_DECADES = 4
"""Strengths further from the chosen one are not drawn."""
_RULES = {
    "discrepancy": "the largest strength that fits the data to their noise",
    "l-curve": "the corner of the curve",
    "evidence": "the strength under which the data are most probable",
}


def strength_drawing(curve: Mapping[str, NDArray], chosen: float, rule: str, count: int) -> Drawing:
    """The L-curve and the misfit of `count` data against the strength, with the one that was chosen."""
    return Drawing(
        "strength",
        "What the strength of the prior does to the problem that is linearised at the estimate: size of the "
        f"prior's term against the misfit, and misfit against strength. Chosen: {_RULES.get(rule, rule)}.",
        lambda: strength_figure(curve, chosen, rule, count),
        "estimate",
    )


def strength_figure(curve: Mapping[str, NDArray], chosen: float, rule: str, count: int) -> Figure:
    """See `strength_drawing`."""
    strength, misfit, size = (np.asarray(curve[key]) for key in ("strength", "misfit", "size"))
    misfit = misfit / count
    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    here = int(np.abs(np.log(strength) - np.log(max(chosen, 1e-300))).argmin())
    worth = (misfit > 1e-3 * misfit[here]) & (size > 1e-4 * size[here])
    worth &= np.abs(np.log10(strength / strength[here])) < _DECADES
    style = {"color": COLORS[0], "linewidth": 1.5}
    mark = {"marker": "o", "color": COLORS[1], "markersize": 7, "linestyle": "none", "zorder": 5}
    dashed = {"color": "0.45", "linewidth": 0.8, "linestyle": (0, (5, 3))}
    left.loglog(misfit[worth], size[worth], **style)
    left.plot(misfit[here], size[here], **mark)
    left.axvline(1.0, **dashed)
    left.set_xlabel("mean square of the residuals")
    left.set_ylabel(r"$\|r\|^2$ of the prior")
    left.set_title(f"{rule}: strength {number(chosen)}", loc="left", fontsize=NORMAL)
    right.loglog(strength[worth], misfit[worth], **style)
    right.plot(strength[here], misfit[here], **mark)
    right.axhline(1.0, **dashed)
    right.annotate(
        "noise", (0.02, 1.0), xycoords=("axes fraction", "data"), xytext=(0, 3),
        textcoords="offset points", fontsize=SMALL, color="0.3",
    )  # fmt: skip
    right.set_xlabel("strength of the prior")
    right.set_ylabel("mean square of the residuals")
    for panel in (left, right):
        plain_axes(panel)
        panel.xaxis.set_major_locator(LogLocator(numticks=7))
        panel.yaxis.set_major_locator(LogLocator(numticks=8))
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_minor_formatter(NullFormatter())
    return figure


def history_drawing(history: Sequence[Mapping[str, float]]) -> Drawing:
    """Objective and misfit at the start and after each iteration of the search."""
    return Drawing(
        "search",
        "Objective and mean square of the residuals at the start and after each iteration of the search; "
        "dashed: residuals as large as the noise. The objective may rise where the strength of the prior is "
        "chosen anew.",
        lambda: search_figure(history),
        "estimate",
    )


def search_figure(history: Sequence[Mapping[str, float]]) -> Figure:
    """See `history_drawing`."""
    figure = Figure(figsize=(7.6, 3.1), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _steps(left, [step["objective"] for step in history], "objective")
    _steps(right, [step["misfit"] for step in history], "mean square of the residuals", 1.0)
    return figure


def _steps(panel: Axes, values: Sequence[float], label: str, level: float | None = None) -> None:
    steps, shown = np.arange(len(values)), np.asarray(values, float)
    panel.plot(steps, shown, "o-", color=COLORS[0], markersize=3.5, linewidth=1.3, clip_on=False)
    if level is not None:
        panel.axhline(level, color="0.45", linewidth=0.8, linestyle=(0, (5, 3)))
    everything = np.append(shown, level if level is not None else [])
    low, high = float(everything.min()), float(everything.max())
    if 0 < 10 * low < high:
        panel.set_yscale("log")
        panel.set_ylim(low / 1.6, high * 1.6)
        panel.yaxis.set_minor_formatter(NullFormatter())
    else:
        panel.set_ylim(min(0.0, 1.08 * low), 1.08 * high or 1.0)
    panel.set_xlim(0, max(len(shown) - 1, 2))
    panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    panel.set_xlabel("iteration")
    panel.set_ylabel(label)
    plain_axes(panel)
