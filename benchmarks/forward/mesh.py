"""Triangles that fit the plate: a coarse mesh by netgen, its nodes doubled along the crack, then halved."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.forward.plate import AREA, CENTRES, CRACK, RADIUS, onto_circles

COARSEST = 8_000
"""Nodes that netgen makes at most: halving is faster, and the multigrid of a peer needs the halvings."""
SIDES = ("left", "right", "bottom", "top")


@dataclass(frozen=True)
class Mesh:
    """`points` (n, 2), `triangles` (m, 3) counterclockwise; the faces of the crack share only its tips."""

    points: NDArray
    triangles: NDArray

    def refined(self) -> Mesh:
        """Each triangle cut into four, with the new nodes of the holes put on their circles."""
        corner = self.triangles
        edges = np.concatenate([corner[:, [1, 2]], corner[:, [2, 0]], corner[:, [0, 1]]])
        edges.sort(axis=1)
        count = len(self.points)
        key, number = np.unique(edges[:, 0] * count + edges[:, 1], return_inverse=True)
        middles = (self.points[key // count] + self.points[key % count]) / 2
        inside, moved = onto_circles(middles)
        middles[inside] = moved
        (a, b, c), (x, y, z) = corner.T, count + number.reshape(3, -1)
        four = [np.stack(t, axis=1) for t in ((a, z, y), (z, b, x), (y, x, c), (x, y, z))]
        return Mesh(np.concatenate([self.points, middles]), np.concatenate(four))

    def count(self, halvings: int) -> int:
        """Nodes after so many halvings."""
        nodes, triangles = len(self.points), len(self.triangles)
        edges = (3 * triangles + len(self.boundary()[0])) // 2
        for _ in range(halvings):
            nodes, edges, triangles = nodes + edges, 2 * edges + 3 * triangles, 4 * triangles
        return nodes

    def boundary(self) -> tuple[NDArray, NDArray]:
        """Edges (k, 2) with one triangle, and for each the index of its side in SIDES, 4 for all others."""
        corner = self.triangles
        edges = np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [2, 0]]])
        pairs = np.sort(edges, axis=1)
        key = pairs[:, 0] * len(self.points) + pairs[:, 1]
        _, first, count = np.unique(key, return_index=True, return_counts=True)
        edges = edges[first[count == 1]]
        side = np.full(len(edges), len(SIDES))
        for number, name in enumerate(SIDES):
            side[on_side(self.points[edges], name).all(axis=1)] = number
        return edges, side

    def work(self, values: NDArray, side: str | None) -> float:
        """The integral of a linear field over the plate, or along a side."""
        if side is None:
            a, b, c = self.points[self.triangles].transpose(1, 0, 2)
            area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
            return float(area @ values[self.triangles].mean(axis=1))
        edges, sides = self.boundary()
        edges = edges[sides == SIDES.index(side)]
        length = np.linalg.norm(self.points[edges[:, 1]] - self.points[edges[:, 0]], axis=1)
        return float(length @ values[edges].mean(axis=1))


def on_side(points: NDArray, name: str) -> NDArray:
    """Which points (..., 2) lie on a side of the square."""
    axis, value = {"left": (0, 0), "right": (0, 1), "bottom": (1, 0), "top": (1, 1)}[name]
    return np.abs(points[..., axis] - value) < 1e-9


def coarse(nodes: int) -> tuple[Mesh, int, float]:
    """A mesh that has about `nodes` nodes after so many halvings, and the seconds that netgen took.

    The size of the triangles is found by trial, which costs a peer nothing: only the mesh that is used is
    timed.
    """
    halvings = 0
    while nodes / 4**halvings > COARSEST:
        halvings += 1
    size = np.sqrt(2 * AREA / (np.sqrt(3) * nodes)) * 2**halvings
    tries = []
    for _ in range(5):
        begin = time.perf_counter()
        mesh = split(*generate(size))
        seconds = time.perf_counter() - begin
        excess = mesh.count(halvings) / nodes
        tries.append((abs(excess - 1), mesh, halvings, seconds))
        if abs(excess - 1) < 0.01:
            break
        size *= np.sqrt(excess)
    return min(tries, key=lambda made: made[0])[1:]


def generate(size: float) -> tuple[NDArray, NDArray]:
    """Points and triangles by netgen; the crack is a line of edges, its nodes still single."""
    from netgen.geom2d import SplineGeometry

    geometry = SplineGeometry()
    geometry.AddRectangle((0, 0), (1, 1))
    for x, y in CENTRES:
        geometry.AddCircle((x, y), RADIUS, leftdomain=0, rightdomain=1)
    tips = [geometry.AppendPoint(*tip) for tip in CRACK]
    geometry.Append(["line", *tips], leftdomain=1, rightdomain=1)
    made = geometry.GenerateMesh(maxh=size)
    points = np.array(made.Coordinates())[:, :2]
    return points, made.Elements2D().NumPy()["nodes"][:, :3].astype(np.int64) - 1


def split(points: NDArray, triangles: NDArray) -> Mesh:
    """The mesh with the nodes inside the crack doubled; triangles on its right get the new ones."""
    start, along = CRACK[0], CRACK[1] - CRACK[0]

    def across(points: NDArray) -> NDArray:
        ray = points - start
        return (along[0] * ray[..., 1] - along[1] * ray[..., 0]) / np.hypot(*along)

    part = (points - start) @ along / (along @ along)
    on = (np.abs(across(points)) < 1e-10) & (part > 1e-9) & (part < 1 - 1e-9)
    twin = np.arange(len(points))
    twin[on] = len(points) + np.arange(on.sum())
    right = across(points[triangles].mean(axis=1)) < 0
    triangles = np.where(right[:, None], twin[triangles], triangles)
    return Mesh(np.concatenate([points, points[on]]), triangles)


def fitted(nodes: int) -> tuple[Mesh, float]:
    """A mesh with about `nodes` nodes, and the seconds it took."""
    mesh, halvings, seconds = coarse(nodes)
    begin = time.perf_counter()
    for _ in range(halvings):
        mesh = mesh.refined()
    return mesh, seconds + time.perf_counter() - begin
