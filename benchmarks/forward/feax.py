"""feax, finite elements in JAX: linear triangles on the mesh of the other peers, by its public interface."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.forward.mesh import Mesh, fitted
from benchmarks.forward.method import TOLERANCE, Solve
from benchmarks.forward.plate import COMPONENTS, POISSON, YOUNG, nodes
from benchmarks.forward.scikit_fem import assembled


def multigrid(problem: str, unknowns: int) -> Solve:
    """Conjugate gradients with feax's smoothed aggregation (PyAMG's levels, cycles in JAX)."""
    import feax

    return solve(problem, unknowns, feax.AMGSolverOptions(solver="cg", tol=TOLERANCE / 2, atol=0.0))


def direct(problem: str, unknowns: int) -> Solve:
    """The best direct solver that feax finds on a CPU."""
    import feax

    return solve(problem, unknowns, feax.DirectSolverOptions())


def solve(problem: str, unknowns: int, options: Any) -> Solve:
    """The solver is traced and compiled once; its second call, with assembly, is the solve.

    Building the problem and the solver (for multigrid, its levels) is the set-up.
    """
    import feax
    import jax

    mesh, meshing = fitted(nodes(problem, unknowns))
    begin = time.perf_counter()
    posed = pose(mesh, problem)
    held = feax.DirichletBCConfig(
        [feax.DirichletBCSpec(location=held_at(problem), component="all", value=0.0)]
    ).create_bc(posed)
    load = feax.TracedParams.create_uniform_surface_var(posed, 1.0) if problem == "elasticity" else None
    params = feax.TracedParams(volume_vars=(), surface_vars=[] if load is None else [(load,)])
    structure = feax.TracedStructure.from_problem(posed)
    solver = feax.create_solver(
        posed, held, solver_options=options, linear=True, traced_params=params,
        traced_structure=structure, return_solution=False,
    )  # fmt: skip
    start = feax.zero_like_initial_guess(posed, held)
    compiled = jax.jit(lambda params, structure, start: solver(params, start, traced_structure=structure))
    ready = time.perf_counter()
    compiled(params, structure, start).block_until_ready()
    first = time.perf_counter()
    found = compiled(params, structure, start).block_until_ready()
    done = time.perf_counter()
    values = np.asarray(found).reshape(-1, COMPONENTS[problem])
    return Solve(
        values.size - len(held.bc_rows),
        {
            "mesh": meshing,
            "setup": ready - begin,
            "solve": done - first,
            "compile": first - ready - (done - first),
        },
        lambda: mesh.work(values[:, 0], None if problem == "poisson" else "right"),
        relative_residual(mesh, problem, np.asarray(found)),
    )


def relative_residual(mesh: Mesh, problem: str, values: NDArray) -> float | None:
    """By scikit-fem's matrix on the same mesh, since feax has given back what its residual would need."""
    if find_spec("skfem") is None:
        return None
    matrix, load, held = assembled(mesh, problem)
    free = np.setdiff1d(np.arange(len(load)), held)
    rest = (load - matrix @ values)[free]
    return float(np.linalg.norm(rest) / np.linalg.norm(load[free]))


def pose(mesh: Any, problem: str) -> Any:
    import feax
    import jax.numpy as jnp

    class Membrane(feax.Problem):
        def get_tensor_map(self):
            return lambda gradient: gradient

        def get_mass_map(self):
            return lambda u, x: -jnp.ones_like(u)

    class Plate(feax.Problem):
        def get_tensor_map(self):
            shear, first = YOUNG / (2 * (1 + POISSON)), YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))

            def stress(gradient):
                strain = (gradient + gradient.T) / 2
                return first * jnp.trace(strain) * jnp.eye(2) + 2 * shear * strain

            return stress

        def get_surface_maps(self):
            return [lambda u, x, pull: -jnp.array([pull, 0.0])]

    triangles = feax.Mesh(mesh.points, mesh.triangles, ele_type="TRI3")
    if problem == "poisson":
        return Membrane(triangles, vec=1, dim=2, ele_type="TRI3")
    return Plate(triangles, vec=2, dim=2, ele_type="TRI3", location_fns=[lambda x: jnp.isclose(x[0], 1.0)])


def held_at(problem: str) -> Any:
    import jax.numpy as jnp

    def outline(x):
        return jnp.any(jnp.isclose(jnp.concatenate([x, 1 - x]), 0.0, atol=1e-9))

    def left(x):
        return jnp.isclose(x[0], 0.0, atol=1e-9)

    return outline if problem == "poisson" else left
