"""The forward map: parameters -> solution."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nmm.errors import NotConverged
from nmm.physics.problem import Problem
from nmm.physics.values import check_parameters
from nmm.results.solution import Solution
from nmm.solve.assemble import System, assemble
from nmm.solve.choice import Auto
from nmm.solve.choice import solver as named_solver
from nmm.solve.held import LoosePart, loose_parts, without_motion, without_resultant
from nmm.solve.multigrid import Multigrid


def forward(
    problem: Problem,
    solver: Any = None,
    throw: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> Callable[..., Solution]:
    """The map from parameters to the solution of `problem`.

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
        solution = Solution(problem, given, u, answer, system, [part.report for part in loose], seconds)
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
