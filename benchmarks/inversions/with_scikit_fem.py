"""Conductivity from heads in scikit-fem, with the discrete adjoint and the prior written by hand.

K(k) u = f with K linear in k at the quadrature points q, and heads P u: with λ_i = K⁻¹ P_iᵀ the derivative of
head i by k at q is -w_q grad λ_i·grad u, and the chain rule leads to the logarithms at the nodes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import scipy.optimize
from scipy.sparse import coo_array, csr_array, diags_array, eye_array, kron
from scipy.sparse.linalg import splu

from benchmarks.inversions.heads import BOX, SOURCE, Found, Heads
from nmm.expressions import parse


def missing() -> str | None:
    """None when it can run here, else what to install."""
    try:
        import skfem  # noqa: F401
    except ImportError:
        return "scikit-fem is not installed; pip install 'nmm-jax[peers]'"
    return None


class Flow:
    """Heads and their Jacobian by the logarithms at the nodes."""

    def __init__(self, heads: Heads, cells: int):
        import skfem

        mesh = skfem.MeshTri.init_tensor(np.linspace(0, 2, cells + 1), np.linspace(0, 1, cells // 2 + 1))
        basis = skfem.Basis(mesh.with_defaults(), skfem.ElementTriP1(), intorder=2)
        source = parse(SOURCE)
        load = skfem.LinearForm(lambda v, w: source.evaluate({"x": w.x[0], "y": w.x[1]}) * v)
        self.load, self.weight = load.assemble(basis), basis.dx
        self.dofs = basis.element_dofs
        self.slopes = np.stack([basis.basis[i][0].grad[:, :, 0] for i in range(3)])
        self.spread = bilinear(np.reshape(basis.global_coordinates(), (2, -1)), heads.nodes)
        self.probe = csr_array(basis.probes(heads.points.T))
        self.u = np.zeros(len(self.load))
        self.u[basis.get_dofs("left").flatten()] = 1.0
        self.free = np.setdiff1d(np.arange(len(self.u)), basis.get_dofs({"left", "right"}).flatten())

    def __call__(self, z: np.ndarray):
        """Heads, and a function of weights (n, m) that gives weightsᵀ J (m, nodes)."""
        k, free, count = np.exp(z), self.free, len(self.u)
        integral = (self.weight * (self.spread @ k).reshape(self.weight.shape)).sum(1)
        blocks = np.einsum("ade,bde,e->abe", self.slopes, self.slopes, integral)
        rows, columns = np.broadcast_arrays(self.dofs[:, None], self.dofs[None])
        matrix = coo_array((blocks.ravel(), (rows.ravel(), columns.ravel())), (count, count)).tocsr()
        factors = splu(matrix[free][:, free].tocsc(), "MMD_AT_PLUS_A", 0.0, options={"SymmetricMode": True})
        u = self.u.copy()
        u[free] = factors.solve((self.load - matrix @ self.u)[free])

        def pulled(weights: np.ndarray) -> np.ndarray:
            adjoint = np.zeros((count, weights.shape[1]))
            adjoint[free] = factors.solve((self.probe.T @ weights)[free])
            flow = np.einsum("ade,bde,be->ae", self.slopes, self.slopes, u[self.dofs])
            density = -np.einsum("ae,aem->em", flow, adjoint[self.dofs])
            at_points = (self.weight[:, :, None] * density[:, None]).reshape(-1, weights.shape[1])
            return (self.spread.T @ at_points).T * k

        return self.probe @ u, pulled


def bilinear(points: np.ndarray, nodes: tuple[int, int]) -> csr_array:
    """Values at points (2, n) of the bilinear field with `nodes` (rows, columns) on the box."""
    rows, columns = nodes
    x = (points[0] - BOX[0]) / (BOX[2] - BOX[0]) * (columns - 1)
    y = (points[1] - BOX[1]) / (BOX[3] - BOX[1]) * (rows - 1)
    i, j = np.clip(x.astype(int), 0, columns - 2), np.clip(y.astype(int), 0, rows - 2)
    s, t = x - i, y - j
    weights = np.stack([(1 - s) * (1 - t), s * (1 - t), (1 - s) * t, s * t])
    first = j * columns + i
    at = np.stack([first, first + 1, first + columns, first + columns + 1])
    number = np.broadcast_to(np.arange(len(x)), at.shape)
    return coo_array((weights.ravel(), (number.ravel(), at.ravel())), (len(x), rows * columns)).tocsr()


def matern(heads: Heads) -> csr_array:
    """R with ½‖R z‖² the prior: (κ² - Δ) z = white noise, no flow through the border."""
    rows, columns = heads.nodes
    spacing = (BOX[3] - BOX[1]) / (rows - 1), (BOX[2] - BOX[0]) / (columns - 1)

    def second(count: int, apart: float) -> csr_array:
        step = diags_array([-1.0, 1.0], offsets=[0, 1], shape=(count - 1, count)) / apart  # pyright: ignore
        return csr_array(step.T @ step)

    laplace = kron(second(rows, spacing[0]), eye_array(columns))
    laplace = laplace + kron(eye_array(rows), second(columns, spacing[1]))
    kappa = np.sqrt(8) / heads.length
    scale = np.sqrt(spacing[0] * spacing[1]) / (np.sqrt(4 * np.pi) * kappa * heads.std)
    return csr_array((kappa**2 * eye_array(rows * columns) + laplace) * scale)


def gauss_newton(heads: Heads, flow: Flow, told: Callable, tolerance: float = 1e-4) -> np.ndarray:
    """Damped steps until the objective falls by less than `tolerance`."""
    prior, z = matern(heads).toarray(), np.zeros(heads.nodes[0] * heads.nodes[1])
    unit, damping = np.eye(len(heads.data)), 1e-3
    predicted, pulled = flow(z)

    def objective(z, predicted):
        return 0.5 * np.sum(((heads.data - predicted) / heads.noise) ** 2) + 0.5 * np.sum((prior @ z) ** 2)

    value = objective(z, predicted)
    told(value)
    for _ in range(50):
        slope = pulled(unit) / heads.noise
        hessian = slope.T @ slope + prior.T @ prior
        down = slope.T @ ((heads.data - predicted) / heads.noise) - prior.T @ (prior @ z)
        while damping < 1e8:
            step = np.linalg.solve(hessian + damping * prior.T @ prior, down)
            predicted, pulled = flow(z + step)
            fresh = objective(z + step, predicted)
            if fresh < value:
                break
            damping *= 5
        z, gain, value, damping = z + step, (value - fresh) / value, fresh, damping / 5
        told(value)
        if gain <= tolerance:
            break
    return z


def lbfgs(heads: Heads, flow: Flow, told: Callable, tolerance: float = 1e-6) -> np.ndarray:
    """SciPy's L-BFGS-B in coordinates that the prior makes independent: z = R⁻¹ w."""
    prior = matern(heads)
    factors = splu(prior.tocsc())

    def both(w):
        predicted, pulled = flow(factors.solve(w))
        residual = (heads.data - predicted) / heads.noise
        value = 0.5 * residual @ residual + 0.5 * w @ w
        return value, w - factors.solve(pulled(residual[:, None] / heads.noise)[0], "T")

    start = np.zeros(prior.shape[0])
    told(both(start)[0])
    options = {"ftol": tolerance, "maxiter": 500}

    def step(intermediate_result):
        told(intermediate_result.fun)

    found = scipy.optimize.minimize(both, start, jac=True, method="L-BFGS-B", options=options, callback=step)
    return factors.solve(found.x)


USER = (Flow, bilinear, matern, gauss_newton)
"""What a user writes."""
SEARCHES = {
    "scikit-fem, adjoint by hand, Gauss-Newton": gauss_newton,
    "scikit-fem, adjoint by hand, L-BFGS-B": lbfgs,
}


def runs(heads: Heads, cells: int) -> dict[str, Found]:
    """Both searches."""
    begin = time.perf_counter()
    flow = Flow(heads, cells)
    setup = time.perf_counter() - begin
    return {name: timed(heads, flow, search, setup) for name, search in SEARCHES.items()}


def timed(heads: Heads, flow: Flow, search: Callable, setup: float) -> Found:
    trace, begin = [], time.perf_counter()
    z = search(heads, flow, lambda value: trace.append((time.perf_counter() - begin, float(value))))
    seconds = time.perf_counter() - begin
    return Found(z.reshape(heads.nodes), flow(z)[0], trace, setup, seconds)
