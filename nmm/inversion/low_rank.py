"""What the data say beyond the prior, in few directions: eigenpairs without a dense array of the unknowns.

The data's Hessian H is known by its products, the prior's Q is sparse. The eigenpairs H v = s Q v with s
above a share of the prior's strength λ say where the posterior differs from the prior (Bui-Thanh, Ghattas,
Martin and Stadler 2013, SIAM J. Sci. Comput. 35, A2494-A2523): (H + λQ)⁻¹ = Q⁻¹/λ - V diag(s/(λ(s + λ))) Vᵀ.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import numpy as np

from nmm.inversion.precision import Precision
from nmm.inversion.strength import Spectrum

CUT = 0.01
"""Eigenvalues below this share of the strength are left out: they change no variance by more than it."""
EXACT = 1e-4
"""Residual of an eigenpair relative to s + λ."""
BLOCK, LIMIT = 4, 600
"""Directions that a step of the block method adds, and how many there may be."""
FORCING = 0.1
"""Largest relative residual of the inner conjugate gradients."""


@dataclass(frozen=True, eq=False)
class LowRank(Spectrum):
    """Leading eigenvalues (k,) and vectors (n, k) only; `Spectrum` has the rest.

    `hessian`, v -> H v; `precision` Q; `slopes` (2, n): of the data (downwards) and the prior; `base`, a part
    of the strength that is always there; `left`, the largest eigenvalue that was left out; `forcing`, the
    relative residual to which steps are solved.
    """

    hessian: Callable[[np.ndarray], np.ndarray]
    precision: Precision
    slopes: np.ndarray
    base: float
    forcing: float
    left: float = np.inf

    def weight(self, strength: float) -> float:
        """λ."""
        return strength + self.base

    def truncation(self, strength: float) -> float:
        """The largest relative error of a variance by what was left out, s/(s + λ)."""
        return 1.0 if np.isinf(self.left) else self.left / (self.left + self.weight(strength))

    @property
    def top(self) -> float:
        """The largest eigenvalue, or a lower bound of it while none is known."""
        if len(self.values):
            return float(self.values[0])
        along = self.precision.solve(self.slopes[0])
        size = along @ self.slopes[0]
        return float(along @ self.hessian(along) / size) if size > 0 else 0.0

    def solve(self, values: np.ndarray, weight: float) -> np.ndarray:
        """(H + weight Q)⁻¹ values (n,) or (n, k), with H as far as its eigenpairs are known."""
        known = self.vectors.T @ values
        share = self.values / (weight * (self.values + weight))
        return self.precision.solve(values) / weight - self.vectors @ (share * known.T).T

    def step(self, strength: float, damping: float = 0.0) -> np.ndarray:
        """The step (n,) of Gauss-Newton, by conjugate gradients that `solve` preconditions."""
        weight = self.weight(strength) + damping
        residual = self.slopes[0] - self.weight(strength) * self.slopes[1]
        found, along, before = np.zeros_like(residual), np.zeros_like(residual), 0.0
        first = None
        for _ in range(LIMIT):
            ready = self.solve(residual, weight)
            size = float(residual @ ready)
            first = size if first is None else first
            if not size > self.forcing**2 * first:
                break
            along = ready + (size / before if before else 0.0) * along
            image = self.hessian(along) + weight * (self.precision @ along)
            length = size / float(along @ image)
            found, residual, before = found + length * along, residual - length * image, size
        return found

    def deviation(self, strength: float) -> np.ndarray:
        """Standard deviations (n,)."""
        weight = self.weight(strength)
        if not weight > 0:
            return np.full(self.precision.size, np.inf)
        share = self.values / (weight * (self.values + weight))
        return np.sqrt(np.maximum(self.precision.variances / weight - self.vectors**2 @ share, 0.0))

    def draws(self, strength: float, key, count: int) -> np.ndarray:
        """Normal (count, n) with mean zero and the posterior's covariance."""
        weight = self.weight(strength)
        noise = np.asarray(jax.random.normal(key, (count, self.precision.root.shape[0])))
        prior = self.precision.draw(noise.T) / np.sqrt(weight)
        shrink = np.sqrt(weight / (self.values + weight)) - 1
        return (prior + self.vectors @ (shrink[:, None] * (self.vectors.T @ (self.precision @ prior)))).T

    def covariance(self, strength: float) -> np.ndarray:
        """Covariance (n, n): dense, and made only here."""
        return self.solve(np.eye(self.precision.size), self.weight(strength))

    def explored(self, wanted: Callable[[Spectrum], float], rows: int, residual: np.ndarray) -> "LowRank":
        """The same with the eigenpairs above `CUT` times the strength that `wanted` prefers.

        Block Lanczos with complete orthogonalisation from draws of the prior, so that multiple eigenvalues
        are found too; `rows`, the largest rank that H can have, `residual` the data's.
        """
        size = self.precision.size
        noise = np.random.default_rng(0).standard_normal((self.precision.root.shape[0], BLOCK))
        basis, images = np.zeros((size, 0)), np.zeros((size, 0))
        fresh = self._ahead(self._images(self.precision.draw(noise)))
        found, most = self, min(size, rows, LIMIT)
        while True:
            fresh, _ = self._orthonormal(fresh, basis)
            image = self._images(fresh)
            basis, images = np.concatenate([basis, fresh], 1), np.concatenate([images, image], 1)
            small = basis.T @ images
            values, turn = np.linalg.eigh((small + small.T) / 2)
            values, turn = np.maximum(values[::-1], 0.0), turn[:, ::-1]
            found = self._with(values, basis @ turn, residual)
            weight = max(self.weight(wanted(found)), 1e-15 * values[0])
            ahead = self._ahead(image)
            fresh, outside = self._orthonormal(ahead, basis)
            off = np.sqrt(((outside @ turn[-image.shape[1] :]) ** 2).sum(0))
            large = values > CUT * weight
            settled = (off[large] <= EXACT * (values[large] + weight)).all()
            exhausted = not fresh.shape[1]
            if exhausted or basis.shape[1] >= most or (settled and (~large).sum() >= BLOCK):
                break
        rest = values[~large].max(initial=0.0)
        if not (exhausted or settled or basis.shape[1] >= min(size, rows)):
            rest = max(rest, float((values[large] + off[large])[-1]))
        return replace(self._with(values[large], (basis @ turn)[:, large], residual), left=float(rest))

    def _with(self, values, vectors, residual: np.ndarray) -> "LowRank":
        data, prior = vectors.T @ self.slopes[0], vectors.T @ self.slopes[1]
        seen = values > 1e-15 * values.max(initial=0.0)
        free = max(float(residual @ residual - (data[seen] ** 2 / values[seen]).sum()), 0.0)
        return replace(self, values=values, vectors=vectors, data=data, prior=prior, free=free)

    def _images(self, vectors: np.ndarray) -> np.ndarray:
        return np.stack([self.hessian(v) for v in vectors.T], 1) if vectors.shape[1] else vectors

    def _ahead(self, images: np.ndarray) -> np.ndarray:
        return self.precision.solve(images) if images.shape[1] else images

    def _orthonormal(self, fresh: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q-orthonormal columns of what of `fresh` is outside of `basis`; and `fresh` in their terms."""
        before = np.sqrt((fresh * (self.precision @ fresh)).sum(0))
        for _ in range(2):
            fresh = fresh - basis @ (basis.T @ (self.precision @ fresh))
        gram = fresh.T @ (self.precision @ fresh)
        values, turn = np.linalg.eigh((gram + gram.T) / 2)
        good = values > (1e-10 * before.max(initial=0.0)) ** 2
        root = np.sqrt(values[good])
        fresh = (fresh @ turn[:, good]) / root
        for _ in range(2):  # small columns have lost their orthogonality
            fresh = fresh - basis @ (basis.T @ (self.precision @ fresh))
            gram = fresh.T @ (self.precision @ fresh)
            fresh = np.linalg.solve(np.linalg.cholesky(gram), fresh.T).T if fresh.shape[1] else fresh
        return fresh, root[:, None] * turn[:, good].T
