"""scikit-fem with PyAMG: linear elements, conjugate gradients with algebraic multigrid."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.forward.mesh import SIDES, Mesh, fitted, on_side
from benchmarks.forward.method import TOLERANCE, Solve
from benchmarks.forward.plate import POISSON, YOUNG, nodes


def smoothed_aggregation(matrix: Any, modes: NDArray) -> Any:
    """PyAMG's levels. Of its smoothers and strengths these were the fastest here, for both problems."""
    import pyamg

    polynomial = ("chebyshev", {"degree": 2})
    return pyamg.smoothed_aggregation_solver(
        matrix,
        B=modes,
        symmetry="hermitian",
        improve_candidates=None,
        presmoother=polynomial,
        postsmoother=polynomial,
    )


def multigrid(problem: str, unknowns: int) -> Solve:
    """Smoothed aggregation that knows the rigid motions, smoothed by polynomials."""
    import skfem

    mesh, meshing = fitted(nodes(problem, unknowns))
    begin = time.perf_counter()
    matrix, load, held = assembled(mesh, problem)
    matrix, load, values, free = skfem.condense(matrix, load, D=held)
    levels = smoothed_aggregation(matrix, motions(mesh, problem)[free])
    ready = time.perf_counter()
    history: list[float] = []
    values[free] = levels.solve(load, tol=TOLERANCE, maxiter=500, accel="cg", residuals=history)
    done = time.perf_counter()
    residual = np.linalg.norm(load - matrix @ values[free]) / np.linalg.norm(load)
    return Solve(
        len(free),
        {"mesh": meshing, "setup": ready - begin, "solve": done - ready},
        lambda: float(load @ values[free]),
        float(residual),
        len(history) - 1,
    )


def assembled(mesh: Mesh, problem: str) -> tuple[Any, NDArray, NDArray]:
    """Matrix, load and held unknowns. Gradients are constant in a triangle: one point integrates exactly."""
    import skfem
    from skfem.models.elasticity import lame_parameters, linear_elasticity
    from skfem.models.poisson import laplace, unit_load

    triangles = skfem.MeshTri(
        np.ascontiguousarray(mesh.points.T), np.ascontiguousarray(mesh.triangles.T), validate=False
    )
    linear = skfem.ElementTriP1()
    if problem == "poisson":
        basis = skfem.Basis(triangles, linear, intorder=1)
        held = np.flatnonzero(np.any([on_side(mesh.points, side) for side in SIDES], axis=0))
        return laplace.assemble(basis), unit_load.assemble(basis), held
    basis = skfem.Basis(triangles, skfem.ElementVector(linear), intorder=1)
    right = triangles.facets_satisfying(lambda x: on_side(x.T, "right"), boundaries_only=True)
    edge = skfem.FacetBasis(triangles, basis.elem, facets=right, intorder=1)
    load = skfem.LinearForm(lambda v, w: v[0]).assemble(edge)
    held = basis.nodal_dofs[:, on_side(mesh.points, "left")].ravel()
    return linear_elasticity(*lame_parameters(YOUNG, POISSON)).assemble(basis), load, held


def motions(mesh: Mesh, problem: str) -> NDArray:
    """The motions that strain nothing, (unknowns, 1 or 3)."""
    if problem == "poisson":
        return np.ones((len(mesh.points), 1))
    x, y = (mesh.points - mesh.points.mean(axis=0)).T
    one, zero = np.ones(len(x)), np.zeros(len(x))
    modes = ((one, zero), (zero, one), (-y, x))
    return np.stack([np.stack(mode, axis=1).ravel() for mode in modes], axis=1)
