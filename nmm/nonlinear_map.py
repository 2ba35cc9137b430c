"""The forward map of a nonlinear law: parameters, the law among them -> equilibrium."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.tree_util import Partial

from nmm.errors import InputError, NotConverged
from nmm.physics.models import columns
from nmm.physics.problem import Problem, check_values
from nmm.physics.values import check_parameters
from nmm.results.equilibrium import Equilibrium
from nmm.results.solution import Solution
from nmm.solve.held import free_parts
from nmm.solve.multigrid import Multigrid
from nmm.solve.nonlinear import solve_nonlinear


@dataclass(frozen=True, eq=False)
class Nonlinear:
    """The map from parameters to the equilibrium of a problem with a law; see `nonlinear`."""

    problem: Problem
    law: str
    tolerance: float
    max_steps: int
    solver: Multigrid
    throw: bool

    def __call__(self, params: Mapping[str, Any]) -> Equilibrium:
        """The equilibrium for `params`, the law among them.

        **Raises:** `ParameterError` for missing or surplus parameters, `NotConverged`.
        """
        given = dict(params)
        check_parameters(self.problem.parameters | {self.law}, given)
        law = as_tree(given.pop(self.law), self.law)
        traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((given, law)))
        if not traced:
            check_values(self.problem, given)
        u, (steps, iterations, history, code) = solve_nonlinear(
            self.problem, given, law, self.solver, self.tolerance, self.max_steps
        )
        field = Solution(self.problem, given, u, iterations, history[steps], jnp.where(code == 0, 0, 1))
        found = Equilibrium(field, law, steps, iterations, history[steps], code)
        if self.throw:
            equilibrated(found)
        return found


def equilibrated(found: Equilibrium, which: str = "") -> None:
    """**Raises:** `NotConverged` for what Newton's method did not find, unless it is traced."""
    if not isinstance(found.code, Tracer) and not found.result.converged:
        raise NotConverged(f"{which}{found.result.message} (relative residual {float(found.residual):.2e})")


def as_tree(law: Any, name: str) -> Callable:
    """A law as a pytree: functions have no arrays. **Raises:** `InputError` for what cannot be called."""
    if not callable(law):
        raise InputError(
            f"found {type(law).__name__}, expected a callable (gradient, values) -> energy density",
            where=f"parameters.{name}",
        )
    leaves = jax.tree.leaves(law)
    return Partial(law) if len(leaves) == 1 and leaves[0] is law else law


def nonlinear(
    problem: Problem,
    law: str = "law",
    tolerance: float = 1e-8,
    max_steps: int = 50,
    solver: Multigrid | None = None,
    throw: bool = True,
) -> Nonlinear:
    """The map from parameters to the equilibrium of `problem` with a nonlinear law in place of its model's.

    The parameter called `law` is the energy density: any callable `(gradient (components, 2), values) ->
    scalar`, where `values` are the model's coefficients at the point, twice differentiable by the gradient
    and convex in it. A pytree is differentiated by its arrays. Its derivative is the stress, or the flux. The
    model of the problem is a linear reference, which preconditions every Newton step, and of which Nitsche's
    method takes its parameter: it should be about as stiff as the law, where values are held at least half
    as stiff as its tangent, or else `nmm.problem(dirichlet="penalty")`. The solution does not depend on it.

    Pure and differentiable, as `nmm.forward` is.

    **Arguments:** `tolerance` of the residual relative to that without displacement; `max_steps` of Newton's
    method, each with at most `solver.max_iterations` of conjugate gradients.

    **Raises:** `InputError` for mean dilatation, enriched tips, borders between regions, and parts that
    nothing holds.
    """
    found = {
        "mean dilatation": columns(problem.model.density) != 2,
        "enriched crack tips": problem.manifold.host.tips is not None,
        "borders between regions": len(problem.seams.bond) > 0,
        "parts that nothing holds": bool(free_parts(problem)),
    }
    names = [name for name, is_there in found.items() if is_there]
    if names:
        raise InputError(
            f"found {', '.join(names)}, expected one body that is held, with an energy of one gradient",
            where="nonlinear",
        )
    if law in problem.parameters:
        raise InputError(f"{law} is a parameter of the problem already", where="nonlinear.law")
    return Nonlinear(replace(problem, fine=True), law, tolerance, max_steps, solver or Multigrid(), throw)
