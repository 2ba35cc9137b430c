"""An estimated field beside its standard deviation, and beside the truth where that is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .axes import Frame, frames, lines, literal
from .drawing import Drawing
from .plot import bounds, paint

_CROWD = 400
"""Points of measurements beyond which their marks would hide the field."""


def map_drawing(
    solution: Any,
    name: str,
    estimate: NDArray,
    std: NDArray,
    truth: NDArray | None = None,
    places: NDArray | None = None,
    units: Mapping[str, str] | None = None,
) -> Drawing:
    """The figure of a field on the points of the mesh with its caption; at `places` (n, 2) was measured."""
    beside = ", the true values in the same colours" if truth is not None else ""
    marked = (
        " Circles: where measurements were taken." if places is not None and len(places) <= _CROWD else ""
    )
    return Drawing(
        f"estimate_{name}",
        f"Estimate of {name}{beside}, and its standard deviation (Laplace approximation).{marked}",
        lambda: map_figure(solution, name, estimate, std, truth, places, units),
        "estimate",
    )


def map_figure(
    solution: Any,
    name: str,
    estimate: NDArray,
    std: NDArray,
    truth: NDArray | None = None,
    places: NDArray | None = None,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Panels of equal size: estimate, truth if there is one, standard deviation. See `map_drawing`."""
    mesh, symbol = solution.manifold.mesh(), f"${name}$" if len(name) == 1 else literal(name)
    panels = [(f"estimate of {symbol}", estimate, symbol)]
    if truth is not None:
        panels.append(("truth", truth, symbol))
    panels.append(("standard deviation", std, f"std of {symbol}"))
    shared = None
    if truth is not None:
        both = np.concatenate([estimate, truth])
        shared = (float(both.min()), float(both.max()))
        shared = shared if shared[1] > shared[0] else None
    canvases = frames(bounds(mesh.points), (units or {}).get("length"), [title for title, _, _ in panels])
    for canvas, (title, values, label) in zip(canvases, panels, strict=True):
        limits = None if title == "standard deviation" else shared
        paint(canvas, mesh, mesh.points, np.asarray(values, float), label, False, limits)
        lines(canvas, solution.manifold.outline_lines(), linewidth=0.9)
        lines(canvas, solution.manifold.crack_lines(), linewidth=0.8)
        dots(canvas, places)
    return canvases[0].figure


def dots(canvas: Frame, places: NDArray | None) -> None:
    """Circles at the places (n, 2) of measurements, unless there are too many."""
    if places is None or len(places) > _CROWD:
        return
    local = canvas.local(np.unique(places, axis=0))
    style = {"markersize": 2.6, "markeredgewidth": 0.5, "color": "black", "markerfacecolor": "white"}
    canvas.axes.plot(*local.T, "o", clip_on=False, **style)
