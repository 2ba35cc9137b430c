"""Matrices and loads of elements from tangents and stresses at their quadrature points."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmm.solve.linearise import pad, roomy


def block_sums(gradients, weights, tangent, stress, owner, count: int, block: int):
    """Matrices (count, kc, kc) and loads (count, kc) of elements from points (n,), traceable.

    `gradients` (n, k, d) of the weights, `tangent` (n, c, d, c, d), `stress` (n, c, d); the `owner` (n,) is
    the same in every `block` of points: products of small matrices, and one matrix a block to be summed.
    """
    (k, columns), c = gradients.shape[1:], tangent.shape[1]
    scaled = jnp.einsum("n,ncidj,nbj->nicbd", weights, tangent, gradients)
    left, scaled = gradients.reshape(-1, block, k, columns), scaled.reshape(-1, block, columns, c, k * c)
    matrices = jnp.einsum("nqai,nqicm->nacm", left, scaled).reshape(-1, k * c, k * c)
    force = -(weights[:, None, None] * stress).reshape(-1, block, c, columns)
    loads = jnp.einsum("nqai,nqci->nac", left, force).reshape(-1, k * c)
    rows = owner[::block]
    return jax.ops.segment_sum(matrices, rows, count), jax.ops.segment_sum(loads, rows, count)


def element_sums(gradients, weights, tangent, stress, owner, count: int, block: int = 1):
    """`block_sums` of NumPy arrays, padded so that few sizes are compiled."""
    size, slots = roomy(-(-len(weights) // block)) * block, roomy(count)
    padding = size - len(weights)
    arrays = (
        pad(gradients, size),
        np.concatenate([weights, np.zeros(padding)]),
        pad(tangent, size),
        pad(stress, size),
        np.concatenate([owner, np.zeros(padding, owner.dtype)]),
    )
    matrices, loads = _element_sums(*arrays, slots, block)
    return np.array(matrices[:count]), np.array(loads[:count])


_element_sums = partial(jax.jit, static_argnums=(5, 6))(block_sums)
