"""Many solves by one compiled program: over geometries on one lattice, or over sets of parameters."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from nmm.errors import InputError
from nmm.forward_map import Forward, finished, insist
from nmm.manifold.manifold import Manifold
from nmm.manifold.stack import Stack, stack
from nmm.physics.problem import check_values
from nmm.physics.values import check_parameters
from nmm.results.record import Several
from nmm.results.solution import Solution
from nmm.solve.traced import solve_params, solve_stack


def batch(
    forward: Forward,
    params_or_manifolds: Stack | Sequence[Manifold] | Mapping[str, Any] | Sequence[Mapping[str, Any]],
    params: Mapping[str, Any] | None = None,
) -> list[Solution]:
    """One solution for each manifold, or for each set of parameters.

    **Arguments:** a `nmm.stack` or list of manifolds on one lattice, with the `params` that they share; or
    parameters, as a list of dicts or as one dict whose every array has a leading axis. Differentiable in
    the parameters.

    **Raises:** what `forward` raises, and `InputError` for an empty batch or unequal lengths.
    """
    if isinstance(params_or_manifolds, Stack):
        return over_manifolds(forward, params_or_manifolds, dict(params or {}))
    if isinstance(params_or_manifolds, Mapping):
        return over_params(forward, dict(params_or_manifolds))
    items = list(params_or_manifolds)
    if items and all(isinstance(item, Manifold) for item in items):
        return over_manifolds(forward, stack(items), dict(params or {}))  # pyright: ignore[reportArgumentType]
    if items and all(isinstance(item, Mapping) for item in items):
        sets = [dict(item) for item in items if isinstance(item, Mapping)]
        return over_params(forward, jax.tree.map(lambda *v: jnp.stack([*map(jnp.asarray, v)]), *sets))
    raise InputError("a batch is a list of manifolds or of parameters, and not empty", where="batch")


def over_manifolds(forward: Forward, manifolds: Stack, params: dict[str, Any]) -> list[Solution]:
    """See `batch`."""
    check_parameters(forward.problem.parameters, params)
    begin = time.perf_counter()
    problems, answer = solve_stack(forward.problem, params, forward.multigrid, manifolds)
    every = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * len(problems)), params)
    return separated(forward, problems, every, answer, begin)


def over_params(forward: Forward, params: dict[str, Any]) -> list[Solution]:
    """See `batch`."""
    check_parameters(forward.problem.parameters, params)
    lengths = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(params)}
    if len(lengths) != 1 or lengths <= {(), (0,)}:
        raise InputError(
            "every parameter of a batch needs a leading axis of one length, "
            f"found {sorted(str(jnp.shape(v)) for v in jax.tree.leaves(params))}",
            where="batch",
        )
    begin = time.perf_counter()
    answer = solve_params(forward.problem, params, forward.multigrid)
    count = len(answer[0])
    return separated(forward, (forward.problem,) * count, params, answer, begin)


def separated(forward: Forward, problems, params, answer, begin: float) -> list[Solution]:
    """The solutions of a batch one by one; checked, unless they are traced."""
    u, (count, history, code), load = answer
    last = jnp.take_along_axis(history, count[:, None], 1)[:, 0]
    solutions = Solution(Several(problems), params, u, count, last, code).split()
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((params, u))):
        return solutions
    seconds = {"setup": 0.0, "solve": (time.perf_counter() - begin) / len(problems)}
    made = []
    for i, u in enumerate(solutions):
        given = jax.tree.map(np.asarray, u.params)
        check_values(u.problem, given)
        made.append(
            finished(u.problem, given, u.dofs, int(u.iterations), history[i], u.code, load[i], seconds)
        )
        if forward.throw:
            insist(made[-1], f"member {i} of the batch: ")
    return made
