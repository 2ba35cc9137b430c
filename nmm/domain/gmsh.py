"""gmsh meshes (.msh 2.2 and 4.1): the outline of their triangles, or their line loops (needs meshio)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from nmm.domain.assemble import Curve, area, rings, with_holes
from nmm.domain.extras import needs
from nmm.domain.rings import ring
from nmm.domain.shapes import Shape, join
from nmm.errors import InputError


def shape(path: Path, groups: tuple[str, ...] | None) -> Shape:
    """The area that the triangles and quadrangles cover, or, without any, that the lines enclose."""
    mesh = _read(path)
    faces = [cells for kind, cells in _cells(mesh, path, groups) if kind in ("triangle", "quad")]
    if any(len(cells) for cells in faces):
        return _covered(mesh, faces, str(path))
    found = curves(path, groups)
    return area(rings(found, str(path)), str(path))


def regions(path: Path) -> list[tuple[str, Shape]]:
    """The area of each named physical surface."""
    mesh = _read(path)
    names = [name for name, (_, dimension) in mesh.field_data.items() if dimension == 2]
    if not names:
        raise InputError(
            "has no named physical surface",
            where=str(path),
            hint='in gmsh: Physical Surface("name") = {...};',
        )
    found = []
    for name in names:
        faces = [cells for kind, cells in _cells(mesh, path, (name,)) if kind in ("triangle", "quad")]
        found.append((name, _covered(mesh, faces, f"{path}, physical surface {name}")))
    return found


def curves(path: Path, groups: tuple[str, ...] | None) -> list[Curve]:
    """The line elements, as polylines as long as they go on without branching."""
    mesh = _read(path)
    edges = [cells for kind, cells in _cells(mesh, path, groups) if kind == "line"]
    edges = np.concatenate([np.empty((0, 2), dtype=int), *edges])
    if not len(edges):
        kinds = ", ".join(sorted({block.type for block in mesh.cells})) or "nothing"
        raise InputError(
            f"has no lines and no triangles to use: found {kinds}",
            where=str(path),
            hint="save the mesh with its elements of dimension 1 or 2, of first order",
        )
    points = mesh.points[:, :2].astype(float)
    return [Curve(points[edge], np.zeros(2), False, str(path)) for edge in edges]


def polylines(path: Path, groups: tuple[str, ...] | None) -> list[np.ndarray]:
    """The line elements merged into polylines (k, 2), in the order in which they begin."""
    lines = shapely.multilinestrings([shapely.LineString(curve.points) for curve in curves(path, groups)])
    return [shapely.get_coordinates(line) for line in shapely.get_parts(shapely.line_merge(lines))]


def _covered(mesh, faces, where: str) -> Shape:
    points = mesh.points[:, :2].astype(float)
    polygons = np.concatenate([shapely.polygons(points[cells]) for cells in faces if len(cells)])
    polygons = polygons[shapely.area(polygons) > 0]
    parts = []
    for part in shapely.get_parts(shapely.coverage_union_all(polygons)):
        outline = ring(np.asarray(part.exterior.coords), what=where)
        holes = [ring(np.asarray(inner.coords), what=where) for inner in part.interiors]
        parts.append(with_holes(outline, holes))
    if not parts:
        raise InputError("has no triangle with an area", where=where)
    return join("|", parts)


def _cells(mesh, path: Path, groups: tuple[str, ...] | None) -> list[tuple[str, np.ndarray]]:
    """Element blocks (kind, node numbers), of the named physical groups only, when given."""
    blocks = [(block.type, np.asarray(block.data)) for block in mesh.cells]
    if groups is None:
        return blocks
    for name in groups:
        if name not in mesh.field_data:
            listed = ", ".join(mesh.field_data) or "none"
            raise InputError(
                f"has no physical group {name!r}", where=str(path), hint=f"its physical groups: {listed}"
            )
    wanted = {tuple(mesh.field_data[name]) for name in groups}
    numbers = mesh.cell_data.get("gmsh:physical", [np.zeros(len(cells)) for _, cells in blocks])
    dimension = {"line": 1, "triangle": 2, "quad": 2}
    chosen = []
    for (kind, cells), number in zip(blocks, numbers, strict=True):
        keep = [group for group, dim in wanted if dim == dimension.get(kind)]
        chosen.append((kind, cells[np.isin(number, keep)]))
    return chosen


def _read(path: Path) -> Any:
    meshio = needs("meshio", f"to read {path.name}")
    try:
        mesh = meshio.gmsh.read(path)
    # meshio lets whatever a cut-off file breaks inside it through: EOFError, ValueError, IndexError ...
    except Exception as error:
        raise InputError(
            f"cannot be read as a gmsh mesh: {error or type(error).__name__}",
            where=str(path),
            hint="save it from gmsh as .msh, version 2.2 or 4.1; the file may be cut off",
        ) from None
    if not np.isfinite(mesh.points).all():
        number = int(np.flatnonzero(~np.isfinite(mesh.points).all(axis=1))[0])
        raise InputError(f"node {number} has coordinates that are not finite", where=str(path))
    return mesh
