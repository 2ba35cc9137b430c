"""Figures of fields on the manifold elements: a jump across a crack stays a jump."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from .axes import NORMAL, SMALL, Frame, color_bar, frame, lines, marks, note, number
from .files import replacing
from .polygons import element_of_point, free_edges, point_weights

SEQUENTIAL, DIVERGING = "viridis", "coolwarm"
_ROBUST = (0.5, 99.5)
_MANY, _FEW = 200_000, 20_000


@dataclass(frozen=True)
class Limits:
    """Ends of a colour scale, on which sides values go beyond them, and a sentence about it.

    `centred`: zero takes the middle of a diverging colour map, of which the scale may show a part.
    """

    low: float
    high: float
    extend: str = "neither"
    note: str = ""
    centred: bool = False

    @property
    def colormap(self) -> Colormap:
        if not self.centred:
            return colormaps[SEQUENTIAL]
        size = max(abs(self.low), abs(self.high))
        part = 0.5 + 0.5 * np.linspace(self.low / size, self.high / size, 256)
        return ListedColormap(colormaps[DIVERGING](part))


def color_limits(values: NDArray, weights: NDArray, signed: bool = False) -> Limits:
    """The 0.5th and 99.5th percentile by area, or the extremes where these are not far beyond.

    Stress is singular at crack tips: its maximum says more about the cover than about the stress.
    `signed`: the colour map's middle lies at zero when the field has both signs.
    """
    known = np.isfinite(values)
    if not known.any():
        return Limits(0.0, 1.0, note="no finite values")
    values, weights = values[known], weights[known]
    least, most = float(values.min()), float(values.max())
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    place = np.searchsorted(share, np.array(_ROBUST) / 100 * share[-1])
    low, high = (float(v) for v in values[order[np.minimum(place, len(order) - 1)]])
    reach = high - low
    low = least if low - least <= 0.25 * reach else low
    high = most if most - high <= 0.25 * reach else high
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size or size == 0.0:
        spread = 1e-3 * size or 1.0
        return Limits(low - spread, high + spread, note=f"constant to rounding: {number(0.5 * (low + high))}")

    centred = signed and min(high, -low) > 0.02 * size
    below, above = least < low, most > high
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    text = ""
    if below or above:
        text = (
            f"Colours stop at the percentiles {_ROBUST[0]} and {_ROBUST[1]} of the area;\n"
            f"values range from {number(least)} to {number(most)}."
        )
    return Limits(low, high, extend[below, above], text, centred)


def log_limits(values: NDArray, weights: NDArray) -> tuple[float, float]:
    """Ends of a logarithmic colour scale: the percentiles of `color_limits`, at most four decades."""
    known = values > 0
    if not known.any():
        return 1e-4, 1.0
    found = color_limits(np.log10(values[known]), weights[known])
    return 10.0 ** max(found.low, found.high - 4), 10.0**found.high


def field_figure(
    mesh: Any,
    values: NDArray,
    *,
    label: str = "",
    title: str | None = None,
    length_unit: str | None = None,
    signed: bool = False,
    logarithmic: bool = False,
    limits: tuple[float, float] | None = None,
    outline: NDArray | None = None,
    cracks: NDArray | None = None,
    lost: NDArray | None = None,
    tips: NDArray | None = None,
) -> Figure:
    """A scalar field on the elements, `values (points,)` or `(elements,)`, with colour bar.

    `outline`, `cracks` and `lost` (stretches without effect, dashed) are segments `(n, 2, 2)`, `tips` (n, 2)
    are marked and numbered; `limits` replaces the automatic ends of the colour scale; a `logarithmic` scale
    leaves values white that are not positive. Coordinates are the user's.
    """
    values = _on_points(mesh, values)
    canvas = frame(bounds(mesh.points), length_unit, title)
    if logarithmic:
        values = np.where(values > 0, values, np.nan)
        limits = limits or log_limits(values, point_weights(mesh))
    paint(canvas, mesh, mesh.points, values, label, signed, limits, LogNorm if logarithmic else Normalize)
    lines(canvas, outline, linewidth=0.9)
    lines(canvas, cracks, linewidth=0.8)
    lines(canvas, lost, linewidth=0.7, linestyle=(0, (3, 2)))
    marks(canvas, tips)
    return canvas.figure


def deformed_figure(
    mesh: Any,
    displacement: NDArray,
    values: NDArray | None = None,
    *,
    scale: float | None = None,
    label: str = "",
    title: str | None = None,
    length_unit: str | None = None,
    signed: bool = False,
    limits: tuple[float, float] | None = None,
    outline: NDArray | None = None,
) -> Figure:
    """The deformed elements, coloured by `values` (default: length of the displacement).

    `scale` magnifies the displacement; by default a round number that makes the largest one about 5 % of
    the domain's diagonal. The title states it. `outline`: the undeformed shape, drawn thin.
    """
    displacement = np.nan_to_num(np.asarray(displacement, dtype=np.float64))
    scale = automatic_scale(mesh.points, displacement) if scale is None else scale
    shown = np.linalg.norm(displacement, axis=1) if values is None else _on_points(mesh, values)
    moved = np.asarray(mesh.points) + scale * displacement
    extent = moved if outline is None else np.concatenate([moved, np.asarray(outline).reshape(-1, 2)])
    stated = f"deformed shape, displacement × {number(scale)}"
    canvas = frame(bounds(extent), length_unit, f"{title}; {stated}" if title else stated)
    lines(canvas, outline, linewidth=0.5, color="0.55")
    paint(canvas, mesh, moved, shown, label, signed, limits)
    lines(canvas, moved[free_edges(mesh, displacement)], linewidth=0.6)
    return canvas.figure


def automatic_scale(points: NDArray, displacement: NDArray) -> float:
    """1, 2 or 5 times a power of ten such that the largest displacement shows as about 5 % of the size."""
    largest = float(np.linalg.norm(displacement, axis=1).max(initial=0.0))
    size = float(np.linalg.norm(np.ptp(points, axis=0)))
    if not np.isfinite(largest) or largest == 0.0:
        return 1.0
    wanted = 0.05 * size / largest
    power = 10.0 ** np.floor(np.log10(wanted))
    factor = max(step for step in (1.0, 2.0, 5.0) if step * power <= wanted * (1 + 1e-9))
    return float(f"{factor * power:.1g}")


def history_figure(history: Sequence[float] | NDArray, tolerance: float | None = None) -> Figure:
    """The solver's relative residual against its iterations; the tolerance as a dashed line."""
    residual = np.asarray(history, dtype=np.float64)
    figure = Figure(figsize=(5.2, 3.0))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.13, 0.17, 0.84, 0.78))
    known = np.isfinite(residual) & (residual > 0)
    steps = np.arange(len(residual))
    shown = np.append(residual[known], tolerance or [])
    axes.set_yscale("log")
    if len(shown):
        axes.set_ylim(0.3 * shown.min(), 3 * shown.max())
    marker = "o" if len(residual) <= 60 else None
    axes.plot(
        steps[known],
        residual[known],
        color="#2f5d8a",
        linewidth=1.3,
        marker=marker,
        markersize=3,
        clip_on=False,
    )
    if tolerance:
        axes.axhline(tolerance, color="0.4", linewidth=0.8, linestyle=(0, (5, 3)))
        axes.annotate(
            f"tolerance {number(tolerance)}",
            (0.0, tolerance),
            xycoords=("axes fraction", "data"),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=SMALL,
            color="0.3",
        )
    axes.set_xlim(0, max(len(residual) - 1, 1))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_locator(LogLocator(numticks=9))
    axes.set_xlabel("iteration", fontsize=NORMAL)
    axes.set_ylabel(r"relative residual $\|b - Au\| / \|b\|$", fontsize=NORMAL)
    axes.tick_params(labelsize=SMALL, width=0.6)
    axes.grid(True, which="major", linewidth=0.4, color="0.85")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike, dpi: int | None = None) -> None:
    """Write a figure atomically in the format of the suffix of `path` (PNG, PDF, SVG).

    `dpi`: of pixels, also of the shaded fields inside vector files; default 200 for PNG and 300 for those.
    """
    suffix = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    with replacing(path) as temporary:
        figure.savefig(
            temporary,
            dpi=dpi or (200 if suffix == "png" else 300),
            format=suffix,
            bbox_inches="tight",
            pad_inches=0.06,
        )


def paint(
    canvas: Frame,
    mesh: Any,
    points: NDArray,
    values: NDArray,
    label: str,
    signed: bool,
    limits: tuple[float, float] | None,
    norm: type[Normalize] = Normalize,
) -> None:
    """Draw a field on elements whose vertices are at `points` into a frame, with its colour bar."""
    chosen = color_limits(values, point_weights(mesh), signed)
    if limits is not None:
        beyond = (bool(np.nanmin(values) < limits[0]), bool(np.nanmax(values) > limits[1]))
        extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
        chosen = Limits(*limits, extend[beyond], centred=signed and limits[0] < 0 < limits[1])
    local, triangles, values = _refined(canvas.local(points), np.asarray(mesh.triangles), values)
    # A triangle that touches an unknown value would otherwise be drawn in whatever NaN becomes.
    triangles = triangles[np.isfinite(values)[triangles].all(axis=1)]
    if len(triangles) == 0:
        note(canvas, chosen.note)
        return
    picture = canvas.axes.tripcolor(
        Triangulation(local[:, 0], local[:, 1], triangles),
        np.nan_to_num(values, posinf=0.0, neginf=0.0),
        shading="gouraud",
        cmap=chosen.colormap,
        norm=norm(chosen.low, chosen.high),
        # Thousands of shaded triangles make vector files that no viewer opens; lines and text stay vectors.
        rasterized=True,
    )
    color_bar(canvas, picture, label, chosen.extend)
    if chosen.note:
        note(canvas, chosen.note)


def _refined(points: NDArray, triangles: NDArray, values: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """The same linear field on smaller triangles when there are few.

    Matplotlib blends colours, not values, inside a triangle: across a coarse one the colours would leave
    the colour map.
    """
    if len(triangles) == 0 or len(triangles) > _FEW:
        return points, triangles, values
    parts = int(min(16, np.sqrt(_MANY / 2 / len(triangles))))
    grid = [(i, j) for i in range(parts + 1) for j in range(parts + 1 - i)]
    number = {node: n for n, node in enumerate(grid)}
    small = [(number[i, j], number[i + 1, j], number[i, j + 1]) for i, j in grid if i + j < parts]
    small += [
        (number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]) for i, j in grid if i + j + 1 < parts
    ]
    i, j = np.array(grid, dtype=float).T / parts
    shares = np.stack([1 - i - j, i, j], axis=1)
    fine = np.einsum("nk,tkc->tnc", shares, points[triangles]).reshape(-1, 2)
    value = np.einsum("nk,tk->tn", shares, values[triangles]).ravel()
    start = np.arange(len(triangles))[:, None, None] * len(grid)
    return fine, (start + np.array(small)).reshape(-1, 3), value


def _on_points(mesh: Any, values: NDArray) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=np.float64)
    if len(values) == len(mesh.points):
        return values
    if len(values) == len(mesh.offsets) - 1:
        return values[element_of_point(mesh)]
    raise ValueError(
        f"found {len(values)} values, expected {len(mesh.points)} (points) "
        f"or {len(mesh.offsets) - 1} (elements)"
    )


def bounds(points: NDArray) -> tuple[float, float, float, float]:
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
