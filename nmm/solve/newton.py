"""The minimum of a convex energy by Newton's method, compiled; derivatives by the implicit function theorem.

Each step solves the tangent system by conjugate gradients, no more exactly than the residual deserves
(Dembo, Eisenstat and Steihaug 1982, SIAM J. Numer. Anal. 19, 400-408), and is halved until the energy falls
enough (Armijo 1966). The derivative of the minimum costs one more solve with the tangent there
(`lax.custom_root`): forward and reverse mode, batches and second derivatives all work.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from nmm.solve.krylov import conjugate_gradients, solve
from nmm.solve.linear import Result

CONVERGED = "converged: the relative residual is below the tolerance"
LIMIT = "not converged: the largest number of Newton steps was reached; allow more, or load less"
STUCK = "not converged: no step lowers the energy; is the law convex, and the reference stiff enough?"
MESSAGES = (CONVERGED, LIMIT, STUCK)
HALVINGS = 30
SLACK = 1e-13
"""Rounding of the energy, relative to the work of the loads, that a step may add."""


def outcome(code: Any) -> Result:
    """The sentence that belongs to a result code."""
    if isinstance(code, Tracer):
        return Result(code == 0, "the outcome is known outside jit")  # pyright: ignore[reportArgumentType]
    return Result(int(code) == 0, MESSAGES[int(code)])


def minimum(
    energy: Callable, residual: Callable, precondition: Callable, load: Any, tolerance: float, limits: Any
) -> tuple[jax.Array, tuple[Any, ...]]:
    """Where the `residual`, the gradient of the convex `energy`, is at most `tolerance` times that at zero.

    **Arguments:** `precondition` for the tangent; `load`, of the shape of the unknowns, measures the energy;
    `limits` of Newton steps and of iterations in each.

    **Returns:** the unknowns, and (steps, iterations in all, residuals (steps + 1,), code into `MESSAGES`).
    """
    steps, inner = limits

    def descend(f: Callable, start: Any) -> tuple[jax.Array, tuple[Any, ...]]:
        def step(state):
            u, value, norm, count, iterations, history, _ = state
            r, tangent = jax.linearize(f, u)
            size = jnp.linalg.norm(r)
            norm = jnp.where(count == 0, size, norm)
            relative = size / jnp.where(norm > 0, norm, 1.0)
            history = history.at[count].set(relative)
            done = relative <= tolerance
            forcing = jnp.clip(jnp.sqrt(relative), 1e-6, 1e-2)
            right = jnp.where(done | (count >= steps), 0.0, -r)
            d, (cycles, _, _) = conjugate_gradients(tangent, precondition, right, forcing, inner)
            slope = jnp.vdot(r, d)
            slack = SLACK * jnp.abs(jnp.vdot(load, u + d))

            def too_long(tried):
                t, new, halvings = tried
                return ~(new <= value + 1e-4 * t * slope + slack) & (halvings < HALVINGS)

            def half(tried):
                t, _, halvings = tried
                return t / 2, energy(u + t / 2 * d), halvings + 1

            t, value, halvings = jax.lax.while_loop(too_long, half, (2.0, jnp.inf, 0))
            stuck = (halvings >= HALVINGS) | ~(slope < 0)
            code = jnp.where(stuck, 2, jnp.where(count >= steps, 1, -1))
            code = jnp.where(done, 0, code)
            u = jnp.where(code < 0, u + t * d, u)
            return u, value, norm, count + 1, iterations + cycles, history, code

        state = (start, energy(start), 0.0, 0, 0, jnp.zeros(steps + 1), -1)
        u, _, _, count, iterations, history, code = jax.lax.while_loop(lambda s: s[-1] < 0, step, state)
        counts = jnp.stack([count - 1, iterations, code]).astype(history.dtype)
        return u, (counts, history)  # custom_root knows no derivatives of integers

    def tangent_solve(tangent: Callable, b: Any) -> jax.Array:
        return solve(tangent, precondition, b, min(tolerance, 1e-10), inner)[0]

    zero = jnp.zeros_like(load)
    u, (counts, history) = jax.lax.custom_root(residual, zero, descend, tangent_solve, has_aux=True)
    count, iterations, code = jax.lax.stop_gradient(counts).astype(int)
    return u, (count, iterations, jax.lax.stop_gradient(history), code)
