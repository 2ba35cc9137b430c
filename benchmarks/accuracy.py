"""Error against unknowns and seconds on geometry that no mesh follows, and on meshes that do.

A disk and a square with a circular inclusion of ten times the conductivity. nmm and ngsxfem ignore both
circles; scikit-fem has netgen's meshes of them, with nodes on the circles. All factorise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

import nmm
from benchmarks.checks import Rate
from benchmarks.record import record
from benchmarks.registry import Report

CENTRE, RADIUS = (0.03, 0.02), 0.6
CONTRAST = 10.0
SIZES, QUICK = (8, 16, 32, 64, 128), (8, 16)
UNKNOWNS = 60_000
"""No larger problems: what factorises most slowly sets the pace."""


@dataclass(frozen=True)
class Problem:
    """-∇·(k ∇u) = f with u given on the outline; texts in x and y that NumPy, nmm and NGSolve all read.

    `inner` and `outer` are the solution inside the circle and outside of it (None: nothing is outside).
    """

    title: str
    inner: str
    outer: str | None
    source: str

    def conductivity(self, inside: Any) -> Any:
        return np.where(inside, CONTRAST, 1.0) if self.outer else np.ones(np.shape(inside))


R = f"sqrt((x - {CENTRE[0]})**2 + (y - {CENTRE[1]})**2)"
PROBLEMS: Mapping[str, Problem] = {
    "disk": Problem(
        "Poisson on a disk, u = sin(2x) cos(3y)", "sin(2*x)*cos(3*y)", None, "13*sin(2*x)*cos(3*y)"
    ),
    "inclusion": Problem(
        "a circular inclusion of ten times the conductivity in a square, u = (r³ - a³) / k",
        f"({R}**3 - {RADIUS**3})/{CONTRAST}",
        f"{R}**3 - {RADIUS**3}",
        f"-9*{R}",
    ),
}


@dataclass(frozen=True)
class Answer:
    """What a method found: relative errors in L2 and the H1 seminorm; seconds of all but the errors."""

    unknowns: int
    l2: float
    h1: float
    seconds: float


Method = Callable[[Problem, int, int], Answer]


def with_nmm(problem: Problem, degree: int, cells: int) -> Answer:
    """B-splines of a degree (1: hats) on squares; the second of two runs, which finds everything compiled."""
    _, found = once(problem, degree, cells), once(problem, degree, cells)
    solution, seconds = found
    inside = f"({R} < {RADIUS})"
    exact = problem.inner if problem.outer is None else f"where({inside}, {problem.inner}, {problem.outer})"
    errors = solution.errors(exact)
    return Answer(int(solution.stats.dofs), errors["l2"], errors["h1"], seconds)


def once(problem: Problem, degree: int, cells: int) -> tuple[nmm.Solution, float]:
    begin = time.perf_counter()
    disk = nmm.disk(CENTRE, RADIUS)
    domain = nmm.rectangle(-1, -1, 1, 1).with_region("inclusion", disk) if problem.outer else disk
    weights = {"weights": "bspline", "degree": degree} if degree > 1 else {}
    manifold = nmm.cut(domain, nmm.lattice(cells=cells, origin=(0.013, 0.007), **weights))
    conductivity = {"inclusion": CONTRAST, "default": 1.0} if problem.outer else 1.0
    model = nmm.poisson(conductivity, source=problem.source)
    terms = [nmm.value("outline", problem.outer or problem.inner)]
    solution = nmm.forward(nmm.problem(manifold, model, terms), nmm.Direct())()
    return solution, time.perf_counter() - begin


def with_ngsxfem(problem: Problem, order: int, cells: int) -> Answer:
    """Unfitted elements of Lagrange on a mesh of triangles that is bent towards the circle (Lehrenfeld 2016),
    Nitsche's method with a ghost penalty."""
    import ngsolve as ng
    import xfem
    from ngsolve.meshes import MakeStructured2DMesh
    from xfem.lsetcurv import LevelSetMeshAdaptation

    begin = time.perf_counter()
    names = {"x": ng.x, "y": ng.y, "sin": ng.sin, "cos": ng.cos, "sqrt": ng.sqrt}
    inner, source = eval(problem.inner, names), eval(problem.source, names)
    scale, shift = (1.0, (0.0, 0.0)) if problem.outer else (1.3 * RADIUS, CENTRE)
    mesh = MakeStructured2DMesh(
        quads=False, nx=cells, ny=cells,
        mapping=lambda s, t: (scale * (2 * s - 1) + shift[0], scale * (2 * t - 1) + shift[1]),
    )  # fmt: skip
    adapted = LevelSetMeshAdaptation(mesh, order=order, threshold=0.1, discontinuous_qn=True)
    deformation = adapted.CalcDeformation(eval(R, names) - RADIUS)
    level = adapted.lset_p1
    cut = xfem.CutInfo(mesh, level)
    types = {xfem.NEG: xfem.HASNEG, xfem.POS: xfem.HASPOS}
    sides = (xfem.NEG, xfem.POS) if problem.outer else (xfem.NEG,)
    parts = {side: cut.GetElementsOfType(types[side]) for side in sides}
    crossed = cut.GetElementsOfType(xfem.IF)
    held = ".*" if problem.outer else ""
    base = ng.H1(mesh, order=order, dirichlet=held, dgjumps=True)
    spaces = [xfem.Restrict(base, parts[side]) for side in sides]
    space = ng.FESpace(spaces, dgjumps=True) if problem.outer else spaces[0]
    trial, test = space.TrialFunction(), space.TestFunction()
    trial, test = (f if problem.outer else [f] for f in (trial, test))
    normal = ng.Normalize(ng.grad(level))
    size = ng.specialcf.mesh_size
    conductivity = {xfem.NEG: CONTRAST if problem.outer else 1.0, xfem.POS: 1.0}
    stiffness, load = ng.BilinearForm(space), ng.LinearForm(space)
    for u, v, side in zip(trial, test, sides, strict=True):
        k = conductivity[side]
        dx = xfem.dCut(level, side, definedonelements=parts[side], deformation=deformation)
        faces = xfem.GetFacetsWithNeighborTypes(mesh, a=parts[side], b=crossed)
        dw = xfem.dFacetPatch(definedonelements=faces, deformation=deformation)
        stiffness += k * ng.grad(u) * ng.grad(v) * dx
        stiffness += 0.1 * k / size**2 * (u - u.Other()) * (v - v.Other()) * dw
        load += source * v * dx
    ds = xfem.dCut(level, xfem.IF, definedonelements=crossed, deformation=deformation)
    if problem.outer:  # the weights of Hansbo would need no ghost penalty; those of the conductivities do
        total = sum(conductivity.values())
        mean = [conductivity[other] / total for other in (xfem.POS, xfem.NEG)]

        def flux(pair):
            both = zip(pair, sides, mean, strict=True)
            return sum(w * conductivity[side] * ng.grad(f) * normal for f, side, w in both)

        beta = 20 * order**2 * CONTRAST / total * 1.0 / size
        jump, virtual = trial[0] - trial[1], test[0] - test[1]
        stiffness += (-flux(trial) * virtual - flux(test) * jump + beta * jump * virtual) * ds
    else:
        u, v = trial[0], test[0]
        beta = 20 * order**2 / size
        stiffness += (-ng.grad(u) * normal * v - ng.grad(v) * normal * u + beta * u * v) * ds
        load += (-ng.grad(v) * normal * inner + beta * inner * v) * ds
    stiffness.Assemble()
    load.Assemble()
    solution = ng.GridFunction(space)
    components = list(solution.components) if problem.outer else [solution]
    if problem.outer:
        mesh.SetDeformation(deformation)
        components[1].Set(eval(problem.outer, names), ng.BND)
        mesh.UnsetDeformation()
    free = space.FreeDofs()
    rest = load.vec.CreateVector()
    rest.data = load.vec - stiffness.mat * solution.vec
    solution.vec.data += stiffness.mat.Inverse(free, "sparsecholesky") * rest
    seconds = time.perf_counter() - begin
    sums = np.zeros(4)
    exact = [inner] if problem.outer is None else [inner, eval(problem.outer, names)]
    for u, right, side in zip(components, exact, sides, strict=True):
        slope = ng.CoefficientFunction((right.Diff(ng.x), right.Diff(ng.y)))
        dx = xfem.dCut(
            level, side, definedonelements=parts[side], deformation=deformation, order=2 * order + 2
        )
        terms = (
            (u - right) ** 2, right**2, ng.InnerProduct(ng.grad(u) - slope, ng.grad(u) - slope),
            ng.InnerProduct(slope, slope),
        )  # fmt: skip
        sums += [ng.Integrate(term * dx, mesh) for term in terms]
    l2, all_l2, h1, all_h1 = np.sqrt(np.abs(sums))
    return Answer(int(sum(free)), float(l2 / all_l2), float(h1 / all_h1), seconds)


def with_scikit_fem(problem: Problem, order: int, cells: int) -> Answer:
    """Lagrange elements on netgen's mesh of the circle, of degree 2 with its edges bent to it."""
    import skfem
    from scipy.sparse.linalg import spsolve
    from skfem.helpers import dot, grad

    begin = time.perf_counter()
    points, triangles, inside = fitted(problem, cells)
    mesh: Any = skfem.MeshTri(np.ascontiguousarray(points.T), np.ascontiguousarray(triangles.T))
    if order == 2:
        mesh = bent(mesh, inside)
    element = skfem.ElementTriP1() if order == 1 else skfem.ElementTriP2()
    basis = skfem.Basis(mesh, element, intorder=2 * order + 3)
    x, y = np.asarray(basis.global_coordinates())
    names = {"x": x, "y": y, "sin": np.sin, "cos": np.cos, "sqrt": np.sqrt}
    k = np.broadcast_to(problem.conductivity(inside)[:, None], x.shape)
    stiffness = skfem.BilinearForm(lambda u, v, w: w.k * dot(grad(u), grad(v))).assemble(basis, k=k)
    load = skfem.LinearForm(lambda v, w: w.f * v).assemble(basis, f=eval(problem.source, names))
    held = basis.get_dofs().all()
    at = dict(zip("xy", basis.doflocs[:, held], strict=True))
    values = np.zeros(len(load))
    values[held] = eval(problem.outer or problem.inner, names | at)
    free = np.setdiff1d(np.arange(len(load)), held)
    right = load - stiffness @ values
    values[free] = spsolve(stiffness[free][:, free].tocsc(), right[free])
    seconds = time.perf_counter() - begin
    found = basis.interpolate(values)
    exact, slope = gradient_of(problem, x, y, inside)
    area = basis.dx

    def norm(part: NDArray) -> float:
        return float(np.sqrt(np.sum(part**2 * area)))

    value, gradient = np.asarray(found), np.asarray(found.grad)
    return Answer(len(free), norm(value - exact) / norm(exact), norm(gradient - slope) / norm(slope), seconds)


def fitted(problem: Problem, cells: int) -> tuple[NDArray, NDArray, NDArray]:
    """Points (n, 2), triangles (m, 3) of netgen's mesh, and which of them (m,) lie inside the circle."""
    from netgen.geom2d import SplineGeometry

    geometry = SplineGeometry()
    if problem.outer:
        geometry.AddRectangle((-1, -1), (1, 1), bc="outline", leftdomain=2)
        geometry.AddCircle(CENTRE, RADIUS, leftdomain=1, rightdomain=2)
        size = 2 / cells
    else:
        geometry.AddCircle(CENTRE, RADIUS, leftdomain=1, bc="outline")
        size = 2 * RADIUS / cells
    made = geometry.GenerateMesh(maxh=size)
    points = np.array(made.Coordinates()[:, :2])  # netgen's own arrays end with the mesh
    elements = np.array(made.Elements2D().NumPy())
    return points, elements["nodes"][:, :3].astype(np.int64) - 1, elements["index"] == 1


def on_circle(mesh: Any, inside: NDArray) -> NDArray:
    """The facets of a mesh of triangles that are chords of the circle."""
    first, second = mesh.f2t
    return np.flatnonzero((second < 0) if inside.all() else (second >= 0) & (inside[first] != inside[second]))


def bent(mesh: Any, inside: NDArray) -> Any:
    """The mesh with the middles of the chords moved to the circle."""
    import skfem

    curved = skfem.MeshTri2.from_mesh(mesh)
    middles = mesh.p.shape[1] + on_circle(mesh, inside)
    ray = curved.doflocs[:, middles] - np.array(CENTRE)[:, None]
    curved.doflocs[:, middles] += ray * (RADIUS / np.hypot(*ray) - 1)
    return curved


def gradient_of(problem: Problem, x: NDArray, y: NDArray, inside: NDArray) -> tuple[NDArray, NDArray]:
    """The solution and its gradient (2, ...) at points (cells, ...) of triangles."""
    functions = {"sin": jnp.sin, "cos": jnp.cos, "sqrt": jnp.sqrt}
    values, slopes = [], []
    for text in (problem.inner, problem.outer or problem.inner):

        def at(x, y, text=text):
            return eval(text, functions | {"x": x, "y": y})

        one, zero = jnp.ones(x.shape), jnp.zeros(x.shape)
        value, along_x = jax.jvp(at, (jnp.asarray(x), jnp.asarray(y)), (one, zero))
        values.append(value)
        slopes.append((along_x, jax.jvp(at, (jnp.asarray(x), jnp.asarray(y)), (zero, one))[1]))
    chosen = inside[:, None]
    return np.where(chosen, *map(np.asarray, values)), np.where(chosen, *map(np.asarray, slopes))


METHODS: Mapping[str, tuple[Method, tuple[int, ...], tuple[str, ...]]] = {
    "nmm": (with_nmm, (1, 2, 3), ()),
    "ngsxfem": (with_ngsxfem, (1, 2, 3), ("ngsolve", "xfem")),
    "scikit-fem, fitted": (with_scikit_fem, (1, 2), ("skfem", "netgen")),
}
"""Each method with its degrees and the modules that it needs."""


def judged(curve: str, method: str, degree: int, rows: list[dict], quick: bool) -> list[dict]:
    """Rates from the coarsest to the finest cover: between two of them the cuts along a circle tell too."""
    found = []
    for norm, order in (("l2", degree + 1.0), ("h1", float(degree))):
        verdict = Rate(norm, order, 0.15 if method == "nmm" else None).judge([rows[0], rows[-1]], quick)
        found.append({"problem": curve, "method": method, **vars(verdict)})
    return found


def run(quick: bool, report: Report) -> dict:
    """The record: a row for each problem, method, degree and cover."""
    rows, skipped, checks = [], [], []
    for problem in PROBLEMS:
        for name, (method, degrees, needs) in METHODS.items():
            absent = [module for module in needs if find_spec(module) is None]
            if absent:
                skipped.append({"method": name, "reason": f"not installed: {', '.join(absent)}"})
                continue
            for degree in degrees:
                curve = f"{problem}, {name}, degree {degree}"
                mine = []
                for cells in QUICK if quick else SIZES:
                    answer = method(PROBLEMS[problem], degree, cells)
                    mine.append(
                        {"curve": curve, "problem": problem, "method": name, "degree": degree, "cells": cells}
                        | vars(answer)
                    )
                    errors = f"L2 {answer.l2:.2e}, H1 {answer.h1:.2e}"
                    report(f"{curve}, {cells} cells: {errors}, {answer.seconds:.2f} s")
                    if 4 * answer.unknowns > UNKNOWNS:
                        break
                rows += mine
                checks += judged(curve, name, degree, mine, quick)
    about = "error against unknowns and seconds, on circles that the covers ignore"
    titles = {name: problem.title for name, problem in PROBLEMS.items()}
    found = {"ngsxfem": "xfem", "scikit-fem": "scikit-fem"}
    versions = {k: version(v) for k, v in found.items() if any(k in row["method"] for row in rows)}
    return record(
        "accuracy", rows, checks, quick=quick, about=about, problems=titles, methods=versions, skipped=skipped
    )
