"""Axes in the domain's own coordinates: size, ticks, offsets, lines, colour bar, note."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

SMALL, NORMAL = 8.5, 10
_NUMBERED = 60
_WIDTH, _TALLEST = 4.2, 5.6
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.75, 1.1, 0.85, 0.4
_BESIDE = 0.3
"""Room on the left of axes that have others on their left."""


@dataclass
class Frame:
    """A figure with axes of equal scale. Everything is drawn in coordinates less `offset`."""

    figure: Figure
    axes: Axes
    offset: NDArray[np.float64]
    wide: bool

    def local(self, points: NDArray) -> NDArray[np.float64]:
        return np.asarray(points, dtype=np.float64) - self.offset


def frame(bounds: Sequence[float], unit: str | None = None, title: str | None = None) -> Frame:
    """Axes for a box (xmin, ymin, xmax, ymax); large coordinates get an offset that the labels state."""
    return frames(bounds, unit, [title])[0]


def frames(bounds: Sequence[float], unit: str | None, titles: Sequence[str | None]) -> list[Frame]:
    """Axes for the same box side by side in one figure, one for each title."""
    low, high = np.array(bounds[:2], dtype=float), np.array(bounds[2:], dtype=float)
    span = np.maximum(high - low, 1e-6 * max(float((high - low).max()), np.finfo(float).tiny))
    offset = np.array([_offset(a, b, float(span.max())) for a, b in zip(low, high, strict=True)])
    margin = 0.02 * span.max()
    aspect = float((span[1] + 2 * margin) / (span[0] + 2 * margin))
    widest = _WIDTH if len(titles) == 1 else 0.75 * _WIDTH
    width, height = widest, widest * aspect
    if height > _TALLEST:
        width, height = max(_TALLEST / aspect, 1.0), _TALLEST
    height = max(height, 0.5)
    wide = aspect < 0.4
    right, bottom = (0.3, _BOTTOM + 0.75) if wide else (_RIGHT if len(titles) == 1 else 0.95, _BOTTOM)
    each = _BESIDE + width + right
    size = (_LEFT - _BESIDE + len(titles) * each, bottom + height + _TOP)

    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    found = []
    for i, title in enumerate(titles):
        place = ((_LEFT + i * each) / size[0], bottom / size[1], width / size[0], height / size[1])
        axes = figure.add_axes(place)
        axes.set_aspect("equal")
        axes.set_xlim(low[0] - offset[0] - margin, high[0] - offset[0] + margin)
        axes.set_ylim(low[1] - offset[1] - margin, high[1] - offset[1] + margin)
        axes.tick_params(labelsize=SMALL, width=0.6, length=3)
        axes.xaxis.set_major_locator(_ticks(width, 0.8))
        axes.yaxis.set_major_locator(_ticks(height, 0.5))
        for axis, name, shift in ((axes.xaxis, "x", offset[0]), (axes.yaxis, "y", offset[1])):
            axis.set_major_formatter(_scientific())
            axis.get_offset_text().set_fontsize(SMALL)
            if i == 0 or name == "x":
                axis.set_label_text(_axis_label(name, float(shift), unit), fontsize=NORMAL)
        for spine in axes.spines.values():
            spine.set_linewidth(0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if title:
            axes.set_title(title[:1].upper() + title[1:], loc="left", fontsize=NORMAL)
        found.append(Frame(figure, axes, offset, wide))
    return found


def lines(frame: Frame, segments: NDArray | None, **style: Any) -> None:
    """Draw segments `(n, 2, 2)` given in the user's coordinates, joined to chains where they meet."""
    if segments is None or len(segments) == 0:
        return
    style = {"color": "black", "linewidth": 0.8, "capstyle": "round", "joinstyle": "round", **style}
    frame.axes.add_collection(LineCollection(chains(frame.local(segments)), **style), autolim=False)


def marks(frame: Frame, points: NDArray | None) -> None:
    """Small circles at points `(n, 2)`, numbered from 0 where there are few."""
    if points is None or len(points) == 0:
        return
    local = frame.local(points)
    numbered = len(local) <= _NUMBERED
    size = 3.5 if numbered else 2.0
    frame.axes.plot(
        *local.T, "o", markersize=size, markeredgewidth=0.6, color="black", markerfacecolor="white"
    )
    for number, place in enumerate(local if numbered else ()):
        text = frame.axes.annotate(
            str(number), place, xytext=(3, 3), textcoords="offset points", fontsize=SMALL - 1
        )
        text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def chains(segments: NDArray) -> list[NDArray]:
    """Polylines through segments `(n, 2, 2)` that share end points, so that dashes run through."""
    segments = segments[np.isfinite(segments).all(axis=(1, 2))]
    segments = segments[(segments[:, 0] != segments[:, 1]).any(axis=1)]
    merged = shapely.line_merge(shapely.MultiLineString(list(segments)))
    parts = shapely.get_parts(merged)
    points, owner = shapely.get_coordinates(parts, return_index=True)
    return np.split(points, np.flatnonzero(np.diff(owner)) + 1) if len(points) else []


def color_bar(frame: Frame, mappable: ScalarMappable, label: str, extend: str = "neither") -> None:
    """A colour bar as long as the axes: on the right, or below where the domain is wide and low."""
    box = frame.axes.get_position()
    width, height = frame.figure.get_size_inches()
    if frame.wide:
        place = (box.x0, box.y0 - 0.72 / height, box.width, 0.14 / height)
    else:
        place = (box.x1 + 0.12 / width, box.y0, 0.15 / width, box.height)
    bar = frame.figure.colorbar(
        mappable,
        cax=frame.figure.add_axes(place),
        orientation="horizontal" if frame.wide else "vertical",
        extend=extend,
        extendfrac=0.03,
        format=None if isinstance(mappable.norm, LogNorm) else _scientific(),
    )
    bar.ax.tick_params(labelsize=SMALL, width=0.6, length=3)
    bar.outline.set_linewidth(0.6)  # type: ignore[union-attr]
    for axis in (bar.ax.xaxis, bar.ax.yaxis):
        axis.get_offset_text().set_fontsize(SMALL)
    if not frame.wide:
        bar.ax.yaxis.get_offset_text().set_horizontalalignment("left")
        bar.ax.yaxis.set_offset_position("left")
    bar.set_label(label, fontsize=NORMAL)


def note(frame: Frame, text: str) -> None:
    """A line of small print under everything."""
    box = frame.axes.get_position()
    below = 0.5 + (0.72 if frame.wide else 0.0)
    frame.figure.text(
        box.x0,
        box.y0 - below / frame.figure.get_size_inches()[1],
        text,
        fontsize=SMALL - 1,
        color="0.35",
        va="top",
    )


def number(value: float) -> str:
    """A number for a figure: three or four digits, a power of ten where a reader expects one."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}".replace("-", "−")
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else f"${mantissa}\\times {power}$"


def literal(text: str) -> str:
    """A user's text that matplotlib sets as it is: a dollar sign does not start a formula."""
    return text.replace("$", r"\$")


def grouped(value: float) -> str:
    """A number with thin spaces between groups of three digits: 6 700 000."""
    return f"{value:,.10g}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", "−")


class _Scientific(ScalarFormatter):
    """Tick labels as plain text: setting each of them as mathematics takes longer than the whole field."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return super().__call__(x, pos).replace(r"$\mathdefault{", "").replace("}$", "")


def _scientific() -> ScalarFormatter:
    formatter = _Scientific(useOffset=False, useMathText=True)
    formatter.set_powerlimits((-3, 5))
    return formatter


def _ticks(inches: float, apart: float) -> MaxNLocator:
    return MaxNLocator(max(2, min(6, round(inches / apart))), steps=[1, 2, 2.5, 5, 10])


def _offset(low: float, high: float, span: float) -> float:
    if max(abs(low), abs(high)) < 300 * span:
        return 0.0
    step = 10.0 ** math.floor(math.log10(max(high - low, 0.1 * span)))
    return round(low / step) * step


def _axis_label(name: str, offset: float, unit: str | None) -> str:
    text = f"${name}$"
    if offset:
        text += f" {'−' if offset > 0 else '+'} {grouped(abs(offset))}"
    return f"{text} ({literal(unit)})" if unit else text
