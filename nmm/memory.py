"""Will it fit: an estimate of the memory that a lattice needs, and the memory there is."""

import math
import os
from pathlib import Path

from nmm.errors import CapacityError

try:
    import resource
except ImportError:  # not on Windows
    resource = None

BYTES_PER_UNKNOWN = 1500
"""Peak of cutting, assembling and solving, measured per unknown on lattices of 10^4 to 10^6 cells."""


def check_memory(
    squares: int, cell: float, components: int, shape: str = "quad", available: int | None = None
) -> None:
    """Refuse a lattice of `squares` squares of side `cell` that would not fit in memory.

    `components` is the number of unknowns per physical patch, `available` the bytes that may be used
    (default: what the machine has free). Raises `CapacityError` with the estimate and the size of cell
    that would fit.
    """
    available = available_memory() if available is None else available
    needed = memory_estimate(squares, components, shape)
    if needed > available:
        fits = cell * (needed / available) ** 0.5
        raise CapacityError(
            f"a lattice of {squares:.3g} squares of side {cell:.4g} needs about {needed / 2**30:.3g} GiB "
            f"of memory, and {available / 2**30:.3g} GiB are free",
            hint=f"a cell of {_round_up(fits):g} would fit",
        )


def memory_estimate(squares: int, components: int, shape: str = "quad") -> float:
    """Bytes that cutting and solving on `squares` lattice squares take at their peak, roughly."""
    return float(squares) * components * BYTES_PER_UNKNOWN * (1.2 if shape == "triangle" else 1.0)


def available_memory() -> int:
    """Bytes of memory that can be used without swapping, respecting the limit of a container."""
    free = [limit for limit in (_meminfo(), _cgroup(), _address_space()) if limit is not None]
    if free:
        return min(free)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


def _cgroup() -> int | None:
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            return max(int(Path(limit).read_text()) - int(Path(used).read_text()), 0)
        except (OSError, ValueError):
            continue
    return None


def _address_space() -> int | None:
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def _round_up(value: float) -> float:
    """`value` with two digits, rounded up."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit
