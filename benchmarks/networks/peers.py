"""Physics-informed training on a disk in `networks` and in jinns: same network, optimiser, points, steps.

−Δu = `SOURCE` on the unit disk, u = 0 on its rim; u = (1 − r²) exp(x). Both hold the rim by the factor 1 − r²
in front of a tanh perceptron 32 x 32, and minimise the mean square of the residual by Adam along a cosine.
networks draws new points at every step; jinns (Gangloff, Jouvin and others,
https://gitlab.com/mia_jinns/jinns) takes batches of a pool of `POOL` times as many, and draws them in boxes:
so many more in the square that as many lie in the disk, and the others do not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import networks
import nmm
from benchmarks.core import figure
from networks.sampling import ground

EXACT = "(1 - x**2 - y**2)*exp(x)"
SOURCE = "(3 + x**2 + y**2 + 4*x)*exp(x)"
HIDDEN, RATE, POOL = (32, 32), 2e-3, 50


def judged() -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) of the disk and the exact solution there."""
    line = np.linspace(-1, 1, 201)
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    points = points[(points**2).sum(1) < 1]
    return points, (1 - (points**2).sum(1)) * np.exp(points[:, 0])


def relative(values: Any) -> float:
    """Relative L2 error of values at the points of `judged`."""
    exact = judged()[1]
    return float(np.linalg.norm(np.asarray(values) - exact) / np.linalg.norm(exact))


def rate(steps: int) -> optax.Schedule:
    """A cosine to zero, for both."""
    return optax.cosine_decay_schedule(RATE, steps)


def with_networks(steps: int, seed: int, cells: int = 8) -> dict[str, float]:
    """Relative error, seconds, and points a step, of `networks.fit`."""
    disk = nmm.cut(nmm.disk((0, 0), 1), nmm.lattice(cells=cells))
    problem = nmm.problem(disk, nmm.poisson(1.0, source=SOURCE), nmm.value("outline", 0.0))
    net = networks.MLP(disk.box, hidden=HIDDEN, seed=seed)
    found = networks.fit(
        problem, net, key=seed, loss="residual", optimiser=optax.adam(rate(steps)), steps=steps
    )
    points = len(ground(problem, {}).draw(jax.random.key(0)).domain.points)
    return {"error": relative(found.solution.at(judged()[0])), "points": points, **found.seconds}


def with_jinns(steps: int, points: int, seed: int) -> dict[str, float]:
    """The same of jinns."""
    import equinox as eqx
    import jinns
    from jinns.loss import LossPDEStatio, LossWeightsPDEStatio, PDEStatio, laplacian_rev

    class Disk(PDEStatio):
        def equation(self, x: Any, u: Any, params: Any) -> jax.Array:
            source = (3 + x @ x + 4 * x[0]) * jnp.exp(x[0])
            residual = laplacian_rev(x, u, params, eq_type="PDEStatio") + source
            return jnp.where(x @ x < 1, jnp.reshape(residual, (1,)), 0.0)

    layers = (2, *HIDDEN)
    listed: list[Any] = []
    for inputs, outputs in pairwise(layers):
        listed += [(eqx.nn.Linear, inputs, outputs), (jnp.tanh,)]
    net, weights = jinns.nn.PINN_MLP.create(
        key=jax.random.key(seed),
        eqx_list=(*listed, (eqx.nn.Linear, HIDDEN[-1], 1)),
        eq_type="PDEStatio",
        output_transform=lambda x, out, params: (1 - x @ x) * out,
    )
    params = jinns.parameters.Params(nn_params=weights, eq_params={})
    count = round(points * 4 / np.pi)
    loss = LossPDEStatio(
        u=net, dynamic_loss=Disk(), params=params, loss_weights=LossWeightsPDEStatio(dyn_loss=1.0)
    )

    data = jinns.data.CubicMeshPDEStatio(
        key=jax.random.key(1000 + seed),
        n=POOL * count,
        omega_batch_size=count,
        dim=2,
        min_pts=(-1.0, -1.0),
        max_pts=(1.0, 1.0),
    )
    told = StringIO()
    with redirect_stdout(told):  # the only place where it tells compilation and training apart
        found = jinns.solve(
            n_iter=steps, init_params=params, data=data, loss=loss, optimizer=optax.adam(rate(steps))
        )[0]
    values = jax.vmap(lambda x: net(x, found))(jnp.asarray(judged()[0]))
    return {
        "error": relative(values[:, 0]),
        "points": points,
        "compile": float(re.findall(r"Compilation took\s+([\d.e-]+)", told.getvalue())[0]),
        "train": float(re.findall(r"Training took\s+([\d.e-]+)", told.getvalue())[0]),
    }


def rows(quick: bool, report: Callable[[str], None]) -> Iterator[dict]:
    """Errors and seconds of both in one run, medians of the seeds; jinns only where it is installed."""
    steps, seeds = (300, 1) if quick else (5000, 3)
    runs = {"networks": [with_networks(steps, seed) for seed in range(seeds)]}
    points = runs["networks"][0]["points"]
    if find_spec("jinns") is None:
        report("jinns is not installed: pip install jinns")
    else:
        runs["jinns"] = [with_jinns(steps, int(points), seed) for seed in range(seeds)]
    for name, found in runs.items():
        errors, training, compiling = ([run[key] for run in found] for key in ("error", "train", "compile"))
        parts = (
            f"{min(errors):.2g} to {max(errors):.2g}, {seeds} seeds; {steps} steps, {points:.0f} points; "
            f"trained {np.median(training):.1f} s, compiled {np.median(compiling):.1f} s"
        )
        yield figure(
            f"disk by Adam on the residual, {name}: relative L2 error", float(np.median(errors)), parts
        )
