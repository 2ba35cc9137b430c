"""The manifold: a domain cut out of a mathematical cover, as one frozen pytree."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jax.core import Tracer

from nmm.capacity import Room
from nmm.cover.functions import Functions
from nmm.cover.lattice import Grid
from nmm.cover.weights import Weights
from nmm.domain.geometry import Geometry
from nmm.errors import GeometryError
from nmm.manifold.arrangement import Arrangement
from nmm.manifold.mesh import Mesh, crack_lines, lost_lines, make_mesh, outline_lines, piece_rule
from nmm.manifold.quadrature import Rule
from nmm.manifold.seams import Seams
from nmm.manifold.tips import TipCover
from nmm.pytrees import HostOnly, tree


@dataclass(frozen=True, eq=False)
class Host(HostOnly):
    """What only the host needs of a cut.

    `links` (n, 2) are the pairs of elements that share an uncut side, without those between two whole
    cells; `facet_segment` (facets,) the segments that facets lie on, those of the boundary first. Crack tips
    have singular patches `tips` within `radius` cells, or none; `seams` join the patches of two regions.
    """

    geometry: Geometry
    grid: Grid
    arrangement: Arrangement
    cell_part: np.ndarray
    piece_part: np.ndarray
    patch_node: np.ndarray
    piece_host: np.ndarray
    links: np.ndarray
    facet_segment: np.ndarray
    stats: dict[str, Any]
    polygons: np.ndarray
    room: Room
    radius: float | None
    tips: TipCover | None
    seams: Seams
    cache: dict[Hashable, Any] = field(default_factory=dict)


@tree("shape", "nx", "ny", "host")
class Manifold:
    """Manifold elements, physical patches and quadrature of a domain on a lattice.

    Whole cells, whose weights all belong to primary patches, are a mask over the lattice; every other
    element is a row of the padded list of pieces. Patch i < nodes is the primary patch of node i; further
    components follow; the last number is a scratch patch that padding points to. Positions are relative
    to the square of a cell, in [0, 1]²; `frame` maps them to the user's units of length.

    Shapes: `whole`, `cell_region` (cells,); `piece_cell`, `piece_area` (in lattice units),
    `piece_region` (pieces,); `piece_patches` (pieces, k); `piece_points` (pieces, 3, 2), each of a
    third of the area; `facet_ends` (facets, 2, 2) with the element on the left; `facet_normal`
    (facets, 2), outward; `facet_side` 0 boundary, +1 and -1 the left and right face of a crack;
    `facet_twin` the opposite face (-1: none); `active` (patches,); `origin` (2,) of the lattice and
    `box` (4,) in the user's coordinates. `moved_to` are traced vertices that a solve shall follow, or None.
    """

    whole: np.ndarray
    cell_region: np.ndarray
    piece_cell: np.ndarray
    piece_patches: np.ndarray
    piece_area: np.ndarray
    piece_points: np.ndarray
    piece_region: np.ndarray
    facet_piece: np.ndarray
    facet_ends: np.ndarray
    facet_normal: np.ndarray
    facet_entity: np.ndarray
    facet_side: np.ndarray
    facet_twin: np.ndarray
    active: np.ndarray
    frame: np.ndarray
    origin: np.ndarray
    box: np.ndarray
    shape: str
    nx: int
    ny: int
    host: Host
    moved_to: Any = None

    @property
    def geometry(self) -> Geometry:
        """The cleaned-up geometry that was cut."""
        return self.host.geometry

    @property
    def grid(self) -> Grid:
        """The lattice."""
        return self.host.grid

    @property
    def weights(self) -> Weights:
        """The weight functions of the lattice."""
        return self.host.grid.weights

    @property
    def functions(self) -> Functions:
        """The functions of a cell: weights times local functions."""
        return self.host.grid.functions

    @property
    def stats(self) -> dict[str, Any]:
        """Counts and measures of the cut."""
        return self.host.stats

    @property
    def room(self) -> Room:
        """The capacities of its arrays."""
        return self.host.room

    @property
    def pieces(self) -> int:
        """Number of pieces without padding."""
        return len(self.host.piece_part)

    @property
    def facets(self) -> int:
        """Number of facets (boundary and crack faces) without padding."""
        return self.host.stats["facets"]

    @property
    def patches(self) -> int:
        """Capacity of patch numbers, scratch included."""
        return len(self.active)

    @property
    def whole_list(self) -> np.ndarray:
        """Numbers of the whole cells."""
        return self.cached("whole_list", lambda: np.flatnonzero(self.whole))

    def cached(self, name: Hashable, make):
        """A host-side view, made once."""
        if name not in self.host.cache:
            self.host.cache[name] = make()
        return self.host.cache[name]

    def element_cells(self) -> np.ndarray:
        """Cell of each element, whole cells first, then pieces."""
        return np.concatenate([self.whole_list, self.piece_cell[: self.pieces]])

    def element_patches(self) -> np.ndarray:
        """Patches (elements, k), whole cells first, then pieces."""
        return np.concatenate([self.grid.cell_nodes(self.whole_list), self.piece_patches[: self.pieces]])

    def element_regions(self) -> np.ndarray:
        """Region of each element (-1: none), whole cells first, then pieces."""
        return np.concatenate([self.cell_region[self.whole_list], self.piece_region[: self.pieces]])

    def element_parts(self) -> np.ndarray:
        """Connected part of each element, whole cells first, then pieces."""
        return np.concatenate([self.host.cell_part[self.whole_list], self.host.piece_part])

    def element_areas(self) -> np.ndarray:
        """Area of each element in the user's units, whole cells first, then pieces."""
        square = self.grid.h**2
        whole = np.full(len(self.whole_list), self.grid.cell_area)
        return np.concatenate([whole, self.piece_area[: self.pieces] * square])

    def patch_parts(self) -> np.ndarray:
        """Connected part of each patch (-1: inactive)."""

        def make():
            part = np.full(self.patches, -1)
            part[self.element_patches()] = self.element_parts()[:, None]
            if self.host.tips is not None:
                singular = self.host.tips.parts(self)
                part[self.host.tips.base : self.host.tips.base + len(singular)] = singular
            return part

        return self.cached("patch_parts", make)

    def dofs(self, patches: np.ndarray, components: int) -> np.ndarray:
        """Unknowns (n, k stored) of patches (n, k), of `components` for each local function."""
        stored = self.functions.per_patch * components
        rows, k = patches.shape
        return (patches[:, :, None] * stored + np.arange(stored)).reshape(rows, k * stored)

    def patch_points(self) -> np.ndarray:
        """Node (patches, 2) of each patch in the user's coordinates."""

        def make():
            nodes = np.concatenate([np.arange(self.grid.nodes), self.host.patch_node])
            nodes = np.concatenate([nodes, np.zeros(self.patches - len(nodes), np.int64)])
            return self.grid.to_user(self.grid.node_units(nodes))

        return self.cached("patch_points", make)

    @property
    def vertices(self) -> np.ndarray:
        """Vertices (n, 2) of outline, holes, cracks and interfaces in the user's coordinates."""
        return self.geometry.vertices + self.geometry.shift

    def move(self, vertices) -> "Manifold":
        """The manifold of the same domain with its `vertices` (n, 2) elsewhere, cut in the same way.

        Traced vertices are followed by the compiled solve, so that `jax.grad` gives shape derivatives. Should
        the topology not hold there, the solution is nan and its `result` says so.

        **Raises:** `GeometryError` when the cut would change its topology: a vertex leaves its cell, or an
        edge crosses other lattice lines.
        """
        if isinstance(vertices, Tracer):
            if vertices.shape != self.vertices.shape:
                raise GeometryError(
                    f"vertices of shape {self.vertices.shape} are expected, found {vertices.shape}",
                    where="vertices",
                    hint="start from manifold.vertices",
                )
            return replace(self, moved_to=vertices)
        from nmm.manifold.moving import moved  # it cuts, and the cut makes manifolds

        return moved(self, vertices)

    def user_points(self, cell, points):
        """User's coordinates of points (..., 2) given inside the squares of cells."""
        return self.grid.to_user((self.grid.corner(cell) + points).reshape(-1, 2)).reshape(points.shape)

    def fine_rule(self) -> Rule:
        """Gauss rule on a triangulation of the pieces."""
        return self.cached("fine_rule", lambda: piece_rule(self))

    def mesh(self) -> Mesh:
        """The elements as polygons in the user's coordinates."""
        return self.cached("mesh", lambda: make_mesh(self))

    def crack_lines(self) -> np.ndarray:
        """Crack stretches (n, 2, 2) in the cut."""
        return crack_lines(self)

    def lost_lines(self) -> np.ndarray:
        """Crack stretches (n, 2, 2) that end inside a cell and have no effect on this cover."""
        return lost_lines(self)

    def outline_lines(self) -> np.ndarray:
        """Boundary segments (n, 2, 2)."""
        return outline_lines(self)
