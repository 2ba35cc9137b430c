"""The whole case file. What each key means is documented in docs/case-files.md."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, PlainValidator, model_validator

from nmm.case.domain_tables import CoverTable, DomainTable
from nmm.case.interface_table import Interface
from nmm.case.inverse_tables import KINDS, Data, Inverse
from nmm.case.physics_tables import OTHER, Boundary, PhysicsTable, PointLoad
from nmm.case.values import (
    Count,
    Formula,
    Number,
    Points,
    Positive,
    Table,
    Text,
    Texts,
    one_of,
    scalar,
    suggestion,
    wrong,
)

RESERVED = {
    "time": "[time], problems that change in time",
    "stage": "[[stage]], excavation and construction in stages",
    "joint_set": "[[joint_set]], families of joints",
}


class SolveTable(Table):
    tolerance: Positive = 1e-8
    max_iterations: Count | None = None
    method: Annotated[str, one_of("auto", "direct", "cg")] = "auto"
    dirichlet: Annotated[str, one_of("nitsche", "penalty")] = "nitsche"
    ghost: Number | None = None
    precision: Annotated[str, one_of("float64", "float32")] = "float64"

    @model_validator(mode="after")
    def _in_range(self) -> SolveTable:
        if self.tolerance >= 1:
            raise wrong(f"found {self.tolerance:g}, expected less than 1", "1e-8 is the default", "tolerance")
        if self.ghost is not None and self.ghost < 0:
            raise wrong(f"found {self.ghost:g}, expected a number ≥ 0", "0.25 is usual", "ghost")
        return self


def _solution(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        if len(value) != 2:
            raise wrong(f"found {len(value)} expressions, expected one, or two for a displacement")
        return tuple(Formula(scalar(item)) for item in value)
    return (Formula(scalar(value)),)


class Exact(Table):
    solution: Annotated[tuple[str, ...], PlainValidator(_solution)]


class OutputTable(Table):
    probes: Points = ()
    fields: Texts | None = None

    by_model: ClassVar[dict[str, tuple[str, ...]]] = {
        "elasticity": ("displacement", "gradient", "strain", "stress", "von_mises"),
        "poisson": ("potential", "gradient", "flux"),
    }
    default: ClassVar[dict[str, tuple[str, ...]]] = {
        "elasticity": ("displacement", "stress", "von_mises"),
        "poisson": ("potential", "flux"),
    }


class Units(Table):
    """Labels only; nothing is converted."""

    length: Text | None = None
    displacement: Text | None = None
    stress: Text | None = None
    force: Text | None = None
    energy: Text | None = None
    potential: Text | None = None
    conductivity: Text | None = None
    flux: Text | None = None
    time: Text | None = None


class Compare(Table):
    methods: Texts | None = None
    seeds: Count | None = None
    seconds: Positive | None = None


class Spec(Table):
    """The whole case file."""

    reserved: ClassVar[dict[str, str]] = RESERVED

    title: Text | None = None
    domain: DomainTable
    cover: CoverTable
    parameters: dict[str, Number] = Field(default_factory=dict)
    physics: PhysicsTable
    boundary: list[Boundary] = Field(default_factory=list)
    point_load: list[PointLoad] = Field(default_factory=list)
    interface: list[Interface] = Field(default_factory=list)
    solve: SolveTable = SolveTable()
    exact: Exact | None = None
    output: OutputTable = OutputTable()
    units: Units = Units()
    inverse: Inverse | None = None
    data: list[Data] = Field(default_factory=list)
    compare: Compare | None = None

    @model_validator(mode="after")
    def _one_physics(self) -> Spec:
        model, components = self.physics.model, 2 if self.physics.model == "elasticity" else 1
        allowed = Boundary.by_model[model]
        for i, entry in enumerate(self.boundary):
            if entry.condition not in allowed:
                raise wrong(
                    f'belongs to model = "{OTHER[model]}", but [physics] has model = "{model}"',
                    f"with this model use one of {', '.join(allowed)}",
                    ("boundary", i, entry.condition),
                )
        if self.point_load and components == 1:
            raise wrong(
                'a force belongs to model = "elasticity", but [physics] has model = "poisson"',
                "remove it; a source over a small region is the counterpart",
                ("point_load", 0),
            )
        for i, entry in enumerate(self.interface):
            entry.check_model(model, OTHER[model], i)
        if self.exact is not None and len(self.exact.solution) != components:
            expected = "one expression" if components == 1 else "two expressions [ux, uy]"
            raise wrong(
                f'found {len(self.exact.solution)} expression(s), expected {expected} for model = "{model}"',
                None,
                ("exact", "solution"),
            )
        for i, entry in enumerate(self.data):
            if entry.kind not in KINDS[model]:
                raise wrong(
                    f'belongs to model = "{OTHER[model]}", but [physics] has model = "{model}"',
                    f"with this model use one of {', '.join(KINDS[model])}",
                    ("data", i, "kind"),
                )
        if self.inverse is not None:
            self.inverse.check(self.parameters)
        for i, field in enumerate(self.output.fields or ()):
            if field not in OutputTable.by_model[model]:
                raise wrong(
                    f'found "{field}", which is not a field of model = "{model}"',
                    suggestion(field, OutputTable.by_model[model]),
                    ("output", "fields", i),
                )
        return self
