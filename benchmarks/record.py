"""Results on disk: one JSON file a benchmark, with what is needed to judge or repeat it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from nmm._version import __version__
from nmm.results.files import save_json

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("jax", "jaxlib", "numpy", "scipy", "shapely")


def record(
    benchmark: str, rows: Sequence[Mapping], checks: Sequence[Mapping], *, quick: bool, **more: Any
) -> dict:
    """A result with date, commit, versions and hardware; `rows` are the measurements."""
    return {
        "benchmark": benchmark,
        "quick": quick,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
        **more,
        "checks": [dict(check) for check in checks],
        "rows": [dict(row) for row in rows],
    }


def write(result: Mapping[str, Any], folder: Path) -> Path:
    """Write `folder/<benchmark>.json`, whole or not at all; values that are not finite become null."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['benchmark']}.json"
    save_json(path, result)
    return path


def merged(before: Mapping[str, Any], now: Mapping[str, Any], key: str) -> dict:
    """`before` with the rows of `now`, and what else belongs to them, in place of those of the same name, and
    when and on what those were measured."""
    names = list(dict.fromkeys(row[key] for row in now["rows"]))
    judged = {check["check"] for check in now["checks"] if "problem" not in check}
    later = [run | {"rows": [n for n in run["rows"] if n not in names]} for run in before.get("later", [])]
    processor = now["hardware"]["processor"]
    mine = {"date": now["date"], "commit": now["commit"], "processor": processor, "rows": names}
    same = [run for run in later if all(run[key] == mine[key] for key in ("commit", "processor"))]
    mine["rows"] = [name for run in same for name in run["rows"]] + names

    def others(items):
        named = (item for item in items if item.get("problem", item.get("case")) not in names)
        return [item for item in named if item not in now.get("skipped", ())]

    return {
        **before,
        **{k: before[k] | now[k] for k in ("problems", "methods") if k in before and k in now},
        **{k: others(before[k]) + now[k] for k in ("skipped", "lattices") if k in before and k in now},
        "later": [run for run in later if run["rows"] and run not in same] + [mine],
        "checks": [c for c in others(before["checks"]) if c["check"] not in judged] + now["checks"],
        "rows": [row for row in before["rows"] if row[key] not in names] + now["rows"],
    }


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "nmm": __version__}
    return found | {library: metadata.version(library) for library in LIBRARIES}


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GiB, and JAX's devices."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {"processor": _processor(), "cores": cores}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        found["memory_gib"] = round(memory / 2**30, 1)
    found["devices"] = [device.device_kind for device in jax.devices()]
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of the checkout, with a `+` when files differ from it; None outside a checkout."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", "../nmm")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
