"""The forward map: parameters -> solution."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from nmm.errors import NotConverged
from nmm.physics.problem import Problem, check_values
from nmm.physics.values import check_parameters
from nmm.results.solution import Record, Solution
from nmm.solve.assemble import System, assemble
from nmm.solve.choice import Auto
from nmm.solve.choice import solver as named_solver
from nmm.solve.held import LoosePart, check_balance, free_parts, loose_parts, without_motion
from nmm.solve.krylov import MESSAGES
from nmm.solve.multigrid import Multigrid
from nmm.solve.traced import arrays_of, solve_compiled


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
        traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(given))
        fields = any(callable(v) or np.ndim(v) > 0 for v in given.values())
        if traced or fields or isinstance(chosen(problem, solver), Multigrid):
            return by_multigrid(problem, given, as_multigrid(problem, solver), traced, throw)
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


def chosen(problem: Problem, solver):
    """The solver that "auto" stands for."""
    unknowns = int(np.sum(problem.manifold.active)) * problem.model.components
    return solver.choose(unknowns) if isinstance(solver, Auto) else solver


def as_multigrid(problem: Problem, solver) -> Multigrid:
    """The compiled solver that comes nearest to the one asked for."""
    if isinstance(solver, Multigrid):
        return solver
    return Multigrid(solver.tolerance, getattr(solver, "max_iterations", None) or Multigrid.max_iterations)


def by_multigrid(problem: Problem, given, solver: Multigrid, traced: bool, throw: bool) -> Solution:
    """The compiled solve; outside of tracing with every check that the host can make."""
    begin = time.perf_counter()
    if not traced:
        check_values(problem, given)
    arrays_of(problem)
    ready = time.perf_counter()
    u, (count, residual, code), load = solve_compiled(problem, given, solver)
    if traced:
        return Solution(problem, given, u, count, residual, code)
    loose = free_parts(problem)
    if loose:
        check_balance(problem, np.asarray(load), loose)
    u, count, residual = np.asarray(u), int(count), float(residual)
    seconds = {"setup": ready - begin, "solve": time.perf_counter() - ready}
    record = Record(None, tuple(part.report for part in loose), seconds, (1.0, residual))
    solution = Solution(problem, given, u, count, residual, int(code), record)
    if throw and not solution.result.converged:
        raise NotConverged(f"{solution.result.message} (relative residual {residual:.2e})")
    return solution


def solve_system(problem: Problem, system: System, loose: list[LoosePart], solver, progress):
    """Unknowns (patches, components) with loose parts at zero mean motion, and the solver's answer.

    The motions of loose parts are pinned.
    """
    manifold, c = problem.manifold, problem.model.components
    free = np.repeat(manifold.active, c)
    solver = chosen(problem, solver)
    assert not isinstance(solver, Multigrid)
    for part in loose:
        free[part.pins] = False
    index = np.flatnonzero(free)
    report = (lambda step, residual: progress("solve", residual)) if progress else None
    answer = solver.solve(system.matrix[index][:, index], system.load[index], report)
    u = np.zeros(len(free))
    u[index] = answer.value
    u = u.reshape(-1, c)
    return (without_motion(problem, u, loose) if loose else u), answer
