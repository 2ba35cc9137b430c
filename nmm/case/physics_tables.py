"""The tables [physics], [[boundary]] and [[point_load]]."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, PlainValidator, model_validator

from nmm.case.values import (
    Box,
    Components,
    Name,
    Pair,
    Point,
    Scalar,
    Table,
    Text,
    Triple,
    exactly_one,
    one_of,
    scalar,
    shown,
    wrong,
)


class GridFile(Table):
    """Values on a rectangular grid from a file, row 0 on top."""

    grid: Text
    box: Box
    interpolation: Annotated[str, one_of("linear", "nearest")] = "linear"

    @model_validator(mode="after")
    def _box(self) -> GridFile:
        xmin, ymin, xmax, ymax = self.box
        if xmin >= xmax or ymin >= ymax:
            raise wrong(
                f"found {list(self.box)}, expected xmin < xmax and ymin < ymax",
                "[xmin, ymin, xmax, ymax]",
                "box",
            )
        return self


Coefficient = float | str | GridFile


def _coefficient(value: Any) -> Coefficient:
    """A number, an expression, or a grid from a file."""
    if isinstance(value, dict):
        return GridFile.model_validate(value)
    if isinstance(value, list):
        raise wrong(f"found {shown(value)}, expected a number, an expression or {{ grid = ..., box = ... }}")
    return scalar(value)


def _positive(value: Any) -> Coefficient:
    found = _coefficient(value)
    if isinstance(found, float) and found <= 0:
        raise wrong(f"found {found:g}, expected a value greater than 0")
    return found


def _conductivity(value: Any) -> Any:
    """A coefficient, or a symmetric positive definite tensor [[kxx, kxy], [kxy, kyy]]."""
    if not isinstance(value, list):
        return _positive(value)
    if len(value) != 2 or not all(isinstance(row, list) and len(row) == 2 for row in value):
        raise wrong(f"found {shown(value)}, expected a number, an expression or [[kxx, kxy], [kxy, kyy]]")
    tensor = tuple(tuple(scalar(entry) for entry in row) for row in value)
    if tensor[0][1] != tensor[1][0]:
        raise wrong(
            f"found {shown(value)}, expected a symmetric tensor",
            "the two entries off the diagonal must agree",
        )
    entries = [entry for row in tensor for entry in row]
    if all(isinstance(entry, float) for entry in entries):
        smallest = float(np.linalg.eigvalsh(np.asarray(tensor, float))[0])
        if smallest <= 0:
            raise wrong(
                f"found {shown(value)} with the eigenvalue {smallest:g}, expected a positive definite tensor",
                "kxx > 0, kyy > 0 and kxx*kyy > kxy^2",
            )
    return tensor


Coefficients = Annotated[Any, PlainValidator(_coefficient)]
PositiveCoefficient = Annotated[Any, PlainValidator(_positive)]
Conductivity = Annotated[Any, PlainValidator(_conductivity)]

ELASTIC = ("young", "poisson", "plane", "dilatation", "body_force", "density", "gravity", "initial_stress")
FLOW = ("conductivity", "source")
OTHER = {"elasticity": "poisson", "poisson": "elasticity"}


class Material(Table):
    """What may differ from region to region."""

    young: PositiveCoefficient | None = None
    poisson: Coefficients | None = None
    body_force: Pair | None = None
    density: Coefficients | None = None
    initial_stress: Triple | None = None
    conductivity: Conductivity | None = None
    source: Coefficients | None = None

    def given(self, keys: tuple[str, ...]) -> dict[str, Any]:
        return {key: value for key in keys if (value := getattr(self, key, None)) is not None}


def _poisson_in_range(value: Any, plane: str, key: tuple[str, ...]) -> None:
    if not isinstance(value, float):
        return
    if plane == "strain" and not -1 < value < 0.5:
        hint = "0.3 is usual for rock and metal; 0.49 is nearly incompressible"
        raise wrong(f"found {value:g}, expected -1 < poisson < 0.5 in plane strain", hint, key)
    if plane == "stress" and not -1 < value <= 0.5:
        raise wrong(f"found {value:g}, expected -1 < poisson <= 0.5 in plane stress", "0.3 is usual", key)


class PhysicsTable(Material):
    model: Annotated[str, one_of("elasticity", "poisson")]
    plane: Annotated[str, one_of("strain", "stress")] | None = None
    dilatation: Annotated[str, one_of("pointwise", "mean")] | None = None
    gravity: Pair | None = None
    within: dict[str, Material] = Field(default={}, alias="in")

    @model_validator(mode="after")
    def _consistent(self) -> PhysicsTable:
        strangers = FLOW if self.model == "elasticity" else ELASTIC
        tables = [((), self), *((("in", region), table) for region, table in self.within.items())]
        for path, table in tables:
            for key in table.given(strangers):
                raise wrong(
                    f'belongs to model = "{OTHER[self.model]}", but the model is "{self.model}"',
                    f"keys of this model: {', '.join(ELASTIC if self.model == 'elasticity' else FLOW)}",
                    (*path, key),
                )
            _poisson_in_range(table.poisson, self.plane or "strain", (*path, "poisson"))
        if self.model == "elasticity":
            for key, example in (("young", "210e9"), ("poisson", "0.3")):
                if getattr(self, key) is None:
                    raise wrong(
                        f"{key} is missing",
                        f'model = "elasticity" needs it, for example {key} = {example}',
                        key,
                    )
            if self.dilatation == "mean" and self.plane == "stress":
                raise wrong(
                    'found "mean" with plane = "stress", expected plane = "strain"',
                    "in plane stress the thickness gives way, so that nothing locks: leave dilatation out",
                    "dilatation",
                )
            if self.body_force is not None and self.gravity is not None:
                raise wrong(
                    "body_force and gravity are both given",
                    "keep body_force, or density and gravity",
                    "gravity",
                )
            if self.gravity is not None and self.density is None:
                raise wrong("gravity needs a density", "add density = ...", "gravity")
            if self.density is not None and self.gravity is None:
                raise wrong("density needs gravity", "add gravity = [0, -9.81]", "density")
            for region, table in self.within.items():
                if table.density is None:
                    continue
                key = ("in", region, "density")
                if self.density is None:
                    raise wrong(
                        "[physics] has no density that it could override",
                        "give [physics] density and gravity, or the region a body_force",
                        key,
                    )
                if table.body_force is not None:
                    raise wrong("body_force and density are both given", "keep one of them", key)
        return self


class Robin(Table):
    h: Scalar
    value: Scalar

    @model_validator(mode="after")
    def _not_negative(self) -> Robin:
        if isinstance(self.h, float) and self.h < 0:
            raise wrong(
                f"found {self.h:g}, expected h >= 0", "flux = h*(value - u), positive into the body", "h"
            )
        return self


class Boundary(Table):
    """What holds on a piece of boundary: exactly one condition."""

    on: Text
    displacement: Components | None = None
    normal: Scalar | None = None
    traction: Pair | None = None
    pressure: Scalar | None = None
    value: Scalar | None = None
    flux: Scalar | None = None
    robin: Robin | None = None
    name: Name | None = None

    by_model: ClassVar[dict[str, tuple[str, ...]]] = {
        "elasticity": ("displacement", "normal", "traction", "pressure"),
        "poisson": ("value", "flux", "robin"),
    }

    @property
    def condition(self) -> str:
        return exactly_one(self, sum(self.by_model.values(), ()), "a boundary entry")

    @model_validator(mode="after")
    def _one(self) -> Boundary:
        if self.condition == "displacement" and self.displacement == ("free", "free"):
            raise wrong(
                "both components are free: the entry holds nothing", "remove the entry", "displacement"
            )
        return self


class PointLoad(Table):
    at: Point
    force: Pair
    name: Name | None = None
