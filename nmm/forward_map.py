"""The forward map: parameters -> solution."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from nmm.errors import NotConverged
from nmm.physics.problem import Problem
from nmm.physics.values import check_parameters
from nmm.results.solution import Record, Solution
from nmm.solve.assemble import System, assemble
from nmm.solve.choice import Auto
from nmm.solve.choice import solver as named_solver
from nmm.solve.held import LoosePart, loose_parts, without_motion, without_resultant
from nmm.solve.krylov import MESSAGES
from nmm.solve.multigrid import Multigrid
from nmm.solve.traced import solve_traced

TRACED_LIMIT = 20_000
"""Iterations allowed under tracing where the solver names no limit."""


def forward(
    problem: Problem,
    solver: Any = None,
    throw: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> Callable[..., Solution]:
    """The map from parameters to the solution of `problem`.

    Pure and differentiable: under `jax.jit`, `jax.grad`, `jax.jvp` and `jax.vmap` it is one compiled function
    of the parameters, which may be numbers, arrays (ny, nx) with a value per square, or callables that are
    pytrees. There the solution carries its result code; nothing is raised.

    **Arguments:** `solver`, or its name in case files: by default direct up to 400,000 unknowns and
    conjugate gradients with multigrid beyond; `throw`, whether a solve that does not converge raises;
    `progress(stage, residual)`, called now and then on long solves.

    **Raises:** (when called) `ParameterError` for missing or surplus parameters, `UnbalancedError` when the
    loads on a part that nothing holds do not balance, `NotConverged`.
    """
    solver = named_solver(solver) if isinstance(solver, str) else solver or Auto()

    def solve(params: Mapping[str, Any] | None = None) -> Solution:
        given = dict(params or {})
        check_parameters(problem.parameters, given)
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(given)):
            limit = getattr(solver, "max_iterations", None) or TRACED_LIMIT
            u, (count, residual, code), _ = solve_traced(problem, given, solver.tolerance, limit)
            return Solution(problem, given, u, count, residual, code)
        begin = time.perf_counter()
        if progress:
            progress("set up", 0.0)
        system = assemble(problem, given)
        loose = loose_parts(problem, system, given)
        ready = time.perf_counter()
        if progress:
            progress("solve", 1.0)
        u, answer = solve_system(problem, system, loose, solver, progress)
        seconds = {"setup": ready - begin, "solve": time.perf_counter() - ready}
        record = Record(system, tuple(part.report for part in loose), seconds, tuple(answer.history))
        code = MESSAGES.index(answer.result.message)
        solution = Solution(problem, given, u, answer.iterations, answer.residual, code, record)
        if throw and not answer.result.converged:
            raise NotConverged(f"{answer.result.message} (relative residual {answer.residual:.2e})")
        return solution

    return solve


def solve_system(problem: Problem, system: System, loose: list[LoosePart], solver, progress):
    """Unknowns (patches, components) with loose parts at zero mean motion, and the solver's answer.

    Multigrid works with the floating parts as they are; the other solvers get their motions pinned.
    """
    manifold, c = problem.manifold, problem.model.components
    free = np.repeat(manifold.active, c)
    if isinstance(solver, Auto):
        solver = solver.choose(int(free.sum()))
    load = system.load
    if isinstance(solver, Multigrid):
        load = without_resultant(load, loose)
    else:
        for part in loose:
            free[part.pins] = False
    index = np.flatnonzero(free)
    matrix = system.matrix[index][:, index]
    report = (lambda step, residual: progress("solve", residual)) if progress else None
    if isinstance(solver, Multigrid):
        answer = solver.solve_on(manifold, c, matrix, load[index], report)
    else:
        answer = solver.solve(matrix, load[index], report)
    u = np.zeros(len(free))
    u[index] = answer.value
    u = u.reshape(-1, c)
    return (without_motion(problem, u, loose) if loose else u), answer
