"""The bottleneck of training: the rank of activations, and the conditioning of losses.

P1 hats on (0, 1) with held ends and n = 1/h cells have the stiffness K = tridiag(−1, 2, −1)/h, whose
condition is cot²(π h / 2) ≈ 4 / (π h)². The mean square of the residual has K² in its place. Gradient descent
takes steps in proportion to the condition, conjugate gradients to its root.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def activation_ranks(activations: Sequence[Any], tolerance: float = 1e-10) -> list[int]:
    """Rank of each layer's activations (points, units): singular values above a share of the largest."""
    values = [np.linalg.svd(np.asarray(a), compute_uv=False) for a in activations]
    return [int((s > tolerance * s[0]).sum()) if len(s) and s[0] > 0 else 0 for s in values]


def stiffness(cells: int) -> np.ndarray:
    """K (n − 1, n − 1) of hats on (0, 1) with n equal cells and held ends."""
    n = cells - 1
    return cells * (2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))


def condition_expected(cells: int, power: int = 1) -> float:
    """cot²(π h / 2) for h = 1 / cells, to the `power` of the stiffness that the loss has.

    >>> round(condition_expected(8), 2)
    25.27
    """
    return float(np.tan(np.pi / (2 * cells)) ** (-2 * power))


def power_of_stiffness(cells: int, power: int) -> Callable[[jax.Array], jax.Array]:
    """v -> (h K)^power v for values at the inner nodes, matrix-free."""

    def once(v):
        return 2 * v - jnp.pad(v[1:], (0, 1)) - jnp.pad(v[:-1], (1, 0))

    def apply(v):
        for _ in range(power):
            v = once(v)
        return v

    return apply


def descent_steps(cells: int, power: int, tolerance: float, start: Any, most: int) -> jax.Array:
    """Steps of gradient descent until the error's norm is a share of that of `start` (n − 1,); traceable.

    On ½ eᵀ (h K)^power e, with the best constant rate 2 / (λ_min + λ_max).
    """
    apply = power_of_stiffness(cells, power)
    angle = np.pi / (2 * cells)
    rate = 2 / ((4 * np.sin(angle) ** 2) ** power + (4 * np.cos(angle) ** 2) ** power)
    goal = tolerance * jnp.linalg.norm(start)

    def body(carry):
        e, k = carry
        return e - rate * apply(e), k + 1

    def unfinished(carry):
        return (jnp.linalg.norm(carry[0]) > goal) & (carry[1] < most)

    return jax.lax.while_loop(unfinished, body, (jnp.asarray(start), jnp.array(0)))[1]


def conjugate_steps(cells: int, power: int, tolerance: float, start: Any, most: int) -> jax.Array:
    """The same for conjugate gradients."""
    apply = power_of_stiffness(cells, power)
    start = jnp.asarray(start)
    goal = tolerance * jnp.linalg.norm(start)

    def body(carry):
        e, r, p, k = carry
        ap = apply(p)
        rr = jnp.vdot(r, r)
        a = rr / jnp.vdot(p, ap)
        new = r - a * ap
        return e - a * p, new, new + jnp.vdot(new, new) / rr * p, k + 1

    def unfinished(carry):
        return (jnp.linalg.norm(carry[0]) > goal) & (carry[-1] < most)

    slope = apply(start)
    return jax.lax.while_loop(unfinished, body, (start, slope, slope, jnp.array(0)))[-1]
