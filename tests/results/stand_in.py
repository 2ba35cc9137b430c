"""Stand-ins for a cut and its solution, made with shapely alone: what writers and figures are tested with."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import shapely
import shapely.ops

from nmm.cover.lattice import Grid


@dataclass
class Mesh:
    points: np.ndarray
    offsets: np.ndarray
    triangles: np.ndarray
    element_of_triangle: np.ndarray
    cell: np.ndarray
    part: np.ndarray
    region: np.ndarray
    cut: np.ndarray
    patches: np.ndarray


def ring(polygon):
    """The outline of a polygon, a hole joined to it by a keyhole edge."""
    points = shapely.get_coordinates(polygon.exterior)[:-1]
    for interior in polygon.interiors:
        hole = shapely.get_coordinates(interior)[:-1]
        hole = hole if not interior.is_ccw else hole[::-1]
        gap = np.linalg.norm(points[:, None] - hole[None], axis=2)
        i, j = np.unravel_index(gap.argmin(), gap.shape)
        turned = np.roll(hole, -j, axis=0)
        points = np.concatenate([points[: i + 1], turned, turned[:1], points[i:]])
    return points


def triangulated(polygon, points):
    """Triangles of a polygon as rows of vertex numbers of its outline."""
    found = shapely.get_parts(shapely.constrained_delaunay_triangles(polygon))
    corners = shapely.get_coordinates(found).reshape(-1, 4, 2)[:, :3]
    gap = np.abs(corners[:, :, None] - points[None, None]).max(axis=3)
    return gap.argmin(axis=2)


def mesh_of(polygons, cells=None, patches=None, **fields):
    """A mesh whose elements are the given shapely polygons."""
    rings = [ring(p) for p in polygons]
    sizes = [len(r) for r in rings]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    triangles = [triangulated(p, r) + o for p, r, o in zip(polygons, rings, offsets[:-1], strict=True)]
    count = len(polygons)
    given = {
        "cell": np.arange(count) if cells is None else np.asarray(cells),
        "part": np.zeros(count, int),
        "region": np.full(count, -1),
        "cut": np.zeros(count, bool),
        "patches": np.zeros((count, 4), int) if patches is None else patches,
        **fields,
    }
    return Mesh(
        np.concatenate(rings),
        offsets,
        np.concatenate(triangles),
        np.repeat(np.arange(count), [len(t) for t in triangles]),
        **given,
    )


def squares(nx, ny, h=1.0, origin=(0.0, 0.0)):
    """A mesh of whole cells, made without a loop: for sizes where shapely would be slow."""
    i, j = (a.ravel() for a in np.meshgrid(np.arange(nx), np.arange(ny)))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    points = (np.stack([i, j], 1)[:, None] + corners) * h + np.asarray(origin)
    first = 4 * np.arange(nx * ny)[:, None]
    node = j * (nx + 1) + i
    return Mesh(
        points.reshape(-1, 2),
        4 * np.arange(nx * ny + 1),
        np.concatenate([first + [0, 1, 2], first + [0, 2, 3]], axis=1).reshape(-1, 3),
        np.repeat(np.arange(nx * ny), 2),
        np.arange(nx * ny),
        np.zeros(nx * ny, int),
        np.full(nx * ny, -1),
        np.zeros(nx * ny, bool),
        np.stack([node, node + 1, node + nx + 1, node + nx + 2], 1),
    )


@dataclass
class Manifold:
    """A unit square of n x n cells with a round hole and a crack from the left side to the middle."""

    n: int = 12
    origin: tuple = (0.0, 0.0)
    crack_at: float = 0.37
    grid: Grid = field(init=False)

    def __post_init__(self):
        h = 1 / self.n
        origin = np.asarray(self.origin, float)
        self.grid = Grid(np.zeros(2), h, np.eye(2), self.n, self.n, "quad", origin)
        self.tip = np.ceil(0.5 * self.n) * h
        hole = shapely.Point(0.7, 0.7).buffer(0.14)
        domain = shapely.box(0, 0, 1, 1) - hole
        crack = shapely.LineString([(-1, self.crack_at), (self.tip, self.crack_at)])
        polygons, cells, cut = [], [], []
        for cell in range(self.n**2):
            x, y = cell % self.n * h, cell // self.n * h
            box = shapely.box(x, y, x + h, y + h)
            inside = box & domain
            pieces = [p for p in shapely.get_parts(inside) if p.area > 1e-14]
            split = []
            for piece in pieces:
                split.extend(p for p in shapely.get_parts(shapely.ops.split(piece, crack)) if p.area > 1e-14)
            for piece in split:
                polygons.append(piece)
                cells.append(cell)
                cut.append(len(split) > 1 or piece.area < h * h * (1 - 1e-9))
        above = np.array([p.centroid.y > self.crack_at for p in polygons])
        left = np.array([p.centroid.x < self.tip for p in polygons])
        nodes = self.grid.cell_nodes(np.array(cells))
        x, y = nodes % (self.n + 1) * h, nodes // (self.n + 1) * h
        torn = (np.abs(y - self.crack_at) < h) & (x < self.tip - 1e-9) & left[:, None]
        patches = nodes + np.where(torn & above[:, None], self.grid.nodes, 0)
        self._mesh = mesh_of(polygons, cells, patches, cut=np.array(cut))
        self._mesh.points = self._mesh.points + origin
        self._outline = [self.segments(domain.exterior), self.segments(domain.interiors[0])]
        self.stats = {
            "cells": self.n**2,
            "elements": len(polygons),
            "whole": int((~np.array(cut)).sum()),
            "pieces": int(np.sum(cut)),
            "patches": len(np.unique(patches)),
            "split": int((np.unique(patches) >= self.grid.nodes).sum()),
            "parts": 1,
            "area": domain.area,
            "boundary_length": domain.length,
            "smallest_piece": 0.01,
            "crack_length_cut": self.tip,
            "crack_length_lost": 0.3 * h,
            "crack_lost": [(0, 0.3 * h)],
        }
        self.geometry = SimpleNamespace(report=clean_up(), regions=(), area=domain.area)

    def segments(self, line):
        points = shapely.get_coordinates(line)
        return np.stack([points[:-1], points[1:]], axis=1) + self.origin

    def mesh(self):
        return self._mesh

    def crack_lines(self):
        return np.array([[[0, self.crack_at], [self.tip, self.crack_at]]]) + self.origin

    def lost_lines(self):
        end = self.tip + 0.3 / self.n
        return np.array([[[self.tip, self.crack_at], [end, self.crack_at]]]) + self.origin

    def outline_lines(self):
        return np.concatenate(self._outline)


def clean_up():
    item = SimpleNamespace(
        kind="dropped", crack=7, x=0.2, y=0.9, length=1e-4, moved=0.0, text="shorter than <snap>"
    )
    return SimpleNamespace(
        counts={"repeated": 2, "dropped": 1},
        items=[item],
        junctions_before={"I": 3, "Y": 1, "X": 0},
        junctions_after={"I": 2, "Y": 2, "X": 0},
        length_total=1.5,
        length_inside=1.2,
        length_outside=0.3,
        length_kept=1.1999,
        moved_max=1e-9,
    )


class Solution:
    """An opened crack: displacement with a jump, stress with a spike at the tip."""

    def __init__(self, manifold=None, converged=True, history=None):
        self.manifold = Manifold() if manifold is None else manifold
        self.result = SimpleNamespace(converged=converged, message="done" if converged else "stopped early")
        self.history = np.geomspace(1, 1e-9, 40) if history is None else history
        self.stats = SimpleNamespace(
            iterations=39, residual=1e-9 if converged else np.nan, seconds={"solve": 0.5}, dofs=338
        )
        self.params = {"E": 210e9}
        self.energy = np.float64(12.5)
        self.dofs = np.zeros((169, 2))
        error = np.geomspace(1e-4, 1e-2, self.manifold.stats["elements"])
        self.estimate = SimpleNamespace(elements=error, total=0.1, relative=0.02)
        self.loads = {"x == 1": np.array([1e6, 0.0]), "x == 0": np.array([-1e6, 0.0])}
        self.reactions = {"x == 0": np.array([-1e6, 0.0])}
        self.held = []
        self.tips = []
        self.tips_left_out = []
        self.overlap = {"length": 0.0, "max": 0.0}
        self.balance = {"residual": 1e-12, "resultant": [0.0, 0.0], "moment": 0.0}
        self.field_names = ("displacement", "stress", "von_mises")

    def fields(self, names=None):
        mesh = self.manifold.mesh()
        p = mesh.points - np.asarray(self.manifold.origin)
        owner = np.repeat(np.arange(len(mesh.offsets) - 1), np.diff(mesh.offsets))
        centre = np.stack([np.bincount(owner, p[:, i]) / np.diff(mesh.offsets) for i in range(2)], 1)[owner]
        tip = self.manifold.tip
        side = np.where(centre[:, 1] > self.manifold.crack_at, 1.0, -1.0)
        open_ = np.where(centre[:, 0] < tip, np.sqrt(np.maximum(tip - p[:, 0], 0)), 0.0) * side
        r = np.hypot(p[:, 0] - tip, p[:, 1] - self.manifold.crack_at) + 1e-3
        stress = np.stack([1 / np.sqrt(r) - 1.2, p[:, 0] - 0.4, p[:, 1] * p[:, 0]], 1) * 1e6
        known = {
            "displacement": np.stack([0.2 * p[:, 0], 0.3 * open_], 1) * 1e-4,
            "stress": stress,
            "von_mises": np.abs(stress).sum(1),
        }
        return {name: known[name] for name in (known if names is None else names)}

    def at(self, points, side=1):
        points = np.asarray(points) - np.asarray(self.manifold.origin)
        inside = ((points > 0) & (points < 1)).all(axis=1)
        return np.where(inside[:, None], points, np.nan)

    def errors(self, exact):
        return {"l2": 1e-3, "h1": np.float64(1e-2), "max": np.inf}
