"""Plane shapes: the Boolean tree over rings, its bounds, holes and polygon."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from nmm.domain.rings import Area, Ring, areas_only, ring_polygon
from nmm.errors import GeometryError


@dataclass(frozen=True, eq=False)
class Leaf:
    """The inside of one ring."""

    ring: Ring
    name: str | None = None


@dataclass(frozen=True, eq=False)
class Join:
    """Union ("|") or intersection ("&") of shapes."""

    kind: str
    parts: tuple[Shape, ...]


@dataclass(frozen=True, eq=False)
class Minus:
    """`area` without `hole`. Holes with `last` are numbered after all the others."""

    area: Shape
    hole: Shape
    name: str | None = None
    last: bool = False


Shape = Leaf | Join | Minus


def join(kind: str, parts: Iterable[Shape]) -> Shape:
    """Union ("|") or intersection ("&"), flat: members that are such a join give their own parts."""
    flat: list[Shape] = []
    for part in parts:
        flat += part.parts if isinstance(part, Join) and part.kind == kind else [part]
    return flat[0] if len(flat) == 1 else Join(kind, tuple(flat))


def bounds(shape: Shape) -> tuple[float, float, float, float]:
    """Bounding box (xmin, ymin, xmax, ymax) of the shape before its holes are taken away."""
    shape, _ = _without_holes(shape)
    if isinstance(shape, Leaf):
        return shape.ring.bounds
    boxes = np.array([bounds(part) for part in shape.parts])
    low, high = boxes[:, :2], boxes[:, 2:]
    if shape.kind == "|":
        (xmin, ymin), (xmax, ymax) = low.min(axis=0).tolist(), high.max(axis=0).tolist()
        return xmin, ymin, xmax, ymax
    # The corners of an intersection are known only after it is made; 8,000 chords a circle leave
    # an error of 1e-7 of the radius where two edges meet, none at the extremes of an arc.
    size = float((high - low).max())
    area, _ = evaluate(shape, 0.0063 * size, low[0])
    if area.is_empty:
        raise GeometryError("the intersection is empty", hint="the shapes do not overlap")
    box = np.array(area.bounds) + np.tile(low[0], 2)
    outer = np.concatenate([low.max(axis=0), high.min(axis=0)])
    near = np.abs(box - outer) <= 1e-12 * np.maximum(size, np.abs(outer))
    xmin, ymin, xmax, ymax = np.where(near, outer, box).tolist()
    return xmin, ymin, xmax, ymax


def holes(shape: Shape) -> Iterator[Minus]:
    """The holes of a shape in the order in which they are numbered."""
    found = list(_holes(shape))
    yield from (hole for hole in found if not hole.last)
    yield from (hole for hole in found if hole.last)


def _holes(shape: Shape) -> Iterator[Minus]:
    shape, chain = _without_holes(shape)
    if isinstance(shape, Join):
        for part in shape.parts:
            yield from _holes(part)
    yield from chain


def _without_holes(shape: Shape) -> tuple[Leaf | Join, list[Minus]]:
    """What holes are taken away from, and the holes in the order in which they are.

    A loop, because a domain may have more holes than Python allows nested calls.
    """
    chain: list[Minus] = []
    while isinstance(shape, Minus):
        chain.append(shape)
        shape = shape.area
    return shape, chain[::-1]


def sagitta(shape: Shape, cell: float, degree: int = 1) -> float:
    """The most by which an arc of a shape, holes included, leaves the chords that stand for it."""
    shape, chain = _without_holes(shape)
    inner = [minus.hole for minus in chain]
    if isinstance(shape, Join):
        return max(sagitta(part, cell, degree) for part in (*shape.parts, *inner))
    return max([shape.ring.sagitta(cell, degree), *(sagitta(hole, cell, degree) for hole in inner)])


def leaves(shape: Shape) -> Iterator[Leaf]:
    """The rings that a shape is made of, holes included."""
    shape, chain = _without_holes(shape)
    inner = [minus.hole for minus in chain]
    if isinstance(shape, Leaf):
        yield shape
    for part in (*(shape.parts if isinstance(shape, Join) else ()), *inner):
        yield from leaves(part)


def box_text(box: Sequence[float]) -> str:
    """A bounding box in words."""
    return f"x {box[0]:.8g} .. {box[2]:.8g}, y {box[1]:.8g} .. {box[3]:.8g}"


def evaluate(
    shape: Shape,
    cell: float,
    shift: np.ndarray,
    numbers: Mapping[int, int] | None = None,
    degree: int = 1,
) -> tuple[Area, list[tuple[Minus | None, np.ndarray]]]:
    """The polygon of a shape in coordinates less `shift`, and its source rings.

    The rings come as (hole or None for the outline, vertices (m, 2)). `numbers` gives the number of
    a hole by its id, for messages. `degree` as in `Ring.flatten`.
    """
    shape, chain = _without_holes(shape)
    if isinstance(shape, Leaf):
        base, vertices = ring_polygon(shape.ring, cell, shift, shape.name or "outline", degree)
        rings: list[tuple[Minus | None, np.ndarray]] = [(None, vertices)]
    else:
        made = [evaluate(part, cell, shift, numbers, degree) for part in shape.parts]
        areas = [area for area, _ in made]
        joined = (
            shapely.union_all(areas) if shape.kind == "|" else functools.reduce(shapely.intersection, areas)
        )
        base, rings = areas_only(joined), [ring for _, part in made for ring in part]
    removed = []
    for minus in chain:
        hole, inner = evaluate(minus.hole, cell, shift, numbers, degree)
        if areas_only(shapely.intersection(base, hole)).area <= 1e-14 * min(base.area, hole.area):
            number = f"hole {(numbers or {}).get(id(minus), '')}".strip()
            raise GeometryError(
                f"lies wholly outside the outline: it is in {box_text(bounds(minus.hole))}, "
                f"the outline in {box_text(bounds(shape))}",
                where=f"{number} ({minus.name})" if minus.name else number,
                hint="move it inside or remove it",
            )
        removed.append(hole)
        rings += [(minus, vertices) for _, vertices in inner]
    if removed:
        base = areas_only(shapely.difference(base, shapely.union_all(removed)))
    return base, rings
