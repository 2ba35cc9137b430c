"""Curvature: of the loss in the parameters, and of the function in its argument.

Sharpness is the largest eigenvalue of the Hessian of the loss. Full-batch gradient descent of rate η raises
it to about 2/η and keeps it there, at the edge of stability (Cohen, Kaur, Li, Kolter, Talwalkar 2021, arXiv
2103.00065). How much a function of one variable bends is ∫ |u″| dx. That these are the R(θ) of Ma and Shi's
"curvature accumulation" is our choice.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree


def sharpness(loss: Callable[[Any], jax.Array], theta: Any, steps: int = 20, seed: int = 0) -> jax.Array:
    """Largest eigenvalue of the Hessian of `loss` at `theta`, by `steps` of Lanczos; traceable.

    With full orthogonalisation; from below, and to some digits after 20 steps where it stands apart.
    """
    return lanczos(loss, theta, steps, seed)[-1]


def lanczos(loss: Callable[[Any], jax.Array], theta: Any, steps: int, seed: int = 0) -> jax.Array:
    """Ritz values (steps,) of the Hessian, rising; those at the ends come close to eigenvalues first."""
    start, back = ravel_pytree(theta)
    slope = jax.grad(lambda z: loss(back(z)))
    steps = min(steps, len(start))

    def product(v):
        return jax.jvp(slope, (start,), (v,))[1]

    first = jax.random.normal(jax.random.key(seed), start.shape, start.dtype)
    basis = jnp.zeros((steps + 1, len(start)), start.dtype).at[0].set(first / jnp.linalg.norm(first))

    def body(k, carry):
        basis, diagonal, beside = carry
        w = product(basis[k])
        diagonal = diagonal.at[k].set(jnp.vdot(w, basis[k]))
        for _ in range(2):  # twice is enough (Parlett)
            w = w - basis.T @ (basis @ w)
        size = jnp.linalg.norm(w)
        beside = beside.at[k].set(size)
        return basis.at[k + 1].set(w / jnp.where(size > 0, size, 1.0)), diagonal, beside

    none = jnp.zeros(steps, start.dtype)
    _, diagonal, beside = jax.lax.fori_loop(0, steps, body, (basis, none, none))
    return jnp.linalg.eigvalsh(
        jnp.diag(diagonal) + jnp.diag(beside[:-1], 1) + jnp.diag(beside[:-1], -1), symmetrize_input=False
    )


def bend_on_grid(values: jax.Array, spacing: float) -> jax.Array:
    """Total variation (…,) of the slope of values (…, n) at equal distances: ∫ |u″| dx of what is smooth."""
    return jnp.abs(jnp.diff(values, 2, axis=-1)).sum(-1) / spacing
