"""Figures of experiments look alike."""

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#994455")
"""Colours that colour-blind readers tell apart (Paul Tol)."""
MARKERS = "osD^vP*X"


def panels(count: int, width: float = 3.9, height: float = 3.3) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in a row."""
    made = Figure(figsize=(width * count, height), layout="constrained")
    FigureCanvasAgg(made)
    return made, list(made.subplots(1, count, squeeze=False)[0])


def label(axes: Axes, x: str, y: str, title: str = "", legend: bool = True) -> None:
    """Names of the axes, a title, a thin grid, and a legend where there are labels."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.set_title(title, fontsize=9.5, loc="left")
    axes.tick_params(labelsize=8)
    axes.grid(True, which="major", lw=0.4, alpha=0.6)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7.5, frameon=False)
