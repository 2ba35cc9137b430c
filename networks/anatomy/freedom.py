"""Degrees of freedom, of which there are several: parameters, functional rank, effective dimension, NMM rank.

The papers speak of "near infinite degrees of freedom"; which of these is meant they do not say. Pieces of the
function, a fourth kind, are counted by `regions` and `networks.to_manifold`; they depend on each other.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from networks.manifold_net import functions, powers

LOST = 1e-10
"""Singular values below this share of the largest count as zero, once columns have length 1."""


def jacobian(apply: Callable[[Any, Any], Any], params: Any, x: Any) -> jax.Array:
    """Derivatives (n · outputs, P) of apply(params, x) in all parameters at points x (n, …)."""
    flat, back = ravel_pytree(params)
    rows = jax.jacrev(lambda z: apply(back(z), x).reshape(-1))(flat)
    return rows.reshape(-1, len(flat))


def rank(matrix: Any, tolerance: float = LOST) -> int:
    """Numerical rank, with columns scaled to length 1: units of parameters do not matter."""
    matrix = np.asarray(matrix, float)
    length = np.linalg.norm(matrix, axis=0)
    kept = matrix[:, length > 0] / length[length > 0]
    if not kept.size:
        return 0
    values = np.linalg.svd(kept, compute_uv=False)
    return int((values > tolerance * values[0]).sum())


def functional_rank(apply: Callable[[Any, Any], Any], params: Any, x: Any, tolerance: float = LOST) -> int:
    """Functional dimension: rank of the derivatives in the parameters at the points x.

    The number of directions in which parameters can change the function on x to first order. For ReLU
    networks it is at most P minus the hidden neurons, as each can be scaled against the next layer (Grigsby,
    Lindsey, Meyerhoff, Wu 2022, arXiv 2209.04036).
    """
    return rank(jacobian(apply, params, x), tolerance)


def effective_dimension(eigenvalues: Any, alpha: float) -> float:
    """N_eff = Σ λ_i / (λ_i + α) (Maddox, Benton, Wilson 2020, arXiv 2003.02139); eigenvalues ≥ 0.

    >>> effective_dimension([1.0, 1.0, 0.0], 1.0)
    1.0
    """
    values = np.maximum(np.asarray(eigenvalues, float), 0.0)
    return float((values / (values + alpha)).sum())


def gram_eigenvalues(derivatives: Any) -> np.ndarray:
    """Eigenvalues of JᵀJ / rows that are not zero by shape, from the derivatives J (rows, P); rising.

    To machine precision times the largest, as effective dimensions want them; ranks want singular values.
    """
    wide = np.asarray(derivatives, float)
    wide = wide if len(wide) <= wide.shape[1] else wide.T
    return np.maximum(np.linalg.eigvalsh(wide @ wide.T), 0.0) / len(derivatives)


def manifold_rank(cover: Any, order: int, x: Any, element: Any = None) -> tuple[int, int]:
    """Unknowns of a numerical manifold, and how many of its functions w_i p_j are independent on points x.

    `x` (n, d), more of them than unknowns; `element` (n,) for the cover of a cut domain. On hat weights with
    polynomials of order p the deficiency is p in one dimension; on structured triangles it is 3 for p = 1 and
    8 for p = 2, whatever the mesh.
    """
    exponents = tuple(map(tuple, powers(cover.nodes.shape[1], order).tolist()))
    x = jnp.asarray(x)
    products, index = functions(cover, exponents, x, cover.located(x, element))
    rows = np.arange(len(x))[:, None]
    matrix = np.zeros((len(x), cover.patches, len(exponents)))
    np.add.at(matrix, (rows, np.asarray(index)), np.asarray(products))
    matrix = matrix.reshape(len(x), -1)
    return matrix.shape[1], rank(matrix)
