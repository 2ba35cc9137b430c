"""Quadrature points as padded arrays."""

from typing import Any

import numpy as np

from nmm.capacity import Room, padded
from nmm.pytrees import tree


@tree()
class Samples:
    """Quadrature points (n,): cell, position (n, 2) in its square, region, weight, and the row they add to.

    Padding has weight zero.
    """

    cell: Any
    xi: Any
    region: Any
    weight: Any
    owner: Any


def rows_of(room: Room, name: str, count: int, block: int) -> int:
    """Room for `count` points in whole blocks."""
    return room(name, -(-count // block)) * block


def samples(capacity: int, cell, xi, region, weight, owner) -> Samples:
    """Samples padded to `capacity`."""
    return Samples(
        padded(np.asarray(cell, np.int32), capacity, cell[0] if len(cell) else 0),
        padded(np.asarray(xi, float), capacity, 0.5),
        padded(np.asarray(region, np.int32), capacity, region[0] if len(cell) else -1),
        padded(np.asarray(weight, float), capacity, 0.0),
        padded(np.asarray(owner, np.int32), capacity, 0),
    )
