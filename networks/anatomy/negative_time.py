"""Negative time: what the heat equation forgets, no method can recall without knowing more.

u_t = u_xx on (0, π) with u = 0 on the ends turns Σ a_k sin kx into Σ e^{−k² T} a_k sin kx. With noise δ in
every mode those are recoverable whose singular value is not below it: k* = ⌊√(ln(1/δ) / T)⌋.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.linalg

from networks.anatomy.interval import forms
from networks.covers import Splines


def singular_values(time: float, modes: int) -> np.ndarray:
    """e^{−k² T} for k = 1 … `modes`."""
    return np.exp(-(np.arange(1, modes + 1) ** 2) * time)


def recoverable_modes(values: Any, noise: float) -> int:
    """How many singular values, which fall, are at least the noise.

    >>> [recoverable_modes(singular_values(0.1, 40), noise) for noise in (1e-2, 1e-4, 1e-8, 1e-15)]
    [6, 9, 13, 18]
    """
    return int((np.asarray(values) >= noise).sum())


class Heat(NamedTuple):
    """Heat on (0, π) in splines with u = 0 on the ends, diagonal in its own modes.

    `basis` (k, n) turns n modes, orthonormal in L2, into unknowns of the cover; `rates` (n,) are how fast
    they decay, near k² for the first of them.
    """

    cover: Splines
    basis: np.ndarray
    rates: np.ndarray

    def at(self, x: Any, time: float) -> np.ndarray:
        """Values (points, n) of the modes at points (points,) after a time: the forward map."""
        weights = np.asarray(self.cover(jnp.asarray(x)[:, None]))
        return weights @ self.basis * np.exp(-self.rates * time)


def heat(cover: Splines) -> Heat:
    """The semi-discrete heat equation on the cover's interval: M d′ = −K d, exact in time."""
    made = forms(cover)
    mass, stiffness = made.mass, made.stiffness
    inner = slice(1, -1)  # clamped: the first and the last weight alone are not zero on an end
    rates, vectors = scipy.linalg.eigh(stiffness[inner, inner], mass[inner, inner])
    basis = np.zeros((len(mass), len(rates)))
    basis[inner] = vectors
    return Heat(cover, basis, rates)


def truncated(forward: np.ndarray, data: np.ndarray, noise: float) -> np.ndarray:
    """The solution of F a = b by singular values of at least `noise`; b (m,) or (m, experiments)."""
    u, s, vt = np.linalg.svd(forward, full_matrices=False)
    kept = s >= noise
    return vt[kept].T @ ((u[:, kept].T @ data).T / s[kept]).T


def tikhonov(forward: np.ndarray, data: np.ndarray, noise: float) -> np.ndarray:
    """argmin |F a − b|² + noise² |a|²: right for coefficients of size 1."""
    u, s, vt = np.linalg.svd(forward, full_matrices=False)
    return vt.T @ ((u.T @ data).T * (s / (s**2 + noise**2))).T
