"""Where each second of a forward solve goes, and each byte, from the geometry to the solution.

The stages of the host are timed inside a real run, each without what it calls; those of the device are the
functions of the compiled program, compiled one by one and repeated alone. Their sum is not exactly the time
of the program, in which they are fused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nmm
from benchmarks.core import copy_bandwidth, seconds
from benchmarks.forward.measure import peak_gib
from benchmarks.forward.own import cells_for, plate, pose
from benchmarks.forward.plate import COMPONENTS
from benchmarks.record import record
from benchmarks.registry import Report
from nmm.cover.weights import Weights
from nmm.solve.cycle import bottom_inverse
from nmm.solve.form import form_of
from nmm.solve.galerkin import coarse_system, prolong
from nmm.solve.multigrid import Multigrid
from nmm.solve.smoother import Smoother, chebyshev, smoothers
from nmm.solve.system import System, apply, system_of
from nmm.solve.traced import arrays_of

SOLVER = Multigrid(1e-8)
HOST, SETUP, ITERATIONS = "host", "set-up", "iterations"
HOST_STAGES = {
    "geometry": (("nmm.domain.domain", "Domain.geometry"),),
    "cut: segments meet lattice lines": (
        ("nmm.manifold.arrangement", "split_segments"),
        ("nmm.manifold.arrangement", "locate"),
    ),
    "cut: pieces of touched cells": tuple(
        ("nmm.manifold.arrangement", name)
        for name in (
            "split_edges", "tag", "prune", "half_edges", "walk", "attach_islands", "classify", "collect",
        )
    ),
    "cut: whole cells filled in": (("nmm.manifold.arrangement", "whole_cells"),),
    "cut: polygons and moments": (
        ("nmm.manifold.cut", "piece_polygons"),
        ("nmm.manifold.cut", "piece_moments"),
    ),
    "cut: physical patches": tuple(
        ("nmm.manifold.cut", name) for name in ("link", "physical_patches", "connected_parts")
    ),
    "cut: the rest": (("nmm", "cut"),),
    "boundary terms": (("nmm", "problem"),),
    "discretisation": (("nmm.solve.traced", "discretise"),),
    "levels": (("nmm.solve.traced", "levels_of"),),
    "free motions": (("nmm.solve.traced", "free_motions"),),
    "checks": (("nmm.forward_map", "check_values"), ("nmm.forward_map", "free_parts")),
}  # fmt: skip
"""Stages of the host: the functions that make them up, by the module where they are looked up."""


class Clock:
    """Seconds of functions by stage, without those of other timed functions inside them."""

    def __init__(self):
        self.seconds = dict.fromkeys(HOST_STAGES, 0.0)
        self.inside: list[float] = []

    def timed(self, function: Callable, stage: str) -> Callable:
        @wraps(function)
        def run(*arguments, **options):
            self.inside.append(0.0)
            begin = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                spent = time.perf_counter() - begin
                self.seconds[stage] += spent - self.inside.pop()
                if self.inside:
                    self.inside[-1] += spent

        return run

    @contextmanager
    def __call__(self) -> Iterator[None]:
        kept = []
        for stage, functions in HOST_STAGES.items():
            for where, name in functions:
                owner: Any = import_module(where)
                *path, last = name.split(".")
                for part in path:
                    owner = getattr(owner, part)
                kept.append((owner, last, getattr(owner, last)))
                setattr(owner, last, self.timed(kept[-1][2], stage))
        try:
            yield
        finally:
            for owner, name, function in kept:
                setattr(owner, name, function)


def run(quick: bool, report: Report) -> dict:
    """The record: a row for each problem, measured in a process of its own."""
    rows = []
    for problem in COMPONENTS:
        command = [sys.executable, "-m", "benchmarks.profile", problem, "20000" if quick else "1000000"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        for stage in rows[-1]["stages"]:
            report(f"{problem}, {stage['stage']}: {stage['seconds']:.4f} s")
    about = (
        "a plate with nine holes and a crack, from the geometry to the solution, everything compiled; "
        "the least of several runs of each stage on one machine"
    )
    return record("profile", rows, [], quick=quick, about=about)


def measure(name: str, unknowns: int, repeats: int) -> dict:
    """The row of a problem."""
    cells = cells_for(unknowns / COMPONENTS[name])

    def once(clock: Clock):
        with clock():
            begin = time.perf_counter()
            problem = pose(nmm.cut(plate(), nmm.lattice(cells=cells)), name)
            solution = nmm.forward(problem, SOLVER)()
            return problem, solution, time.perf_counter() - begin

    begin = time.perf_counter()
    once(Clock())
    first = time.perf_counter() - begin
    clocks, totals, solves = [], [], []
    for _ in range(repeats):
        clocks.append(Clock())
        problem, solution, total = once(clocks[-1])
        totals.append(total)
        solves.append(solution.stats.seconds["solve"])
    peak, iterations = peak_gib(), int(solution.stats.iterations)
    size = 40_000_000 if unknowns >= 1e6 else 1_000_000
    bandwidth = max(copy_bandwidth(size, 1) for _ in range(repeats))
    stages = [
        {"stage": stage, "where": HOST, "seconds": min(c.seconds[stage] for c in clocks)}
        for stage in HOST_STAGES
    ]
    device = on_device(problem, iterations, repeats, bandwidth)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "problem": name,
        "unknowns": int(solution.stats.dofs),
        "cells": cells,
        "pieces": problem.manifold.pieces,
        "iterations": iterations,
        "first": first,
        "total": min(totals),
        "program": min(solves),
        "bandwidth": bandwidth,
        "load": load,
        "peak_gib": peak,
        **device,
        "stages": stages + device["stages"],
    }


def visits_of(levels: int, turns: int) -> list[int]:
    """How often a cycle comes to each level, the bottom last."""
    visits = [1]
    for depth in range(1, levels):
        visits.append(visits[-1] * (turns if depth < levels - 1 else 1))
    return visits


def on_device(problem: nmm.Problem, iterations: int, repeats: int, bandwidth: float):
    """Stages of the compiled program, and the bytes of its arrays."""
    form, data = form_of(problem, {})
    time_of = partial(seconds, repeats=repeats, of=min)
    on_host = arrays_of(problem)
    to_device = time_of(lambda: jax.device_put(on_host))
    discretisation, levels, steps, _ = jax.device_put(on_host)
    system, matrices = called(system_of, form, data, {}, discretisation, time_of=time_of)
    families = {
        "lattice, pieces, boundary terms": bytes_of(discretisation),
        "levels and transfers": bytes_of((levels, steps)),
        "matrices of whole cells": bytes_of(system.cells),
        "matrices of pieces and boundary terms": bytes_of((system.pieces, system.pairs)),
        "vectors of conjugate gradients": 6 * bytes_of(system.load),
    }
    traffic = 2 * bytes_of(system.load) + families["matrices of whole cells"]
    traffic += families["matrices of pieces and boundary terms"] + bytes_of(
        (system.patches, system.pair_patches)
    )
    turns = SOLVER.turns(len(problem.manifold.geometry.cracks) > 0)
    visits = visits_of(len(levels), turns)
    rng = np.random.default_rng(0)
    spent: dict[str, float] = dict.fromkeys(("smoothers", "coarse", "transfers"), 0.0)
    products, sweeps, kept = [], [], {"matrices of coarser levels": 0, "smoothers": 0}
    fine = jnp.asarray(rng.standard_normal(system.load.shape))
    for depth, (level, step) in enumerate(zip(levels[:-1], steps, strict=True)):
        r = jnp.asarray(rng.standard_normal(system.load.shape))
        made, took = called(smoother_arrays, system, level, time_of=time_of)
        spent["smoothers"] += took
        kept["smoothers"] += bytes_of(made)
        products.append(time_of(product, system, r))
        sweeps.append(time_of(relax, system, made, r, r))
        coarse, took = called(coarse_of, system, step, levels[depth + 1], time_of=time_of)
        spent["coarse"] += took
        kept["matrices of coarser levels"] += bytes_of((coarse.cells, coarse.pieces, coarse.pairs))
        up = partial(lifted, system.cells.lines, r.shape[1], system.cells.weights)
        below = jnp.zeros(coarse.load.shape)
        spent["transfers"] += visits[depth] * (time_of(up, step, below) + time_of(up, step, below, r))
        system = coarse
    bottom, took = called(bottom_of, system, levels[-1], time_of=time_of)
    at_bottom = time_of(dense, bottom, jnp.zeros(bottom.shape[0]))
    # A sweep holds its own residuals; beside them a visit has the one that goes down.
    others = [n * t for n, t in zip(visits[1:-1], products[1:], strict=True)]
    relaxed = [iterations * 2 * n * t for n, t in zip(visits[:-1], sweeps, strict=True)]
    stages = [
        (SETUP, "arrays to the device", to_device),
        (SETUP, "matrices", matrices),
        (SETUP, "coarse matrices", spent["coarse"]),
        (SETUP, "smoothers", spent["smoothers"] + took),
        (ITERATIONS, "operator, finest level", iterations * 2 * products[0]),
        (ITERATIONS, "operator, coarser levels", iterations * sum(others)),
        (ITERATIONS, "smoother, finest level", relaxed[0]),
        (ITERATIONS, "smoother, second level", sum(relaxed[1:2])),
        (ITERATIONS, "smoother, other levels", sum(relaxed[2:])),
        (ITERATIONS, "transfers between levels", iterations * spent["transfers"]),
        (ITERATIONS, "bottom", iterations * visits[-1] * at_bottom),
        (ITERATIONS, "vectors", iterations * time_of(updates, fine, fine, fine, fine)),
        (HOST, "solution to the host", time_of(lambda: np.array(fine))),
    ]
    families |= kept | {"dense inverse of the bottom": bytes_of(bottom)}
    return {
        "stages": [{"where": where, "stage": stage, "seconds": value} for where, stage, value in stages],
        "arrays": [{"family": family, "bytes": size} for family, size in families.items()],
        "operator": {"seconds": products[0], "bytes": traffic, "share": traffic / products[0] / bandwidth},
        "vectors": {"share": 8 * 8 * fine.size / stages[-2][2] * iterations / bandwidth},
        "levels": [
            {"visits": n, "operator": p, "smoother": s}
            for n, p, s in zip(visits[:-1], products, sweeps, strict=True)
        ],
    }


def called(function: Callable, *arguments, time_of: Callable) -> tuple[Any, float]:
    """What a function gives, and its seconds."""
    return function(*arguments), time_of(function, *arguments)


def bytes_of(tree: Any) -> int:
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree))


@jax.jit
def smoother_arrays(system: System, level):
    made = smoothers([system], (level,), False)[0]
    return made.blocks, made.inverse, made.largest


@jax.jit
def product(system: System, u):
    return apply(system, u)


@jax.jit
def relax(system: System, arrays, x, b):
    return chebyshev(Smoother(system, *arrays, None), x, b, SOLVER.degree)


@jax.jit
def coarse_of(system: System, step, level):
    return coarse_system(system, step, level)


@partial(jax.jit, static_argnums=(0, 1, 2))
def lifted(lines, count: int, weights: Weights, step, coarse, fine=None):
    """Prolongation, or with values on the finer cover restriction."""
    up = partial(prolong, step, lines=lines, count=count, weights=weights)
    return up(coarse) if fine is None else jax.linear_transpose(up, coarse)(fine)[0]


bottom_of = jax.jit(bottom_inverse)


@jax.jit
def dense(inverse, r):
    return inverse @ r


@jax.jit
def updates(x, r, p, q):
    """The sums and products of an iteration of conjugate gradients."""
    alpha = jnp.vdot(r, r) / jnp.vdot(p, q)
    r = r - alpha * q
    return x + alpha * p, r, r + jnp.linalg.norm(r) * p


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), 5)))
