"""The tables [domain] and [cover]: shapes, cracks, regions, the lattice."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from nmm.case.values import (
    Circle,
    Count,
    EntityName,
    Layers,
    Name,
    Number,
    Point,
    Polyline,
    Positive,
    Rectangle,
    Table,
    Text,
    exactly_one,
    one_of,
    shown,
    whole,
    wrong,
)


def _file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class Shape(Table):
    """Exactly one of the ways to say where material is."""

    rectangle: Rectangle | None = None
    circle: Circle | None = None
    polygon: Polyline | None = None
    file: Text | None = None
    layer: Layers | None = None
    union: list[ShapeValue] | None = None
    difference: list[ShapeValue] | None = None
    intersection: list[ShapeValue] | None = None
    name: EntityName | None = None

    @model_validator(mode="after")
    def _one(self) -> Shape:
        kind = self.kind
        if self.layer is not None and kind != "file":
            raise wrong(f"a layer belongs to a file, not to a {kind}", "remove layer, or give file", "layer")
        if kind in ("union", "difference", "intersection") and not getattr(self, kind):
            raise wrong(f"{kind} of an empty list of shapes", f"give {kind} = [shape, shape]", kind)
        return self

    @property
    def kind(self) -> str:
        shapes = ("rectangle", "circle", "polygon", "file", "union", "difference", "intersection")
        return exactly_one(self, shapes, "a shape")


ShapeValue = Annotated[Shape, BeforeValidator(_file)]


class Crack(Table):
    """One polyline, or the file that has many."""

    points: Polyline | None = None
    file: Text | None = None
    layer: Layers | None = None
    name: EntityName | None = None

    @model_validator(mode="after")
    def _one(self) -> Crack:
        exactly_one(self, ("points", "file"), "a crack")
        if self.points is not None and self.layer is not None:
            raise wrong("a layer belongs to a file, not to points", "remove layer", "layer")
        if self.file is not None and self.name is not None:
            raise wrong("a file brings its own names", "remove name", "name")
        return self


def _cracks(value: Any) -> Any:
    if isinstance(value, str | dict):
        value = [value]
    if not isinstance(value, list):
        raise wrong(
            f"found {shown(value)}, expected a list of polylines [[[x, y], [x, y]], ...] or a file name"
        )
    return [{"points": item} if isinstance(item, list) else _file(item) for item in value]


class Region(Table):
    """A named shape, or a file that gives several."""

    name: Name | None = None
    shape: ShapeValue | None = None
    file: Text | None = None
    name_field: Text | None = None
    layer: Layers | None = None

    @model_validator(mode="after")
    def _one(self) -> Region:
        if exactly_one(self, ("shape", "file"), "a region") == "shape":
            if self.name is None:
                raise wrong("a region needs a name", 'add name = "..."; [physics.in.NAME] refers to it')
            for key in ("name_field", "layer"):
                if getattr(self, key) is not None:
                    raise wrong(f"{key} belongs to a file, not to a shape", f"remove {key}", key)
        return self


class DomainTable(Table):
    outline: ShapeValue
    holes: list[ShapeValue] = Field(default_factory=list)
    cracks: Annotated[list[Crack], BeforeValidator(_cracks)] = Field(default_factory=list)
    snap: Positive = 1e-9
    region: list[Region] = Field(default_factory=list)

    @model_validator(mode="after")
    def _small_snap(self) -> DomainTable:
        if self.snap >= 0.1:
            hint = "snap is relative to the size of the domain: 1e-9 if clean, 1e-3 for digitised traces"
            raise wrong(f"found {self.snap:g}, expected less than 0.1", hint, "snap")
        return self


class CoverTable(Table):
    cell: Positive | None = None
    cells: Count | None = None
    shape: Annotated[str, one_of("quad", "triangle")] = "quad"
    weights: Annotated[str, one_of("hat", "bspline")] = "hat"
    degree: Annotated[int, whole(1, 3)] = 1
    order: Annotated[int, whole(0, 2)] = 0
    tips: Annotated[str, one_of("plain", "enriched")] = "plain"
    tip_radius: Number | None = None
    origin: Point | None = None
    angle: Number = 0.0

    @model_validator(mode="after")
    def _one(self) -> CoverTable:
        exactly_one(self, ("cell", "cells"), "[cover]")
        return self
