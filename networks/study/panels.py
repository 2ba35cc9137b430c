"""Figures of the experiments: panels of one style."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, RED, GREEN, SAND, TEAL, PURPLE, GREY = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#888888",
)  # fmt: skip
COLORS = (BLUE, RED, GREEN, PURPLE, SAND, TEAL, GREY)
"""Colours that are told apart also without full colour vision (Paul Tol)."""
MARKERS = "osD^vP*"


def panels(count: int, width: float = 3.4, height: float = 3.0) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels side by side, lettered where there are several."""
    made = Figure(figsize=(width * count, height), layout="constrained")
    FigureCanvasAgg(made)
    axes: list[Axes] = list(made.subplots(1, count, squeeze=False)[0])
    for letter, each in zip("abcdefgh", axes, strict=False):
        each.tick_params(labelsize=8)
        each.spines[["top", "right"]].set_visible(False)
        if count > 1:
            each.text(-0.16, 1.04, letter, transform=each.transAxes, fontsize=10, fontweight="bold")
    return made, axes


def labelled(axes: Axes, x: str, y: str, title: str = "", legend: bool = True):
    """Names of the axes, what the panel shows, and the legend of what is named."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    if title:
        axes.set_title(title, fontsize=9)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7.5, frameon=False)


def band(axes: Axes, x: Any, runs: Any, color: str, label: str | None = None, **style: Any):
    """Median of `runs` (seeds, n) and the range from the least to the largest."""
    runs = np.asarray(runs)
    axes.plot(x, np.median(runs, 0), color=color, label=label, **style)
    axes.fill_between(x, runs.min(0), runs.max(0), color=color, alpha=0.18, lw=0)


def slope(axes: Axes, x: Any, at: float, rate: float, label: str):
    """A dashed line through (x[0], at) of a power law, named at its end."""
    x = np.asarray(x, float)
    y = at * (x / x[0]) ** rate
    axes.plot(x, y, "--", color=GREY, lw=0.9)
    style: dict[str, Any] = dict(fontsize=8, color="#555555", xytext=(2, 2), textcoords="offset points")
    axes.annotate(label, (x[-1], y[-1]), **style)


def spread(values: Any) -> tuple[float, float]:
    """Least and largest."""
    return float(np.min(values)), float(np.max(values))
