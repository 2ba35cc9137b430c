"""What is kept about a solve beside its values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nmm.errors import InputError
from nmm.manifold.manifold import Manifold
from nmm.physics.problem import Problem
from nmm.pytrees import HostOnly
from nmm.solve.assemble import System


@dataclass(frozen=True)
class Stats:
    """What a solve cost: unknowns, iterations, relative residual, seconds by phase, residual history."""

    dofs: int
    iterations: int
    residual: float
    seconds: dict[str, float]
    history: list[float]


@dataclass(frozen=True, eq=False)
class Record(HostOnly):
    """What only the host knows of a solve."""

    system: System | None = None
    held: tuple[dict[str, Any], ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    history: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Several:
    """Stands for the problem of a batch where which of them is meant is only known in compiled code."""

    problems: tuple[Problem, ...]

    @property
    def manifold(self) -> Manifold:
        raise InputError(
            "which geometry a solution belongs to is not known inside vmap",
            hint="use nmm.batch, or split() the solution outside of vmap",
        )

    model = manifold
