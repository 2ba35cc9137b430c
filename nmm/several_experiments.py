"""Several experiments on one body: known parameters take other values in each of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from nmm.batches import separated
from nmm.errors import InputError, ParameterError
from nmm.forward_map import Forward, insist, needs_multigrid, on_host
from nmm.nonlinear_map import Nonlinear
from nmm.physics.problem import Problem
from nmm.physics.values import check_parameters
from nmm.results.equilibrium import Equilibrium
from nmm.results.solution import Solution
from nmm.solve.assemble import inside
from nmm.solve.traced import solve_together


@dataclass(frozen=True, eq=False)
class Experiments:
    """The map from parameters to the solutions of all experiments; see `experiments`."""

    forward: Forward | Nonlinear
    values: tuple[dict[str, Any], ...]

    @property
    def problem(self) -> Problem:
        """The problem that all experiments share."""
        return self.forward.problem

    def __call__(self, params: Mapping[str, Any] | None = None) -> list[Any]:
        """The solution of each experiment; `params` are those that all share.

        **Raises:** what `forward` raises.
        """
        given = dict(params or {})
        if isinstance(self.forward, Nonlinear):
            return self._equilibria(self.forward, given)
        sets = [{**given, **own} for own in self.values]
        for each in sets:
            check_parameters(self.problem.parameters, each)
        traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(sets))
        if traced or any(needs_multigrid(self.problem, each, self.forward.solver) for each in sets):
            return self._together(self.forward, given, sets)
        return self._in_turn(self.forward, sets)

    def _equilibria(self, forward: Nonlinear, given: dict[str, Any]) -> list[Equilibrium]:
        """In turn, inside of a program in one loop."""
        names = set().union(*self.values)
        own = [{k: v for k, v in given.items() if k in names} | each for each in self.values]
        own = jax.tree.map(lambda v: jnp.asarray(v, float), own)
        shared = {name: value for name, value in given.items() if name not in names}
        if not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((own, shared))):
            return [forward({**shared, **each}) for each in own]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *own)
        found = jax.lax.map(lambda each: forward({**shared, **each}), stacked)
        return [jax.tree.map(lambda leaf, i=i: leaf[i], found) for i in range(len(own))]

    def _together(
        self, forward: Forward, given: dict[str, Any], sets: list[dict[str, Any]]
    ) -> list[Solution]:
        names = set().union(*self.values)
        stacked = jax.tree.map(lambda *leaves: jnp.stack([*map(jnp.asarray, leaves)]), *sets)
        shared = {name: value for name, value in given.items() if name not in names}
        begin = time.perf_counter()
        varied = {name: stacked[name] for name in names}
        answer = solve_together(self.problem, shared, varied, forward.multigrid)
        return separated(forward, (self.problem,) * len(sets), stacked, answer, begin)

    def _in_turn(self, forward: Forward, sets: list[dict[str, Any]]) -> list[Solution]:
        """On the host: the integrals over the body are made once if they are the same in all experiments."""
        names = set().union(*self.values)
        same = not names & self.problem.model.parameters
        known = inside(self.problem, sets[0]) if same else None
        made = []
        for number, each in enumerate(sets):
            made.append(on_host(self.problem, each, forward.solver, forward.progress, known))
            if forward.throw:
                insist(made[-1], f"experiment {number}: ")
        return made


def experiments(forward: Forward | Nonlinear, values: Sequence[Mapping[str, Any]]) -> Experiments:
    """A map from parameters to a list of solutions: one for each of several experiments on one body.

    For `inverse`, with `observe.each`: what one load case leaves open another may tell. The cut, and unless
    the material differs the matrices and the multigrid hierarchy, are made once for all.

    **Arguments:** `values`, for each experiment the parameters that take a value of their own in it; those
    that it does not name are given in a call.

    **Raises:** `InputError` without an experiment; `ParameterError` for a name that the problem does not use.
    """
    made = tuple(dict(each) for each in values)
    if not made or not set().union(*made):
        raise InputError(
            "at least one experiment with a parameter of its own is expected", where="experiments"
        )
    known = forward.problem.parameters
    for number, each in enumerate(made):
        if surplus := sorted(each.keys() - known):
            raise ParameterError(
                f"experiment {number} sets {', '.join(surplus)}, which the problem does not use",
                where="experiments",
                hint=f"parameters of the problem: {', '.join(sorted(known)) or 'none'}",
            )
    return Experiments(forward, made)
