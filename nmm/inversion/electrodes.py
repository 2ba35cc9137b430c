"""Electrical impedance tomography with the complete electrode model.

-div(σ grad u) = 0 inside; σ ∂u/∂n = (U_l - u)/z_l on electrode l and zero between the electrodes; the current
through electrode l is I_l = ∫ (U_l - u)/z_l (Somersalo, Cheney and Isaacson, SIAM J. Appl. Math. 52, 1992).

Everything follows from the potentials φ_l of unit voltages on one electrode each: the currents at voltages U
are C U with the symmetric C_kl = δ_kl |e_k|/z_k - ∫_k φ_l/z_k, whose rows add up to zero, and the voltages of
currents I are C⁺ I with mean zero. All matrices are linear in σ and 1/z, so that one factorisation serves
all electrodes, and reciprocity gives every derivative from the same potentials:
∂C_kl/∂σ_e = ∫_e grad φ_k·grad φ_l.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import splu

from nmm.errors import InputError
from nmm.manifold.manifold import Manifold
from nmm.physics.boundary import robin
from nmm.physics.models import poisson
from nmm.physics.problem import basis, problem
from nmm.solve.assemble import piece_elements, sparse, whole_elements


def on_circle(count: int, cover: float = 0.5, first: float = math.pi / 2) -> list[str]:
    """`on` of equally spaced electrodes around the origin that take the share `cover` of the circle.

    The first is centred at the angle `first`; they are numbered counterclockwise.
    """
    angles = first + 2 * math.pi * np.arange(count) / count
    edge = math.cos(math.pi * cover / count)
    return [f"{math.cos(a)!r}*x + {math.sin(a)!r}*y > {edge!r}*sqrt(x**2 + y**2)" for a in angles]


@dataclass(frozen=True, eq=False)
class Electrodes:
    """The complete electrode model on a cut; see `electrodes`.

    - `shape`: (rows, columns) of the conductivity; `square` (elements,) is each element's place in it.
    - `stiffness` (elements, k, k): ∫ grad·grad of each element at the unknowns `dofs` (elements, k).
    - `masses`: for each electrode the sparse ∫ v w over it; `loads` (unknowns, electrodes): ∫ v.
    - `lengths` (electrodes,): ∫ 1.
    """

    manifold: Manifold
    shape: tuple[int, int]
    square: np.ndarray
    stiffness: np.ndarray
    dofs: np.ndarray
    masses: tuple[csr_array, ...]
    loads: np.ndarray
    lengths: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """(rows, columns): whether a square of the conductivity meets the domain."""
        return (np.bincount(self.square, minlength=math.prod(self.shape)) > 0).reshape(self.shape)

    def solve(self, conductivity, impedance) -> "Potentials":
        """The potentials of unit voltages.

        **Arguments:** `conductivity` σ (rows, columns), row 0 at the bottom, or a number; contact `impedance`
        z (electrodes,), in units of length over conductivity, or a number.

        **Raises:** `InputError` for values that are not positive.
        """
        sigma = np.broadcast_to(np.asarray(conductivity, float), self.shape)
        z = np.broadcast_to(np.asarray(impedance, float), self.lengths.shape)
        for name, values in (("conductivity", sigma[self.inside]), ("contact impedance", z)):
            if not (np.isfinite(values) & (values > 0)).all():
                raise InputError(f"the {name} must be positive, found {values.min():g}")
        blocks = sigma.ravel()[self.square][:, None, None] * self.stiffness
        size = len(self.loads)
        matrix = sparse(blocks, self.dofs, size)
        for mass, each in zip(self.masses, z, strict=True):
            matrix = matrix + mass / each
        used = np.flatnonzero(matrix.diagonal() > 0)
        symmetric = {"SymmetricMode": True}
        factors = splu(matrix[used][:, used].tocsc(), "MMD_AT_PLUS_A", 0.0, options=symmetric)
        driven = self.loads / z
        phi = np.zeros((size, len(z)))
        phi[used] = factors.solve(driven[used])
        currents = np.diag(self.lengths / z) - driven.T @ phi
        return Potentials(self, z, phi, (currents + currents.T) / 2)

    def currents(self, conductivity, impedance) -> jax.Array:
        """C (electrodes, electrodes), from voltages to currents, as a function that JAX differentiates."""
        return _currents(self, jnp.broadcast_to(conductivity, self.shape), impedance + 0 * self.lengths)


@dataclass(frozen=True, eq=False)
class Potentials:
    """Potentials `phi` (unknowns, electrodes) of unit voltages, and `currents` C; see the module."""

    model: Electrodes
    impedance: np.ndarray
    phi: np.ndarray
    currents: np.ndarray

    @property
    def inverse(self) -> np.ndarray:
        """C⁺ (electrodes, electrodes), from currents that add up to zero to voltages of mean zero."""
        mean = np.full_like(self.currents, 1 / len(self.currents))
        scale = np.trace(self.currents) / len(self.currents)
        return np.linalg.inv(self.currents + scale * mean) - mean / scale

    def voltages(self, injections) -> np.ndarray:
        """U (electrodes, n) at currents `injections` (electrodes, n), each of which adds up to zero."""
        return self.inverse @ injections

    def by_conductivity(self, injections, pattern) -> np.ndarray:
        """∂(patternᵀ U)/∂σ (measurements, n, rows * columns), `pattern` (electrodes, measurements)."""
        model = self.model
        driven = (self.phi @ (self.inverse @ injections))[model.dofs]
        read = (self.phi @ (self.inverse @ pattern))[model.dofs]
        product = -np.einsum("eam,ean->emn", read, model.stiffness @ driven, optimize=True)
        count, where = len(product), model.square
        total = csr_array((np.ones(count), (where, np.arange(count))), (math.prod(model.shape), count))
        return (total @ product.reshape(count, -1)).T.reshape(*product.shape[1:], -1)

    def pushed(self, injections, pattern, change) -> np.ndarray:
        """The derivative (measurements, n) of patternᵀ U along a `change` (rows, columns) of σ: J v."""
        model = self.model
        blocks = np.ravel(change)[model.square][:, None, None] * model.stiffness
        driven, read = (self.phi @ (self.inverse @ given) for given in (injections, pattern))
        return -(read.T @ (sparse(blocks, model.dofs, len(driven)) @ driven))

    def pulled(self, injections, pattern, weights) -> np.ndarray:
        """The gradient (rows, columns) by σ of the sum of `weights` (measurements, n) * patternᵀ U: Jᵀ w."""
        model = self.model
        driven = (self.phi @ (self.inverse @ injections))[model.dofs]
        read = (self.phi @ (self.inverse @ (pattern @ weights)))[model.dofs]
        density = -((model.stiffness @ driven) * read).sum((1, 2))
        return np.bincount(model.square, density, math.prod(model.shape)).reshape(model.shape)

    def by_conductance(self) -> np.ndarray:
        """∂C/∂(1/z_m) (m, electrodes, electrodes): ∫ over electrode m of (φ_k - δ_km)(φ_l - δ_lm)."""
        model, one = self.model, np.eye(len(self.currents))
        made = []
        for m, mass in enumerate(model.masses):
            here = np.flatnonzero(model.loads[:, m])  # the few functions that do not vanish on electrode m
            phi = self.phi[here]
            mixed = np.outer(one[m], model.loads[here, m] @ phi)
            square = model.lengths[m] * np.outer(one[m], one[m])
            made.append(phi.T @ (mass[here][:, here] @ phi) - mixed - mixed.T + square)
        return np.stack(made)


def electrodes(manifold: Manifold, on: Sequence[str], block: int = 1) -> Electrodes:
    """The complete electrode model with one electrode for each text `on` (see `nmm.robin`).

    **Arguments:** `block`, how many squares of the lattice a coefficient of the conductivity spans each way.

    **Raises:** `SelectionError` for electrodes that select nothing or overlap.
    """
    terms = [robin(where, 1.0, 0.0, name=f"electrode {number}") for number, where in enumerate(on)]
    made = problem(manifold, poisson(1.0), terms)
    whole, _, _ = whole_elements(made, {})
    pieces, *_ = piece_elements(made, {})
    dofs = manifold.dofs(manifold.element_patches(), 1)
    size = manifold.patches * manifold.functions.per_patch
    masses, loads, lengths = [], np.zeros((size, len(terms))), np.zeros(len(terms))
    of_pieces = dofs[len(whole) :]
    for number, edge in enumerate(made.edges):
        values, _ = basis(manifold, manifold.piece_cell[edge.piece], edge.xi)
        squares = np.einsum("n,na,nb->nab", edge.weight, values, values)
        masses.append(sparse(squares, of_pieces[edge.piece], size))
        np.add.at(loads[:, number], of_pieces[edge.piece], edge.weight[:, None] * values)
        lengths[number] = edge.weight.sum()
    square = manifold.element_cells() // (manifold.grid.families - 1)
    row, column = square // manifold.nx // block, square % manifold.nx // block
    shape = -(-manifold.ny // block), -(-manifold.nx // block)
    stiffness = np.concatenate([whole, pieces])
    return Electrodes(
        manifold, shape, row * shape[1] + column, stiffness, dofs, tuple(masses), loads, lengths
    )


def _currents(model: Electrodes, sigma, z):
    """`Electrodes.currents` by a call to the host, with the derivative of the module's formulae."""
    count = len(model.lengths)
    square, field = jax.ShapeDtypeStruct((count, count), float), jax.ShapeDtypeStruct(model.shape, float)
    vector = jax.ShapeDtypeStruct((count,), float)

    def value(sigma, z):
        return model.solve(sigma, z).currents

    def pulled(sigma, z, weights):
        found = model.solve(sigma, z)
        local = found.phi[model.dofs]
        density = np.einsum("eak,kl,eal->e", model.stiffness @ local, weights, local, optimize=True)
        by_sigma = np.bincount(model.square, density, math.prod(model.shape)).reshape(model.shape)
        by_z = np.einsum("mkl,kl->m", found.by_conductance(), weights) * -(np.asarray(z) ** -2)
        return by_sigma, by_z

    @jax.custom_vjp
    def call(sigma, z):
        return jax.pure_callback(value, square, sigma, z, vmap_method="sequential")

    def backward(saved, weights):
        return jax.pure_callback(pulled, (field, vector), *saved, weights, vmap_method="sequential")

    call.defvjp(lambda sigma, z: (call(sigma, z), (sigma, z)), backward)
    return call(sigma, z)
