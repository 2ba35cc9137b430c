"""The forward solve as one compiled pure function of parameters and arrays."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.manifold.stack import Stack
from nmm.physics.problem import GHOST, Problem
from nmm.solve.cycle import in_precision, preconditioner
from nmm.solve.discretise import discretise
from nmm.solve.faces import ghost_faces
from nmm.solve.form import Form, form_of
from nmm.solve.held import free_motions
from nmm.solve.krylov import MESSAGES, TOPOLOGY, solve
from nmm.solve.levels import levels_of
from nmm.solve.multigrid import Multigrid
from nmm.solve.seams import NAME as SEAMS
from nmm.solve.seams import seam_elements
from nmm.solve.shape import carried, gauss_of, shape_of
from nmm.solve.system import apply, system_of
from nmm.solve.tips import with_tips


def arrays_of(problem: Problem):
    """Discretisation, levels, steps between them, and free motions of a problem, made once."""
    return problem.manifold.cached(("arrays", problem), lambda: make_arrays(problem))


def make_arrays(problem: Problem):
    """What `arrays_of` keeps."""
    levels, steps = levels_of(problem.manifold, flux_pairs(problem))
    return discretise(problem), levels, steps, free_motions(problem)


def arrays_of_all(problem: Problem, stack: Stack) -> tuple[tuple[Problem, ...], Any]:
    """The problem on every manifold of a stack, and the arrays of all with a leading axis, made once."""

    def make():
        problems = tuple(problem.on(manifold) for manifold in stack)
        room = stack[0].room
        while True:  # arrays made before a capacity grew are made again
            before = room.growths
            made = [make_arrays(p) for p in problems]
            if room.growths == before and len({jax.tree.structure(arrays) for arrays in made}) == 1:
                break
        return problems, jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *made)

    if problem not in stack.members.cache:
        stack.members.cache[problem] = make()
    return stack.members.cache[problem]


def common_form(problems: tuple[Problem, ...], params: Mapping[str, Any]) -> tuple[Form, list[Any]]:
    """The form that all problems of a stack share.

    **Raises:** `InputError` when they differ.
    """
    form, data = form_of(problems[0], params)
    for number, other in enumerate(problems):
        if form_of(other, params)[0] != form:
            raise InputError(f"manifold {number} has other regions than the first one", where="stack")
    return form, data


def flux_pairs(problem: Problem) -> dict[str, tuple[np.ndarray, ...]]:
    """Pieces of each Dirichlet term by name and their hosts, numbered as cells and, from there on, pieces.

    Then the elements beside faces with a ghost penalty; the seams come last, with two pieces and two hosts.
    """
    manifold = problem.manifold
    cells = manifold.grid.cells
    number = np.concatenate([manifold.whole_list, cells + np.arange(manifold.pieces)])
    pairs = {}
    for term, edge in zip(problem.terms, problem.edges, strict=True):
        if term.dirichlet:
            pieces = np.unique(edge.piece)
            pairs[term.name] = cells + pieces, number[manifold.host.piece_host[pieces]]
    if problem.ghost is not None:
        first, second = ghost_faces(manifold)[0].T
        pairs[GHOST] = number[first], number[second]
    elements = seam_elements(problem)
    if len(elements) or f"pairs of level 0, {SEAMS}" in manifold.room.taken:
        pairs[SEAMS] = tuple(number[elements].T)
    return pairs


def options_of(solver: Multigrid, *problems: Problem):
    """What a solve compiles to beside its form."""
    turns = solver.turns(any(len(problem.manifold.geometry.cracks) > 0 for problem in problems))
    cycle = (solver.degree, turns, solver.blocks == "all")
    return solver.tolerance, solver.max_iterations, cycle, solver.precision


def solve_compiled(problem: Problem, params: Mapping[str, Any], solver: Multigrid, vertices=None):
    """Unknowns and load (patches, components), and (iterations, residuals, code).

    Traceable in `params`, and in `vertices` (n, 2) where the domain's vertices are moved.
    """
    form, data = form_of(problem, params)
    arrays = arrays_of(problem)
    if vertices is None:
        return _solve(form, options_of(solver, problem), data, dict(params), arrays)
    moved, fits = carried(shape_of(problem), arrays[0], vertices, gauss_of(problem))
    u, (count, history, code), load = _solve(
        form, options_of(solver, problem), data, dict(params), (moved, *arrays[1:])
    )
    code = jnp.where(fits, code, MESSAGES.index(TOPOLOGY))
    return jnp.where(fits, u, jnp.nan), (count, history, code), load


def solve_member(problem: Problem, params: Mapping[str, Any], solver: Multigrid, stack: Stack):
    """The same on the manifold of a stack that `stack.index` (traced) numbers; and the problems of all."""
    if jnp.ndim(stack.index) != 0:
        raise InputError(
            f"a stack of {len(stack)} manifolds, and one is wanted",
            where="manifold",
            hint="use nmm.batch(forward, stack, params), or jax.vmap over the stack",
        )
    problems, arrays = arrays_of_all(problem, stack)
    form, data = common_form(problems, params)
    mine = jax.tree.map(lambda leaf: leaf[stack.index], arrays)
    return problems, _solve(form, options_of(solver, *problems), data, dict(params), mine)


def solve_stack(problem: Problem, params: Mapping[str, Any], solver: Multigrid, stack: Stack):
    """The same for every manifold of a stack, with a leading axis."""
    problems, arrays = arrays_of_all(problem, stack)
    form, data = common_form(problems, params)
    return problems, _solve_stack(form, options_of(solver, *problems), data, dict(params), arrays)


def solve_params(problem: Problem, params: Mapping[str, Any], solver: Multigrid):
    """The same for parameters whose every leaf has a leading axis."""
    form, data = form_of(problem, jax.tree.map(lambda leaf: leaf[0], dict(params)))
    return _solve_params(form, options_of(solver, problem), data, dict(params), arrays_of(problem))


def solve_together(problem: Problem, shared: Mapping[str, Any], varied: Mapping[str, Any], solver: Multigrid):
    """The same for parameters `varied` with a leading axis beside `shared` ones without.

    Side by side: where only loads vary they go through one operator and one hierarchy.
    """
    form, data = form_of(problem, {**shared, **jax.tree.map(lambda leaf: leaf[0], dict(varied))})
    return _solve_together(
        form, options_of(solver, problem), data, dict(shared), dict(varied), arrays_of(problem)
    )


@partial(jax.jit, static_argnums=(0, 1))
def _solve(form: Form, options, data, params, arrays):
    tolerance, limit, (degree, turns, everywhere), precision = options
    # Inside somebody else's jit the arrays are constants, which XLA would spend long to fold.
    discretisation, levels, steps, loose = jax.lax.optimization_barrier(arrays)
    system = system_of(form, data, params, discretisation)
    make = partial(
        preconditioner, levels=levels, steps=steps, degree=degree, turns=turns, everywhere=everywhere
    )
    cycle = in_precision(jax.lax.stop_gradient(replace(system, tips=None)), precision, make)
    if system.tips is not None:
        cycle = with_tips(cycle, jax.lax.stop_gradient(system), discretisation.tips, apply)
    if loose is None:
        u, stats = solve(partial(apply, system), cycle, system.load, tolerance, limit)
        return u.T, stats, system.load.T

    def along(function, values):  # values (components, patches) as the (dofs,) that `FreeMotions` knows
        return function(values.T.reshape(-1)).reshape(values.shape[::-1]).T

    balanced = partial(along, loose.balanced)

    def deflated(r):  # rounding would feed the motions that A does not see
        return balanced(cycle(balanced(r)))

    u, stats = solve(partial(apply, system), deflated, balanced(system.load), tolerance, limit)
    u = along(loose.centred, u)
    return u.T, stats, system.load.T


@partial(jax.jit, static_argnums=(0, 1))
def _solve_stack(form: Form, options, data, params, arrays):
    return one_by_one(lambda mine: _solve(form, options, data, params, mine), arrays)


@partial(jax.jit, static_argnums=(0, 1))
def _solve_params(form: Form, options, data, params, arrays):
    return one_by_one(lambda mine: _solve(form, options, data, mine, arrays), params)


@partial(jax.jit, static_argnums=(0, 1))
def _solve_together(form: Form, options, data, shared, varied, arrays):
    return jax.vmap(lambda mine: _solve(form, options, data, {**shared, **mine}, arrays))(varied)


def one_by_one(function, over):
    """`function` over a leading axis: in turn on a CPU, where that is faster, and side by side elsewhere."""
    return jax.lax.map(function, over) if jax.default_backend() == "cpu" else jax.vmap(function)(over)
