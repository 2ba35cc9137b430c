"""Poisson problems in many dimensions, where no lattice can go: separable manifolds and perceptrons.

The additive problem, and its figures by others, are those of INN-TD (ICML 2025): u = Σ sin(πx_i/2) on
[0, 1]^D and [0, 12]^D. It is a sum of functions of one variable each, the best case for sums of products; so
a second problem is not: u = 1 / (1 + mean of x_i).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.boxes import box_problem
from networks.comparison.methods import Method
from networks.comparison.row import Row, row_of, spread
from networks.contest.classical import POINTS, timed
from networks.perceptron import MLP
from networks.separable import solve_separable
from networks.training import fit_seeds

JUDGED = 20_000
"""Random points that judge."""

LAGUERRE = 24
"""Exponentials whose sum is 1 / (1 + s), to rounding for s in [0, 1]."""

WEIGHT = 10.0
"""Of the values on the boundary in the residual of a perceptron, beside −Δu − f."""


@dataclass(frozen=True, eq=False)
class Many:
    """−Δu = f on [0, top]^axes with u on the boundary: sums of products, and closed forms for `jax.numpy`."""

    name: str
    axes: int
    top: float
    terms: Any
    values: Any
    source: Callable[[Any], Any]
    exact: Callable[[Any], Any]

    @property
    def box(self) -> tuple[float, ...]:
        """Lower, then upper bounds."""
        return (0.0,) * self.axes + (self.top,) * self.axes

    def error(self, u: Callable[[Any], Any]) -> dict[str, float]:
        """Relative errors in random points: "l2" in the mean square, "max" the largest."""
        x = np.random.default_rng(1).uniform(0, self.top, (JUDGED, self.axes))
        exact = np.asarray(self.exact(x))
        apart = np.asarray(u(x)) - exact
        l2, most = np.linalg.norm(apart) / np.linalg.norm(exact), np.abs(apart).max() / np.abs(exact).max()
        return {"l2": float(l2), "max": float(most)}


def additive(axes: int, top: float = 1.0) -> Many:
    """u = Σ sin(πx_i/2)."""

    def alone(function):
        return [[function if e == d else None for e in range(axes)] for d in range(axes)]

    def exact(x):
        return jnp.sum(jnp.sin(jnp.pi * x / 2), -1)

    return Many(
        f"sum of sines, D = {axes}, [0, {top:g}]",
        axes,
        top,
        alone(lambda x: (np.pi / 2) ** 2 * np.sin(np.pi * x / 2)),
        alone(lambda x: np.sin(np.pi * x / 2)),
        lambda x: (jnp.pi / 2) ** 2 * exact(x),
        exact,
    )


def mixed(axes: int) -> Many:
    """u = 1 / (1 + mean of x_i), as exponentials of a Gauss-Laguerre rule."""
    nodes, weights = np.polynomial.laguerre.laggauss(LAGUERRE)

    def term(t, factor):
        def decay(x):
            return np.exp(-t * x / axes)

        return [lambda x: factor * decay(x), *[decay] * (axes - 1)]

    pairs = list(zip(nodes, weights, strict=True))
    return Many(
        f"1 / (1 + mean), D = {axes}",
        axes,
        1.0,
        [term(t, -w * t**2 / axes) for t, w in pairs],
        [term(t, w) for t, w in pairs],
        lambda x: -2 / axes / (1 + jnp.mean(x, -1)) ** 3,
        lambda x: 1 / (1 + jnp.mean(x, -1)),
    )


def separable(many: Many, rank: int, cells: int, degree: int, seeds: Sequence[int], sweeps: int = 900) -> Row:
    """A sum of `rank` products of splines, from random starts."""

    def solve(seed):
        return solve_separable(
            many.box,
            many.terms,
            many.values,
            rank=rank,
            cells=cells,
            degree=degree,
            sweeps=sweeps,
            tol=2e-8,
            seed=seed,
        )

    clock = time.perf_counter()
    solve(seeds[0])
    first = time.perf_counter() - clock
    runs = [timed(lambda s=seed: solve(s), 1) for seed in seeds]
    errors = [many.error(found.u) for found, *_ in runs]
    x = np.random.default_rng(0).uniform(0, many.top, (POINTS, many.axes))
    u = runs[0][0].u
    return Row(
        method="separable",
        title=f"separable manifold, {rank} products",
        unknowns=u.unknowns,
        l2=spread([e["l2"] for e in errors]),
        compile=first - runs[0][2],
        train=float(np.median([seconds for *_, seconds in runs])),
        evaluate=timed(lambda: np.asarray(u(x)))[2],
        seeds=len(seeds),
        result="done" if all(found.converged for found, *_ in runs) else "not converged",
        largest=spread([e["max"] for e in errors]),
    )


def perceptron(many: Many, seeds: Sequence[int], seconds: float, optimiser: str) -> Row:
    """A physics-informed perceptron; boundary values by penalty, in the points moved to a side each."""

    def residual(u, x):
        def laplacian(x):
            def along(way):
                def first(x):
                    return jax.jvp(u, (x,), (jnp.broadcast_to(way, x.shape),))[1]

                return jax.jvp(first, (x,), (jnp.broadcast_to(way, x.shape),))[1]

            return jax.vmap(along)(jnp.eye(many.axes, dtype=x.dtype)).sum(0)

        rows = jnp.arange(len(x))
        side = jnp.where((rows // many.axes) % 2 == 0, 0.0, many.top)
        on = x.at[rows, rows % many.axes].set(side.astype(x.dtype))
        inside = laplacian(x)[:, 0] + many.source(x)
        return jnp.stack([inside, WEIGHT * (u(on)[:, 0] - many.exact(on))], -1)

    problem = box_problem(many.box, residual=residual, held=False, points=500)
    hidden, steps = ((24,), 300) if optimiser == "natural" else ((32, 32), 20_000)
    fits = fit_seeds(
        problem,
        lambda seed: MLP(many.box, hidden, seed=seed),
        seeds,
        loss="residual",
        optimiser=optimiser,
        steps=steps,
        seconds=seconds * len(seeds),
    )
    errors = [many.error(one.solution.at) for one in fits]
    x = np.random.default_rng(0).uniform(0, many.top, (POINTS, many.axes))
    method = Method(f"pinn_{optimiser}", f"physics-informed, {optimiser}", MLP, "residual", optimiser, steps)
    return row_of(method, fits, errors, timed(lambda: fits[0].solution.at(x))[2])
