"""The forward solve as one compiled pure function of parameters and arrays."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from nmm.physics.problem import Problem
from nmm.solve.discretise import discretise
from nmm.solve.held import free_motions
from nmm.solve.krylov import solve
from nmm.solve.system import Form, apply, diagonal, form_of, system_of


def arrays_of(problem: Problem):
    """Discretisation and free motions of a problem, made once."""
    return problem.manifold.cached(("arrays", problem), lambda: (discretise(problem), free_motions(problem)))


def solve_traced(problem: Problem, params: Mapping[str, Any], tolerance: float, limit: int):
    """Unknowns (patches, components), (iterations, residual, code) and β, traceable in the parameters."""
    form, data = form_of(problem, params)
    arrays, loose = arrays_of(problem)
    return _solve(form, tolerance, limit, data, dict(params), arrays, loose)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _solve(form: Form, tolerance: float, limit: int, data, params, arrays, loose):
    system = system_of(form, data, params, arrays)
    shape = system.load.shape
    load = system.load
    if loose is not None:
        load = loose.balanced(load.T.reshape(-1)).reshape(shape[::-1]).T
    main = jax.lax.stop_gradient(diagonal(system))
    inverse = jnp.where(main > 0, 1 / jnp.where(main > 0, main, 1.0), 0.0)
    u, stats = solve(partial(apply, system), lambda r: inverse * r, load, tolerance, limit)
    if loose is not None:
        u = loose.centred(u.T.reshape(-1)).reshape(shape[::-1]).T
    return u.T, stats, system.beta
