"""Fitted meshes for the peers that need one: of the problems, only those that a mapped grid can follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.interface import Unsupported


@dataclass(frozen=True)
class FittedMesh:
    """`points` (n, 2), `cells` (m, 3 or 4) counterclockwise."""

    points: NDArray
    cells: NDArray


def fitted(problem: str, cells: int, shape: str) -> FittedMesh:
    """The mesh of `problem` with about `cells` cells along its longer side, of the shape quad or triangle."""
    if problem.startswith(("disk", "flower")):
        if shape != "triangle":
            raise Unsupported("no fitted mesh of quads for this outline here")
        return rings(problem, cells // 2)
    if problem not in MESHES:
        raise Unsupported("no fitted mesh for this geometry here")
    mesh = MESHES[problem](cells)
    if shape == "quad":
        return mesh
    a, b, c, d = mesh.cells.T
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return FittedMesh(mesh.points, triangles)


def grid(nx: int, ny: int, place: Callable[[NDArray, NDArray], tuple]) -> FittedMesh:
    """An nx × ny grid of quads; `place` maps (s, t) in the unit square to x and y."""
    s, t = np.meshgrid(np.linspace(0, 1, nx + 1), np.linspace(0, 1, ny + 1), indexing="ij")
    points = np.stack(np.broadcast_arrays(*place(s.ravel(), t.ravel())), axis=1)
    number = np.arange((nx + 1) * (ny + 1)).reshape(nx + 1, ny + 1)
    corners = (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
    return FittedMesh(points, np.stack([corner.ravel() for corner in corners], axis=1))


def rectangle(xmin: float, ymin: float, xmax: float, ymax: float, cells: int) -> FittedMesh:
    width, height = xmax - xmin, ymax - ymin
    rows = max(1, round(cells * height / width))
    return grid(cells, rows, lambda s, t: ((1 - s) * xmin + s * xmax, (1 - t) * ymin + t * ymax))


def cook(cells: int) -> FittedMesh:
    return grid(cells, cells, lambda s, t: (48 * s, 44 * s + t * (44 - 28 * s)))


def kirsch(cells: int) -> FittedMesh:
    """Rays from the hole's edge to the far sides, an even number so that one of them meets the corner."""

    def place(s, t):
        angle = np.pi / 2 * t
        x, y = np.cos(angle), np.sin(angle)
        x[t == 1], y[t == 0] = 0, 0
        far = 5 / np.maximum(x, y)
        x_far = np.where(x >= y * (1 - 1e-12), 5, far * x)
        y_far = np.where(y >= x * (1 - 1e-12), 5, far * y)
        return (1 - s) * x + s * x_far, (1 - s) * y + s * y_far

    return grid(4 * cells // 5, 2 * (cells // 2), place)


def rings(problem: str, count: int) -> FittedMesh:
    """Triangles between `count` rings with 6, 12, 18 ... points, on the disk or the flower."""
    radius = np.concatenate([[0.0], *(np.full(6 * k, k / count) for k in range(1, count + 1))])
    angle = np.concatenate([[0.0], *(2 * np.pi * np.arange(6 * k) / (6 * k) for k in range(1, count + 1))])

    def number(k, j):
        return 0 if k == 0 else 1 + 3 * k * (k - 1) + j % (6 * k)

    triangles = []
    for k in range(1, count + 1):
        for sector in range(6):
            for j in range(k):
                inner, outer = sector * (k - 1) + j, sector * k + j
                triangles.append((number(k, outer), number(k, outer + 1), number(k - 1, inner)))
                if j < k - 1:
                    triangles.append((number(k - 1, inner), number(k, outer + 1), number(k - 1, inner + 1)))
    if problem.startswith("flower"):
        reach, centre = 0.7 + 0.2 * np.cos(5 * angle), (0.0, 0.0)
    else:
        reach, centre = 0.9, (0.1, 0.05)
    points = np.stack([radius * reach * np.cos(angle), radius * reach * np.sin(angle)], axis=1) + centre
    return FittedMesh(points, np.array(triangles))


MESHES: Mapping[str, Callable[[int], FittedMesh]] = {
    "bar": lambda cells: rectangle(0, 0, 2, 1, cells),
    "cantilever": lambda cells: rectangle(0, -6, 48, 6, cells),
    "cook": cook,
    "cook_incompressible": cook,
    "kirsch": kirsch,
}
