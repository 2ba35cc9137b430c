"""How far the stress is from the truth, without knowing the truth.

The recovered gradient converges faster than the raw one where the solution is smooth, so their distance
is an estimate of the raw gradient's error (Zienkiewicz and Zhu 1987, Int. J. Numer. Methods Eng. 24,
337-357). It is no bound: both miss what the cover cannot show at all. On elements with branch functions of an
enriched crack tip nothing is recovered, and they count as without error.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nmm.results.energies import energy_product
from nmm.results.errors import energy_rule

if TYPE_CHECKING:
    from nmm.results.solution import Solution

_BLOCK = 1 << 18
"""Points that are evaluated at a time; a million cells need memory for these alone."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimated error of the raw stress (or flux) in the energy norm √a(e, e).

    `elements` (elements,) on each manifold element, `total` over the domain, the root of the sum of
    their squares, and `relative` to the energy norm √a(u, u) of the solution: None where that is zero.
    """

    elements: np.ndarray
    total: float
    relative: float | None


def estimate(solution: "Solution") -> Estimate:
    """Energy norm of the recovered minus the raw gradient; see `Solution.estimate`."""
    manifold, density = solution.manifold, solution.problem.model.density
    element, xi, weight = energy_rule(manifold, solution.problem.fine)
    square = np.zeros(len(manifold.element_cells()))
    for start in range(0, len(element), _BLOCK):
        e, at, w = (array[start : start + _BLOCK] for array in (element, xi, weight))
        difference = solution._gradients(e, at, True) - solution._gradients(e, at, False)
        product = energy_product(density, difference, solution._coefficients(e, at))
        square += np.bincount(e, w * np.asarray(product), len(square))
    square = np.maximum(square, 0.0)
    total, norm = float(np.sqrt(square.sum())), float(np.sqrt(max(2 * solution.energy, 0.0)))
    return Estimate(np.sqrt(square), total, total / norm if norm > 0 else None)
