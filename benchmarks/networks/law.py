"""A law learned from noisy displacements of a plate with a hole, and what it says of loads it never saw.

The truth is a plate in plane strain that yields: the change of area stays elastic, the deviator hardens by a
power. It is solved on a cover that is finer than that of the inversion and turned; the displacements at
points all over the plate get normal noise of 1 % of the largest one of each load. The network knows nothing
of the truth but that its energy is isotropic and convex.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

import networks
import nmm
from benchmarks.core import figure

YOUNG, POISSON = 70e3, 0.33
"""Elastic constants of the truth, stresses in MPa: aluminium."""
SHEAR = YOUNG / 2 / (1 + POISSON)
BULK = SHEAR + YOUNG * POISSON / (1 + POISSON) / (1 - 2 * POISSON)
YIELD, POWER = 0.002, 0.4
"""Deviator at which the truth yields, and the power of its hardening."""
PULL, NOISE = 130.0, 0.01
TRAINED = ((0.0, PULL), (0.7 * PULL, 0.7 * PULL))
UNSEEN = {
    "pulled across": (PULL, 0.0),
    "pulled unequally": (0.5 * PULL, PULL),
    "pressed across": (-0.4 * PULL, 0.6 * PULL),
}
"""Tractions p on the right side and q on the upper one: pulls along one axis and along both tell a law, and
shear and what lies between do not enter."""
GOAL = 0.02


def hardening(gradient: Any, values: Any = None) -> Any:
    """W = ½ K t² + 2 G e² / (1 + n) ((1 + s²/e²)^((1 + n) / 2) − 1) of trace t and norm s of the deviator."""
    strain = (gradient + gradient.T) / 2
    square = (strain[0, 0] - strain[1, 1]) ** 2 / 2 + 2 * strain[0, 1] ** 2
    deviator = ((1 + square / YIELD**2) ** ((1 + POWER) / 2) - 1) * 2 / (1 + POWER)
    return BULK * jnp.trace(strain) ** 2 / 2 + SHEAR * YIELD**2 * deviator


def plate(cell: float, angle: float = 0.0) -> nmm.Nonlinear:
    """A quarter of a plate, 2 by 2.8, with a hole of radius 0.35, and its law W.

    Rollers on the lines of symmetry, tractions p and q on the right and upper side.
    """
    domain = nmm.rectangle(0, 0, 1, 1.4) - nmm.disk((0, 0), 0.35)
    manifold = nmm.cut(domain, nmm.lattice(cell=cell, angle=angle, weights="bspline", degree=2))
    terms = [
        nmm.fixed("x == 0", displacement=(0.0, "free")),
        nmm.fixed("y == 0", displacement=("free", 0.0)),
        nmm.traction("x == 1", ("p", 0.0)),
        nmm.traction("y == 1.4", (0.0, "q")),
    ]
    return nmm.nonlinear(nmm.problem(manifold, nmm.elasticity(YOUNG, POISSON), terms), "W")


def gauges(rows: int = 40) -> np.ndarray:
    """Points (n, 2) all over the plate, where displacements are measured."""
    across, up = np.linspace(0.03, 0.97, rows * 7 // 10), np.linspace(0.03, 1.37, rows)
    points = np.stack(np.meshgrid(across, up), -1).reshape(-1, 2)
    return points[np.hypot(*points.T) > 0.37]


def loaded(solve: nmm.Nonlinear, law: Any, load: tuple[float, float]) -> nmm.Equilibrium:
    """The plate under a load."""
    return solve({"W": law, "p": float(load[0]), "q": float(load[1])})


def relative(a: Any, b: Any) -> float:
    """‖a − b‖ / ‖b‖."""
    return float(np.linalg.norm(np.asarray(a) - b) / np.linalg.norm(b))


def measured(truth: nmm.Nonlinear, points: np.ndarray, seed: int) -> tuple[list[np.ndarray], list[float]]:
    """Displacements (n, 2) of the trained loads with noise, and its standard deviations."""
    draw = np.random.default_rng(seed)
    exact = [np.asarray(loaded(truth, hardening, load).at(points)) for load in TRAINED]
    std = [NOISE * float(np.abs(u).max()) for u in exact]
    return [u + s * draw.standard_normal(u.shape) for u, s in zip(exact, std, strict=True)], std


def inversion(solve: nmm.Nonlinear, points: np.ndarray, std: list[float], steps: int) -> nmm.Inverse:
    """From the displacements of the trained loads to the law."""
    return nmm.inverse(
        nmm.experiments(solve, [{"p": p, "q": q} for p, q in TRAINED]),
        nmm.observe.each(nmm.observe.displacement(points)),
        nmm.prior.gaussian("W", std=1.0),
        noise=np.repeat(std, 2 * len(points)),
        strength=1.0,
        max_iterations=steps,
        tolerance=1e-4,
        jacobian="columns",
        throw=False,
    )


def start(seed: int) -> networks.NetParameter:
    """A law that is elastic at first and then softer, as the user may guess of a metal."""
    net = networks.StrainEnergy(0.8 * BULK, 0.4 * SHEAR, strain=YIELD / 2, hidden=(8,), seed=seed)
    return networks.law(net)


def unseen(solve: nmm.Nonlinear, law: Any, points: np.ndarray) -> dict[str, tuple[float, float]]:
    """Errors of displacements and stresses under each unseen load, relative to the truth on this cover."""
    found = {}
    for name, load in UNSEEN.items():
        now, truth = loaded(solve, law, load), loaded(solve, hardening, load)
        pairs = ((u.at(points), u.stress(points)) for u in (now, truth))
        found[name] = tuple(relative(a, b) for a, b in zip(*pairs, strict=True))
    return found


def rows(quick: bool) -> Iterator[dict]:
    """The largest errors over the unseen loads, for each seed of the noise."""
    truth, solve, points = plate(1 / 12, angle=20.0), plate(1 / 10), gauges()
    inverse = None
    for seed in range(1 if quick else 3):
        data, std = measured(truth, points, seed)
        inverse = inverse or inversion(solve, points, std, 2 if quick else 60)
        begin = time.perf_counter()
        estimate = inverse(np.concatenate([u.ravel() for u in data]), start={"W": start(seed)})
        seconds, stats = time.perf_counter() - begin, estimate.stats
        errors = unseen(truth, estimate.params["W"], points)
        for which, what in enumerate(("displacement", "stress")):
            each = ", ".join(f"{name} {pair[which]:.3g}" for name, pair in errors.items())
            parts = f"{each}; misfit {stats.misfit:.2f}, {stats.iterations} steps, {seconds:.0f} s"
            worst = max(pair[which] for pair in errors.values())
            yield figure(f"learned law, {what} under unseen loads, noise {seed}", worst, parts, GOAL)
