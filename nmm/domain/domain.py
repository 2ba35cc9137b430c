"""The domain that is cut: an area with holes, cracks and regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nmm.domain import shapes
from nmm.domain.build import discretise
from nmm.domain.geometry import Geometry
from nmm.domain.rings import as_points, ring
from nmm.domain.shapes import Join, Leaf, Minus, Shape, join
from nmm.errors import GeometryError

SNAP = 1e-9
LARGEST_SNAP = 0.1


@dataclass(frozen=True, eq=False)
class Crack:
    """A polyline `points` (k, 2) along which the domain is cut; closed when its ends coincide.

    `inline` False marks a trace from a file: outside the domain it is reported, not an error.
    `source` says where it comes from, for messages.
    """

    points: np.ndarray
    name: str | None = None
    inline: bool = True
    source: str | None = None

    def label(self, number: int) -> str:
        text = f"crack {number} ({self.name})" if self.name else f"crack {number}"
        return f"{self.source}: {text}" if self.source else text


@dataclass(frozen=True, eq=False)
class Domain:
    """An area with named holes, cracks and regions; immutable, every method returns a new one.

    `a | b`, `a & b` and `a - b` are union, intersection and difference; what `a - b` takes away
    becomes hole(s) of `a`. Cracks and regions of both sides of `|` and `&` are kept, those of `a`
    first; `a - b` keeps those of `a`.

    >>> plate = rectangle(0, 0, 2, 1) - disk((1.4, 0.6), 0.15)
    >>> plate.bounds, len(plate.holes)
    ((0.0, 0.0, 2.0, 1.0), 1)
    """

    shape: Shape
    cracks: tuple[Crack, ...] = ()
    regions: tuple[tuple[str, Domain], ...] = ()
    snap: float = SNAP

    @property
    def name(self) -> str | None:
        """Name of the outline."""
        shape = self.shape
        while isinstance(shape, Minus):
            shape = shape.area
        return shape.name if isinstance(shape, Leaf) else None

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(xmin, ymin, xmax, ymax) of the outline, exact for arcs; holes leave it as it is."""
        return shapes.bounds(self.shape)

    @property
    def holes(self) -> tuple[Minus, ...]:
        """The holes (`name`, `hole`: its shape) in the order of their numbers."""
        return tuple(shapes.holes(self.shape))

    def __or__(self, other: Domain) -> Domain:
        return self._join("|", other)

    def __and__(self, other: Domain) -> Domain:
        return self._join("&", other)

    def _join(self, kind: str, other: Domain) -> Domain:
        if not isinstance(other, Domain):
            return NotImplemented
        cracks, regions = self.cracks + other.cracks, self.regions + other.regions
        snap = max(self.snap, other.snap)
        return Domain(join(kind, (self.shape, other.shape)), cracks, regions, snap)

    def __sub__(self, other: Domain) -> Domain:
        if not isinstance(other, Domain):
            return NotImplemented
        shape, taken = self.shape, other.shape
        parts = taken.parts if isinstance(taken, Join) and taken.kind == "|" else (taken,)
        for part in parts:
            shape = Minus(shape, part, Domain(part).name)
        return replace(self, shape=shape)

    def with_hole(self, shape: Domain, name: str | None = None) -> Domain:
        """The domain without `shape`, as one hole that is called `name` (or what `shape` is called)."""
        return replace(self, shape=Minus(self.shape, shape.shape, name or shape.name))

    def with_cracks(self, cracks, names: Sequence[str | None] | None = None, inline: bool = True) -> Domain:
        """The domain with more cracks, numbered on from those it has.

        `cracks` are polylines (k, 2), or Crack objects, which say themselves whether they are inline.
        An inline crack that lies wholly outside is an error when the geometry is made; another one
        is reported and dropped.
        """
        cracks = list(cracks)
        if names is not None and len(names) != len(cracks):
            raise GeometryError(f"{len(names)} names for {len(cracks)} cracks", where="cracks")
        made = []
        for index, given in enumerate(cracks):
            number = len(self.cracks) + index
            name = names[index] if names is not None else None
            crack = given if isinstance(given, Crack) else Crack(given, inline=inline)
            points = as_points(crack.points, crack.label(number))
            if len(points) < 2:
                count = f"{len(points)} point{'s' * (len(points) != 1)}"
                raise GeometryError(f"{count}; a crack has at least two", where=crack.label(number))
            if crack.inline and np.all(points == points[0]):
                x, y = points[0]
                message = f"has no length: all its points are ({x:.8g}, {y:.8g})"
                raise GeometryError(message, where=crack.label(number))
            made.append(replace(crack, points=points, name=name or crack.name))
        return replace(self, cracks=self.cracks + tuple(made))

    def with_region(self, name: str, shape: Domain) -> Domain:
        """The domain with a named region on top of those it has."""
        if not name:
            raise GeometryError("a region needs a name", where="region")
        if name == "default":
            hint = 'values per region use "default" for the part outside every region; choose another name'
            raise GeometryError('a region cannot be called "default"', where="region", hint=hint)
        return replace(self, regions=(*self.regions, (name, shape)))

    def with_snap(self, snap: float) -> Domain:
        """The domain with another clean-up tolerance, relative to the diagonal of its bounding box."""
        if not 0 <= snap <= LARGEST_SNAP:
            raise GeometryError(
                f"{snap} is not between 0 and {LARGEST_SNAP}",
                where="snap",
                hint="snap is relative to the size of the domain: 1e-9 joins what differs by rounding",
            )
        return replace(self, snap=float(snap))

    def geometry(self, cell: float, degree: int = 1) -> Geometry:
        """The domain for cells of size `cell`: arcs as chords, cracks cleaned up, everything noded.

        For weights of a `degree` above 1 chords stand for arcs more exactly; see `Ring.flatten`.

        Raises GeometryError for a domain without area, a hole or region wholly outside, an inline
        crack wholly outside, and a file of traces with nothing inside.
        """
        return discretise(self, float(cell), degree)


def rectangle(xmin: float, ymin: float, xmax: float, ymax: float, name: str | None = None) -> Domain:
    """The rectangle between two corners; xmin < xmax and ymin < ymax."""
    corners = as_points([(xmin, ymin), (xmax, ymax)], name or "rectangle")
    for axis, low, high in (("x", xmin, xmax), ("y", ymin, ymax)):
        if not low < high:
            raise GeometryError(
                f"{axis}min = {low} is not below {axis}max = {high}",
                where=name or "rectangle",
                hint="the order is xmin, ymin, xmax, ymax",
            )
    (a, b), (c, d) = corners
    return Domain(Leaf(ring([(a, b), (c, b), (c, d), (a, d)], what=name or "rectangle"), name))


def disk(center: Sequence[float], radius: float, name: str | None = None) -> Domain:
    """The disk around `center`: four arcs, made chords only when the size of the cells is known."""
    what = name or "disk"
    (x, y) = as_points([center], what)[0]
    if not (np.isfinite(radius) and radius > 0):
        raise GeometryError(f"the radius is {radius}; it must be a positive number", where=what)
    points = [(x + radius, y), (x, y + radius), (x - radius, y), (x, y - radius)]
    return Domain(Leaf(ring(points, [np.tan(np.pi / 8)] * 4, what), name))


def polygon(points, holes=(), name: str | None = None) -> Domain:
    """The polygon through `points` (n, 2), in either direction, open or closed, less `holes` (polygons)."""
    domain = Domain(Leaf(ring(points, what=name or "polygon"), name))
    for number, hole in enumerate(holes):
        domain = domain.with_hole(Domain(Leaf(ring(hole, what=f"hole {number}"))))
    return domain
