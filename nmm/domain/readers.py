"""Domains, cracks and regions from files, by suffix: .geojson and .json, .dxf, .msh."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nmm.domain import dxf, geojson, gmsh
from nmm.domain.assemble import area, rings
from nmm.domain.domain import Crack, Domain
from nmm.domain.shapes import join
from nmm.errors import InputError

SUFFIXES = {".geojson": "geojson", ".json": "geojson", ".dxf": "dxf", ".msh": "msh"}
Layers = str | Sequence[str] | None


def read_domain(path: str | Path, layer: Layers = None) -> Domain:
    """The area in a file.

    GeoJSON: the union of its polygons, interior rings are holes. DXF: closed curves and loops of
    open ones, those inside others are holes; only on `layer` (a name or several), when given. gmsh:
    what the elements cover; `layer` names physical groups. Raises InputError with file and place.
    """
    path, kind, layers = _open(path, layer)
    if kind == "geojson":
        return Domain(join("|", [shape for shape, _, _ in geojson.areas(path)]))
    if kind == "dxf":
        return Domain(area(rings(dxf.curves(path, layers), str(path)), str(path)))
    return Domain(gmsh.shape(path, layers))


def read_cracks(path: str | Path, layer: Layers = None) -> list[Crack]:
    """The traces in a file, in its order: lines of GeoJSON, curves of DXF, line elements of gmsh.

    Arcs become 256 chords a circle. A trace takes the property "name" of its GeoJSON feature.
    """
    path, kind, layers = _open(path, layer)
    source = str(path)
    if kind == "geojson":
        return [Crack(points, name, False, source) for points, name, _ in geojson.lines(path)]
    if kind == "dxf":
        return [Crack(curve.polyline(), None, False, source) for curve in dxf.curves(path, layers)]
    return [Crack(points, None, False, source) for points in gmsh.polylines(path, layers)]


def read_regions(
    path: str | Path, name_field: str | None = None, layer: Layers = None
) -> list[tuple[str, Domain]]:
    """The named regions in a file, in its order.

    GeoJSON: one a feature, called by the property `name_field` ("name" unless given). DXF: one a
    layer. gmsh: one a physical surface.
    """
    path, kind, layers = _open(path, layer)
    if kind == "geojson":
        field = name_field or "name"
        found = []
        for shape, properties, where in geojson.areas(path):
            name = properties.get(field)
            if name is None or not str(name).strip():
                has = ", ".join(properties) or "none"
                raise InputError(
                    f"has no property {field!r} to name the region by",
                    where=where,
                    hint=f"its properties: {has}; choose one with name_field",
                )
            found.append((str(name).strip(), Domain(shape)))
        return found
    if kind == "dxf":
        curves = dxf.curves(path, layers)
        found = []
        for name in dict.fromkeys(curve.layer for curve in curves):
            where = f"{path}, layer {name}"
            on_layer = [curve for curve in curves if curve.layer == name]
            found.append((str(name), Domain(area(rings(on_layer, where), where))))
        return found
    return [(name, Domain(shape)) for name, shape in gmsh.regions(path) if layers is None or name in layers]


def _open(path: str | Path, layer: Layers) -> tuple[Path, str, tuple[str, ...] | None]:
    path = Path(path)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"cannot tell what kind of file this is from its ending {path.suffix!r}",
            where=str(path),
            hint=f"expected one of {', '.join(SUFFIXES)}",
        )
    if path.is_dir():
        raise InputError("is a folder, expected a file", where=str(path))
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError:
        folder = path.parent if path.parent.is_dir() else None
        near = sorted(p.name for p in folder.glob("*") if p.suffix.lower() in SUFFIXES) if folder else []
        hint = f"files there: {', '.join(near[:8])}" if near else "file names are relative to the case file"
        raise InputError("no such file", where=str(path), hint=hint) from None
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", where=str(path)) from None
    if layer is not None and kind == "geojson":
        raise InputError(
            "layers are for DXF and gmsh files", where=str(path), hint="remove layer, or split the file"
        )
    return path, kind, None if layer is None else ((layer,) if isinstance(layer, str) else tuple(layer))
