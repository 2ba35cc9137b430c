"""nmm as one method among the others."""

from __future__ import annotations

import nmm
from benchmarks.peers.interface import Answer
from benchmarks.problems import COVERS, Problem
from nmm._version import __version__
from nmm.case import Case


class Nmm:
    name = "nmm"
    covers = tuple(COVERS)

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return __version__

    def solve(self, problem: Problem, cells: int, cover: str) -> Answer:
        case = problem.refined(cells, cover)
        posed = case.problem()
        solution = nmm.forward(posed, case.solver())(case.values(posed))
        elastic = case.components == 2
        return Answer(
            unknowns=int(solution.stats.dofs),
            at=solution.at,
            stress=solution.stress if elastic else None,
            errors=solution.errors(case.exact) if case.exact else {},
            tips=solution.tips,
            seconds=solution.stats.seconds,
            facts={"imbalance": float(solution.balance["residual"]), **estimated(solution, problem, case)},
        )


def estimated(solution: nmm.Solution, problem: Problem, case: Case) -> dict[str, float]:
    """The effectivity of the estimated error: its ratio to the true one in the energy norm."""
    if not problem.effectivity:
        return {}
    return {"effectivity": solution.estimate.total / solution.energy_error(case.exact)}


peer = Nmm()
