"""Several manifolds on one lattice with arrays of the same shapes: geometry as a batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nmm.capacity import Room
from nmm.cover.lattice import Grid
from nmm.errors import InputError
from nmm.manifold.cut import housed
from nmm.manifold.manifold import Manifold
from nmm.pytrees import tree


@dataclass(frozen=True, eq=False)
class Members:
    """The manifolds of a stack, and what solvers derive from all of them together."""

    manifolds: tuple[Manifold, ...]
    cache: dict[Any, Any] = field(default_factory=dict)


@tree("members")
class Stack:
    """Manifolds on one lattice, to be solved together; see `stack`.

    `index` (n,) numbers them: under `jax.vmap` and `jax.lax.map` it is one traced number.
    """

    index: Any
    members: Members

    def __len__(self) -> int:
        return len(self.members.manifolds)

    def __iter__(self) -> Iterator[Manifold]:
        return iter(self.members.manifolds)

    def __getitem__(self, number: int) -> Manifold:
        return self.members.manifolds[number]


def stack(manifolds: Sequence[Manifold]) -> Stack:
    """Give manifolds on one lattice the capacities of the largest, so that they can be solved together.

    `jax.vmap` runs over the result; `nmm.batch` is the faster way.

    **Raises:** `InputError` for no manifolds or different lattices.
    """
    if not len(manifolds):
        raise InputError("at least one manifold is needed", where="stack")
    first = manifolds[0].grid
    for number, manifold in enumerate(manifolds):
        grid = manifold.grid
        if (grid.functions, grid.nx, grid.ny) != (first.functions, first.nx, first.ny):
            raise InputError(
                f"manifold {number} has {described(grid)}, the first one {described(first)}",
                where="stack",
                hint="give nmm.lattice the same cell, origin and angle, and domains the same bounding box",
            )
        near = np.allclose(grid.origin + grid.shift, first.origin + first.shift, rtol=0, atol=1e-9 * first.h)
        if not (near and np.isclose(grid.h, first.h) and np.allclose(grid.rotation, first.rotation)):
            raise InputError(
                f"the lattice of manifold {number} lies elsewhere than that of the first one", where="stack"
            )
    room = Room()
    for manifold in manifolds:
        housed(manifold, room)
    made = tuple(housed(manifold, room) for manifold in manifolds)
    return Stack(np.arange(len(made)), Members(made))


def described(grid: Grid) -> str:
    """Squares and functions of a lattice, for messages."""
    kind = f"{grid.shape}, degree {grid.degree}, order {grid.order}"
    return f"{grid.nx} x {grid.ny} squares ({kind})"
