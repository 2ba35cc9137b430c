"""Which solver a problem gets."""

from dataclasses import dataclass

from nmm.errors import InputError
from nmm.solve.linear import ConjugateGradient, Direct
from nmm.solve.multigrid import Multigrid

DIRECT_LIMIT = 400_000
"""Unknowns up to which "auto" factorises."""

Solver = Direct | ConjugateGradient | Multigrid


@dataclass(frozen=True)
class Auto:
    """Direct up to `DIRECT_LIMIT` unknowns, conjugate gradients with multigrid beyond."""

    tolerance: float = 1e-8
    max_iterations: int | None = None

    def choose(self, unknowns: int) -> Solver:
        """The solver for so many unknowns."""
        if unknowns <= DIRECT_LIMIT:
            return Direct(self.tolerance)
        return Multigrid(self.tolerance, self.max_iterations or Multigrid.max_iterations)


def solver(
    method: str = "auto", tolerance: float = 1e-8, max_iterations: int | None = None
) -> Direct | Multigrid | Auto:
    """Solver by the name that case files use: "auto", "direct" or "cg" (with multigrid).

    **Raises:** `InputError` for another name or a tolerance that is not in (0, 1).
    """
    if not 0 < tolerance < 1:
        raise InputError(
            f"the tolerance must lie between 0 and 1, found {tolerance}", where="solve.tolerance"
        )
    if max_iterations is not None and max_iterations < 1:
        raise InputError(
            f"at least one iteration is needed, found {max_iterations}", where="solve.max_iterations"
        )
    if method == "auto":
        return Auto(tolerance, max_iterations)
    if method == "direct":
        return Direct(tolerance)
    if method == "cg":
        return Multigrid(tolerance, max_iterations or Multigrid.max_iterations)
    raise InputError(f'the method must be "auto", "direct" or "cg", found "{method}"', where="solve.method")
