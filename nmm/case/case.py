"""A validated case: builds the domain, the lattice, the model and the boundary terms that it describes."""

from __future__ import annotations

import math
import operator
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from nmm.case.domain_tables import Crack, Region, Shape
from nmm.case.interface_table import Interface
from nmm.case.physics_tables import ELASTIC, FLOW, Boundary, GridFile, Material, PointLoad
from nmm.case.places import Places
from nmm.case.positions import Path
from nmm.case.schema import OutputTable, Spec
from nmm.case.values import coordinate, formulas, suggestion
from nmm.cover.lattice import Lattice, lattice
from nmm.domain import Domain, disk, polygon, read_cracks, read_domain, read_regions, rectangle
from nmm.errors import CaseError
from nmm.expressions import parse
from nmm.manifold.cut import cut
from nmm.manifold.manifold import Manifold
from nmm.memory import check_memory
from nmm.physics import boundary as terms
from nmm.physics.bond import bond
from nmm.physics.models import elasticity, poisson
from nmm.physics.problem import Problem
from nmm.physics.problem import problem as build_problem
from nmm.physics.values import GridValue
from nmm.solve import solver

_COMBINE = {"union": operator.or_, "difference": operator.sub, "intersection": operator.and_}


class Case:
    """A case file that has been read and validated; nothing is built before it is asked for.

    Everything built raises `InputError` with the file, the line and the key it comes from.
    """

    def __init__(self, path: FilePath, text: str, spec: Spec, places: Places):
        self.path, self.text, self.spec, self.places = path, text, spec, places
        self._traces: list[int] = []

    @property
    def name(self) -> str:
        """The file's name without its suffix; results go to `results/<name>`."""
        return self.path.stem

    @property
    def title(self) -> str:
        return self.spec.title or self.name

    @property
    def stored(self) -> int:
        """Unknowns of a physical patch."""
        order = self.spec.cover.order
        return self.components * (order + 1) * (order + 2) // 2

    @property
    def components(self) -> int:
        return 2 if self.spec.physics.model == "elasticity" else 1

    @property
    def parameters(self) -> dict[str, float]:
        return dict(self.spec.parameters)

    @property
    def exact(self) -> str | tuple[str, ...] | None:
        """One expression, or one per component, with the values of the parameters in it."""
        if self.spec.exact is None:
            return None
        solution = tuple(_with_values(text, self.parameters) for text in self.spec.exact.solution)
        return solution if self.components > 1 else solution[0]

    @property
    def output(self) -> OutputTable:
        return self.spec.output

    @property
    def fields(self) -> tuple[str, ...]:
        chosen = self.spec.output.fields
        return OutputTable.default[self.spec.physics.model] if chosen is None else chosen

    @property
    def units(self) -> dict[str, str]:
        """Labels by quantity: those that the case gives."""
        return self.spec.units.model_dump(exclude_none=True)

    def file(self, name: str, *path: str | int) -> FilePath:
        """A file that the case names, relative to the case file."""
        found = FilePath(name) if FilePath(name).is_absolute() else self.path.parent / name
        if not found.is_file():
            beside = sorted(p.name for p in found.parent.iterdir()) if found.parent.is_dir() else []
            hint = f"file names are relative to {self.path.parent.resolve()}"
            if beside:
                hint += f"; {suggestion(found.name, beside[:20])}"
            raise CaseError(f'there is no file "{name}"', where=self.places.at(path), hint=hint)
        return found

    def domain(self) -> Domain:
        """Outline, holes, cracks and regions; read once."""
        return self._domain

    @cached_property
    def _domain(self) -> Domain:
        table, put = self.spec.domain, self.places.put
        domain = self._shape(table.outline, "domain", "outline")
        with put("domain", "snap"):
            domain = domain.with_snap(table.snap)
        for i, hole in enumerate(table.holes):
            shape = self._shape(hole, "domain", "holes", i)
            with put("domain", "holes", i):
                domain = domain.with_hole(shape, name=hole.name)
        for i, crack in enumerate(table.cracks):
            with put("domain", "cracks", i):
                before = len(domain.cracks)
                domain = self._with_crack(domain, crack, i)
                self._traces.append(len(domain.cracks) - before)
        for i, region in enumerate(table.region):
            for name, shape in self._regions(region, i):
                with put("domain", "region", i):
                    domain = domain.with_region(name, shape)
        return domain

    def _shape(self, shape: Shape, *path: str | int) -> Domain:
        kind = shape.kind
        if kind in ("union", "difference", "intersection"):
            parts = [self._shape(part, *path, kind, i) for i, part in enumerate(getattr(shape, kind))]
            found = parts[0]
            with self.places.put(*path):
                for part in parts[1:]:
                    found = (
                        found | part
                        if kind == "union"
                        else found - part
                        if kind == "difference"
                        else found & part
                    )
            return found
        if kind == "file":
            with self.places.put(*path):
                return read_domain(self.file(str(shape.file), *path), layer=shape.layer)
        with self.places.put(*path, kind):
            place = self._placed(getattr(shape, kind))
            if kind == "rectangle":
                return rectangle(*place)
            return disk(place[:2], place[2], name=shape.name) if kind == "circle" else polygon(place)

    def _placed(self, value: Any) -> Any:
        """Coordinates with the values of the parameters in them."""
        if isinstance(value, tuple):
            return tuple(map(self._placed, value))
        return coordinate(float(parse(value).evaluate(self.parameters))) if isinstance(value, str) else value

    def _with_crack(self, domain: Domain, crack: Crack, i: int) -> Domain:
        if crack.points is not None:
            return domain.with_cracks(
                [np.asarray(self._placed(crack.points))], names=[crack.name], inline=True
            )
        traces = read_cracks(self.file(str(crack.file), "domain", "cracks", i), layer=crack.layer)
        return domain.with_cracks(traces, inline=False)

    def _regions(self, region: Region, i: int) -> list[tuple[str, Domain]]:
        if region.shape is not None:
            return [(str(region.name), self._shape(region.shape, "domain", "region", i, "shape"))]
        path = self.file(str(region.file), "domain", "region", i, "file")
        with self.places.put("domain", "region", i):
            found = read_regions(path, name_field=region.name_field, layer=region.layer)
        return [(region.name or name, shape) for name, shape in found]

    @property
    def cell(self) -> float:
        """The side of the lattice's squares."""
        return self._size()[1]

    def with_cell(self, cell: float) -> Case:
        """The same case with squares of another side; its text says so on top."""
        text = f"# On another cover than below:\n# --set cover.cell={cell!r}\n\n{self.text}"
        return self.with_cover(text, cell=cell, cells=None)

    def with_cover(self, text: str | None = None, **changes: Any) -> Case:
        """The same case with other entries of [cover], and another text if one is given."""
        cover = self.spec.cover.model_copy(update=changes)
        spec = self.spec.model_copy(update={"cover": cover})
        other = Case(self.path, self.text if text is None else text, spec, self.places)
        other.__dict__["_domain"], other._traces = self.domain(), self._traces
        return other

    @property
    def shape_parameters(self) -> dict[str, float]:
        """The parameters that the domain depends on, and what moves it by a quarter of a cell."""
        places = [formula for _, formula in formulas(self.spec.domain)]
        names = frozenset().union(*(parse(formula).names for formula in places))
        values = self.parameters

        def at(name: str, value: float) -> np.ndarray:
            return np.array([float(parse(f).evaluate({**values, name: value})) for f in places])

        found = {}
        for name in sorted(names):
            move = 1e-6 * max(1.0, abs(values[name]))
            slope = np.abs(at(name, values[name] + move) - at(name, values[name] - move)).max() / (2 * move)
            found[name] = 0.25 * self.cell / slope if slope > 0 else move
        return found

    def with_parameters(self, values: Mapping[str, float]) -> Case:
        """The same case with other values of some parameters."""
        parameters = {**self.parameters, **{k: v for k, v in values.items() if k in self.parameters}}
        spec = self.spec.model_copy(update={"parameters": parameters})
        return Case(self.path, self.text, spec, self.places)

    def lattice(self) -> Lattice:
        table = self.spec.cover
        with self.places.put("cover"):
            return lattice(**table.model_dump())

    def model(self) -> Any:
        """The physics with its overrides per region."""
        table, put = self.spec.physics, self.places.put
        keys = ELASTIC if table.model == "elasticity" else FLOW
        values = self._values(table, keys, "physics")
        known = list(dict.fromkeys(name for name, _ in self.domain().regions))
        within = {}
        for name, material in table.within.items():
            with put("physics", "in", name):
                if name not in known:
                    raise CaseError(f'there is no region "{name}"', hint=suggestion(name, known))
            within[name] = self._values(material, keys, "physics", "in", name)
        densities = {name: own.pop("density") for name, own in within.items() if "density" in own}
        if densities:  # the body force is a product, of which a region overrides one factor
            values["density"] = {"default": values["density"], **densities}
        with put("physics"):
            model = elasticity(**values) if table.model == "elasticity" else poisson(**values)
        for name, own in within.items():
            with put("physics", "in", name):
                model = model.in_region(name, **own)
        return model

    def _values(self, table: Material, keys: tuple[str, ...], *path: str | int) -> dict[str, Any]:
        given = table.given(keys)
        return {
            key: self._grid(value, *path, key) if isinstance(value, GridFile) else value
            for key, value in given.items()
        }

    def _grid(self, grid: GridFile, *path: str | int) -> GridValue:
        found, where = self.file(grid.grid, *path), self.places.at(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # for a file without numbers NumPy only warns
                read = np.load if found.suffix == ".npy" else partial(np.loadtxt, delimiter=",", ndmin=2)
                values = np.asarray(read(found), float)
        except (ValueError, OSError, EOFError, UserWarning) as error:
            raise CaseError(
                f"{grid.grid} cannot be read: {error}",
                where=where,
                hint="a grid is a .npy array, or a .csv of numbers with commas and rows of equal length",
            ) from None
        least = 2 if grid.interpolation == "linear" else 1
        if values.ndim != 2 or min(values.shape) < least:
            raise CaseError(
                f"{grid.grid} has the shape {values.shape}, expected at least {least} rows and columns",
                where=where,
                hint="one value per grid point; row 0 is the top of the box",
            )
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise CaseError(
                f"{grid.grid} holds {values[row, column]} in row {row}, column {column}",
                where=where,
                hint="every value has to be a finite number",
            )
        with self.places.put(*path):
            return GridValue(values, grid.box, grid.interpolation)

    def boundary(self) -> list[Any]:
        """The boundary terms in the file's order, then the point loads, then the bonds.

        An entry without a name is called by what it says; where another one says the same, its number
        tells them apart.
        """
        found: list[Any] = []
        for table, i, entry in self._entries():
            with self.places.put(table, i):
                term = _term(entry)
            if entry.name is None and any(other.name == term.name for other in found):
                term = replace(term, name=f"{term.name} ([[{table}]] {i})")
            found.append(term)
        return found

    def _entries(self) -> list[tuple[str, int, Any]]:
        tables = ("boundary", "point_load", "interface")
        return [(table, i, entry) for table in tables for i, entry in enumerate(getattr(self.spec, table))]

    def solver(self) -> Any:
        """The solver that [solve] asks for."""
        table = self.spec.solve
        return solver(table.method, table.tolerance, table.max_iterations)

    def cut(self) -> Manifold:
        """The domain cut by the lattice; raises `CapacityError` before a lattice that cannot fit is tried."""
        self.check_memory()
        with self.places.put(entries=self._entities()):
            return cut(self.domain(), self.lattice(), dtype=self.spec.solve.precision)

    def check_memory(self) -> None:
        """Raise `CapacityError` when the cut and the solve would not fit into memory."""
        with self.places.put("cover", "cell" if self.spec.cover.cell is not None else "cells"):
            check_memory(*self._size(), self.stored, self.spec.cover.shape)

    def _entities(self) -> dict[str, Path]:
        """Paths of holes, cracks, regions and files by the names that errors about the geometry use."""
        table, number = self.spec.domain, 0
        found: dict[str, Path] = {f"hole {i}": ("domain", "holes", i) for i in range(len(table.holes))}
        found |= {f"region {region.name}": ("domain", "region", i) for i, region in enumerate(table.region)}
        for i, (crack, traces) in enumerate(zip(table.cracks, self._traces, strict=True)):
            if crack.file is not None:
                found[str(self.file(crack.file))] = ("domain", "cracks", i)
            found |= {f"crack {number + k}": ("domain", "cracks", i) for k in range(traces)}
            number += traces
        return found

    def _size(self) -> tuple[float, float]:
        """Number of lattice squares over the bounding box, and their side."""
        xmin, ymin, xmax, ymax = self.domain().bounds
        width, height = xmax - xmin, ymax - ymin
        table = self.spec.cover
        cell = table.cell if table.cell is not None else max(width, height) / (table.cells or 1)
        angle = math.radians(table.angle)
        across = abs(width * math.cos(angle)) + abs(height * math.sin(angle))
        along = abs(width * math.sin(angle)) + abs(height * math.cos(angle))
        return max(1.0, across / cell) * max(1.0, along / cell), cell

    def problem(self, manifold: Manifold | None = None) -> Problem:
        """The problem on `manifold`, or on a manifold cut for it."""
        manifold = self.cut() if manifold is None else manifold
        entries = self.boundary()
        with self.placed(entries):
            options = self.spec.solve
            return build_problem(
                manifold, self.model(), entries, dirichlet=options.dirichlet, ghost=options.ghost
            )

    @contextmanager
    def placed(self, built: Sequence[Any]) -> Iterator[None]:
        """Give errors that speak of the physics or of one of `built` (`boundary()`) its place in the file."""
        paths = [(table, i) for table, i, _ in self._entries()]
        with self.places.put(entries={term.name: path for term, path in zip(built, paths, strict=True)}):
            yield

    def values(self, problem: Problem) -> dict[str, float]:
        """The parameters that the problem uses."""
        return {name: value for name, value in self.parameters.items() if name in problem.parameters}


def _with_values(text: str, parameters: Mapping[str, float]) -> str:
    for name, value in parameters.items():
        text = re.sub(rf"\b{name}\b", f"({value!r})", text)
    return text


def _term(entry: Boundary | PointLoad | Interface) -> Any:
    name = entry.name
    if isinstance(entry, Interface):
        values = {key: getattr(entry, key) for key in ("normal", "tangential", "conductance")}
        return bond(*entry.between, **values, name=name)
    if isinstance(entry, PointLoad):
        return terms.point_load(entry.at, entry.force, name=name)
    if entry.displacement is not None:
        return terms.fixed(entry.on, displacement=entry.displacement, name=name)
    if entry.normal is not None:
        return terms.fixed(entry.on, normal=entry.normal, name=name)
    if entry.robin is not None:
        return terms.robin(entry.on, entry.robin.h, entry.robin.value, name=name)
    kind = entry.condition
    return getattr(terms, kind)(entry.on, getattr(entry, kind), name=name)
