"""Conjugate gradients with multigrid on physical covers.

Galerkin coarse operators on the nested covers of `hierarchy`; the smoother is a Chebyshev polynomial in
B A, where B is the sum of the inverses of the blocks of all cut elements (additive Schwarz) and of the
diagonal for the unknowns in no block. Unweighted blocks, one per cut element, all of them: that is what
keeps the iteration count independent of the cuts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, kron
from scipy.sparse.linalg import splu

from nmm.solve.hierarchy import Cover, hierarchy
from nmm.solve.linear import CONVERGED, Answer, Result, conjugate_gradients, scaling

INTERVAL = {1: 4.0, 2: 4.0, 3: 6.0, 4: 10.0}
"""The smoother works on [λ_max / INTERVAL[degree], 1.1 λ_max]."""


@dataclass(frozen=True)
class Level:
    """Matrix, smoother base B, its largest eigenvalue of B A, and the prolongation from the next level."""

    matrix: csr_array
    base: csr_array
    largest: float
    step: csr_array | None


def schwarz(matrix: csr_array, cover: Cover, components: int) -> csr_array:
    """Sum of the pseudo-inverses of the blocks of all cut elements, and the diagonal elsewhere."""
    patches = cover.patches[~cover.whole]
    dofs = (patches[:, :, None] * components + np.arange(components)).reshape(len(patches), -1)
    m = dofs.shape[1]
    scale = scaling(matrix)
    size = len(scale)
    rows, columns = np.repeat(dofs, m, axis=1), np.tile(dofs, (1, m))
    if len(dofs):
        values = np.asarray(matrix[rows.ravel(), columns.ravel()]).reshape(-1, m, m)
        values = values * scale[dofs][:, :, None] * scale[dofs][:, None, :]
        value, vector = np.linalg.eigh(values)
        inverse = np.where(value > 1e-13 * value[:, -1:], 1 / np.where(value > 0, value, 1), 0)
        blocks = (vector * inverse[:, None, :]) @ np.swapaxes(vector, 1, 2)
        blocks = blocks * scale[dofs][:, :, None] * scale[dofs][:, None, :]
    else:
        blocks = np.zeros((0, m, m))
    alone = np.ones(size, bool)
    alone[dofs.ravel()] = False
    single = np.flatnonzero(alone)
    return csr_array(
        (
            np.concatenate([blocks.ravel(), scale[single] ** 2]),
            (np.concatenate([rows.ravel(), single]), np.concatenate([columns.ravel(), single])),
        ),
        (size, size),
    )


def largest_eigenvalue(matrix: csr_array, base: csr_array, steps: int = 12) -> float:
    """Largest eigenvalue of B A, × 1.05, by Lanczos: the coefficients of conjugate gradients."""
    diagonal = np.abs(matrix.diagonal())
    r = np.random.default_rng(0).standard_normal(len(diagonal)) * np.sqrt(diagonal)
    z = base @ r
    p, rz = z.copy(), r @ z
    main, off = [], []
    alpha, beta = 1.0, 0.0
    for _ in range(steps):
        q = matrix @ p
        new = rz / (p @ q)
        main.append(1 / new + beta / alpha)
        alpha = new
        r = r - alpha * q
        z = base @ r
        rz, before = r @ z, rz
        beta = rz / before
        off.append(np.sqrt(max(beta, 0.0)) / alpha)
        p = z + beta * p
        if not np.isfinite(beta) or beta <= 0:
            break
    n = len(main)
    tridiagonal = np.diag(main) + np.diag(off[: n - 1], 1) + np.diag(off[: n - 1], -1)
    return 1.05 * float(np.linalg.eigvalsh(tridiagonal)[-1])


def chebyshev(level: Level, x, rhs, degree: int):
    """`degree` steps of the Chebyshev iteration for A x = rhs from x (None: zero)."""
    high = 1.1 * level.largest
    low = level.largest / INTERVAL[degree]
    centre, half = (high + low) / 2, (high - low) / 2
    r = rhs if x is None else rhs - level.matrix @ x
    d = (level.base @ r) / centre
    x = d if x is None else x + d
    sigma = centre / half
    rho = 1 / sigma
    for _ in range(degree - 1):
        r = r - level.matrix @ d
        fresh = 1 / (2 * sigma - rho)
        d = fresh * rho * d + (2 * fresh / half) * (level.base @ r)
        x = x + d
        rho = fresh
    return x


@dataclass(frozen=True)
class Preconditioner:
    """One cycle of multigrid for given levels; `turns` 1 is the V-cycle, 2 the W-cycle."""

    levels: list[Level]
    bottom: Callable
    degree: int
    turns: int

    def __call__(self, rhs, depth: int = 0):
        """Approximate solution of A x = rhs; a symmetric positive definite operation."""
        level = self.levels[depth]
        if level.step is None:
            return self.bottom(rhs)
        x = chebyshev(level, None, rhs, self.degree)
        coarse = self.levels[depth + 1]
        rest = level.step.T @ (rhs - level.matrix @ x)
        step = self(rest, depth + 1)
        if coarse.step is not None:
            for _ in range(self.turns - 1):
                step = step + self(rest - coarse.matrix @ step, depth + 1)
        return chebyshev(level, x + level.step @ step, rhs, self.degree)


def bottom_solver(matrix: csr_array):
    """Factorised coarsest matrix, shifted a little where parts float."""
    scale = scaling(matrix)
    scaled = diags_array(scale) @ matrix @ diags_array(scale) + 1e-10 * eye_array(len(scale))
    factor = splu(
        scaled.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    return lambda rhs: scale * factor.solve(scale * rhs)


def build(matrix: csr_array, manifold, components: int, degree: int, turns: int) -> Preconditioner:
    """Set up the levels for a matrix over all active patches."""
    covers, steps = hierarchy(manifold)
    levels = []
    for cover, step in zip(covers, [*steps, None], strict=True):
        if step is None:
            levels.append(Level(matrix, csr_array((0, 0)), 1.0, None))
            break
        wide = csr_array(kron(step, eye_array(components), format="csr"))
        base = schwarz(matrix, cover, components)
        levels.append(Level(matrix, base, largest_eigenvalue(matrix, base), wide))
        matrix = csr_array(wide.T @ matrix @ wide)
    return Preconditioner(levels, bottom_solver(levels[-1].matrix), degree, turns)


@dataclass(frozen=True)
class Multigrid:
    """Conjugate gradients with multigrid on physical covers, to ‖b − Au‖₂ ≤ tolerance ‖b‖₂.

    `degree` of the Chebyshev smoother; `cycle` "V", "W" or "auto" (W where there are cracks).
    """

    tolerance: float = 1e-8
    max_iterations: int = 200
    degree: int = 3
    cycle: str = "auto"

    def solve_on(self, manifold, components: int, matrix: csr_array, rhs, progress=None) -> Answer:
        """Solve matrix @ x = rhs over all active patches of `manifold`; floating parts are allowed."""
        if not np.any(rhs):
            return Answer(np.zeros_like(rhs), Result(True, CONVERGED), 0, 0.0)
        cracked = len(manifold.geometry.cracks) > 0
        turns = 2 if self.cycle == "W" or (self.cycle == "auto" and cracked) else 1
        cycle = build(matrix, manifold, components, self.degree, turns)
        return conjugate_gradients(matrix, rhs, cycle, self.tolerance, self.max_iterations, progress)
