"""Noise models: what whitens the difference between data and prediction, and how outliers are weighed."""

from typing import Any

import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np
from scipy.linalg import cholesky, solve_triangular

from nmm.errors import InputError

HUBER, STUDENT = 1.345, 4.0
"""Standard deviations at which an outlier begins; degrees of freedom of Student's distribution."""


class Whitener:
    """Multiplies by L⁻¹, where L Lᵀ is the covariance of the noise."""

    def __init__(self, noise: Any, count: int):
        given = np.asarray(noise, float)
        if given.ndim > 2 or (given.ndim == 1 and given.shape != (count,)):
            raise wrong(f"an array {given.shape}", count)
        if given.ndim == 2:
            if given.shape != (count, count):
                raise wrong(f"an array {given.shape}", count)
            try:
                self.factor = cholesky(given, lower=True)
            except np.linalg.LinAlgError:
                raise wrong("a covariance that is not positive definite", count) from None
            self.std = np.sqrt(np.diag(given))
            return
        if not (np.isfinite(given).all() and (given > 0).all()):
            raise wrong(f"{given.min():g}", count)
        self.factor, self.std = None, np.broadcast_to(given, (count,))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """L⁻¹ values, for values (count,) or (count, n)."""
        values = np.asarray(values)
        if self.factor is not None:
            return solve_triangular(self.factor, values, lower=True)
        return values / self.std.reshape(-1, *(1,) * (values.ndim - 1))

    def traced(self, values: Any) -> Any:
        """The call for values (count,) that JAX traces."""
        if self.factor is not None:
            return jsp.linalg.solve_triangular(jnp.asarray(self.factor), values, lower=True)
        return values / self.std

    def back(self, values: np.ndarray) -> np.ndarray:
        """L⁻ᵀ values, the transpose of the call."""
        if self.factor is not None:
            return solve_triangular(self.factor, values, lower=True, trans=1)
        return values / self.std


def wrong(found: str, count: int) -> InputError:
    return InputError(
        f"found {found}, expected a standard deviation > 0, {count} of them, or their covariance",
        where="inverse.noise",
    )


def weights(loss: str, residual: np.ndarray) -> np.ndarray:
    """Factors of residuals (n,) in standard deviations for the next least squares (Holland, Welsch 1977)."""
    if loss == "gaussian":
        return np.ones_like(residual)
    size = np.abs(residual)
    if loss == "huber":
        return np.sqrt(np.minimum(1.0, HUBER / np.maximum(size, 1e-300)))
    return np.sqrt((STUDENT + 1) / (STUDENT + size**2))


def misfit(loss: str, residual: Any, xp: Any = np) -> Any:
    """Minus the logarithm of the likelihood, up to a constant, of residuals in standard deviations.

    **Arguments:** `xp`, NumPy, or jax.numpy for residuals that are traced.
    """
    if loss == "gaussian":
        return 0.5 * residual @ residual
    size = xp.abs(residual)
    if loss == "huber":
        return xp.where(size <= HUBER, 0.5 * size**2, HUBER * size - 0.5 * HUBER**2).sum()
    return ((STUDENT + 1) / 2 * xp.log1p(size**2 / STUDENT)).sum()
