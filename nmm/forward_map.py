"""The forward map: parameters -> solution."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from nmm.errors import NotConverged
from nmm.manifold.manifold import Manifold
from nmm.manifold.stack import Stack
from nmm.physics.problem import Problem, check_values
from nmm.physics.values import check_parameters
from nmm.results.record import Record, Several
from nmm.results.solution import Solution
from nmm.solve.assemble import Inside, System, assemble
from nmm.solve.choice import Auto
from nmm.solve.choice import solver as named_solver
from nmm.solve.held import LoosePart, check_balance, free_parts, loose_parts, without_motion
from nmm.solve.krylov import MESSAGES
from nmm.solve.linear import DEPENDENT, Direct
from nmm.solve.multigrid import Multigrid
from nmm.solve.traced import arrays_of, solve_compiled, solve_member


@dataclass(frozen=True, eq=False)
class Forward:
    """The map from parameters to the solution of a problem; see `forward`."""

    problem: Problem
    solver: Any
    throw: bool
    progress: Callable[[str, float], None] | None

    def __call__(
        self, params: Mapping[str, Any] | None = None, manifold: Manifold | Stack | None = None
    ) -> Solution:
        """The solution for `params`, on another `manifold` if one is given.

        A `Stack` is meant for `jax.vmap` and `jax.lax.map`, which make one manifold of it.

        **Raises:** `ParameterError` for missing or surplus parameters, `UnbalancedError` when the loads on a
        part that nothing holds do not balance, `NotConverged`.
        """
        given = dict(params or {})
        check_parameters(self.problem.parameters, given)
        if isinstance(manifold, Stack):
            return by_member(self.problem, given, self.multigrid, manifold)
        vertices = None if manifold is None else manifold.moved_to
        problem = self.problem if manifold is None else self.problem.on(manifold)
        if vertices is not None or any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(given)):
            return compiled(problem, given, self.multigrid, vertices)[0]
        if needs_multigrid(problem, given, self.solver):
            solution = by_multigrid(problem, given, self.multigrid, self.progress)
        else:
            solution = on_host(problem, given, self.solver, self.progress)
        if self.throw:
            insist(solution)
        return solution

    @property
    def multigrid(self) -> Multigrid:
        """The compiled solver that comes nearest to the one asked for."""
        if isinstance(self.solver, Multigrid):
            return self.solver
        limit = getattr(self.solver, "max_iterations", None) or Multigrid.max_iterations
        return Multigrid(self.solver.tolerance, limit)


def forward(
    problem: Problem,
    solver: Any = None,
    throw: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> Forward:
    """The map from parameters to the solution of `problem`.

    Pure and differentiable: under `jax.jit`, `jax.grad`, `jax.jvp` and `jax.vmap` it is one compiled function
    of the parameters, which may be numbers, arrays (ny, nx) with a value per square, or callables that are
    pytrees. There the solution carries its result code; nothing is raised.

    **Arguments:** `solver`, or its name in case files: by default direct up to 400,000 unknowns and
    conjugate gradients with multigrid beyond; `throw`, whether a solve that does not converge raises;
    `progress(stage, residual)`, called at each stage, and now and then on long solves on the host.
    """
    wanted = named_solver(solver) if isinstance(solver, str) else solver or Auto()
    return Forward(problem, wanted, throw, progress)


def insist(solution: Solution, which: str = ""):
    """**Raises:** `NotConverged` for a solution that did not converge."""
    if not solution.result.converged:
        raise NotConverged(f"{which}{solution.result.message} (relative residual {solution.residual:.2e})")


def chosen(problem: Problem, solver):
    """The solver that "auto" stands for."""
    unknowns = int(np.sum(problem.manifold.active)) * stored(problem)
    return solver.choose(unknowns) if isinstance(solver, Auto) else solver


def stored(problem: Problem) -> int:
    """Unknowns of a patch."""
    return problem.manifold.functions.per_patch * problem.model.components


def needs_multigrid(problem: Problem, given, solver) -> bool:
    """Whether the compiled solve is due: by choice, or because parameters are fields."""
    fields = any(callable(v) or np.ndim(v) > 0 for v in given.values())
    return fields or isinstance(chosen(problem, solver), Multigrid)


def compiled(problem: Problem, given, solver: Multigrid, vertices=None) -> tuple[Solution, Any, Any]:
    """The compiled solve, its residuals and its load, all of them arrays that may be traced."""
    u, (count, history, code), load = solve_compiled(problem, given, solver, vertices)
    return Solution(problem, given, u, count, history[count], code, vertices=vertices), history, load


def by_member(problem: Problem, given, solver: Multigrid, stack: Stack) -> Solution:
    """The compiled solve on the manifold of a stack that a traced index numbers."""
    problems, (u, (count, history, code), _) = solve_member(problem, given, solver, stack)
    return Solution(Several(problems), given, u, count, history[count], code)


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
    count = int(solution.iterations)
    seconds = {"setup": ready - begin, "solve": time.perf_counter() - ready}
    return finished(problem, given, solution.dofs, count, history, solution.code, load, seconds)


def finished(problem: Problem, given, dofs, count: int, history, code, load, seconds) -> Solution:
    """A solution on the host, checked and with its record."""
    loose = free_parts(problem)
    check_balance(problem, np.asarray(load), loose)
    past = tuple(np.asarray(history)[: count + 1].tolist())
    record = Record(None, tuple(part.report for part in loose), seconds, past)
    return Solution(problem, given, np.asarray(dofs), count, past[-1], int(code), record)


def on_host(problem: Problem, given, solver, progress, known: Inside | None = None) -> Solution:
    """Assembly and solve with SciPy: nothing is compiled for the solve."""
    begin = time.perf_counter()
    if progress:
        progress("set up", 0.0)
    system = assemble(problem, given, known)
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
    """Unknowns (patches, stored) with loose parts at zero mean motion, and the solver's answer.

    The motions of loose parts are pinned.
    """
    free = np.repeat(problem.manifold.active, stored(problem))
    for part in loose:
        free[part.pins] = False
    index = np.flatnonzero(free)
    report = (lambda step, residual: progress("solve", residual)) if progress else None
    if isinstance(solver, Direct) and problem.manifold.functions.order > 0:
        solver = replace(solver, shift=DEPENDENT)
    answer = solver.solve(system.matrix[index][:, index], system.load[index], report)
    u = np.zeros(len(free))
    u[index] = answer.value
    u = u.reshape(-1, stored(problem))
    return (without_motion(problem, u, loose) if loose else u), answer
