"""The work of the loads to many digits: high order on meshes graded towards the tips and the corners."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.forward.mesh import coarse
from benchmarks.forward.ngsolve import Plate, forms
from benchmarks.forward.plate import CENTRES, CRACK, PROBLEMS, RADIUS

CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])


def series(problem: str, orders: tuple[int, ...], gradings: int = 24) -> Iterator[tuple[int, int, float]]:
    """Order, unknowns and work; `gradings` times the triangles at singular points are halved."""
    import ngsolve as ng

    mesh = graded(gradings)
    for order in orders:
        rounded = curved(mesh, order)
        space, form, load = forms(mesh, problem, order)
        form.Assemble()
        load.Assemble()
        found = ng.GridFunction(space)
        inverse = form.mat.Inverse(space.FreeDofs(), "sparsecholesky")
        found.vec.data = inverse * load.vec
        rest = load.vec.CreateVector()
        rest.data = load.vec - form.mat * found.vec
        found.vec.data += inverse * rest
        yield order, space.ndof * space.dim, ng.InnerProduct(load.vec, found.vec)
        mesh.UnsetDeformation()
        del rounded


def graded(gradings: int):
    """A coarse mesh whose triangles at tips and corners are halved again and again."""
    mesh = Plate(coarse(2_000)[0]).mesh
    for _ in range(gradings):
        points = np.array(mesh.ngmesh.Coordinates())[:, :2]
        triangles = mesh.ngmesh.Elements2D().NumPy()["nodes"][:, :3].astype(int) - 1
        special = np.zeros(len(points), bool)
        for point in (*CRACK, *CORNERS):
            special |= np.hypot(*(points - point).T) < 1e-13
        mesh.SetRefinementFlags(special[triangles].any(axis=1).tolist())
        mesh.Refine()
    return mesh


def curved(mesh, order: int):
    """Bends the edges of the holes onto their circles; returns what must live as long as the bend is used."""
    import ngsolve as ng

    bend = ng.GridFunction(ng.VectorH1(mesh, order=order))
    shift = ng.CF((0, 0))
    for x, y in CENTRES:
        ray = ng.CF((ng.x - x, ng.y - y))
        distance = ng.sqrt(ray * ray)
        shift = shift + ng.IfPos(1.5 * RADIUS - distance, (RADIUS / distance - 1) * ray, ng.CF((0, 0)))
    bend.Set(shift, definedon=mesh.Boundaries("inner"))
    mesh.SetDeformation(bend)
    return bend


if __name__ == "__main__":
    for problem in PROBLEMS:
        for order, unknowns, work in series(problem, tuple(map(int, sys.argv[1:])) or (4, 6, 8)):
            print(f"{problem}, order {order}, {unknowns} unknowns: {work:.12f}", flush=True)
