"""The forward solve as one compiled pure function of parameters and arrays."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from nmm.physics.problem import Problem
from nmm.solve.cycle import preconditioner
from nmm.solve.discretise import discretise
from nmm.solve.form import Form, form_of
from nmm.solve.held import free_motions
from nmm.solve.krylov import solve
from nmm.solve.levels import levels_of
from nmm.solve.multigrid import Multigrid
from nmm.solve.system import apply, system_of


def arrays_of(problem: Problem):
    """Discretisation, levels, steps between them, and free motions of a problem, made once."""

    def make():
        levels, steps = levels_of(problem.manifold, flux_pairs(problem))
        return discretise(problem), levels, steps, free_motions(problem)

    return problem.manifold.cached(("arrays", problem), make)


def flux_pairs(problem: Problem) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pieces of each Dirichlet term and their hosts, numbered as cells and, from there on, pieces."""
    manifold = problem.manifold
    cells = manifold.grid.cells
    number = np.concatenate([manifold.whole_list, cells + np.arange(manifold.pieces)])
    pairs = []
    for term, edge in zip(problem.terms, problem.edges, strict=True):
        if term.dirichlet:
            pieces = np.unique(edge.piece)
            pairs.append((cells + pieces, number[manifold.host.piece_host[pieces]]))
    return pairs


def solve_compiled(problem: Problem, params: Mapping[str, Any], solver: Multigrid):
    """Unknowns and load (patches, components), and (iterations, residuals, code); traceable in `params`."""
    form, data = form_of(problem, params)
    turns = solver.turns(len(problem.manifold.geometry.cracks) > 0)
    options = (solver.tolerance, solver.max_iterations, solver.degree, turns)
    return _solve(form, options, data, dict(params), arrays_of(problem))


@partial(jax.jit, static_argnums=(0, 1))
def _solve(form: Form, options, data, params, arrays):
    tolerance, limit, degree, turns = options
    discretisation, levels, steps, loose = arrays
    system = system_of(form, data, params, discretisation)
    shape = system.load.shape
    load = system.load
    if loose is not None:
        load = loose.balanced(load.T.reshape(-1)).reshape(shape[::-1]).T
    cycle = preconditioner(jax.lax.stop_gradient(system), levels, steps, degree, turns)
    u, stats = solve(partial(apply, system), cycle, load, tolerance, limit)
    if loose is not None:
        u = loose.centred(u.T.reshape(-1)).reshape(shape[::-1]).T
    return u.T, stats, system.load.T
