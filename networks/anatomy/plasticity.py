"""Plasticity: whether a network that has learned much can still learn.

The three numbers of Dohare, Hernandez-Garcia, Lan, Rahman, Mahmood and Sutton (Nature 632, 2024): units that
are never on, the effective rank of the representation, the size of the weights.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp


def dead_share(activations: Sequence[jax.Array]) -> jax.Array:
    """Share of the units, of all layers, that are zero at all points; activations (points, units)."""
    dead = [jnp.all(a <= 0, axis=0) for a in activations]
    return jnp.concatenate(dead).mean()


def effective_rank(activations: jax.Array) -> jax.Array:
    """exp of the entropy of the singular values (points, units), as shares of their sum; traceable.

    Roy and Vetterli, The effective rank, EUSIPCO 2007. From 1 to the number of units; 0 for zeros.
    """
    s = jnp.linalg.svd(activations, compute_uv=False)
    whole = s.sum()
    p = s / jnp.where(whole > 0, whole, 1.0)
    entropy = -jnp.sum(jnp.where(p > 0, p * jnp.log(jnp.where(p > 0, p, 1.0)), 0.0))
    return jnp.where(whole > 0, jnp.exp(entropy), 0.0)


def mean_size(theta: Any) -> jax.Array:
    """Mean |w| over all parameters."""
    leaves = [jnp.ravel(a) for a in jax.tree.leaves(theta)]
    return jnp.abs(jnp.concatenate(leaves)).mean()
