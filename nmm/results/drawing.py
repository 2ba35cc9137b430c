"""The figures of a run: which ones there are, what they are called, and what their captions say."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .cover_plot import cover_figure
from .files import figure_file
from .plot import deformed_figure, field_figure, history_figure, save_figure
from .polygons import triangle_areas
from .quantities import Quantity, quantities

_ROUNDING = 1e-9
"""Relative errors below show only rounding and the solver's tolerance."""


@dataclass(frozen=True)
class Drawing:
    """A figure that is drawn when its turn comes; `section` is the part of the report that shows it.

    `file` is what it is called on disk, `figure_NAME.png` unless given.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]
    section: str = "figures"
    file: str | None = None

    def save(self, directory: str | os.PathLike) -> dict[str, str]:
        """Write the PNG and return its entry for `report.json`."""
        file = self.file or figure_file(self.name)
        save_figure(self.draw(), Path(directory) / file)
        return {"file": file, "caption": self.caption, "section": self.section}


def drawings(
    solution: Any,
    mesh: Any,
    fields: Mapping[str, NDArray],
    units: Mapping[str, str] | None = None,
    tolerance: float | None = None,
) -> Iterator[Drawing]:
    """Every figure of a solution: the fields, the covers, the solver's history if it has one."""
    manifold, unit = solution.manifold, (units or {}).get("length")
    frame = {"outline": manifold.outline_lines(), "length_unit": unit}
    cracks = {"cracks": manifold.crack_lines(), "lost": manifold.lost_lines(), "tips": tip_points(solution)}
    for name, values in fields.items():
        for quantity in quantities(name, values, units):
            if name == "displacement":
                yield _deformed(quantity, mesh, values, frame)
            else:
                yield _field(quantity, mesh, {**frame, **cracks})
    if solution.estimate.relative is not None and solution.estimate.relative > _ROUNDING:
        yield _estimate(solution.estimate, mesh, {**frame, **cracks})
    yield _cover(manifold, mesh, unit)
    history = np.asarray(solution.history)
    if len(history) > 1:
        caption = "Relative residual after each iteration of the solver."
        yield Drawing("solver", caption, lambda: history_figure(history, tolerance), "solver")


def tip_points(solution: Any) -> NDArray:
    """Positions (n, 2) of the tips of a solution, in their order."""
    return np.array([(tip["x"], tip["y"]) for tip in solution.tips]).reshape(-1, 2)


def _deformed(quantity: Quantity, mesh: Any, values: NDArray, frame: Mapping[str, Any]) -> Drawing:
    return Drawing(
        quantity.name,
        "Deformed shape, magnified as the title says, coloured by the length of the displacement; "
        "thin: the undeformed outline.",
        lambda: deformed_figure(mesh, values, quantity.values, label=quantity.label, **frame),
    )


def _field(quantity: Quantity, mesh: Any, style: Mapping[str, Any]) -> Drawing:
    lost = "; dashed: stretches of cracks without effect on this cover" if len(style["lost"]) else ""
    middle = "; tension positive" if quantity.name.startswith("stress") else ""
    tips = "; circles: crack tips, numbered as in the table" if len(style["tips"]) else ""
    caption = quantity.title[0].upper() + quantity.title[1:] + middle + lost + tips + "."
    return Drawing(
        quantity.name,
        caption,
        lambda: field_figure(
            mesh,
            quantity.values,
            label=quantity.label,
            title=quantity.title,
            signed=quantity.signed,
            **style,
        ),
    )


def _estimate(estimate: Any, mesh: Any, style: Mapping[str, Any]) -> Drawing:
    areas = np.bincount(mesh.element_of_triangle, triangle_areas(mesh), minlength=len(estimate.elements))
    size = estimate.total / estimate.relative  # the energy norm of the solution
    share = np.maximum(areas, np.finfo(float).tiny) / areas.sum()
    values = estimate.elements / np.sqrt(share) / size
    return Drawing(
        "error_estimate",
        "Estimated error of the raw stress (or flux) on each element: its root mean square over the element "
        f"in the energy norm, relative to that of the solution over the domain. Over the domain it is "
        f"{estimate.relative:.2g}.",
        lambda: field_figure(
            mesh, values, label="relative error", title="estimated error", logarithmic=True, **style
        ),
    )


def _cover(manifold: Any, mesh: Any, unit: str | None) -> Drawing:
    stats = manifold.stats
    return Drawing(
        "cover",
        f"The cover: {stats['patches']:,} physical patches on {stats['elements']:,} manifold elements. "
        "Coloured elements belong to weights with more than one physical patch; patches of one weight "
        "have different colours.",
        lambda: cover_figure(manifold, mesh=mesh, length_unit=unit),
        "cut",
    )
