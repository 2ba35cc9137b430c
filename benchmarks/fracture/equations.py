"""Cracks that meet in one point of an infinite plane: the singular integral equation of their dislocations.

Straight arms run outwards from the point. A dislocation D = μ db / (κ + 1) at z₀, db the change of the
opening along an arm, has the potentials

    Φ = β / (z − z₀),   Ψ = β̄ / (z − z₀) + z̄₀ β / (z − z₀)²,   β = iD / π

(Muskhelishvili's, see `infinite`), and the traction σ_nn + iσ_nt = 2 Re Φ + e^{2iα}(z̄Φ' + Ψ) that all of
them put on an arm of direction α is that of the stress far away, reversed.

Places are s = L sin^p(πt/2), equidistant in 0 < t < 1: with the square at the tip dislocations and points
of collocation that alternate are the rule of Gauss and Chebyshev (Erdogan and Gupta 1972), and the power p
crowds them where the arms meet (Kress 1990). One dislocation more, in that point, closes the system: the
opening is single-valued when all of them add up to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GRADING = 5
"""The power p."""
FITTED = 8
"""Dislocations whose density, even about the tip, is extrapolated to it."""


@dataclass(frozen=True, eq=False)
class Arms:
    """Solution: factors K_I and K_II (arms, 2) at the tips, and all dislocations D (n,) at places z (n,)."""

    factors: np.ndarray
    place: np.ndarray
    dislocation: np.ndarray

    @property
    def dipole(self) -> tuple[complex, float]:
        """A and N of the field far away: Φ = A/z² and Ψ = 2N/z² on top of the uniform stress."""
        moment = 1j / np.pi * self.dislocation * self.place
        other = 1j / np.pi * self.dislocation * self.place.conj()
        return complex(moment.sum()), float(other.real.sum())


def solve_arms(tips: Sequence[complex], far: tuple[float, float, float], count: int = 120) -> Arms:
    """Arms from the origin to `tips` under a stress (xx, yy, xy) far away; `count` places on each arm."""
    step = 1 / (count - 0.5)
    inner = np.sin(np.pi / 2 * step * np.arange(1, count)) ** GRADING
    between = np.sin(np.pi / 2 * step * (np.arange(1, count) - 0.5)) ** GRADING
    ends = np.asarray(tips)
    place = np.concatenate([[0.0], np.outer(ends, inner).ravel()])
    points = np.outer(ends, between).ravel()
    along = np.repeat(ends / np.abs(ends), count - 1)
    traction = np.concatenate([tractions(points, along, place, d) for d in (1.0, 1j)], axis=1)
    xx, yy, xy = far
    load = (xx + yy) / 2 + along**2 * ((yy - xx) / 2 + 1j * xy)
    zero = np.zeros(len(place))
    one = np.ones(len(place))
    matrix = np.concatenate([traction.real, traction.imag, [np.append(one, zero), np.append(zero, one)]])
    found = np.linalg.solve(matrix, np.concatenate([-load.real, -load.imag, [0.0, 0.0]]))
    dislocation = found[: len(place)] + 1j * found[len(place) :]
    return Arms(factors(ends, dislocation[1:].reshape(len(ends), -1) / step, step), place, dislocation)


def tractions(points: np.ndarray, along: np.ndarray, place: np.ndarray, unit: complex) -> np.ndarray:
    """σ_nn + iσ_nt (points, dislocations) of dislocations of size `unit`."""
    beta = 1j / np.pi * unit
    away = 1 / (points[:, None] - place)
    back = np.conj(points[:, None] - place)
    return 2 * np.real(beta * away) + along[:, None] ** 2 * (np.conj(beta) * away - beta * back * away**2)


def factors(ends: np.ndarray, density: np.ndarray, step: float) -> np.ndarray:
    """K_I and K_II (arms, 2) of the density dD/dt (arms, n): K_II + iK_I = −√(2π/c) e^{−iα} dD/dt, where
    c(1 − t)² is the distance from the tip."""
    count = min(FITTED, density.shape[1])
    square = (step * (np.arange(count) + 0.5)) ** 2
    at_zero = [np.prod(np.delete(square, n) / (np.delete(square, n) - square[n])) for n in range(count)]
    tip = density[:, ::-1][:, :count] @ np.array(at_zero)
    bend = np.abs(ends) * GRADING * np.pi**2 / 8
    both = -np.sqrt(2 * np.pi / bend) * tip * np.abs(ends) / ends
    return np.stack([both.imag, both.real], -1)
