"""The polynomials that the weights of one cell span, without the constant: where the flux of a cell lives."""

from typing import Any

import numpy as np

from nmm.cover.weights import Weights


def exponents(weights: Weights) -> list[tuple[int, int]]:
    """Degrees (i, j) of the products P_i(x) P_j(y), the two linear ones first."""
    linear = [(1, 0), (0, 1)]
    if weights.shape == "triangle":
        return linear
    along = range(weights.degree + 1)
    return linear + [(i, j) for j in along for i in along if i + j > 0 and (i, j) not in linear]


def polynomial_gradients(weights: Weights, local, xp=np):
    """Gradients (n, m, 2) at `local` (n, 2) in [-1, 1]², of products of Legendre polynomials.

    Orthogonal on a whole cell, so that the matrices made of them are well conditioned there.
    """
    x, y = legendre(weights.degree, local[:, 0], xp), legendre(weights.degree, local[:, 1], xp)
    rows = [xp.stack([x[1][i] * y[0][j], x[0][i] * y[1][j]], -1) for i, j in exponents(weights)]
    return xp.stack(rows, 1)


def legendre(degree: int, t, xp=np) -> tuple[list[Any], list[Any]]:
    """Legendre polynomials up to a degree at t (n,), and their derivatives."""
    one, zero = xp.ones_like(t), xp.zeros_like(t)
    values, slopes = [one, t], [zero, one]
    for n in range(1, degree):
        values.append(((2 * n + 1) * t * values[n] - n * values[n - 1]) / (n + 1))
        slopes.append(slopes[n - 1] + (2 * n + 1) * values[n])
    return values, slopes
