"""From a domain and a lattice to the manifold; done once, on the host."""

from dataclasses import replace

import jax
import numpy as np
import shapely

from nmm.capacity import Room, padded
from nmm.cover.branch import COUNT
from nmm.cover.lattice import Grid, Lattice
from nmm.domain import Domain
from nmm.domain.borders import topmost
from nmm.domain.geometry import Geometry
from nmm.errors import GeometryError, PrecisionError
from nmm.manifold.arrangement import Arrangement, arrange
from nmm.manifold.hosts import find_hosts
from nmm.manifold.manifold import Host, Manifold
from nmm.manifold.mesh import cell_corners, crack_lengths, piece_polygons
from nmm.manifold.patches import connected_parts, link, physical_patches, whole_neighbours
from nmm.manifold.quadrature import moments, three_points
from nmm.manifold.seams import find_seams, settle_regions
from nmm.manifold.splitting import BOUNDARY, CRACK
from nmm.manifold.tips import Elements, enrich, slit_facets


def cut(
    domain: Domain, lattice: Lattice, dtype: str | None = None, capacity: Manifold | None = None
) -> Manifold:
    """Cut `domain` out of the mathematical cover.

    Host geometry is always float64; `dtype="float32"` only concerns what is solved on it. With the
    `capacity` of another manifold all arrays, also those that solvers derive, get the shapes that they have
    there, so that what was compiled for one serves the other.

    **Raises:** `PrecisionError` when double precision is off and `dtype` is not "float32";
    `GeometryError` when the domain cannot be cut; `CapacityError` when it does not fit.
    """
    if dtype != "float32" and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise PrecisionError(
            "double precision is switched off; add the line\n"
            '    jax.config.update("jax_enable_x64", True)\n'
            'before the first array is made, or ask for single precision by nmm.cut(..., dtype="float32")'
        )
    xmin, ymin, xmax, ymax = domain.bounds
    box = np.array([xmin, ymin, xmax, ymax])
    longest = max(xmax - xmin, ymax - ymin)
    h = lattice.cell if lattice.cell is not None else longest / lattice.cells  # pyright: ignore
    geometry = domain.geometry(h, lattice.degree + lattice.order)
    shift = geometry.shift
    grid = lattice.fit(tuple(box - np.tile(shift, 2)), geometry.vertices, shift)
    radius = lattice.tip_radius if lattice.tips == "enriched" else None
    return assemble(geometry, grid, box, Room() if capacity is None else capacity.room.closed(), radius)


def assemble(
    geometry: Geometry, grid: Grid, box: np.ndarray, room: Room, radius: float | None = None
) -> Manifold:
    """The manifold of a cleaned-up geometry on a fitted lattice.

    Crack tips have singular patches within `radius` cells; None for plain tips.
    """
    arrangement = arrange(geometry, grid)
    polygons = piece_polygons(arrangement, grid)
    moment = piece_moments(arrangement, grid)
    links = link(arrangement, grid)
    patches, promoted, promoted_patches, active, patch_node = physical_patches(
        arrangement.whole, arrangement.piece_cell, links, grid, moment[:, 0]
    )
    seams = find_seams(arrangement, geometry, grid)
    parts, cell_part, piece_part = connected_parts(arrangement, links, seams.pieces, grid)
    whole = arrangement.whole.copy()
    whole[promoted] = False
    facets = make_facets(arrangement, grid)

    corners = cell_corners(grid, promoted)
    owner = np.repeat(np.arange(len(promoted)), corners.shape[1])
    full = moments(corners.reshape(-1, 2), np.roll(corners, -1, 1).reshape(-1, 2), owner, len(promoted))
    piece_cell = np.concatenate([arrangement.piece_cell, promoted])
    moment = np.concatenate([moment, full])
    patches = np.concatenate([patches, promoted_patches])
    piece_part = np.concatenate([piece_part, cell_part[promoted]])
    polygons = np.concatenate([polygons, np.atleast_1d(np.asarray(shapely.polygons(corners)))])

    points = three_points(moment)
    centre = shapely.point_on_surface(polygons)
    units = shapely.get_coordinates(centre) + grid.corner(piece_cell)
    piece_region = settle_regions(arrangement, geometry, grid, regions_at(geometry, grid, units))
    cell_region = np.full(grid.cells, -1)
    cells = np.flatnonzero(whole)
    cell_region[cells] = regions_at(geometry, grid, grid.centre(cells))

    number = np.full(grid.cells + len(arrangement.piece_cell), -1)
    number[cells] = np.arange(len(cells))
    number[grid.cells :] = len(cells) + np.arange(len(arrangement.piece_cell))
    number[promoted] = len(cells) + len(arrangement.piece_cell) + np.arange(len(promoted))
    fraction = np.concatenate([np.ones(len(cells)), moment[:, 0] * grid.h**2 / grid.cell_area])
    beside = whole_neighbours(promoted, arrangement.whole, grid)
    pairs = number[np.concatenate([np.stack([links.first, links.second], -1), beside])]
    hosts = find_hosts(links, grid.cells + seams.pieces, fraction, number)

    pieces = len(piece_cell)
    lengths = facet_lengths(facets, grid)
    on_boundary = facets["side"] == 0
    first = len(geometry.boundary)
    crack_active, crack_lost = crack_lengths(arrangement, grid, patches, geometry.crack_entity, first)
    split = np.bincount(np.concatenate([np.arange(grid.nodes)[active[: grid.nodes]], patch_node]))
    physical = int(active.sum())
    tips = None
    if radius is not None:
        elements = Elements(grid, cells, piece_cell, polygons)
        tips = enrich(geometry, grid, elements, radius, len(active))
        active = np.concatenate([active, np.ones(COUNT * len(tips.nodes), bool)])
        patch_node = np.concatenate([patch_node, np.repeat(tips.nodes, COUNT)])
        slits = slit_facets(tips, grid, elements.cell, len(cells), first)
        slits["twin"] += len(lengths)
        facets = {name: np.concatenate([facets[name], slits[name]]) for name in facets}
        for entity, gained in zip(
            entity_of(slits["segment"], geometry), facet_lengths(slits, grid) / 2, strict=True
        ):
            crack_active[entity] += gained
            crack_lost[entity] = max(crack_lost[entity] - gained, 0.0)
    area = float(moment[:, 0].sum() * grid.h**2 + whole.sum() * grid.cell_area)
    stats = {
        "cells": grid.cells,
        "elements": int(whole.sum()) + pieces,
        "whole": int(whole.sum()),
        "pieces": pieces,
        "patches": physical,
        "tips": 0 if tips is None else len(tips.tips),
        "split": int((split > 1).sum()),
        "parts": int(parts),
        "area": area,
        "boundary_length": float(lengths[on_boundary].sum()),
        "smallest_piece": float(moment[:, 0].min(initial=1.0) * grid.h**2 / grid.cell_area),
        "crack_length_cut": float(crack_active.sum()),
        "crack_length_lost": float(crack_lost.sum()),
        "crack_lost": [
            (geometry.entities[e].number, float(v))
            for e, v in enumerate(crack_lost)
            if v > 1e-12 * geometry.diagonal
        ],
        "facets": len(facets["side"]),
        "seam_length": float(seams.lengths(grid).sum()),
        "cell": grid.h,
        "nx": grid.nx,
        "ny": grid.ny,
    }
    check_sums(stats, geometry, grid)
    piece_host = hosts[len(cells) :]
    host = Host(
        geometry,
        grid,
        arrangement,
        cell_part,
        piece_part,
        patch_node,
        piece_host,
        pairs,
        facets["segment"],
        stats,
        polygons,
        room,
        radius,
        tips,
        seams,
    )
    made = Manifold(
        whole=whole,
        cell_region=cell_region,
        piece_cell=piece_cell,
        piece_patches=patches,
        piece_area=moment[:, 0],
        piece_points=points,
        piece_region=piece_region,
        facet_piece=facets["piece"],
        facet_ends=facets["ends"],
        facet_normal=facets["normal"],
        facet_entity=entity_of(facets["segment"], geometry),
        facet_side=facets["side"],
        facet_twin=facets["twin"],
        active=active,
        frame=grid.rotation * grid.h,
        origin=grid.origin + grid.shift,
        box=box,
        shape=grid.shape,
        nx=grid.nx,
        ny=grid.ny,
        host=host,
    )
    return housed(made, room)


PADDING = {
    "pieces": {"piece_cell": 0, "piece_area": 0.0, "piece_points": 0.5, "piece_region": -1},
    "facets": {
        "facet_piece": 0,
        "facet_ends": 0.0,
        "facet_normal": 0.0,
        "facet_entity": -1,
        "facet_side": 0,
        "facet_twin": -1,
    },
}
"""What the rows beyond the last piece and the last facet hold."""


def housed(manifold: Manifold, room: Room) -> Manifold:
    """The manifold with the capacities of `room`."""
    pieces, real = manifold.pieces, manifold.grid.nodes + len(manifold.host.patch_node)
    count = room("patches", real + 1)
    rows = {"pieces": room("pieces", pieces), "facets": room("facets", manifold.facets)}
    number = {"pieces": pieces, "facets": manifold.facets}
    arrays = {
        name: padded(getattr(manifold, name)[: number[kind]], rows[kind], value)
        for kind, names in PADDING.items()
        for name, value in names.items()
    }
    return replace(
        manifold,
        **arrays,
        piece_patches=padded(manifold.piece_patches[:pieces], rows["pieces"], count - 1),
        active=padded(manifold.active[:real], count, False),
        host=replace(manifold.host, room=room, cache={}),
    )


def piece_moments(cut: Arrangement, grid: Grid) -> np.ndarray:
    """Moments (pieces, 6) up to degree 2 relative to the piece's square, by simplex integration.

    They are taken about the first vertex of each piece and then moved, so that slivers keep their digits;
    an area lost in rounding counts as 1e-30 of a square.
    """
    owner = np.repeat(cut.loop_piece, np.diff(cut.offsets))
    count = len(cut.piece_cell)
    a, b = cut.vertices[cut.tail[cut.loops]], cut.vertices[cut.head[cut.loops]]
    start = np.searchsorted(owner, np.arange(count))
    anchor = a[start] if len(a) else np.zeros((0, 2))
    m = moments(a - anchor[owner], b - anchor[owner], owner, count)
    s = anchor - grid.corner(cut.piece_cell)
    m[m[:, 0] <= 1e-30] = [1e-30, 0, 0, 0, 0, 0]
    area, mx, my = m[:, 0], m[:, 1], m[:, 2]
    return np.stack(
        [
            area,
            mx + s[:, 0] * area,
            my + s[:, 1] * area,
            m[:, 3] + 2 * s[:, 0] * mx + s[:, 0] ** 2 * area,
            m[:, 4] + s[:, 0] * my + s[:, 1] * mx + s.prod(1) * area,
            m[:, 5] + 2 * s[:, 1] * my + s[:, 1] ** 2 * area,
        ],
        -1,
    )


def make_facets(cut: Arrangement, grid: Grid) -> dict[str, np.ndarray]:
    """Half-edges of pieces that lie on the boundary or on a crack."""
    half = np.flatnonzero((cut.segment >= 0) & (cut.piece >= 0))
    kind = cut.kind[cut.segment[half]]
    half = half[(kind == BOUNDARY) | (kind == CRACK)]
    number = np.full(len(cut.segment), -1)
    number[half] = np.arange(len(half))
    crack = cut.kind[cut.segment[half]] == CRACK
    piece = cut.piece[half]
    a, b = cut.vertices[cut.tail[half]], cut.vertices[cut.head[half]]
    corner = grid.corner(cut.piece_cell[piece])
    direction = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
    normal = np.stack([direction[:, 1], -direction[:, 0]], -1) @ grid.rotation.T
    twin = cut.twin[half]
    opposite = np.where(crack & (twin >= 0), number[np.maximum(twin, 0)], -1)
    return {
        "piece": piece,
        "ends": np.stack([a - corner, b - corner], 1),
        "normal": normal,
        "segment": cut.segment[half],
        "side": np.where(crack, np.where(cut.forward[half], 1, -1), 0),
        "twin": opposite,
    }


def facet_lengths(facets, grid: Grid) -> np.ndarray:
    """Length of each facet in the user's units."""
    return np.linalg.norm(facets["ends"][:, 1] - facets["ends"][:, 0], axis=1) * grid.h


def entity_of(segment: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Entity of each segment, boundary segments first, then cracks."""
    both = np.concatenate([geometry.boundary_entity, geometry.crack_entity]).astype(np.int64)
    return both[segment]


def regions_at(geometry: Geometry, grid: Grid, units: np.ndarray) -> np.ndarray:
    """Topmost region at points (n, 2) in lattice units; -1 where there is none."""
    return topmost(geometry.regions, grid.to_local(units))


def check_sums(stats, geometry: Geometry, grid: Grid):
    """Area and boundary length of the pieces must be those of the outline."""
    area, length = float(geometry.area), float(geometry.length)
    scale = max(length, geometry.diagonal)
    slack = (1e-9 + grid.tolerance * grid.h / geometry.diagonal) * scale
    lost_area, lost_length = abs(stats["area"] - area), abs(stats["boundary_length"] - length)
    if lost_area > slack * geometry.diagonal or lost_length > slack:
        raise GeometryError(
            f"the cut lost something: area {stats['area']:.15g} of {area:.15g}, "
            f"boundary length {stats['boundary_length']:.15g} of {length:.15g}",
            hint="please report this geometry; another origin or angle of the cover may avoid it",
        )
