"""How much a prior counts: chosen on the linearised problem, where all strengths can be tried at once.

With the generalised eigenvectors V of the data's Hessian H and the prior's Q, VᵀQV = I and VᵀHV = diag(s),
the minimiser for the strength λ of the prior is known for every λ.
"""

from dataclasses import dataclass

import jax
import numpy as np
from scipy.linalg import eigh

from nmm.errors import InputError

RULES = ("discrepancy", "l-curve", "evidence")
RANGE = np.geomspace(1e-10, 1e10, 201)
"""Strengths that are tried, relative to the largest eigenvalue."""
MOST_TAKEN = 0.5
"""Share of the data that parameters may take up at the corner of the L-curve: beyond it they fit noise."""

MOST_UNEQUAL = 1e10
"""Condition of the Hessian of priors of known strength up to which it measures steps."""


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues s (n,), large ones first, and vectors (n, n); gradients of data and prior in their terms.

    `free` are the squared residuals of the data that no parameters can take away.
    """

    values: np.ndarray
    vectors: np.ndarray
    data: np.ndarray
    prior: np.ndarray
    free: float
    count: int

    def weight(self, strength: float) -> float:
        """λ: the strength, and what of a prior is always there."""
        return strength

    @property
    def top(self) -> float:
        """The largest eigenvalue."""
        return float(self.values.max(initial=0.0))

    def seen(self, strength: float) -> int:
        """How many directions the data determine better than the prior."""
        return int((self.values > self.weight(strength)).sum())

    def truncation(self, strength: float) -> float:
        """The largest relative error of a variance by eigenvalues that were left out: none were."""
        return 0.0

    def root(self, strength: float) -> np.ndarray:
        """B (n, n) with B Bᵀ = (H + λQ)⁻¹; without end where neither data nor prior say anything."""
        with np.errstate(divide="ignore"):
            return self.vectors / np.sqrt(self.values + strength)

    def covariance(self, strength: float) -> np.ndarray:
        """(H + λQ)⁻¹ (n, n)."""
        root = self.root(strength)
        return root @ root.T

    def deviation(self, strength: float) -> np.ndarray:
        """Standard deviations (n,), the root of the covariance's diagonal."""
        with np.errstate(invalid="ignore"):
            found = np.sqrt((self.root(strength) ** 2).sum(1))
        return np.where(np.isnan(found), np.inf, found)

    def draws(self, strength: float, key, count: int) -> np.ndarray:
        """Normal (count, n) with mean zero and this covariance."""
        noise = np.asarray(jax.random.normal(key, (count, len(self.vectors))))
        return noise @ self.root(strength).T

    def step(self, strength: float, damping: float = 0.0) -> np.ndarray:
        """The step (n,) of Gauss-Newton for a strength; `damping` as more of the prior's Hessian."""
        slope = self.data - strength * self.prior
        return self.vectors @ (slope / (self.values + strength + damping))

    def misfits(self, strengths: np.ndarray) -> np.ndarray:
        """Squared residuals of the data at the minimisers for strengths (k,)."""
        move = (self.data - strengths[:, None] * self.prior) / (self.values + strengths[:, None])
        good = self.values > 0
        root = np.sqrt(np.where(good, self.values, 1.0))
        rest = np.where(good, self.data / root - root * move, 0.0)
        return self.free + (rest**2).sum(1)

    def sizes(self, strengths: np.ndarray) -> np.ndarray:
        """‖r‖² of the prior at the minimisers for strengths (k,), up to what no parameter changes."""
        move = (self.data - strengths[:, None] * self.prior) / (self.values + strengths[:, None])
        return ((self.prior + move) ** 2).sum(1)

    def choose(self, rule: str) -> tuple[float, dict[str, np.ndarray]]:
        """The strength that a rule prefers, and the curve it was read from."""
        top = max(self.top, 1e-300)
        strengths = RANGE * top
        misfits, sizes = self.misfits(strengths), self.sizes(strengths)
        curve = {"strength": strengths, "misfit": misfits, "size": sizes}
        if rule == "discrepancy":
            fits = misfits <= self.count
            if not fits.any():
                return float(strengths[misfits.argmin()]), curve
            return float(strengths[np.flatnonzero(fits)[-1]]), curve
        if rule == "evidence":
            score = 0.5 * np.log(strengths[:, None] / (self.values + strengths[:, None])).sum(1)
            return float(strengths[(score - 0.5 * (misfits + strengths * sizes)).argmax()]), curve
        if rule != "l-curve":
            raise InputError(f'found strength "{rule}", expected a number or one of {", ".join(RULES)}')
        return float(strengths[self._corner(strengths, misfits, sizes)]), curve

    def _corner(self, strengths, misfits, sizes) -> int:
        """The strength farthest below the chord of the L-curve (Satopää and others 2011), by number.

        Between the strengths at which the parameters take up one number of the data and `MOST_TAKEN` of them:
        curves of steep spectra are stairs, whose sharpest bend may be anywhere.
        """
        taken = (self.values / (self.values + strengths[:, None])).sum(1)
        low = np.searchsorted(-taken, -MOST_TAKEN * self.count)
        high = np.searchsorted(-taken, -1.0, "right") - 1
        if high - low < 2:  # the data say next to nothing
            return int(min(low, len(strengths) - 1))
        x, y = (np.log(np.maximum(v[low : high + 1], 1e-300)) for v in (misfits, sizes))
        across, up = (np.ptp(v) or 1.0 for v in (x, y))
        return int(low + ((x - x[0]) / across + (y - y[-1]) / up).argmin())


def spectrum(whitened, residual, prior_jacobian, prior_residual, firm=None) -> Spectrum:
    """The spectrum from the whitened Jacobian (d, n) and residual (d,) of data, and those of the prior.

    Without a prior (0 rows) steps are measured by the Jacobian `firm` (k, n) of priors of known strength,
    which count among the data, where they speak of every direction; else by the unknowns' own sensitivity.
    """
    hessian, least = whitened.T @ whitened, 0.0
    if len(prior_residual):
        other = prior_jacobian.T @ prior_jacobian
        other = other + 1e-12 * np.trace(other) / len(other) * np.eye(len(other))
    elif firm is not None and len(firm) and np.linalg.cond(own := firm.T @ firm) < MOST_UNEQUAL:
        other, least = own, 1.0  # what rounding takes from an eigenvalue that the prior alone makes 1
    else:
        other = np.diag(np.maximum(np.diag(hessian), 1e-12 * max(np.diag(hessian).max(initial=0.0), 1e-300)))
    values, vectors = eigh(hessian, other)
    values, vectors = np.maximum(values[::-1], least), vectors[:, ::-1]
    data = vectors.T @ (whitened.T @ residual)
    prior = vectors.T @ (prior_jacobian.T @ prior_residual) if len(prior_residual) else np.zeros(len(values))
    seen = values > 1e-15 * max(values.max(initial=0.0), 1e-300)
    explained = (data[seen] ** 2 / values[seen]).sum()
    free = max(float(residual @ residual - explained), 0.0)
    return Spectrum(
        np.where(seen, values, 0.0), vectors, np.where(seen, data, 0.0), prior, free, len(residual)
    )
