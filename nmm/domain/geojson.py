"""GeoJSON: outlines, traces and regions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmm.domain.assemble import with_holes
from nmm.domain.rings import ring
from nmm.domain.shapes import Shape, join
from nmm.errors import InputError

LINES = {"LineString": 0, "MultiLineString": 1}
COMPLETE = "remove or complete the feature"
AREAS = {"Polygon": 1, "MultiPolygon": 2}


@dataclass(frozen=True, eq=False)
class Feature:
    """A geometry as lists of coordinates, its properties, and where it stands."""

    kind: str
    coordinates: Any
    properties: dict[str, Any]
    where: str

    @property
    def name(self) -> str | None:
        """The property "name", when it is a text."""
        for key, value in self.properties.items():
            if key.lower() == "name" and isinstance(value, str) and value.strip():
                return value.strip()
        return None


def lines(path: Path) -> list[tuple[np.ndarray, str | None, str]]:
    """The polylines (k, 2) of a file in the order of its features, each with name and place."""
    found = []
    for feature in features(path, LINES, "lines"):
        parts = feature.coordinates if LINES[feature.kind] else [feature.coordinates]
        for number, part in enumerate(parts):
            where = f"{feature.where}, line {number}" if len(parts) > 1 else feature.where
            points = _points(part, where)
            if len(points) < 2:
                message = f"{len(points)} point{'s' * (len(points) != 1)}; a line has at least two"
                raise InputError(message, where=where, hint=COMPLETE)
            found.append((points, feature.name, where))
    return found


def areas(path: Path) -> list[tuple[Shape, dict[str, Any], str]]:
    """The shapes of a file, one a feature, each with properties and place."""
    found = []
    for feature in features(path, AREAS, "polygons"):
        parts = feature.coordinates if AREAS[feature.kind] == 2 else [feature.coordinates]
        shapes = []
        for number, part in enumerate(parts):
            where = f"{feature.where}, polygon {number}" if len(parts) > 1 else feature.where
            if not isinstance(part, list) or not part:
                raise InputError("a polygon without a ring", where=where, hint=COMPLETE)
            outline = ring(_points(part[0], where), what=where)
            holes = [
                ring(_points(hole, f"{where}, interior ring {k}"), what=f"{where}, interior ring {k}")
                for k, hole in enumerate(part[1:])
            ]
            shapes.append(with_holes(outline, holes, feature.name))
        if not shapes:
            raise InputError("no polygon in it", where=feature.where, hint=COMPLETE)
        found.append((join("|", shapes), feature.properties, feature.where))
    return found


def features(path: Path, kinds: dict[str, int], expected: str) -> list[Feature]:
    """The features of a file, all of one of the given kinds."""
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"is not a text file: {error.reason}", where=name, hint="export GeoJSON") from None
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        what = "is empty" if not text.strip() else f"is not valid JSON: {error.msg}, column {error.colno}"
        hint = "export the file again; it may be cut off" if error.pos >= len(text.rstrip()) else None
        raise InputError(what, where=f"{name}, line {error.lineno}", hint=hint) from None
    except RecursionError:
        raise InputError("is nested too deeply", where=name) from None
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "FeatureCollection":
        entries = data.get("features")
        if not isinstance(entries, list):
            raise InputError('"features" is not a list', where=name)
    elif isinstance(kind, str):
        entries = [data]
    else:
        raise InputError(
            f"is not GeoJSON: its type is {kind!r}", where=name, hint="expected a FeatureCollection"
        )
    if not entries:
        raise InputError("has no features", where=name, hint=f"expected {expected}")
    found = []
    for index, entry in enumerate(entries):
        where = f"{name}, feature {index}"
        entry = entry if isinstance(entry, dict) else {}
        geometry = entry.get("geometry") if entry.get("type") == "Feature" else entry
        if not isinstance(geometry, dict):
            raise InputError("has no geometry", where=where, hint=COMPLETE)
        kind = geometry.get("type")
        if kind not in kinds:
            raise InputError(
                f"found {kind if isinstance(kind, str) else 'no geometry type'}, expected {expected}",
                where=where,
                hint=f"this file is read for {expected}: {', '.join(kinds)}",
            )
        coordinates = geometry.get("coordinates")
        if not isinstance(coordinates, list) or not coordinates:
            raise InputError(f"a {kind} without coordinates", where=where, hint=COMPLETE)
        properties = entry.get("properties")
        found.append(Feature(kind, coordinates, properties if isinstance(properties, dict) else {}, where))
    return found


def _points(coordinates: Any, where: str) -> np.ndarray:
    try:
        points = np.array([(float(x), float(y)) for x, y, *_ in coordinates]).reshape(-1, 2)
    except (TypeError, ValueError):
        raise InputError("coordinates that are not pairs of numbers", where=where) from None
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        x, y = points[bad[0]]
        raise InputError(
            f"vertex {bad[0]} is ({x}, {y}); coordinates must be finite",
            where=where,
            hint="remove or correct the vertex",
        )
    return points
