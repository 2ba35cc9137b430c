"""A conductivity from noisy heads: a network as the field, and a field of nmm with a smooth prior.

Heads at 60 points with 1 % noise, in three experiments that drive water through the square from one side to
the other, to the next, and by a well in the middle; computed on a cover that is finer and turned. The truth
is a smooth inclusion four times as conductive as the rest. Judged by the relative L2 error of log k.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import networks
import nmm
from benchmarks.core import figure

INCLUSION = "exp(1.4*exp(-((x - 0.6)**2 + (y - 0.45)**2)/0.04))"
NOISE = 0.01
DRIVES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""Heads on the left, heads on the lower side, and the strength of the well."""
WELL = "q*exp(-((x - 0.5)**2 + (y - 0.5)**2)/0.02)/0.06"


def square(cell: float, angle: float = 0.0, conductivity: str = "k") -> nmm.Forward:
    """The unit square with heads on its left and lower sides and 0 on the others, and a well."""
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cell=cell, angle=angle))
    sides = [
        nmm.value("x == 0", "a"),
        nmm.value("x == 1", 0.0),
        nmm.value("y == 0", "b"),
        nmm.value("y == 1", 0.0),
    ]
    return nmm.forward(nmm.problem(manifold, nmm.poisson(conductivity, source=WELL), sides))


def wells() -> np.ndarray:
    """Where heads are measured (60, 2)."""
    return np.random.default_rng(3).uniform(0.08, 0.92, (60, 2))


def rows(quick: bool) -> Iterator[dict]:
    """Errors of both from the same data, for each seed of the noise."""
    points = wells()
    drives: list[Any] = [{"a": a, "b": b, "q": q} for a, b, q in DRIVES]
    truth = square(1 / 40, 20.0, INCLUSION)
    exact = [np.asarray(truth(drive).at(points)) for drive in drives]
    std = [NOISE * float(np.abs(u).max()) for u in exact]
    experiments = nmm.experiments(square(1 / 12), drives)
    sensors = nmm.observe.each(nmm.observe.at(points))
    noise = np.repeat(std, len(points))
    grid = np.stack(np.meshgrid(*[np.linspace(0.03, 0.97, 48)] * 2), -1).reshape(-1, 2)
    known = 1.4 * np.exp(-((grid[:, 0] - 0.6) ** 2 + (grid[:, 1] - 0.45) ** 2) / 0.04)
    ways = {
        "a field with a smooth prior": (
            nmm.inverse(
                experiments,
                sensors,
                nmm.prior.smooth("k", length=0.3),
                noise,
                bounds={"k": (0, None)},
                strength="evidence",
            ),
            lambda seed: 1.5,
        ),
        "a network": (
            nmm.inverse(
                experiments, sensors, nmm.prior.gaussian("k", std=1.0), noise, strength=1.0, throw=False
            ),
            lambda seed: networks.coefficient(networks.MLP((0, 0, 1, 1), hidden=(12,), seed=seed)),
        ),
    }
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for seed in range(1 if quick else 3):
        draw = np.random.default_rng(seed)
        data = np.concatenate(
            [u + s * draw.standard_normal(u.shape) for u, s in zip(exact, std, strict=True)]
        )
        for name, (inverse, start) in ways.items():
            begin = time.perf_counter()
            estimate = inverse(data, start={"k": start(seed)})
            seconds = time.perf_counter() - begin
            apart = np.log(np.asarray(estimate.params["k"](grid))) - known
            error = float(np.linalg.norm(apart) / np.linalg.norm(known))
            found[name].append((error, float(estimate.stats.misfit), seconds))
    for name, each in found.items():
        errors, misfits, seconds = np.transpose(each)
        spread = f"{errors.min():.3g} to {errors.max():.3g}, {len(each)} noises"
        parts = f"{spread}; misfit {np.median(misfits):.2f}; {seconds.min():.1f} s"
        yield figure(f"conductivity from heads, {name}: error of log k", float(np.median(errors)), parts)
