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
    `progress(stage, residual)`, called at each stage, and now and then on long solves on the host.

    **Raises:** (when called) `ParameterError` for missing or surplus parameters, `UnbalancedError` when the
    loads on a part that nothing holds do not balance, `NotConverged`.
    """
    solver = named_solver(solver) if isinstance(solver, str) else solver or Auto()

    def solve(params: Mapping[str, Any] | None = None) -> Solution:
        given = dict(params or {})
        check_parameters(problem.parameters, given)
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(given)):
            return compiled(problem, given, as_multigrid(solver))[0]
        if needs_multigrid(problem, given, solver):
            solution = by_multigrid(problem, given, as_multigrid(solver), progress)
        else:
            solution = on_host(problem, given, solver, progress)
        if throw and not solution.result.converged:
            raise NotConverged(f"{solution.result.message} (relative residual {solution.residual:.2e})")
        return solution

    return solve


def chosen(problem: Problem, solver):
    """The solver that "auto" stands for."""
    unknowns = int(np.sum(problem.manifold.active)) * problem.model.components
    return solver.choose(unknowns) if isinstance(solver, Auto) else solver


def needs_multigrid(problem: Problem, given, solver) -> bool:
    """Whether the compiled solve is due: by choice, or because parameters are fields."""
    fields = any(callable(v) or np.ndim(v) > 0 for v in given.values())
    return fields or isinstance(chosen(problem, solver), Multigrid)


def as_multigrid(solver) -> Multigrid:
    """The compiled solver that comes nearest to the one asked for."""
    if isinstance(solver, Multigrid):
        return solver
    return Multigrid(solver.tolerance, getattr(solver, "max_iterations", None) or Multigrid.max_iterations)


def compiled(problem: Problem, given, solver: Multigrid) -> tuple[Solution, Any, Any]:
    """The compiled solve, its residuals and its load, all of them arrays that may be traced."""
    u, (count, history, code), load = solve_compiled(problem, given, solver)
    return Solution(problem, given, u, count, history[count], code), history, load


def by_multigrid(problem: Problem, given, solver: Multigrid, progress) -> Solution:
    """The compiled solve with every check that the host can make."""
    begin = time.perf_counter()
    if progress:
        progress("set up", 0.0)
    check_values(problem, given)
    arrays_of(problem)
    ready = time.perf_counter()
    if progress:
        progress("solve", 1.0)
    solution, history, load = compiled(problem, given, solver)
    loose = free_parts(problem)
    check_balance(problem, np.asarray(load), loose)
    count = int(solution.iterations)
    seconds = {"setup": ready - begin, "solve": time.perf_counter() - ready}
    past = tuple(np.asarray(history)[: count + 1].tolist())
    record = Record(None, tuple(part.report for part in loose), seconds, past)
    return Solution(problem, given, np.asarray(solution.dofs), count, past[-1], int(solution.code), record)


def on_host(problem: Problem, given, solver, progress) -> Solution:
    """Assembly and solve with SciPy: nothing is compiled for the solve."""
    begin = time.perf_counter()
    if progress:
        progress("set up", 0.0)
    system = assemble(problem, given)
    loose = loose_parts(problem, system, given)
    ready = time.perf_counter()
    if progress:
        progress("solve", 1.0)
    u, answer = solve_system(problem, system, loose, chosen(problem, solver), progress)
    seconds = {"setup": ready - begin, "solve": time.perf_counter() - ready}
    record = Record(system, tuple(part.report for part in loose), seconds, tuple(answer.history))
    code = MESSAGES.index(answer.result.message)
    return Solution(problem, given, u, answer.iterations, answer.residual, code, record)


def solve_system(problem: Problem, system: System, loose: list[LoosePart], solver, progress):
    """Unknowns (patches, components) with loose parts at zero mean motion, and the solver's answer.

    The motions of loose parts are pinned.
    """
    manifold, c = problem.manifold, problem.model.components
    free = np.repeat(manifold.active, c)
    for part in loose:
        free[part.pins] = False
    index = np.flatnonzero(free)
    report = (lambda step, residual: progress("solve", residual)) if progress else None
    answer = solver.solve(system.matrix[index][:, index], system.load[index], report)
    u = np.zeros(len(free))
    u[index] = answer.value
    u = u.reshape(-1, c)
    return (without_motion(problem, u, loose) if loose else u), answer
