"""Small matrices by plain array operations.

Batched LAPACK calls in one program can wait for each other for ever: jaxlib runs them on XLA's own threads
and lets them wait there for tasks of the same threads (seen with `eigh` on two cores, jaxlib 0.10.2).
"""

import jax
import jax.numpy as jnp


def inverse(blocks: jax.Array, floor: float = 0.0) -> jax.Array:
    """Inverses (n, m, m) of symmetric positive definite matrices, positive semidefinite by construction.

    Pivots of at most `floor` count as 1: what is singular is left as it is.
    """
    m = blocks.shape[1]
    index = jnp.arange(m)

    def eliminate(k, state):
        left, right = state
        pivot = left[:, k, k]
        good = pivot > floor
        factor = jnp.where(good[:, None], left[:, :, k] / jnp.where(good, pivot, 1.0)[:, None], 0.0)
        factor = jnp.where(index > k, factor, 0.0)[:, :, None]
        return left - factor * left[:, k][:, None], right - factor * right[:, k][:, None]

    one = jnp.broadcast_to(jnp.eye(m, dtype=blocks.dtype), blocks.shape)
    left, right = jax.lax.fori_loop(0, m, eliminate, (blocks, one))
    pivot = jnp.einsum("nii->ni", left)
    good = pivot > floor
    scale = 1 / jnp.where(good, pivot, 1.0)
    return jnp.einsum("nki,nk,nkj->nij", right, scale, right)


def inverse_2x2(matrix: jax.Array) -> jax.Array:
    """Inverse of a 2 x 2 matrix."""
    (a, b), (c, d) = matrix
    return jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)


def largest_of_tridiagonal(main: jax.Array, off: jax.Array) -> jax.Array:
    """An upper bound of the largest eigenvalue of a symmetric tridiagonal matrix without negative entries.

    Collatz 1942, Wielandt 1950: max (T v)_i / v_i for any positive v; here v is T⁶⁴ applied to ones.
    """
    matrix = jnp.diag(main) + jnp.diag(off, 1) + jnp.diag(off, -1)
    power = matrix / jnp.max(matrix)
    for _ in range(6):
        power = power @ power
        power = power / jnp.max(power)
    vector = power.sum(1)
    good = vector > 1e-12 * jnp.max(vector)
    return jnp.max(jnp.where(good, (matrix @ vector) / jnp.where(good, vector, 1.0), 0.0))
