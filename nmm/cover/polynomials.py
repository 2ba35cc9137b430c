"""The polynomials that the functions of a cell span, without the constant: where the flux of a cell lives."""

from typing import Any

import numpy as np

from nmm.cover.functions import Functions


def exponents(functions: Functions) -> list[tuple[int, int]]:
    """Degrees (i, j) of the products P_i(x) P_j(y), the two linear ones first."""
    linear = [(1, 0), (0, 1)]
    degree = functions.weights.degree
    if functions.weights.shape == "triangle":
        weights = [(0, 0), *linear]
    else:
        weights = [(i, j) for j in range(degree + 1) for i in range(degree + 1)]
    found = {(i + a, j + b) for i, j in weights for a, b in functions.powers}
    return linear + sorted(found - {(0, 0), *linear}, key=lambda e: (e[1], e[0]))


def polynomial_gradients(functions: Functions, local, xp=np):
    """Gradients (n, m, 2) at `local` (n, 2) in [-1, 1]², of products of Legendre polynomials.

    Orthogonal on a whole cell, so that the matrices made of them are well conditioned there.
    """
    highest = functions.complete
    x, y = legendre(highest, local[:, 0], xp), legendre(highest, local[:, 1], xp)
    rows = [xp.stack([x[1][i] * y[0][j], x[0][i] * y[1][j]], -1) for i, j in exponents(functions)]
    return xp.stack(rows, 1)


def legendre(degree: int, t, xp=np) -> tuple[list[Any], list[Any]]:
    """Legendre polynomials up to a degree at t (n,), and their derivatives."""
    one, zero = xp.ones_like(t), xp.zeros_like(t)
    values, slopes = [one, t], [zero, one]
    for n in range(1, degree):
        values.append(((2 * n + 1) * t * values[n] - n * values[n - 1]) / (n + 1))
        slopes.append(slopes[n - 1] + (2 * n + 1) * values[n])
    return values, slopes
