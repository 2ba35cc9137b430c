"""The plate that every method solves: a unit square with nine holes and a crack inside, and two problems."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RADIUS = 0.07
CENTRES = np.array([(0.2 + 0.3 * i, 0.2 + 0.3 * j) for j in range(3) for i in range(3)])
CRACK = np.array([(0.31, 0.33), (0.40, 0.38)])
AREA = 1 - len(CENTRES) * np.pi * RADIUS**2
YOUNG, POISSON = 1.0, 0.3

PROBLEMS = {
    "poisson": "-Δu = 1, u = 0 on the outline; holes and crack are insulated",
    "elasticity": "plane strain, ν = 0.3, held on the left, pulled by 1 on the right; all else is free",
}
COMPONENTS = {"poisson": 1, "elasticity": 2}
HELD = {"poisson": 4, "elasticity": 1}
"""Sides whose nodes are no unknowns where values are prescribed node by node."""

# Work of the load on the solution: ∫ u dx, and ∫ u·t ds. Made by `python -m benchmarks.forward.reference`;
# the digits shown do not change between orders 6 and 8.
REFERENCE = {"poisson": 0.0292411794, "elasticity": 1.29742005}


def nodes(problem: str, unknowns: int) -> int:
    """Points of a mesh with about so many unknowns; those on held sides have none."""
    free = unknowns / COMPONENTS[problem]
    return round(free + HELD[problem] * np.sqrt(free))


def onto_circles(points: NDArray) -> tuple[NDArray, NDArray]:
    """Which of the points (n, 2) lie inside of a hole, and where the hole's edge is nearest to each of them.

    Halving a chord of a circle puts its middle inside.
    """
    found, moved = [], []
    for centre in CENTRES:
        ray = points - centre
        distance = np.hypot(*ray.T)
        inside = np.flatnonzero(distance < RADIUS * (1 - 1e-12))
        found.append(inside)
        moved.append(centre + ray[inside] * (RADIUS / distance[inside])[:, None])
    return np.concatenate(found), np.concatenate(moved)
