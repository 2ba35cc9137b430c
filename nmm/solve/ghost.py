"""Ghost penalty: the gradients of neighbours across the faces of cut elements are tied to each other.

It adds ½ γ h²ᵖ⁻¹ k ∫ |[∂ᵖu/∂nᵖ]|² over each face to the energy (Burman, Comptes Rendus 348, 2010), where u is
the polynomial of either element extended over the whole face, p the degree of the weights, whose lower
derivatives do not jump, and k the harmonic mean of their stiffness. Polynomials of degree p have no jump. The
condition number then no longer knows how small the cut elements are. With mean dilatation k is the shear
modulus: with the bulk modulus cut elements would lock again.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.cover.weights import Weights
from nmm.physics.dilatation import modulus
from nmm.physics.problem import Problem, coefficient_values
from nmm.physics.tangent import tangent
from nmm.solve.discretise import Discretisation, Samples
from nmm.solve.faces import Faces, faces_of, jump_matrices
from nmm.solve.form import Form, coefficients, places
from nmm.solve.linearise import linearise


def ghost_elements(problem: Problem, params: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Matrices (n, 2 kc, 2 kc) and patches (n, 2 k) of the faces; None without ghost penalty."""
    faces = faces_of(problem)
    if faces is None:
        return None
    model = problem.model

    def stiffness(side):
        at = problem.places(faces.cell[side], faces.xi[side], faces.region[side])
        return modulus(linearise(model.density, model.components, coefficient_values(model, at, params))[0])

    matrices = face_matrices(problem.manifold.weights, faces, stiffness(0), stiffness(1), model.components)
    return np.asarray(matrices), faces.patches


def ghost_blocks(form: Form, values, params, arrays: Discretisation, faces: Faces) -> jax.Array:
    """The same matrices, padded, traceable in `values` and `params`."""

    def stiffness(side):
        cell, xi, region = (jnp.asarray(a)[side] for a in (faces.cell, faces.xi, faces.region))
        here = Samples(cell, xi, region, None, None)
        at = places(form, arrays, here)
        return modulus(tangent(form.density, form.components, coefficients(form, values, at, params))[0], jnp)

    return face_matrices(form.weights, faces, stiffness(0), stiffness(1), form.components)


def face_matrices(weights: Weights, faces: Faces, left, right, components: int) -> jax.Array:
    """Matrices (n, 2 kc, 2 kc) from the stiffness (n,) of the elements on both sides."""
    k = jnp.asarray(faces.factor) * 2 * left * right / (left + right)
    jumps = jnp.asarray(jump_matrices(weights))[jnp.asarray(faces.family)]
    size = jumps.shape[1] * components
    return jnp.einsum("n,nab,cd->nacbd", k, jumps, jnp.eye(components)).reshape(-1, size, size)
