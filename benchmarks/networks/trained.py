"""Networks trained on problems of nmm with solutions in closed form: a disk, and an L-shaped domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

import nmm
from benchmarks.core import figure
from benchmarks.problems import CASES
from networks import MLP, fit_seeds
from nmm.case import read_case

EXACT = "sin(2*x)*cos(3*y)"


def disk(cells: int) -> nmm.Problem:
    """−Δu = 13 u on a disk that is not centred."""
    manifold = nmm.cut(nmm.disk((0.1, 0.05), 0.9), nmm.lattice(cells=cells))
    return nmm.problem(manifold, nmm.poisson(1.0, source=f"13*{EXACT}"), nmm.value("outline", EXACT))


def trained(
    name: str, where: nmm.Problem, exact: Any, hidden: Sequence[int], goal: float, seeds: int, **how: Any
) -> Iterator[dict]:
    """The largest relative L2 error of all seeds, and the seconds of one."""
    box: Any = tuple(where.manifold.box)
    fits = fit_seeds(where, lambda seed: MLP(box, hidden, seed=seed), range(seeds), **how)
    errors = [one.solution.errors(exact)["l2"] for one in fits]
    seconds = fits[0].seconds["train"] / seeds
    parts = f"median {np.median(errors):.2g}, least {min(errors):.2g}, {seeds} seeds; {seconds:.0f} s a seed"
    yield figure(f"{name}: largest relative L2 error", max(errors), parts, goal)


def disks(quick: bool, seeds: int) -> Iterator[dict]:
    """Natural gradients and Adam on the disk."""
    natural, adam = (5, 50) if quick else (150, 8000)
    where = disk(6 if quick else 12)
    how = {"optimiser": "natural", "steps": natural, "loss": "residual"}
    yield from trained("disk, natural gradient on the residual", where, EXACT, (32,), 1e-4, seeds, **how)
    how = {"optimiser": "natural", "steps": natural}
    yield from trained(
        "disk, energy natural gradient", disk(6 if quick else 8), EXACT, (32,), 1e-4, seeds, **how
    )
    how = {"optimiser": "adam", "steps": adam}
    yield from trained("disk, Adam on the energy", where, EXACT, (32, 32), 5e-3, seeds, **how)


def corners(quick: bool, seeds: int) -> Iterator[dict]:
    """The L-shaped domain, without and with its singular function."""

    def singular(x):
        angle = jnp.arctan2(x[:, 1], x[:, 0]) + 0.75 * jnp.pi
        return (x[:, 0] ** 2 + x[:, 1] ** 2) ** (1 / 3) * jnp.sin(2 / 3 * angle)

    def problem(cells):
        case = read_case(CASES / "l_poisson.toml", [f"cover.cells={cells}"])
        return case.problem(case.cut()), case.exact

    where, exact = problem(8 if quick else 40)
    how = {"optimiser": "adam", "steps": 20 if quick else 7000}
    yield from trained("L-domain, Adam on the energy", where, exact, (32, 32), 2e-3, seeds, **how)
    where, exact = problem(8 if quick else 16)
    name = "L-domain with the singular function, natural gradient"
    how = {"optimiser": "natural", "steps": 3 if quick else 60, "loss": "residual", "functions": [singular]}
    yield from trained(name, where, exact, (32,), 2e-4, seeds, **how)
