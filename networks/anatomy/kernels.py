"""The tangent kernel of a wide two-layer ReLU network on the circle, and its spectrum.

Basri, Jacobs, Kasten, Kritchman 2019 (arXiv 1906.00425): with biases the eigenvalue of frequency k falls as
k^−2; without them those of odd k ≥ 3 vanish, and such frequencies are not learned.
"""

import numpy as np


def tangent_kernel(angle: np.ndarray, bias: bool = True) -> np.ndarray:
    """K(angle) between points of the unit circle, first layer trained, infinite width.

    K = (cos θ + 1) (π − |θ|) / 4π with biases, cos θ (π − |θ|) / 2π without; θ in [−π, π].
    """
    inner = (np.cos(angle) + 1) / 2 if bias else np.cos(angle)
    return inner * (np.pi - np.abs(angle)) / (2 * np.pi)


def circle_spectrum(bias: bool = True, points: int = 2**14) -> np.ndarray:
    """Eigenvalues (points / 2,) of the kernel for frequencies k = 0, 1, …, uniform measure on the circle.

    By the fast Fourier transform; frequencies near points / 2 are not resolved.
    """
    angle = 2 * np.pi * np.arange(points) / points
    kernel = tangent_kernel(np.where(angle > np.pi, angle - 2 * np.pi, angle), bias)
    return np.fft.fft(kernel).real[: points // 2] / points


def decay(values: np.ndarray, frequencies: np.ndarray) -> float:
    """Slope of log eigenvalue against log frequency, least squares."""
    return float(np.polyfit(np.log(frequencies), np.log(values[frequencies]), 1)[0])
