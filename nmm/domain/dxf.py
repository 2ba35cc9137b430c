"""DXF drawings: curves by layer (needs ezdxf, extra `io`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nmm.domain.assemble import Curve
from nmm.domain.extras import needs
from nmm.errors import InputError

# How far chords may leave a spline or an ellipse, relative to its size.
FLATNESS = 1e-5


def curves(path: Path, layers: tuple[str, ...] | None) -> list[Curve]:
    """LINE, LWPOLYLINE, POLYLINE, ARC, CIRCLE, SPLINE and ELLIPSE of the model space, blocks included,
    in the order of the file; only those on `layers`, when given.

    Arcs stay arcs; splines and ellipses become chords that stay within 1e-5 of their size.
    """
    name = str(path)
    ezdxf = needs("ezdxf", f"to read {path.name}")
    try:
        document = ezdxf.readfile(path)
        entities = list(_flat(document.modelspace()))
    # ezdxf lets what a cut-off file breaks inside it through: DXFError, ValueError, KeyError ...
    except Exception as error:
        raise InputError(
            f"cannot be read as DXF: {error or type(error).__name__}",
            where=name,
            hint="the file may be cut off; save it again from the drawing program",
        ) from None
    present = Counter(entity.dxf.layer for entity in entities)
    if layers is not None:
        known = {layer.lower(): layer for layer in present} | {
            layer.dxf.name.lower(): layer.dxf.name for layer in document.layers
        }
        for layer in layers:
            if layer.lower() not in known:
                listed = ", ".join(sorted(known.values(), key=str.lower)) or "none"
                raise InputError(f"has no layer {layer!r}", where=name, hint=f"its layers: {listed}")
        wanted = {layer.lower() for layer in layers}
        entities = [entity for entity in entities if entity.dxf.layer.lower() in wanted]
    found = []
    for entity in entities:
        where = f"{name}, {entity.dxftype()} #{entity.dxf.handle} on layer {entity.dxf.layer}"
        curve = _curve(entity, where)
        if curve is not None:
            if not np.isfinite(curve.points).all():
                raise InputError("coordinates must be finite", where=where)
            found.append(curve)
    if not found:
        kinds = Counter(entity.dxftype() for entity in entities)
        seen = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
        on = f" on {', '.join(layers)}" if layers else ""
        raise InputError(
            f"has no curves{on}: found {seen}",
            where=name,
            hint="expected LINE, LWPOLYLINE, POLYLINE, ARC, CIRCLE, SPLINE or ELLIPSE; "
            f"layers with entities: {', '.join(sorted(present)) or 'none'}",
        )
    return found


def _flat(entities) -> Iterator:
    for entity in entities:
        if entity.dxftype() == "INSERT":
            yield from _flat(entity.virtual_entities())
        else:
            yield entity


def _curve(entity, where: str) -> Curve | None:
    kind, layer = entity.dxftype(), entity.dxf.layer
    if kind == "LINE":
        points = np.array([entity.dxf.start, entity.dxf.end])[:, :2]
        return Curve(points, np.zeros(2), False, where, layer)
    if kind == "LWPOLYLINE":
        data = np.array(entity.get_points("xyb")).reshape(-1, 3)
        return _polyline(entity, data[:, :2], data[:, 2], entity.closed, where)
    if kind == "POLYLINE":
        if entity.is_poly_face_mesh or entity.is_polygon_mesh:
            return None
        points = np.array([vertex.dxf.location for vertex in entity.vertices]).reshape(-1, 3)[:, :2]
        bulges = np.array([vertex.dxf.get("bulge", 0.0) for vertex in entity.vertices])
        return _polyline(entity, points, bulges, entity.is_closed, where)
    if kind in ("ARC", "CIRCLE"):
        return _arc(entity, kind == "CIRCLE", where)
    if kind in ("SPLINE", "ELLIPSE"):
        return _chords(entity, where)
    return None


def _polyline(entity, points, bulges, closed: bool, where: str) -> Curve | None:
    points, bulges = _world(entity, points, bulges)
    if len(points) < 2:
        return None
    if not closed and len(points) > 2 and np.array_equal(points[0], points[-1]):
        points, bulges, closed = points[:-1], bulges[:-1], True
    return Curve(points, bulges, closed, where, entity.dxf.layer)


def _arc(entity, full: bool, where: str) -> Curve:
    start, end = (0.0, 360.0) if full else (entity.dxf.start_angle, entity.dxf.end_angle)
    sweep = 360.0 if full else (end - start) % 360.0 or 360.0
    count = int(np.ceil(sweep / 90.0 - 1e-9))
    angles = np.radians(start + sweep * np.arange(count + 1) / count)
    center = np.array(entity.dxf.center)[:2]
    points = center + entity.dxf.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    bulges = np.full(count + 1, np.tan(np.radians(sweep) / count / 4))
    closed = sweep == 360.0
    if closed:
        points, bulges = points[:-1], bulges[:-1]
    points, bulges = _world(entity, points, bulges)
    return Curve(points, bulges, closed, where, entity.dxf.layer)


def _chords(entity, where: str) -> Curve:
    rough = np.array([tuple(p)[:2] for p in entity.flattening(1e9, 16)])
    size = float(np.hypot(*np.ptp(rough, axis=0)))
    points = np.array([tuple(p)[:2] for p in entity.flattening(max(FLATNESS * size, 1e-300), 16)])
    closed = len(points) > 3 and bool(np.hypot(*(points[0] - points[-1])) <= 1e-9 * size)
    points = points[:-1] if closed else points
    return Curve(points, np.zeros(len(points)), closed, where, entity.dxf.layer)


def _world(entity, points, bulges):
    """From the entity's own plane to the drawing's: seen from below, arcs turn the other way."""
    system = entity.ocs()
    if system.transform and len(points):
        points = np.array([tuple(system.to_wcs((x, y, 0.0)))[:2] for x, y in points])
        bulges = bulges * np.sign(entity.dxf.extrusion.z)
    return points + 0.0, bulges + 0.0
