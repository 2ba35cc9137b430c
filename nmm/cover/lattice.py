"""Regular lattices of squares or halved squares: the mathematical cover before it meets the domain."""

import math
from dataclasses import dataclass

import numpy as np

from nmm.cover.functions import Functions
from nmm.cover.weights import Weights
from nmm.errors import InputError, NotYet

FAMILIES = {"quad": 2, "triangle": 3}
"""Families of parallel lattice lines: x = k, y = k and, for triangles, x - y = k."""

TIP_RADIUS = {"quad": 5.0, "triangle": 9.0}
"""Cells around a tip that have singular patches: beyond, triangles err three times as much as squares."""
HIGHER_TIP_RADIUS = 3.0
"""The same with local functions of order 1 and 2."""


@dataclass(frozen=True)
class Lattice:
    """A mathematical cover that knows nothing of the domain yet; see `lattice`."""

    cell: float | None
    cells: int | None
    shape: str
    weights: str
    degree: int
    order: int
    tips: str
    tip_radius: float
    origin: tuple[float, float] | None
    angle: float

    def fit(self, bounds, vertices, shift) -> "Grid":
        """The part of the lattice that covers `vertices` (n, 2), local coordinates.

        Those of arcs may lie outside of the bounding box where degree + order exceeds 1.

        `bounds` is the unrotated bounding box (xmin, ymin, xmax, ymax) in local coordinates and
        `shift` what was subtracted from the user's coordinates.
        """
        xmin, ymin, xmax, ymax = bounds
        longest = max(xmax - xmin, ymax - ymin)
        h = self.cell if self.cell is not None else longest / self.cells
        base = np.array([xmin, ymin]) if self.origin is None else np.asarray(self.origin, float) - shift
        angle = math.radians(self.angle)
        rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        if self.angle == 0:
            rotation = np.eye(2)
        corners = np.array([[xmin, ymin], [xmax, ymin], [xmax, ymax], [xmin, ymax]])
        points = corners if self.angle == 0 and self.degree + self.order == 1 else vertices
        units = (points - base) @ rotation / h
        if np.abs(units).max() > 1e12:
            raise InputError(
                f"the lattice node {self.origin} lies more than 1e12 cells away from the domain",
                where="cover.origin",
                hint="choose a node near the domain, or leave the origin out",
            )
        slack = 8 * np.finfo(float).eps * np.abs(units).max()
        low = np.floor(units.min(0) + slack)
        high = np.ceil(units.max(0) - slack)
        nx, ny = (int(n) for n in np.maximum(high - low, 1))
        return Grid(
            base + rotation @ low * h,
            float(h),
            rotation,
            nx,
            ny,
            self.shape,
            np.asarray(shift, float),
            self.degree,
            self.order,
        )


@dataclass(frozen=True)
class Grid:
    """A lattice of nx by ny squares of side h; corner (i, j) lies at origin + rotation @ (i, j) h.

    Cells are numbered row by row, j nx + i; the two triangles of a square are 2 (j nx + i) + t with
    t = 0 below and t = 1 above the diagonal from (i, j) to (i+1, j+1). Corners are j (nx + 1) + i.
    Edges: first the ny + 1 rows of horizontal ones, then the vertical ones, then the diagonals.

    Nodes are where the weight functions sit, the middle of their supports: j (nx + p) + i for degree p, with
    i < nx + p. For p = 1 they are the corners.
    """

    origin: np.ndarray
    h: float
    rotation: np.ndarray
    nx: int
    ny: int
    shape: str
    shift: np.ndarray
    degree: int = 1
    order: int = 0

    @property
    def weights(self) -> Weights:
        """The weight functions."""
        return Weights(self.shape, self.degree)

    @property
    def functions(self) -> Functions:
        """The functions of a cell: weights times local functions."""
        return Functions(self.weights, self.order)

    @property
    def families(self) -> int:
        return FAMILIES[self.shape]

    @property
    def tolerance(self) -> float:
        """Distance, in lattice units, below which a vertex counts as lying on a lattice line.

        Coordinates far from the origin have come with rounding of their own. Used once, on the finest
        lattice; everything after it is combinatorial.
        """
        given = 2 * float(np.abs(self.shift).max()) / self.h
        return np.finfo(float).eps * (16 * max(self.nx, self.ny, 1) + given)

    @property
    def squares(self) -> int:
        return self.nx * self.ny

    @property
    def cells(self) -> int:
        return self.squares * (self.families - 1)

    @property
    def edges(self) -> int:
        return self.nx * (self.ny + 1) + (self.nx + 1) * self.ny + self.squares * (self.families - 2)

    @property
    def lines(self) -> tuple[int, int]:
        """Rows and columns of nodes."""
        return self.ny + self.degree, self.nx + self.degree

    @property
    def nodes(self) -> int:
        return self.lines[0] * self.lines[1]

    @property
    def nodes_per_cell(self) -> int:
        return self.weights.per_cell

    @property
    def cell_area(self) -> float:
        return self.h**2 / (self.families - 1)

    def to_units(self, local: np.ndarray) -> np.ndarray:
        """Local coordinates (n, 2) in lattice units."""
        return (local - self.origin) @ self.rotation / self.h

    def to_local(self, units: np.ndarray) -> np.ndarray:
        """Lattice units (n, 2) in local coordinates."""
        return self.origin + units @ self.rotation.T * self.h

    def to_user(self, units: np.ndarray) -> np.ndarray:
        """Lattice units (n, 2) in the user's coordinates."""
        return self.to_local(units) + self.shift

    def corner(self, cell: np.ndarray) -> np.ndarray:
        """Lower left corner (n, 2) of the square of each cell, lattice units."""
        square = cell // (self.families - 1)
        return np.stack([square % self.nx, square // self.nx], -1).astype(float)

    def centre(self, cell: np.ndarray) -> np.ndarray:
        """Centroids (n, 2) of cells, lattice units."""
        corner = self.corner(cell)
        if self.shape == "quad":
            return corner + 0.5
        upper = (cell % 2)[:, None] == 1
        return corner + np.where(upper, [1 / 3, 2 / 3], [2 / 3, 1 / 3])

    def cell_of(self, units: np.ndarray) -> np.ndarray:
        """Cell that contains each point (n, 2) in lattice units; -1 outside the lattice."""
        i, j = np.floor(units).astype(np.int64).T
        inside = (i >= 0) & (i < self.nx) & (j >= 0) & (j < self.ny)
        square = j * self.nx + i
        if self.shape == "triangle":
            upper = units[:, 1] - j > units[:, 0] - i
            square = 2 * square + upper
        return np.where(inside, square, -1)

    def cell_nodes(self, cell: np.ndarray) -> np.ndarray:
        """Nodes (n, k) of cells, in the order of the weight functions."""
        types, columns = self.families - 1, self.lines[1]
        square = cell // types
        first = square // self.nx * columns + square % self.nx
        return first[..., None] + (np.array(self.weights.nodes) @ [1, columns])[cell % types]

    def cell_edges(self, cell: np.ndarray) -> np.ndarray:
        """Edges (n, 4) or (n, 3) of cells."""
        square = cell // (self.families - 1)
        i, j = square % self.nx, square // self.nx
        bottom, top = self.edge(0, i, j), self.edge(0, i, j + 1)
        left, right = self.edge(1, i, j), self.edge(1, i + 1, j)
        if self.shape == "quad":
            return np.stack([bottom, right, top, left], -1)
        upper = cell % 2 == 1
        return np.stack([np.where(upper, top, bottom), np.where(upper, left, right), self.edge(2, i, j)], -1)

    def edge(self, family, i, j):
        """Number of the edge that starts at corner (i, j): horizontal (0), vertical (1), diagonal (2)."""
        horizontal = self.nx * (self.ny + 1)
        vertical = (self.nx + 1) * self.ny
        if np.isscalar(family):
            family = np.full(np.shape(i), family)
        return np.choose(
            family,
            [j * self.nx + i, horizontal + j * (self.nx + 1) + i, horizontal + vertical + j * self.nx + i],
        )

    def edge_parts(self, edge: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Family and first corner (i, j) of each edge, the inverse of `edge`."""
        horizontal = self.nx * (self.ny + 1)
        vertical = (self.nx + 1) * self.ny
        family = (edge >= horizontal).astype(np.int64) + (edge >= horizontal + vertical)
        rest = edge - np.choose(family, [0, horizontal, horizontal + vertical])
        width = np.where(family == 1, self.nx + 1, self.nx)
        return family, rest % width, rest // width

    def edge_corners(self, edge: np.ndarray) -> np.ndarray:
        """First and last corner (n, 2) of each edge."""
        family, i, j = self.edge_parts(edge)
        start = j * (self.nx + 1) + i
        return np.stack([start, start + np.choose(family, [1, self.nx + 1, self.nx + 2])], -1)

    def edge_nodes(self, edge: np.ndarray) -> np.ndarray:
        """Nodes (n, m) that the cells on both sides of each edge share."""
        family, i, j = self.edge_parts(edge)
        across, along = np.arange(self.degree), np.arange(self.degree + 1)
        columns = self.lines[1]
        steps = [
            (across[:, None] * columns + along).ravel(),
            (along[:, None] * columns + across).ravel(),
            np.array([0, columns + 1]),
        ][: self.families]
        return (j * columns + i)[:, None] + np.stack(steps)[family]

    def edge_cells(self, edge: np.ndarray) -> np.ndarray:
        """Cells (n, 2) to the left and to the right of each edge; -1 outside the lattice."""
        family, i, j = self.edge_parts(edge)
        di = np.choose(family, [0, -1, 0])
        dj = np.choose(family, [-1, 0, 0])
        shifted = (j + dj) * self.nx + i + di
        here = j * self.nx + i
        left = np.where(family == 1, shifted, here)
        right = np.where(family == 0, shifted, here)
        if self.shape == "triangle":
            left = 2 * left + np.choose(family, [0, 0, 1])
            right = 2 * right + np.choose(family, [1, 1, 0])
        left = np.where((family == 0) & (j == self.ny) | (family == 1) & (i == 0), -1, left)
        right = np.where((family == 0) & (j == 0) | (family == 1) & (i == self.nx), -1, right)
        return np.stack([left, right], -1)

    def neighbours(self, mask: np.ndarray) -> np.ndarray:
        """Pairs (n, 2) of cells that share an edge and both lie in `mask` (cells,)."""
        sides = self.edge_cells(np.arange(self.edges))
        both = np.all(sides >= 0, axis=1) & mask[sides[:, 0]] & mask[sides[:, 1]]
        return sides[both]

    def corner_units(self, corner: np.ndarray) -> np.ndarray:
        """Lattice coordinates (n, 2) of corners."""
        return np.stack([corner % (self.nx + 1), corner // (self.nx + 1)], -1).astype(float)

    def node_units(self, node: np.ndarray) -> np.ndarray:
        """Lattice coordinates (n, 2) of nodes."""
        columns = self.lines[1]
        return np.stack([node % columns, node // columns], -1) - (self.degree - 1) / 2


def lattice(
    cell: float | None = None,
    cells: int | None = None,
    shape: str = "quad",
    weights: str = "hat",
    degree: int = 1,
    order: int = 0,
    tips: str = "plain",
    tip_radius: float | None = None,
    origin: tuple[float, float] | None = None,
    angle: float = 0.0,
) -> Lattice:
    """A regular mathematical cover.

    **Arguments:** `cell`, the side of the squares, or `cells`, their number along the longer side of the
    domain's unrotated bounding box; `shape` "quad" or "triangle" (each square halved along its rising
    diagonal); `weights` "hat" or, on squares, "bspline" of a `degree` from 1 (the hat functions) to 3;
    `order` (0 to 2) of the polynomial local functions, above 0 on hat weights;
    `tips` "plain", or "enriched" by singular patches at all weights within `tip_radius` cells of a crack
    tip (0: only those of the cell around it; default: 5, on triangles 9, with an `order` above 0 3);
    `origin`, a lattice node (default: the lower left of the bounding box); `angle` in degrees,
    counterclockwise about the origin.

    **Raises:** `InputError` for impossible values, `NotYet` for what is reserved.
    """
    if (cell is None) == (cells is None):
        raise InputError(
            "give either cell (the side of a square) or cells (their number along the longer side)",
            where="cover",
        )
    if cell is not None and not (math.isfinite(cell) and cell > 0):
        raise InputError(f"the cell must be a positive length, found {cell}", where="cover.cell")
    if cells is not None and (int(cells) != cells or cells < 1):
        raise InputError(f"cells must be a positive whole number, found {cells}", where="cover.cells")
    if shape not in FAMILIES:
        raise InputError(f'the shape must be "quad" or "triangle", found "{shape}"', where="cover.shape")
    check_weights(shape, weights, degree, tips)
    check_order(order, degree)
    if tips not in ("plain", "enriched"):
        raise InputError(f'the tips are "plain" or "enriched", found "{tips}"', where="cover.tips")
    if tip_radius is None:
        tip_radius = HIGHER_TIP_RADIUS if order > 0 else TIP_RADIUS[shape]
    if not (math.isfinite(tip_radius) and 0 <= tip_radius <= 20):
        raise InputError(
            f"found {tip_radius}, expected a radius of singular patches between 0 and 20 cells",
            where="cover.tip_radius",
        )
    if not math.isfinite(angle):
        raise InputError(f"the angle must be a number of degrees, found {angle}", where="cover.angle")
    if origin is not None:
        origin = (float(origin[0]), float(origin[1]))
        if not all(map(math.isfinite, origin)):
            raise InputError(f"the origin must be finite, found {origin}", where="cover.origin")
    return Lattice(
        None if cell is None else float(cell),
        None if cells is None else int(cells),
        shape,
        weights,
        degree,
        order,
        tips,
        float(tip_radius),
        origin,
        float(angle),
    )


def check_weights(shape: str, weights: str, degree: int, tips: str):
    """**Raises:** `InputError` for weights that do not exist, `NotYet` where splines do not work yet."""
    if weights not in ("hat", "bspline"):
        raise InputError(
            f'the weights must be "hat" or "bspline", found "{weights}"',
            where="cover.weights",
        )
    if weights == "hat" and degree != 1:
        raise InputError(
            f"hat weights have degree 1, found {degree}",
            where="cover.degree",
            hint='a higher degree needs weights = "bspline"',
        )
    if degree not in (1, 2, 3):
        raise InputError(f"the degree must be 1, 2 or 3, found {degree}", where="cover.degree")
    if weights == "bspline" and shape != "quad":
        raise NotYet(
            f'not yet: weights "bspline" on the shape "{shape}"',
            where="cover.shape",
            hint='splines live on shape = "quad"; on triangles the weights are "hat"',
        )
    if degree > 1 and tips != "plain":
        raise NotYet(
            f'not yet: enriched tips with weights of degree {degree}; expected tips = "plain"',
            where="cover.tips",
            hint='take tips = "plain", or weights = "hat" for singular patches',
        )


def check_order(order: int, degree: int):
    """**Raises:** `InputError` for an order that does not exist, or not on these weights."""
    if order not in (0, 1, 2):
        raise InputError(f"the order must be 0, 1 or 2, found {order}", where="cover.order")
    if order > 0 and degree > 1:
        raise InputError(
            f"found local functions of order {order} on splines of degree {degree}, expected hat weights",
            where="cover.order",
            hint="take order = 0 with splines, or weights of degree 1 with a higher order",
        )
