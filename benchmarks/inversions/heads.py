"""A conductivity field from heads: flow through a rectangle with an injecting and a pumping well.

-div(k grad u) = q, u = 1 on the left and 0 on the right, no flow through top and bottom. The unknown is k
on the nodes of a lattice, bilinear in between, with a Matérn field as the prior of log k, see
`nmm.prior.smooth`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmm.expressions import parse
from nmm.inversion.fields import Field

BOX = (0.0, 0.0, 2.0, 1.0)
SOURCE = "25*exp(-40*((x - 1.4)**2 + (y - 0.65)**2)) - 15*exp(-40*((x - 0.6)**2 + (y - 0.4)**2))"
TRUTH = "0.7*sin(2.5*x + 0.6)*cos(3.2*y) + 0.5*exp(-8*((x - 1.3)**2 + (y - 0.7)**2))"
"""log k."""


@dataclass(frozen=True, eq=False)
class Heads:
    """The data and what is known beside them.

    `data` (n,) at `points` (n, 2) with the standard deviation `noise`; unknowns on `nodes` (rows, columns);
    the prior's correlation `length` and its standard deviation `std`, that of log k.
    """

    points: np.ndarray
    data: np.ndarray
    noise: float
    nodes: tuple[int, int] = (9, 17)
    length: float = 0.5
    std: float = 0.5


@dataclass(frozen=True, eq=False)
class Found:
    """An estimate: `logs` (rows, columns) of k at the nodes, `predicted` data, and how it was found.

    `trace`: (seconds since the begin, objective) at the start and after each iteration.
    """

    logs: np.ndarray
    predicted: np.ndarray
    trace: list[tuple[float, float]]
    setup: float
    seconds: float


def measured(level: float = 0.01, cells: int = 120, seed: int = 3) -> Heads:
    """Sixty heads of scikit-fem's quadratic triangles.

    **Arguments:** `cells` along; `level`, the noise's standard deviation as a share of the largest head.
    """
    import skfem
    from skfem.helpers import dot, grad

    x, y = np.meshgrid(np.linspace(0.14, 1.86, 10), np.linspace(0.1, 0.9, 6))
    points = np.stack([x.ravel(), y.ravel()], -1)
    mesh = skfem.MeshTri.init_tensor(np.linspace(0, 2, cells + 1), np.linspace(0, 1, cells // 2 + 1))
    basis = skfem.Basis(mesh.with_defaults(), skfem.ElementTriP2(), intorder=6)
    truth, source = parse(TRUTH), parse(SOURCE)

    @skfem.BilinearForm
    def stiffness(u, v, w):
        return np.exp(truth.evaluate({"x": w.x[0], "y": w.x[1]})) * dot(grad(u), grad(v))

    @skfem.LinearForm
    def load(v, w):
        return source.evaluate({"x": w.x[0], "y": w.x[1]}) * v

    held = basis.zeros()
    held[basis.get_dofs("left").flatten()] = 1.0
    sides = basis.get_dofs({"left", "right"})
    u = skfem.solve(*skfem.condense(stiffness.assemble(basis), load.assemble(basis), x=held, D=sides))
    exact = basis.probes(points.T) @ u
    noise = level * float(np.abs(exact).max())
    return Heads(points, exact + noise * np.random.default_rng(seed).standard_normal(len(exact)), noise)


def field_error(found: Found) -> float:
    """‖log k - true‖ / ‖true‖ on 200 by 100 points."""
    x, y = np.meshgrid((np.arange(200) + 0.5) / 100, (np.arange(100) + 0.5) / 100)
    exact = parse(TRUTH).evaluate({"x": x, "y": y})
    here = np.log(Field(np.exp(found.logs), BOX)(np.stack([x.ravel(), y.ravel()], -1)))
    return float(np.linalg.norm(here - np.ravel(exact)) / np.linalg.norm(exact))


def misfit(heads: Heads, found: Found) -> float:
    """Mean square of the residuals in standard deviations."""
    return float(np.mean(((heads.data - found.predicted) / heads.noise) ** 2))


def until(trace: list[tuple[float, float]], value: float) -> float | None:
    """Seconds until the objective is at most `value`."""
    return next((seconds for seconds, objective in trace if objective <= value), None)
