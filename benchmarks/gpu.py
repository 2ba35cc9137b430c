"""The compiled core on the device that JAX finds, up to 64 million unknowns: seconds, memory, bandwidth.

Meant for a GPU; without one the same measurements run on the processor, on sizes that fit there.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import nmm
from benchmarks.core import LOOPS, scaled, seconds, whole_operator
from benchmarks.forward.measure import peak_gib
from benchmarks.forward.own import cells_for, plate, pose
from benchmarks.forward.plate import COMPONENTS, PROBLEMS
from benchmarks.profile import bytes_of
from benchmarks.record import record
from benchmarks.registry import Report
from nmm.solve.form import form_of
from nmm.solve.system import System, system_of
from nmm.solve.traced import _solve, arrays_of, options_of

MILLION = 1_000_000
SIZES = {"gpu": (1 * MILLION, 4 * MILLION, 16 * MILLION, 64 * MILLION), "cpu": (MILLION // 4, MILLION)}
QUICK = (20_000,)
SOLVER = nmm.Multigrid(1e-8)
BATCH = {"gpu": (64, 128), "cpu": (8, 64)}
"""Geometries in a batch, and cells along their sides."""


def run(quick: bool, report: Report, only: str = "") -> dict:
    """The record: a row for each problem and size (or of those with `only` in their names), each measured in
    a process of its own, so that the most memory it held is its own.

    **Raises:** `InputError` when there is none.
    """
    rows, skipped = [], []
    kind = "gpu" if device_of()["platform"] != "cpu" else "cpu"
    sizes = QUICK if quick else SIZES[kind]
    wanted = [(p, n) for p in PROBLEMS for n in sizes] + [(f"batch of {p}", BATCH[kind][0]) for p in PROBLEMS]
    wanted = [(p, n) for p, n in wanted if only in named(p, n)]
    if not wanted:
        raise nmm.InputError(
            f'no row has "{only}" in its name', hint="a row is called like poisson, 1,000,000"
        )
    for problem, size in wanted:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gpu", problem, str(size)], capture_output=True, text=True
        )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
            skipped.append({"method": "nmm", "problem": problem, "cover": f"{size:,}", "reason": said[:300]})
            report(f"{named(problem, size)}: {said}")
            continue
        rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
        report(f"{rows[-1]['name']}: {rows[-1]['parts']}")
    about = "a plate with nine holes and a crack on the device that JAX finds, everything compiled; medians"
    return record(
        "gpu", rows, [], quick=quick, about=about, problems=PROBLEMS, device=device_of(), skipped=skipped
    )


def named(problem: str, size: int) -> str:
    return f"{problem}, {size:,}"


def device_of() -> dict:
    """What JAX computes on, asked in a process of its own: one that holds a GPU leaves none for others."""
    ask = "import jax, json; d = jax.devices()[0]; print(json.dumps([d.platform, d.device_kind]))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    platform, name = json.loads(done.stdout.strip().splitlines()[-1])
    return {"platform": platform, "name": name}


def held_gib() -> float:
    """The most memory of the device that this process held; on a processor, of the process."""
    stats = jax.devices()[0].memory_stats()
    return stats["peak_bytes_in_use"] / 2**30 if stats else peak_gib()


def measure(problem: str, unknowns: int) -> dict:
    """The row of a solve: cut, set-up on the host, the compiled program, and the operator alone."""
    cells = cells_for(unknowns / COMPONENTS[problem])
    begin = time.perf_counter()
    manifold = nmm.cut(plate(), nmm.lattice(cells=cells))
    cut = time.perf_counter()
    posed = pose(manifold, problem)
    on_host = arrays_of(posed)
    ready = time.perf_counter()
    arrays = jax.block_until_ready(jax.device_put(on_host))
    moved = time.perf_counter()
    form, data = form_of(posed, {})
    solve = partial(_solve, form, options_of(SOLVER, posed), data, {}, arrays)
    u, (count, history, code), _ = jax.block_until_ready(solve())
    first = time.perf_counter() - moved
    program = seconds(solve, repeats=3)
    peak = held_gib()
    patches, iterations, residual = int(manifold.active.sum()), int(count), float(history[count])
    pieces = manifold.pieces
    assert np.isfinite(np.asarray(u[:10])).all()
    del u, history, solve, posed, manifold, on_host
    gc.collect()
    system = system_of(form, data, {}, arrays[0])
    values = jnp.ones(system.load.shape)
    long = 2**27 if unknowns >= MILLION else 2**20
    # `whole_operator` multiplies by a number in the same pass, which costs nothing beside the memory.
    operator = seconds(whole_operator, system, values, repeats=3) / LOOPS
    copied = 16 * long / (seconds(scaled, jnp.ones(long), repeats=3) / LOOPS)
    traffic = traffic_of(system)
    parts = (
        f"{iterations} iterations, {program:.3f} s, host {ready - begin:.1f} s, "
        f"compilation {first - program:.1f} s, {peak:.2f} GiB, operator "
        f"{traffic / operator / 1e9:.0f} of {copied / 1e9:.0f} GB/s"
    )
    return {
        "name": named(problem, unknowns),
        "problem": problem,
        "cells": cells,
        "unknowns": patches * COMPONENTS[problem],
        "pieces": pieces,
        "iterations": iterations,
        "residual": residual,
        "converged": int(code) == 0,
        "seconds": {
            "cut": cut - begin, "setup": ready - cut, "transfer": moved - ready, "program": program,
            "compile": first - program, "operator": operator,
        },
        "peak_gib": peak,
        "bandwidth": copied,
        "traffic": traffic,
        "share": traffic / operator / copied,
        "parts": parts,
    }  # fmt: skip


def traffic_of(system: System) -> int:
    """Bytes that the operator must move once: values and products, matrices, and their patches."""
    dense = (system.pieces, system.patches, system.pairs, system.pair_patches)
    return 2 * bytes_of(system.load) + bytes_of(system.cells.theta) + bytes_of(dense)


def batch(problem: str, count: int) -> dict:
    """The row of a batch of geometries side by side, against one of them alone."""
    cells = next((cells for size, cells in BATCH.values() if size == count), 16)
    lattice = nmm.lattice(cells=cells)
    square = nmm.rectangle(0, 0, 1, 1)
    holes = (nmm.disk((0.45 + 0.1 * k / count, 0.5), 0.2) for k in range(count))
    pile = nmm.stack([nmm.cut(square - hole, lattice) for hole in holes])
    forward = nmm.forward(pose(pile[0], problem), SOLVER)
    answers = nmm.batch(forward, pile)
    one = seconds(lambda: forward(None, pile[0]).dofs, repeats=5)
    all_ = seconds(lambda: [u.dofs for u in nmm.batch(forward, pile)], repeats=5)
    steps = max(int(u.iterations) for u in answers)
    parts = f"{all_:.3f} s for {count}, {one:.3f} s for one, {steps} iterations"
    return {
        "name": named(f"batch of {problem}", count), "problem": problem, "cells": cells, "count": count,
        "one": one, "all": all_, "ratio": all_ / one, "iterations": steps, "parts": parts,
    }  # fmt: skip


def main(problem: str, size: int) -> dict:
    _, is_batch, name = problem.rpartition("batch of ")
    return batch(name, size) if is_batch else measure(problem, size)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
