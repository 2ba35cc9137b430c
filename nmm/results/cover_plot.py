"""A picture of the covers: lattice, physical patches of split weights, cracks, stretches without effect."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from .axes import SMALL, Frame, frame, lines, note
from .coloring import UNSPLIT, manifold_colors
from .polygons import element_of_point

# Paul Tol's "bright" and "light" schemes: told apart by colour-blind readers too.
PALETTE = ("#77aadd", "#ee8866", "#bbcc33", "#ffaabb", "#44bb99", "#eedd88", "#99ddff", "#aaaa00", "#aa7799")
_PLAIN = "#f4f4f2"
_ZOOMED_CELLS = 24
_READABLE = 0.045
"""Inches that a lattice cell needs on paper for its lines to be seen."""


def cover_figure(
    manifold: Any,
    *,
    mesh: Any = None,
    title: str | None = None,
    length_unit: str | None = None,
    box: tuple[float, float, float, float] | None = None,
) -> Figure:
    """The cover of a manifold, elements coloured by physical patch where a weight is split.

    Elements that only touch weights with one patch stay plain. Patches of one weight have different colours
    (up to nine of them), so colours change across every crack that is felt. Dashed: stretches of cracks
    that have no effect on this cover. Where the lattice is too fine to draw, a second panel shows the
    busiest place enlarged. `box` (xmin, ymin, xmax, ymax) restricts the figure to a part of the domain.
    """
    mesh = manifold.mesh() if mesh is None else mesh
    colors = manifold_colors(manifold, mesh)
    grid = manifold.grid
    low, high = np.min(mesh.points, axis=0), np.max(mesh.points, axis=0)
    bounds = box or (*map(float, low), *map(float, high))
    canvas = frame(bounds, length_unit, title)
    per_inch = max(bounds[2] - bounds[0], bounds[3] - bounds[1]) / grid.h
    inches = max(canvas.axes.get_position().width * canvas.figure.get_size_inches())
    fine = per_inch * _READABLE > inches
    _draw(canvas, canvas.axes, manifold, mesh, colors, lattice=not fine)
    if fine:
        note(canvas, "The lattice is too fine to draw here; below, the red square enlarged.")
        _zoom(canvas, manifold, mesh, colors)
    _legend(canvas, manifold, bool((colors != UNSPLIT).any()))
    return canvas.figure


def lattice_lines(grid: Any) -> NDArray[np.float64]:
    """The lines of a lattice from end to end, `(n, 2, 2)`, user's coordinates."""
    nx, ny = grid.nx, grid.ny
    rows = [((0, j), (nx, j)) for j in range(ny + 1)]
    columns = [((i, 0), (i, ny)) for i in range(nx + 1)]
    diagonals = []
    if grid.shape == "triangle":
        for k in range(1 - ny, nx):
            diagonals.append(((max(k, 0), max(-k, 0)), (min(nx, ny + k), min(ny, nx - k))))
    ends = np.array(rows + columns + diagonals, dtype=np.float64)
    return grid.to_user(ends.reshape(-1, 2)).reshape(-1, 2, 2)


def _draw(canvas: Frame, axes: Axes, manifold: Any, mesh: Any, colors: NDArray, lattice: bool) -> None:
    panel = Frame(canvas.figure, axes, canvas.offset, canvas.wide)
    points = panel.local(mesh.points)
    shade = np.where(colors == UNSPLIT, 0, 1 + colors % len(PALETTE))[element_of_point(mesh)]
    palette = ListedColormap([_PLAIN, *PALETTE])
    triangles = np.asarray(mesh.triangles)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    corners = points[triangles]
    inside = (corners.min(axis=1) <= (right, top)).all(axis=1)
    inside &= (corners.max(axis=1) >= (left, bottom)).all(axis=1)
    axes.tripcolor(
        Triangulation(points[:, 0], points[:, 1], triangles[inside]),
        shade.astype(float),
        shading="gouraud",
        cmap=palette,
        norm=Normalize(-0.5, len(PALETTE) + 0.5),
        rasterized=True,
    )
    if lattice:
        segments = panel.local(lattice_lines(manifold.grid))
        axes.add_collection(LineCollection(list(segments), linewidths=0.35, colors="0.62"), autolim=False)
    lines(panel, manifold.outline_lines(), linewidth=0.9)
    lines(panel, manifold.crack_lines(), linewidth=0.9)
    lines(panel, manifold.lost_lines(), linewidth=0.9, linestyle=(0, (2.5, 1.8)), color="#b2182b")


def _zoom(canvas: Frame, manifold: Any, mesh: Any, colors: NDArray) -> None:
    """A second pair of axes under the first with the place where most colours meet."""
    size = _ZOOMED_CELLS * manifold.grid.h
    centre = canvas.local(_busiest(mesh, colors, size))
    figure = canvas.figure
    width, height = figure.get_size_inches()
    box = canvas.axes.get_position()
    side = min(box.width * width, 4.6)
    grown = height + side + 0.3
    for axes in figure.axes:
        place = axes.get_position()
        axes.set_position(
            (place.x0, (place.y0 * height + side + 0.3) / grown, place.width, place.height * height / grown)
        )
    for text in figure.texts:
        text.set_y((text.get_position()[1] * height + side + 0.3) / grown)
    figure.set_size_inches(width, grown)

    panel = figure.add_axes((box.x0, 0.25 / grown, side / width, side / grown))
    panel.set_aspect("equal")
    panel.set_xlim(centre[0] - size / 2, centre[0] + size / 2)
    panel.set_ylim(centre[1] - size / 2, centre[1] + size / 2)
    panel.set_xticks([])
    panel.set_yticks([])
    _draw(canvas, panel, manifold, mesh, colors, lattice=True)
    corner = (centre[0] - size / 2, centre[1] - size / 2)
    canvas.axes.add_patch(Rectangle(corner, size, size, fill=False, linewidth=1.0, edgecolor="#b2182b"))
    for spine in panel.spines.values():
        spine.set(linewidth=1.0, edgecolor="#b2182b")


def _busiest(mesh: Any, colors: NDArray, size: float) -> NDArray[np.float64]:
    """Centre of the window of width `size` that holds the most elements of split weights.

    Without any, the element next to the middle, which itself may lie in a hole.
    """
    first = np.asarray(mesh.points)[np.asarray(mesh.offsets)[:-1]]
    split = first[colors != UNSPLIT]
    if len(split) == 0:
        return first[np.linalg.norm(first - first.mean(axis=0), axis=1).argmin()]
    low = first.min(axis=0)
    window = np.floor((split - low) / size).astype(np.int64)
    found, number, count = np.unique(window, axis=0, return_inverse=True, return_counts=True)
    chosen = number.ravel() == count.argmax()
    return split[chosen].mean(axis=0) if len(found) else first.mean(axis=0)


def _legend(canvas: Frame, manifold: Any, split: bool) -> None:
    handles: list[Any] = []
    if split:
        handles.append(Patch(facecolor=PALETTE[0], label="physical patches of a split weight"))
        handles.append(Patch(facecolor=PALETTE[1], label="other patches of the same weight"))
    if len(manifold.crack_lines()):
        handles.append(Line2D([], [], color="black", linewidth=0.9, label="crack"))
    if len(manifold.lost_lines()):
        style = {"color": "#b2182b", "linewidth": 0.9, "linestyle": (0, (2.5, 1.8))}
        handles.append(Line2D([], [], label="stretch without effect on this cover", **style))
    if not handles:
        return
    box = canvas.axes.get_position()
    width, height = canvas.figure.get_size_inches()
    above = 0.26 if canvas.axes.get_title(loc="left") else 0.05
    canvas.figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(box.x0, box.y1 + above / height),
        ncols=1 if box.width * width < 4.0 else 2,
        fontsize=SMALL,
        frameon=False,
        borderpad=0,
        borderaxespad=0,
    )
