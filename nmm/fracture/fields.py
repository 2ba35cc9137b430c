"""Fields around a straight crack tip that the interaction integral is taken with.

Muskhelishvili's potentials Φ = φ', Ψ = ψ' in the frame of the tip, the crack on the negative axis:
σ₁₁ + σ₂₂ = 4 Re Φ,  σ₂₂ − σ₁₁ + 2i σ₁₂ = 2 (z̄ Φ' + Ψ),  2μ ∂₁(u₁ + i u₂) = κ Φ − (Φ̄ + z Φ̄' + Ψ̄).

Three fields leave the faces free: K_I = 1 (Φ = c, Ψ = c/2, c = 1/2 (2πz)^-1/2), K_II = 1 (Φ = −ic,
Ψ = 3ic/2), and a point force 1 at the tip towards the crack's advance (Φ = −Ψ = −1/4πz).
"""

from dataclasses import dataclass

import numpy as np

MODES = ("KI", "KII", "T")
POWER = np.array([-0.5, -0.5, -1.0])


@dataclass(frozen=True)
class Fields:
    """The three fields at points, in the frame of the tip, each array (3, n, 2, 2).

    `stress`, its derivative `slope` by the first coordinate, and the gradient of displacement
    (`rigid` + κ `kolosov`) / 2μ, index [i, j] for ∂ⱼuᵢ.
    """

    stress: np.ndarray
    slope: np.ndarray
    rigid: np.ndarray
    kolosov: np.ndarray


def tip_fields(radius: np.ndarray, angle: np.ndarray) -> Fields:
    """The fields at polar coordinates (n,) about the tip, −π ≤ angle ≤ π, zero along the advance."""
    z = radius * np.exp(1j * angle)
    root = np.exp(-0.5j * angle) / np.sqrt(8 * np.pi * radius)
    pole = 1 / (4 * np.pi * z)
    phi = np.stack([root, -1j * root, -pole])
    psi = np.stack([root / 2, 1.5j * root, pole])
    power = POWER[:, None]
    phi1, psi1 = power * phi / z, power * psi / z
    phi2 = (power - 1) * phi1 / z
    other = phi.conj() + z * phi1.conj() + psi.conj()
    across = -phi.conj() + z * phi1.conj() + psi.conj()
    return Fields(
        stress=stress(phi, z.conj() * phi1 + psi),
        slope=stress(phi1, phi1 + z.conj() * phi2 + psi1),
        rigid=gradient(-other, 1j * across),
        kolosov=gradient(phi, 1j * phi),
    )


def stress(mean: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Symmetric tensors (..., 2, 2) of 4 Re `mean` = σ₁₁ + σ₂₂ and 2 `rest` = σ₂₂ − σ₁₁ + 2i σ₁₂."""
    half, first, shear = 2 * np.real(mean), np.real(rest), np.imag(rest)
    return np.stack([np.stack([half - first, shear], -1), np.stack([shear, half + first], -1)], -2)


def gradient(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """∂ⱼuᵢ (..., 2, 2) of ∂₁ and ∂₂ of u₁ + i u₂."""
    both = np.stack([first, second], -1)
    return np.stack([np.real(both), np.imag(both)], -2)
