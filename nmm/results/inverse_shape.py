"""An estimated shape with others that the data allow, and the true one where it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from .axes import SMALL, Frame, frames, lines
from .drawing import Drawing
from .inverse_maps import dots
from .plot import bounds

ESTIMATE, TRUTH, DRAWN = "#000000", "#cc3311", "#4477aa"


@dataclass(frozen=True, eq=False)
class Shape:
    """Segments (n, 2, 2) of the outline, of the cracks and of the borders between regions."""

    outline: NDArray
    cracks: NDArray
    borders: NDArray

    @staticmethod
    def of(case: Any) -> Shape:
        """The shape of a case's domain."""
        found = case.domain().geometry(case.cell)
        return Shape(
            *(edge_lines(found, edges) for edges in (found.boundary, found.cracks, found.interfaces))
        )

    @property
    def all(self) -> NDArray:
        return np.concatenate([self.outline, self.cracks, self.borders])


def edge_lines(geometry: Any, edges: NDArray) -> NDArray:
    """Segments (n, 2, 2) of edges of a domain."""
    return (geometry.vertices + geometry.shift)[edges].reshape(-1, 2, 2)


def shape_drawing(
    solution: Any,
    drawn: Sequence[Shape],
    truth: Shape | None = None,
    places: NDArray | None = None,
    units: Mapping[str, str] | None = None,
) -> Drawing:
    """The figure with its caption; at `places` (n, 2) was measured."""
    others = f"; thin: {len(drawn)} draws from the Laplace approximation" if drawn else ""
    dashed = "; dashed: the true shape" if truth is not None else ""
    return Drawing(
        "estimate_shape",
        f"The estimated shape{others}{dashed}. Circles: where measurements were taken.",
        lambda: shape_figure(solution, drawn, truth, places, units),
        "estimate",
    )


def shape_figure(
    solution: Any,
    drawn: Sequence[Shape],
    truth: Shape | None = None,
    places: NDArray | None = None,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """See `shape_drawing`."""
    manifold = solution.manifold
    borders = edge_lines(manifold.geometry, manifold.geometry.interfaces)
    estimate = Shape(manifold.outline_lines(), manifold.crack_lines(), borders)
    (canvas,) = frames(bounds(manifold.mesh().points), (units or {}).get("length"), ["estimated shape"])
    for each in drawn:
        lines(canvas, each.all, linewidth=0.5, color=DRAWN, alpha=0.35)
    lines(canvas, estimate.outline, linewidth=0.9, color=ESTIMATE)
    lines(canvas, manifold.lost_lines(), linewidth=1.6, color=ESTIMATE)
    for each in (estimate.cracks, estimate.borders):
        lines(canvas, each, linewidth=1.6, color=ESTIMATE)
    if truth is not None:
        lines(canvas, truth.all, linewidth=1.1, color=TRUTH, linestyle=(0, (3, 2)))
    dots(canvas, places)
    _legend(canvas, bool(drawn), truth is not None)
    return canvas.figure


def _legend(canvas: Frame, drawn: bool, truth: bool) -> None:
    shown = [Line2D([], [], color=ESTIMATE, linewidth=1.4, label="estimate")]
    if drawn:
        shown.append(Line2D([], [], color=DRAWN, linewidth=0.8, label="draws"))
    if truth:
        shown.append(Line2D([], [], color=TRUTH, linewidth=1.1, linestyle=(0, (3, 2)), label="truth"))
    canvas.axes.legend(
        handles=shown, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False, fontsize=SMALL
    )
