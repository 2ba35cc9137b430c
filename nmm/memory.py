"""Will it fit: an estimate of the memory that a lattice needs, and the memory there is."""

import math
import os
from pathlib import Path

from nmm.errors import CapacityError

try:
    import resource
except ImportError:  # not on Windows
    resource = None

PER_SQUARE, PER_UNKNOWN = 2.5e3, 2.5e3
"""Bytes at the peak of cutting, solving and drawing, measured on lattices of 10^3 to 5 10^5 squares."""


def check_memory(
    squares: float, cell: float, components: int, shape: str = "quad", available: int | None = None
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
            hint=f"a cell of {_round_up(fits):g} would fit" if math.isfinite(fits) else "use a larger cell",
        )


def memory_estimate(squares: float, components: int, shape: str = "quad") -> float:
    """Bytes that cutting and solving on `squares` lattice squares take at their peak, roughly."""
    cells = float(squares) * (1.5 if shape == "triangle" else 1.0)
    return cells * (PER_SQUARE + components * PER_UNKNOWN)


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
    root = Path("/sys/fs/cgroup")
    for folder, limit, used, cache in (
        (root, "memory.max", "memory.current", "inactive_file"),
        (root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            free = int((folder / limit).read_text()) - int((folder / used).read_text())
            # The kernel gives cached files up when memory is wanted.
            lines = (folder / "memory.stat").read_text().splitlines()
            cached = sum(int(line.split()[1]) for line in lines if line.startswith(f"{cache} "))
            return max(free + cached, 0)
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
