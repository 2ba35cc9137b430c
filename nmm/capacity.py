"""Room for arrays whose size the geometry decides: capacities by name.

Compiled code serves all geometries whose arrays have the same shapes. Manifolds that share a room share its
capacities; the first to ask for a name sets its capacity.
"""

import math

import numpy as np

from nmm.errors import CapacityError


class Room:
    """Capacities by name, with some headroom; `fixed` ones are never exceeded, others grow when asked to.

    `growths` counts how often a capacity that was given out had to grow.
    """

    def __init__(self, taken: dict[str, int] | None = None, fixed: bool = False):
        self.taken: dict[str, int] = {} if taken is None else taken
        self.fixed = fixed
        self.growths = 0

    def __call__(self, name: str, count: int, dear: bool = False) -> int:
        """Rows that are reserved for `count` rows of `name`; few more than needed where they are `dear`.

        **Raises:** `CapacityError` when fixed capacities do not suffice.
        """
        have = self.taken.get(name)
        if have is not None and count <= have:
            return have
        if have is not None and self.fixed:
            raise CapacityError(
                f"the cut needs {count} rows of {name}, and the capacity is {have}",
                where="capacity",
                hint="cut the larger geometry first, or leave the capacity out and use nmm.stack, "
                "which takes the largest of each",
            )
        self.growths += have is not None
        self.taken[name] = grown(count, 1) if dear else grown(count + 4 * math.isqrt(count), 64)
        return self.taken[name]

    def closed(self) -> "Room":
        """The same capacities, never to be exceeded; names that are new can still be added."""
        return Room(self.taken, fixed=True)


def grown(count: int, least: int) -> int:
    """Capacity for `count` rows: the next term of a geometric sequence, so that few sizes are compiled."""
    capacity = least
    while capacity < count:
        capacity = -(-capacity * 5 // 4)
    return capacity


def padded(array: np.ndarray, capacity: int, value) -> np.ndarray:
    """`array` with rows of `value` up to `capacity`."""
    rest = np.full((capacity - len(array), *array.shape[1:]), value, array.dtype)
    return np.concatenate([array, rest])
