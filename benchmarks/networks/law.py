"""A law learned from noisy displacements of a plate with a hole, and what it says of loads it never saw.

The truth is a plate in plane strain that yields: the change of area stays elastic, the deviator hardens by a
power. It is solved on a cover that is finer than that of the inversion and turned; the displacements at
points all over the plate get normal noise of 1 % of the largest one of each load. The network knows nothing
of the truth but that its energy is isotropic and convex.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

import networks
import nmm

YOUNG, POISSON = 70e3, 0.33
"""Elastic constants of the truth, stresses in MPa: aluminium."""
SHEAR = YOUNG / 2 / (1 + POISSON)
BULK = SHEAR + YOUNG * POISSON / (1 + POISSON) / (1 - 2 * POISSON)
YIELD, POWER = 0.002, 0.4
"""Deviator at which the truth yields, and the power of its hardening."""
PULL, NOISE = 130.0, 0.01
TRAINED = ((0.0, PULL), (0.0, PULL / 2))
UNSEEN = {
    "pulled across": (PULL, 0.0),
    "pulled both ways": (0.7 * PULL, 0.7 * PULL),
    "pressed across": (-0.4 * PULL, 0.6 * PULL),
}
"""Tractions p on the right side and q on the upper one."""
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


def gauges(rows: int = 20) -> np.ndarray:
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


def learn(
    solve: nmm.Nonlinear,
    points: np.ndarray,
    measured: list[np.ndarray],
    std: list[float],
    seed: int,
    **options: Any,
) -> nmm.Estimate:
    """The law from displacements (n, 2) of the trained loads and their noise.

    It starts from moduli that are 30 % too small.
    """
    start = networks.StrainEnergy(0.7 * BULK, 0.7 * SHEAR, strain=0.005, hidden=(6,), seed=seed)
    several = nmm.experiments(solve, [{"p": p, "q": q} for p, q in TRAINED])
    inverse = nmm.inverse(
        several,
        nmm.observe.each(nmm.observe.displacement(points)),
        nmm.prior.gaussian("W", std=10.0),
        noise=np.repeat(std, measured[0].size),
        jacobian="columns",
        strength=1.0,
        **options,
    )
    return inverse(np.concatenate([u.ravel() for u in measured]), start={"W": networks.law(start)})
