"""A page of tables from a record; nothing here measures anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import error_tables, inverse_peers, speed_tables
from benchmarks.ktc2023 import pages
from nmm.results.files import save_text

BODIES = {
    "verification": error_tables.verification,
    "accuracy": error_tables.accuracy,
    "fracture": error_tables.fracture,
    "multigrid": speed_tables.multigrid,
    "forward": speed_tables.forward,
    "core": speed_tables.core,
    "inverse": speed_tables.core,
    "networks": speed_tables.core,
    "study": speed_tables.core,
    "inverse_peers": inverse_peers.page,
    "profile": speed_tables.profile,
    "gpu": speed_tables.gpu,
    "ktc2023": pages.page,
}


def write(result: Mapping[str, Any], folder: Path) -> Path:
    """Write `folder/<benchmark>.md`."""
    body = BODIES.get(result["benchmark"], error_tables.outcrop)(result)
    path = folder / f"{result['benchmark']}.md"
    save_text(path, "\n\n".join([f"# {result['benchmark']}", provenance(result), *body]) + "\n")
    return path


def provenance(result: Mapping[str, Any]) -> str:
    """When, on what and with what the figures were measured."""
    hardware, versions = result["hardware"], {**result["versions"], **result.get("methods", {})}
    quick = " A quick run: coarse covers, most limits not judged." if result["quick"] else ""
    memory = f", {hardware['memory_gib']} GiB" if "memory_gib" in hardware else ""
    later = "".join(
        f" Measured {run['date'][:10]} at commit {run['commit'] or 'unknown'} on {run['processor']}:"
        f" {'; '.join(run['rows'])}."
        for run in result.get("later", [])
    )
    return (
        f"Generated from `{result['benchmark']}.json`, measured {result['date'][:10]} at commit"
        f" {result['commit'] or 'unknown'} on {hardware['processor']}, {hardware['cores']} cores{memory}"
        f" ({', '.join(f'{name} {version}' for name, version in versions.items())}).{quick}{later}"
    )
