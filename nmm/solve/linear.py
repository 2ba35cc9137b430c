"""Linear solvers for symmetric positive definite sparse systems, behind one interface."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu

CONVERGED = "converged: the relative residual is below the tolerance"
LIMIT = "not converged: the largest number of iterations was reached; allow more, or use the direct method"
FLOOR = "stagnated: rounding keeps the residual above the tolerance; ask for a larger tolerance"
DEPENDENT = 1e-10
"""Shift for unknowns that are linearly dependent: local functions of order 1 and 2."""

BREAKDOWN = "not converged: the matrix is not positive definite; check the coefficients"


@dataclass(frozen=True)
class Result:
    """How a solve ended, as a sentence."""

    converged: bool
    message: str


@dataclass(frozen=True)
class Answer:
    """A solution (n,), how it was reached, and the relative residuals on the way."""

    value: np.ndarray
    result: Result
    iterations: int
    residual: float
    history: list[float] = field(default_factory=list)


def relative_residual(matrix, rhs, x) -> float:
    norm = np.linalg.norm(rhs)
    return float(np.linalg.norm(rhs - matrix @ x) / norm) if norm > 0 else float(np.linalg.norm(matrix @ x))


def scaling(matrix: csr_array) -> np.ndarray:
    """D^-1/2 for the diagonal D, the scale in which slivers do no harm."""
    return 1 / np.sqrt(np.maximum(matrix.diagonal(), np.finfo(float).tiny))


@dataclass(frozen=True)
class Direct:
    """Sparse factorisation (SuperLU) of the diagonally scaled matrix, with iterative refinement.

    A `shift` of its diagonal makes a semidefinite matrix definite; refinement then takes its effect away from
    all but the null space (Duarte, Babuška and Oden, Computers and Structures 77, 2000, 215-232).
    """

    tolerance: float = 1e-8
    refinements: int = 12
    shift: float = 0.0

    def solve(
        self, matrix: csr_array, rhs: np.ndarray, progress: Callable[[int, float], None] | None = None
    ) -> Answer:
        """Solve matrix @ x = rhs."""
        if not np.any(rhs):
            return Answer(np.zeros_like(rhs), Result(True, CONVERGED), 0, 0.0)
        scale = scaling(matrix)
        scaled = diags_array(scale) @ matrix @ diags_array(scale)
        if self.shift:
            scaled = scaled + diags_array(np.full(len(rhs), self.shift))
        try:
            factor = splu(
                scaled.tocsc(),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        except RuntimeError:
            return Answer(np.zeros_like(rhs), Result(False, BREAKDOWN), 0, 1.0)
        x = scale * factor.solve(scale * rhs)
        history = [relative_residual(matrix, rhs, x)]
        for _ in range(self.refinements):
            if history[-1] < 1e-3 * self.tolerance and not self.shift:
                break
            better = x + scale * factor.solve(scale * (rhs - matrix @ x))
            residual = relative_residual(matrix, rhs, better)
            if not residual < history[-1]:
                break
            x = better
            history.append(residual)
        done = history[-1] <= self.tolerance
        message = CONVERGED if done else FLOOR if np.isfinite(history[-1]) else BREAKDOWN
        return Answer(x, Result(bool(done), message), len(history), history[-1], history)


def conjugate_gradients(
    matrix,
    rhs: np.ndarray,
    precondition: Callable[[np.ndarray], np.ndarray],
    tolerance: float,
    limit: int,
    progress: Callable[[int, float], None] | None = None,
) -> Answer:
    """Preconditioned conjugate gradients to ‖b − Au‖₂ ≤ tolerance ‖b‖₂, judged by the recomputed residual."""
    norm = np.linalg.norm(rhs)
    if norm == 0:
        return Answer(np.zeros_like(rhs), Result(True, CONVERGED), 0, 0.0)
    x, r = np.zeros_like(rhs), rhs.copy()
    z = precondition(r)
    p, rz = z.copy(), r @ z
    history, restarts = [1.0], 0
    message, step = LIMIT, 0
    told = time.monotonic()
    for step in range(1, limit + 1):
        q = matrix @ p
        with np.errstate(over="ignore", invalid="ignore"):
            curvature = p @ q
        if not curvature > 0:
            message = BREAKDOWN
            break
        alpha = rz / curvature
        x += alpha * p
        r -= alpha * q
        history.append(float(np.linalg.norm(r) / norm))
        if progress and time.monotonic() - told > 0.2:
            progress(step, history[-1])
            told = time.monotonic()
        if history[-1] <= tolerance:
            r = rhs - matrix @ x
            if np.linalg.norm(r) <= tolerance * norm:
                message = CONVERGED
                break
            restarts += 1
            if restarts > 3:
                message = FLOOR
                break
            z = precondition(r)
            p, rz = z.copy(), r @ z
            continue
        z = precondition(r)
        rz, before = r @ z, rz
        p = z + (rz / before) * p
    residual = relative_residual(matrix, rhs, x)
    return Answer(x, Result(message == CONVERGED, message), step, residual, history)


@dataclass(frozen=True)
class ConjugateGradient:
    """Conjugate gradients with the diagonal as preconditioner, to ‖b − Au‖₂ ≤ tolerance ‖b‖₂."""

    tolerance: float = 1e-8
    max_iterations: int | None = None

    def solve(
        self, matrix: csr_array, rhs: np.ndarray, progress: Callable[[int, float], None] | None = None
    ) -> Answer:
        """Solve matrix @ x = rhs."""
        limit = self.max_iterations or 10_000 + 20 * int(np.sqrt(len(rhs)))
        inverse = scaling(matrix) ** 2
        return conjugate_gradients(matrix, rhs, lambda r: inverse * r, self.tolerance, limit, progress)
