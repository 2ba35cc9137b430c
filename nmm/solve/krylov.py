"""Conjugate gradients as one loop on the device, and the linear solve that can be differentiated.

The derivative of x in A x = b costs one more solve with the same preconditioner (`lax.custom_linear_solve`):
forward and reverse mode, batches and second derivatives all work.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from nmm.solve.linear import BREAKDOWN, CONVERGED, FLOOR, LIMIT, Result

TOPOLOGY = "the cut would change its topology there: move the vertices less, or cut again"
MESSAGES = (CONVERGED, LIMIT, FLOOR, BREAKDOWN, TOPOLOGY)
RESTARTS = 3
"""How often a residual that rounding spoilt is recomputed before the floor is declared."""


def outcome(code) -> Result:
    """The sentence that belongs to a result code."""
    if isinstance(code, Tracer):
        return Result(code == 0, "the outcome is known outside jit")  # pyright: ignore[reportArgumentType]
    return Result(int(code) == 0, MESSAGES[int(code)])


def conjugate_gradients(matvec: Callable, precondition: Callable, b, tolerance: Any, limit: int):
    """x with ‖b − A x‖₂ ≤ tolerance ‖b‖₂, and (iterations, history of residuals, code into `MESSAGES`)."""
    norm = jnp.linalg.norm(b)
    target = tolerance * norm

    def open_(state):
        return state[-1] < 0

    def step(state):
        x, r, p, before, count, restarts, history, _ = state
        z = precondition(r)
        rz = jnp.vdot(r, z)
        p = z + jnp.where(before > 0, rz / before, 0.0) * p
        q = matvec(p)
        curvature = jnp.vdot(p, q)
        alpha = rz / curvature
        x = x + alpha * p
        r = r - alpha * q
        count = count + 1
        small = jnp.linalg.norm(r) <= target
        r = jax.lax.cond(small | (count >= limit), lambda: b - matvec(x), lambda: r)
        done = small & (jnp.linalg.norm(r) <= target)
        restarts = restarts + small
        history = history.at[count].set(jnp.linalg.norm(r) / norm)
        code = jnp.where(count >= limit, 1, -1)
        code = jnp.where(restarts > RESTARTS, 2, code)
        code = jnp.where(done, 0, code)
        code = jnp.where(curvature > 0, code, 3)
        return x, r, p, jnp.where(small, 0.0, rz), count, restarts, history, code

    zero = jnp.zeros_like(b)
    code = jnp.where(target == 0, 0, -1)
    history = jnp.where(target == 0, 0.0, jnp.ones(limit + 1, b.dtype))
    start = (zero, b, zero, jnp.zeros((), b.dtype), 0, 0, history, code)
    x, _, _, _, count, _, history, code = jax.lax.while_loop(open_, step, start)
    return x, (count, history, code)


def solve(matvec: Callable, precondition: Callable, b, tolerance: float, limit: int):
    """`conjugate_gradients` for a symmetric `matvec`, differentiable in b and in all that matvec uses."""

    def inner(operator, rhs):
        return conjugate_gradients(operator, precondition, rhs, tolerance, limit)

    return jax.lax.custom_linear_solve(matvec, b, inner, symmetric=True, has_aux=True)
