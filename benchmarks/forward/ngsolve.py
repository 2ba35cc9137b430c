"""NGSolve: linear elements, assembled by two threads; geometric multigrid on halved meshes, or Cholesky."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.forward.mesh import SIDES, Mesh, coarse
from benchmarks.forward.method import CORES, TOLERANCE, Solve
from benchmarks.forward.plate import POISSON, YOUNG, nodes, onto_circles


def multigrid(problem: str, unknowns: int) -> Solve:
    """Conjugate gradients with NGSolve's multigrid over all halvings."""
    return solve(problem, unknowns, by_multigrid)


def direct(problem: str, unknowns: int) -> Solve:
    """NGSolve's own sparse Cholesky factorisation."""
    return solve(problem, unknowns, by_cholesky)


def solve(problem: str, unknowns: int, solver: Callable) -> Solve:
    import ngsolve as ng

    ng.ngsglobals.msg_level = 0
    ng.SetNumThreads(CORES)
    mesh, halvings, netgen = coarse(nodes(problem, unknowns))
    with ng.TaskManager():
        begin = time.perf_counter()
        plate = Plate(mesh)
        plate.seconds["mesh"] += netgen + time.perf_counter() - begin
        return solver(plate, problem, halvings)


class Plate:
    """The mesh inside NGSolve, halved with its holes round, and the seconds of all that is done to it."""

    def __init__(self, mesh: Mesh):
        import ngsolve as ng
        from netgen import meshing

        made = meshing.Mesh(dim=2)
        made.AddPoints(np.column_stack([mesh.points, np.zeros(len(mesh.points))]))
        for number, name in enumerate((*SIDES, "inner")):
            made.Add(meshing.FaceDescriptor(surfnr=number + 1, domin=1, bc=number + 1))
            made.SetBCName(number, name)
        made.AddElements(dim=2, index=1, data=mesh.triangles.astype(np.int32), base=0)
        for (a, b), side in zip(*mesh.boundary(), strict=True):
            made.Add(meshing.Element1D([int(a) + 1, int(b) + 1], index=int(side) + 1))
        self.mesh = ng.Mesh(made)
        self.seconds = {"mesh": 0.0, "setup": 0.0, "solve": 0.0}

    def timed(self, part: str, function: Callable, *arguments: Any) -> Any:
        begin = time.perf_counter()
        made = function(*arguments)
        self.seconds[part] += time.perf_counter() - begin
        return made

    def refine(self):
        old = self.mesh.nv
        self.mesh.RefineUniform()
        added = np.array(self.mesh.ngmesh.Coordinates())[old:, :2]
        points = self.mesh.ngmesh.Points()
        for number, (x, y) in zip(*onto_circles(added), strict=True):
            point = points[old + int(number) + 1]
            point[0], point[1] = x, y


def forms(mesh: Any, problem: str, order: int = 1) -> tuple[Any, Any, Any]:
    """Space, bilinear form and load; displacements in 2 × 2 blocks, which all of NGSolve likes best."""
    import ngsolve as ng

    if problem == "poisson":
        space = ng.H1(mesh, order=order, dirichlet="|".join(SIDES))
        u, v = space.TnT()
        return space, ng.BilinearForm(ng.grad(u) * ng.grad(v) * ng.dx), ng.LinearForm(v * ng.dx)
    space = ng.H1(mesh, order=order, dirichlet="left", dim=2)
    u, v = space.TnT()
    shear, first = YOUNG / (2 * (1 + POISSON)), YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
    stiffness = 2 * shear * ng.InnerProduct(ng.Sym(ng.Grad(u)), ng.Sym(ng.Grad(v)))
    stiffness += first * ng.Trace(ng.Grad(u)) * ng.Trace(ng.Grad(v))
    return space, ng.BilinearForm(stiffness * ng.dx), ng.LinearForm(v[0] * ng.ds("right"))


def by_multigrid(plate: Plate, problem: str, halvings: int) -> Solve:
    """Every level is assembled, coarsest first. CG stops by another norm; its limit is adapted to ours."""
    import ngsolve as ng

    def set_up():
        space, form, load = forms(plate.mesh, problem)
        return space, form, load, ng.Preconditioner(form, "multigrid", inverse="sparsecholesky")

    def assemble():
        space.Update()
        form.Assemble()

    space, form, load, cycle = plate.timed("setup", set_up)
    plate.timed("setup", form.Assemble)
    for _ in range(halvings):
        plate.timed("mesh", plate.refine)
        plate.timed("setup", assemble)
    plate.timed("setup", load.Assemble)
    found = ng.GridFunction(space)
    limit, seconds = TOLERANCE, plate.seconds
    for _ in range(5):
        begin = time.perf_counter()
        inverse = ng.CGSolver(form.mat, cycle.mat, tol=limit, maxiter=500)
        found.vec.data = inverse * load.vec
        seconds["solve"] = time.perf_counter() - begin
        residual = relative_residual(space, form, load, found)
        if residual <= TOLERANCE:
            break
        limit *= 0.7 * TOLERANCE / residual
    return finished(space, load, found, seconds, residual, inverse.iterations)


def by_cholesky(plate: Plate, problem: str, halvings: int) -> Solve:
    import ngsolve as ng

    for _ in range(halvings):
        plate.timed("mesh", plate.refine)

    def assembled():
        space, form, load = forms(plate.mesh, problem)
        form.Assemble()
        load.Assemble()
        return space, form, load, ng.GridFunction(space)

    def solve():
        found.vec.data = form.mat.Inverse(space.FreeDofs(), "sparsecholesky") * load.vec

    space, form, load, found = plate.timed("setup", assembled)
    plate.timed("solve", solve)
    residual = relative_residual(space, form, load, found)
    return finished(space, load, found, plate.seconds, residual, None)


def relative_residual(space: Any, form: Any, load: Any, found: Any) -> float:
    import ngsolve as ng

    free = ng.Projector(space.FreeDofs(), True)
    rest, whole = load.vec.CreateVector(), load.vec.CreateVector()
    rest.data = load.vec - form.mat * found.vec
    whole.data = load.vec
    free.Project(rest)
    free.Project(whole)
    return ng.Norm(rest) / ng.Norm(whole)


def finished(space: Any, load: Any, found: Any, seconds: dict, residual: float, count: int | None) -> Solve:
    import ngsolve as ng

    unknowns = space.FreeDofs().NumSet() * space.dim
    return Solve(unknowns, seconds, lambda: ng.InnerProduct(load.vec, found.vec), residual, count)
