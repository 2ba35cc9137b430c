"""What a method offers to this benchmark: one solve from the geometry to the unknowns, timed in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

TOLERANCE = 1e-8
CORES = 2
PARTS = ("mesh", "setup", "solve")


@dataclass(frozen=True)
class Solve:
    """One solve.

    `seconds`: `mesh` (for nmm the cut), `setup` (all between mesh and solve) and `solve`; and `compile`, in
    none of them, where one solve tells it apart. `work`: the work of the load, made when it is asked for.
    `residual`: ‖b − Au‖ / ‖b‖, recomputed.
    """

    unknowns: int
    seconds: Mapping[str, float]
    work: Callable[[], float]
    residual: float | None
    iterations: int | None = None

    @property
    def total(self) -> float:
        """Seconds of all parts, compilation left out where it is told apart."""
        return sum(self.seconds[part] for part in PARTS)


@dataclass(frozen=True)
class Method:
    """A library and how it solves: `where` is `module:function`, (problem, unknowns) -> `Solve`.

    `needs`: the modules to be found; `packages`: the distributions whose versions are recorded.
    """

    library: str
    solver: str
    where: str
    needs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """One line: which modules are missing; None when all are there."""
        absent = [name for name in self.needs if find_spec(name) is None]
        return f"not installed: {', '.join(absent)}; pip install 'nmm-jax[peers]'" if absent else None

    def once(self, problem: str, unknowns: int) -> Solve:
        module, _, function = self.where.partition(":")
        return getattr(import_module(f"benchmarks.forward.{module}"), function)(problem, unknowns)


METHODS: Mapping[str, Method] = {
    "nmm": Method("nmm", "CG, multigrid on physical covers", "own:multigrid"),
    "scikit-fem": Method(
        "scikit-fem", "CG, PyAMG's smoothed aggregation", "scikit_fem:multigrid",
        ("skfem", "pyamg", "netgen"), ("scikit-fem", "pyamg", "netgen-mesher"),
    ),
    "ngsolve-multigrid": Method(
        "NGSolve", "CG, geometric multigrid", "ngsolve:multigrid", ("ngsolve",), ("ngsolve",)
    ),
    "ngsolve-direct": Method("NGSolve", "sparse Cholesky", "ngsolve:direct", ("ngsolve",), ("ngsolve",)),
    "feax-multigrid": Method(
        "feax", "CG, smoothed aggregation", "feax:multigrid", ("feax", "amjax", "pyamg", "netgen"),
        ("feax", "amjax"),
    ),
    "feax-direct": Method("feax", "SciPy's SuperLU", "feax:direct", ("feax", "netgen"), ("feax",)),
}  # fmt: skip
