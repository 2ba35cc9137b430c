"""nmm: the lattice is cut by the plate, and solved by multigrid on physical covers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import jax
import numpy as np

import nmm
from benchmarks.forward.method import TOLERANCE, Solve
from benchmarks.forward.plate import AREA, CENTRES, COMPONENTS, CRACK, POISSON, RADIUS, YOUNG
from nmm.results.errors import energy_rule


def multigrid(problem: str, unknowns: int) -> Solve:
    """Everything is made anew but the compiled program."""
    jax.config.update("jax_enable_x64", True)
    cells = cells_for(unknowns / COMPONENTS[problem])
    begin = time.perf_counter()
    manifold = nmm.cut(plate(), nmm.lattice(cells=cells))
    cut = time.perf_counter()
    posed = pose(manifold, problem)
    set_up = time.perf_counter()
    solution = nmm.forward(posed, nmm.Multigrid(TOLERANCE))()
    done = time.perf_counter()
    levels = solution.stats.seconds["setup"]
    return Solve(
        int(solution.stats.dofs),
        {"mesh": cut - begin, "setup": set_up - cut + levels, "solve": done - set_up - levels},
        lambda: work(solution, problem, cells),
        float(solution.stats.residual),
        int(solution.stats.iterations),
    )


def plate() -> nmm.Domain:
    domain = nmm.rectangle(0, 0, 1, 1)
    for centre in CENTRES:
        domain = domain - nmm.disk(tuple(centre), RADIUS)
    return domain.with_cracks([CRACK])


def cells_for(patches: float) -> int:
    """Cells along a side for so many patches: those of whole cells, and 6.4 rows on outline and holes."""
    return round((np.sqrt(6.4**2 + 4 * AREA * patches) - 6.4) / (2 * AREA))


def pose(manifold: nmm.Manifold, problem: str) -> nmm.Problem:
    if problem == "poisson":
        return nmm.problem(manifold, nmm.poisson(1.0, source=1.0), [nmm.value("outline", 0)])
    model = nmm.elasticity(YOUNG, POISSON, plane="strain")
    return nmm.problem(manifold, model, [nmm.fixed("x == 0"), nmm.traction("x == 1", (1.0, 0.0))])


def work(solution: nmm.Solution, problem: str, cells: int) -> float:
    """The work of the load, by quadrature."""
    if problem == "elasticity":
        edges = np.linspace(0, 1, cells + 1)
        middles = np.column_stack([np.ones(cells), (edges[1:] + edges[:-1]) / 2])
        return float(solution.at(middles)[:, 0].mean())
    manifold, values = solution.manifold, solution.dofs[:, 0]
    cells_of, patches = manifold.element_cells(), manifold.element_patches()
    total = 0.0
    for element, xi, weight in chunks(*energy_rule(manifold, False)):
        hats = manifold.weights.values(xi, cells_of[element] % 2 == 1)
        total += float(weight @ np.sum(hats * values[patches[element]], axis=1))
    return total


def chunks(*arrays: np.ndarray, size: int = 500_000) -> Iterator[tuple[np.ndarray, ...]]:
    for begin in range(0, len(arrays[0]), size):
        yield tuple(array[begin : begin + size] for array in arrays)
