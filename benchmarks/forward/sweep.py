"""All methods on both problems over all sizes, each in a fresh process, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.forward.checks import judged
from benchmarks.forward.method import CORES, METHODS
from benchmarks.forward.plate import PROBLEMS
from benchmarks.record import record
from benchmarks.registry import Report

SIZES = {"poisson": (65_000, 250_000, 1_000_000, 4_000_000), "elasticity": (130_000, 500_000, 2_000_000)}
QUICK = (10_000, 40_000)
MEMORY_GIB, SECONDS = 6.0, 60.0
"""What a solve may take; a method that needs more is not asked for larger ones."""


class Stopped(Exception):
    """A process that did not bring a row; the message says why."""


def run(quick: bool, report: Report) -> dict:
    """The record; small problems first, all methods on each, so that what is compared ran close together."""
    rows, skipped, ended = [], [], {}
    for name, method in METHODS.items():
        if reason := method.missing():
            ended[name] = reason
            skipped.append({"method": name, "reason": reason})
            report(f"skipped {name}: {reason}")
    for problem in PROBLEMS:
        tired = dict(ended)
        for size in QUICK if quick else SIZES[problem]:
            for name in (n for n in METHODS if n not in tired):
                try:
                    row = in_a_process(name, problem, size, 1 if quick else None)
                except Stopped as stop:
                    tired[name] = str(stop)
                    skipped.append(left_out(name, problem, f"{size:,}", str(stop)))
                    report(f"{problem}, {size:,}: {name} {stop}")
                    continue
                rows.append(row)
                report(said(row))
                if row["first"] > SECONDS:
                    tired[name] = f"more than {SECONDS:g} s"
                    skipped.append(left_out(name, problem, f"beyond {size:,}", tired[name]))
    libraries = {package for name, m in METHODS.items() if name not in ended for package in m.packages}
    return record(
        "forward",
        rows,
        [vars(verdict) for verdict in judged(rows, quick)],
        quick=quick,
        about="a plate with nine holes and a crack, from the geometry to the solution, on two cores",
        problems=PROBLEMS,
        methods={library: version(library) for library in sorted(libraries)},
        skipped=skipped,
    )


def left_out(method: str, problem: str, unknowns: str, reason: str) -> dict:
    return {"method": method, "problem": problem, "cover": unknowns, "reason": reason}


def said(row: dict) -> str:
    parts = ", ".join(f"{part} {value:.2f}" for part, value in row["seconds"].items())
    return (
        f"{row['problem']}, {row['unknowns']:,} unknowns, {row['method']}: {parts} s, compilation"
        f" {row['compile']:.1f} s, {row['peak_gib']:.2f} GiB, error {row['error']:.1e}"
    )


def in_a_process(name: str, problem: str, unknowns: int, runs: int | None) -> dict:
    """The row that a fresh process measures, without compiled programs of other days.

    **Raises:** `Stopped` when it holds too much memory, takes too long, or fails.
    """
    command = [sys.executable, "-m", "benchmarks.forward", name, problem, str(unknowns)]
    command += [] if runs is None else [str(runs)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(CORES))
    variables = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"} | threads
    variables["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(command, stdout=out, stderr=told, env=variables)
        try:
            watch(process)
        finally:
            process.kill()
            process.wait()
        out.seek(0)
        told.seek(0)
        if process.returncode:
            last = told.read().strip().splitlines()[-1:] or [f"ended with code {process.returncode}"]
            raise Stopped(last[0][:200])
        return json.loads(out.read().strip().splitlines()[-1])


def watch(process: subprocess.Popen):
    """Wait until the process ends, or end it."""
    begin = time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        if held_gib(process.pid) > MEMORY_GIB:
            raise Stopped(f"more than {MEMORY_GIB:g} GiB")
        if time.monotonic() - begin > 5 * SECONDS:
            raise Stopped(f"more than {SECONDS:g} s a solve")


def held_gib(pid: int) -> float:
    """The memory that a process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30
