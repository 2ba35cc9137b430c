"""What a discretised, cleaned and noded domain consists of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import shapely
from scipy.spatial import KDTree


@dataclass(frozen=True)
class Entity:
    """A named thing that a boundary condition can be put on.

    `kind` is "outline", "hole" or "crack"; `number` counts from 0 within the kind (0 for the outline).
    """

    kind: str
    number: int
    name: str | None = None

    def __str__(self) -> str:
        text = "outline" if self.kind == "outline" else f"{self.kind} {self.number}"
        return f"{text} ({self.name})" if self.name else text


@dataclass(frozen=True)
class Item:
    """One thing that the clean-up did: `kind` (a key of CleanupReport.counts), to which crack, where
    (user's coordinates), how much length it concerns and how far it moved a vertex."""

    kind: str
    crack: int
    x: float
    y: float
    length: float
    moved: float
    text: str


@dataclass(frozen=True)
class CleanupReport:
    """Everything that the clean-up of the cracks did, and the lengths before and after.

    `length_total` is the length of the traces as given, `length_inside` and `length_outside` its
    parts in and out of the domain, `length_kept` the length of crack in the geometry. Junctions are
    counted by the number of crack pieces that meet: 1 (I, a tip), 3 (Y), 4 or more (X); points on
    the outline are none of them.
    """

    counts: dict[str, int] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    junctions_before: dict[str, int] = field(default_factory=lambda: {"I": 0, "Y": 0, "X": 0})
    junctions_after: dict[str, int] = field(default_factory=lambda: {"I": 0, "Y": 0, "X": 0})
    length_total: float = 0.0
    length_inside: float = 0.0
    length_outside: float = 0.0
    length_kept: float = 0.0
    moved_max: float = 0.0


@dataclass(frozen=True, eq=False)
class Geometry:
    """A domain as straight pieces that meet only in common vertices.

    Coordinates are local: the user's are `vertices + shift`.

    - `vertices` (nv, 2); `boundary` (nb, 2), `cracks` (nc, 2), `interfaces` (ni, 2): vertex numbers
      of the pieces. The domain lies on the left of the boundary; cracks run in the direction of
      their traces; interfaces are borders between regions of different names, where no crack runs.
    - `interface_regions` (ni, 2): the regions on their left and right, -1 outside of all.
    - `boundary_entity` (nb,), `crack_entity` (nc,): indices into `entities` (the outline first).
    - `polygon`: the domain, with exactly the boundary's vertices.
    - `regions`: (name, area) pairs, later ones lie on top of earlier ones.
    - `sagitta`: the most by which an arc leaves the chords that stand for it.
    - `arcs` (2, n, 2): vertices that stand a little off the arcs that they belong to, and their places on
      these.
    """

    shift: np.ndarray
    vertices: np.ndarray
    boundary: np.ndarray
    boundary_entity: np.ndarray
    cracks: np.ndarray
    crack_entity: np.ndarray
    interfaces: np.ndarray
    interface_regions: np.ndarray
    entities: tuple[Entity, ...]
    polygon: shapely.Polygon | shapely.MultiPolygon
    regions: tuple[tuple[str, shapely.Geometry], ...]
    report: CleanupReport
    bounds: tuple[float, float, float, float]
    sagitta: float = 0.0
    arcs: np.ndarray = field(default_factory=lambda: np.zeros((2, 0, 2)))

    def moved(self, vertices: np.ndarray) -> Geometry:
        """The same geometry with its vertices (nv, 2), local coordinates, elsewhere."""
        place = dict(zip(map(tuple, self.vertices.tolist()), vertices.tolist(), strict=True))

        def follow(points):
            return np.array([place.get(tuple(p), p) for p in points.tolist()])

        polygon = shapely.transform(self.polygon, follow)
        regions = tuple((name, shapely.transform(shape, follow)) for name, shape in self.regions)
        change = np.subtract(polygon.bounds, self.polygon.bounds)
        bounds = tuple((np.array(self.bounds) + change).tolist())
        return replace(self, vertices=vertices, polygon=polygon, regions=regions, bounds=bounds)

    @property
    def on_arcs(self) -> np.ndarray:
        """The vertices (nv, 2), those of arcs exactly on these."""
        drawn, exact = self.arcs
        result = self.vertices.copy()
        if len(drawn):
            away, which = (np.asarray(v) for v in KDTree(drawn).query(self.vertices))
            same = away <= 1e-12 * self.diagonal
            result[same] = exact[which[same]]
        return result

    @property
    def area(self) -> float:
        return float(self.polygon.area)

    @property
    def length(self) -> float:
        """Length of the boundary, cracks not counted."""
        ends = self.vertices[self.boundary]
        return float(np.hypot(*(ends[:, 1] - ends[:, 0]).T).sum())

    @property
    def diagonal(self) -> float:
        """Diagonal of the bounding box."""
        xmin, ymin, xmax, ymax = self.bounds
        return float(np.hypot(xmax - xmin, ymax - ymin))
