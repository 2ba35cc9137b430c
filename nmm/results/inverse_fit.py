"""What an estimate predicts against what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.stats import norm

from .axes import NORMAL, SMALL, literal
from .drawing import Drawing

COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
_MARKERS = "osD^v"
_SYMBOLS = {
    "ux": "$u_x$", "uy": "$u_y$", "exx": r"$\varepsilon_{xx}$", "eyy": r"$\varepsilon_{yy}$",
    "exy": r"$\varepsilon_{xy}$", "value": "$u$", "qx": "$q_x$", "qy": "$q_y$",
}  # fmt: skip
_UNITS = {"displacement": "length"}


@dataclass(frozen=True, eq=False)
class Readings:
    """Values (n,) of one component of one `kind`: measured, predicted, and the noise of the measurement; and
    the experiment that they are of, if there are several."""

    kind: str
    column: str
    measured: NDArray
    predicted: NDArray
    std: NDArray
    experiment: str | None = None


def fit_drawing(readings: Sequence[Readings], units: Mapping[str, str] | None = None) -> Drawing:
    """The figure with its caption."""
    count = sum(len(each.measured) for each in readings)
    told = "colours tell the experiments apart; " if any(each.experiment for each in readings) else ""
    return Drawing(
        "data_fit",
        f"The {count} measurements against what the estimate predicts; {told}bars: one standard deviation of "
        "the noise; on the line both agree. Right: residuals in standard deviations, and the density of "
        "normal noise.",
        lambda: fit_figure(readings, units),
        "estimate",
    )


def fit_figure(readings: Sequence[Readings], units: Mapping[str, str] | None = None) -> Figure:
    """Measured against predicted, a panel for each kind, and the histogram of the residuals."""
    kinds = list(dict.fromkeys(each.kind for each in readings))
    count = len(kinds) + 1
    figure = Figure(figsize=(3.75 * count, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, count, squeeze=False)[0]
    for panel, kind in zip(panels, kinds, strict=False):
        _against(panel, [each for each in readings if each.kind == kind], kind, units or {})
    _histogram(panels[-1], np.concatenate([(r.measured - r.predicted) / r.std for r in readings]))
    for panel in panels:
        plain_axes(panel)
    return figure


def plain_axes(panel: Axes) -> None:
    """The style of all curves of a search."""
    panel.tick_params(labelsize=SMALL, width=0.6)
    panel.grid(True, which="major", linewidth=0.4, color="0.88")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    for axis in (panel.xaxis, panel.yaxis):
        axis.get_offset_text().set_fontsize(SMALL)
        axis.label.set_fontsize(NORMAL)


def _against(panel: Axes, readings: Sequence[Readings], kind: str, units: Mapping[str, str]) -> None:
    columns = list(dict.fromkeys(each.column for each in readings))
    experiments = list(dict.fromkeys(each.experiment for each in readings))
    seen = set()
    for each in readings:
        number = columns.index(each.column)
        color = number if each.experiment is None else experiments.index(each.experiment)
        name = _SYMBOLS[each.column]
        if each.experiment is not None:
            name = literal(each.experiment) if len(columns) == 1 else f"{name}, {literal(each.experiment)}"
        panel.errorbar(
            each.measured,
            each.predicted,
            xerr=each.std,
            fmt=_MARKERS[number % len(_MARKERS)],
            color=COLORS[color % len(COLORS)],
            markersize=2.6,
            elinewidth=1.0,
            label=None if name in seen else name,
        )
        seen.add(name)
    both = np.concatenate([[*r.measured, *r.predicted] for r in readings])
    margin = 0.04 * (np.ptp(both) or abs(both[0]) or 1.0)
    ends = both.min() - margin, both.max() + margin
    panel.plot(ends, ends, color="0.35", linewidth=0.8, zorder=1)
    panel.set_xlim(*ends)
    panel.set_ylim(*ends)
    panel.set_aspect("equal")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    panel.ticklabel_format(style="sci", scilimits=(-3, 4), useMathText=True)
    unit = units.get(kind) or units.get(_UNITS.get(kind, ""))
    label = f"{kind} ({literal(unit)})" if unit else kind
    panel.set_xlabel(f"measured {label}")
    panel.set_ylabel(f"predicted {label}")
    if len(seen) > 1:
        panel.legend(fontsize=SMALL, frameon=False, loc="upper left", handletextpad=0.2)


def _histogram(panel: Axes, residuals: NDArray) -> None:
    reach = max(3.5, min(8.0, float(np.abs(residuals).max()) * 1.05))
    bins = np.linspace(-reach, reach, 2 * int(np.clip(np.sqrt(len(residuals)), 5, 20)) + 2)
    inside = np.clip(residuals, -reach, reach)
    heights, _, _ = panel.hist(
        inside, bins.tolist(), density=True, color=COLORS[0], alpha=0.75, edgecolor="white", linewidth=0.5
    )
    x = np.linspace(-reach, reach, 200)
    panel.plot(x, norm.pdf(x), color="0.2", linewidth=1.1, label="normal noise")
    panel.set_xlim(-reach, reach)
    panel.set_ylim(0, 1.3 * max(float(np.max(heights)), float(norm.pdf(0))))
    panel.set_xlabel("residual / standard deviation")
    panel.set_ylabel("density")
    panel.legend(fontsize=SMALL, frameon=False, loc="upper right")
