"""Fields around a straight crack tip that the interaction integral is taken with.

Muskhelishvili's potentials Φ = φ', Ψ = ψ' in the frame of the tip, the crack on the negative axis:
σ₁₁ + σ₂₂ = 4 Re Φ,  σ₂₂ − σ₁₁ + 2i σ₁₂ = 2 (z̄ Φ' + Ψ),  2μ ∂₁(u₁ + i u₂) = κ Φ − (Φ̄ + z Φ̄' + Ψ̄).

Three fields leave the faces free: K_I = 1, K_II = 1, and a point force 1 at the tip towards the crack's
advance. Where the material on the left of the crack is another one than on its right, K = K_I + iK_II is that
of the traction σ₂₂ + iσ₁₂ = K r^iε / √2πr ahead of the tip, with the index ε of the pair, and

    Φ = k e^∓πε z^(−1/2 − iε),   Ψ = k̄ e^±πε z^(−1/2 + iε) − (1/2 − iε) Φ,   k = K̄ / (√8π cosh πε),

the upper signs on the left; the force: Φ = −Ψ = −s / 4πz, s the side's E' by the mean E' of the two. With
ε = 0 and s = 1 it is one material. Sources: Williams (1959), Rice (1988), and for the force on a border
Sladek and Sladek (1997).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

MODES = ("KI", "KII", "T")


@dataclass(frozen=True)
class Fields:
    """The three fields at points, in the frame of the tip, each array (3, n, 2, 2).

    `stress`, its derivative `slope` by the first coordinate, and the gradient of displacement
    (`rigid` + κ `kolosov`) / 2μ, index [i, j] for ∂ⱼuᵢ.
    """

    stress: Any
    slope: Any
    rigid: Any
    kolosov: Any


def tip_fields(
    radius: np.ndarray, angle: np.ndarray, epsilon: Any = 0.0, share: Any = 1.0, xp: Any = np
) -> Fields:
    """The fields at polar coordinates (n,) about the tip, −π ≤ angle ≤ π, zero along the advance.

    `epsilon` and the `share` s are numbers or (n,).
    """
    z = radius * np.exp(1j * angle)
    bent = epsilon + 0 * radius
    side = np.where(angle < 0, np.pi, -np.pi) * bent
    power = -0.5 - 1j * bent
    scale = np.sqrt(8 * np.pi) * xp.cosh(np.pi * bent)
    root = xp.exp(power * np.log(z) + side) / scale
    other = xp.exp(xp.conj(power) * np.log(z) - side) / scale
    pole = share / (4 * np.pi * z)
    powers = xp.stack([power, power, 0 * power - 1])
    phi = xp.stack([root, -1j * root, -pole])
    omega = xp.stack([other, 1j * other, pole])
    phi1, omega1 = powers * phi / z, xp.conj(powers) * omega / z
    phi2 = (powers - 1) * phi1 / z
    psi, psi1 = omega - (1 + powers) * phi, omega1 - (1 + powers) * phi1
    rigid = phi.conj() + z * phi1.conj() + psi.conj()
    across = -phi.conj() + z * phi1.conj() + psi.conj()
    return Fields(
        stress=stress(phi, z.conj() * phi1 + psi, xp),
        slope=stress(phi1, phi1 + z.conj() * phi2 + psi1, xp),
        rigid=gradient(-rigid, 1j * across, xp),
        kolosov=gradient(phi, 1j * phi, xp),
    )


def stress(mean: Any, rest: Any, xp: Any) -> Any:
    """Symmetric tensors (..., 2, 2) of 4 Re `mean` = σ₁₁ + σ₂₂ and 2 `rest` = σ₂₂ − σ₁₁ + 2i σ₁₂."""
    half, first, shear = 2 * xp.real(mean), xp.real(rest), xp.imag(rest)
    return xp.stack([xp.stack([half - first, shear], -1), xp.stack([shear, half + first], -1)], -2)


def gradient(first: Any, second: Any, xp: Any) -> Any:
    """∂ⱼuᵢ (..., 2, 2) of ∂₁ and ∂₂ of u₁ + i u₂."""
    both = xp.stack([first, second], -1)
    return xp.stack([xp.real(both), xp.imag(both)], -2)
