"""Where a result comes from: versions and hardware, without names of people or machines."""

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

from nmm._version import __version__

try:
    import resource
except ImportError:
    # There is none on Windows.
    resource = None

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "shapely", "matplotlib")


def versions() -> dict[str, str | None]:
    """Versions of nmm, Python and the libraries that decide numbers; None for one that is not there."""
    found: dict[str, str | None] = {"nmm": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def hardware() -> dict[str, str | int | float | None]:
    """System, processor, number of cores that this process may use, memory in GB."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory (GB)": _memory_gb(),
    }


def peak_memory_mb() -> float | None:
    """The most memory that this process has held so far, in MB; None where the system does not tell."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def _processor() -> str | None:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or None
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or None


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
