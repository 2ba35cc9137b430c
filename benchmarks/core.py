"""The compiled core: the operator against the machine's bandwidth, what gradients and batches cost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np

import nmm
from benchmarks.checks import Verdict
from benchmarks.outcrops import KB11
from benchmarks.record import record
from benchmarks.registry import Report
from benchmarks.startup import COMPONENTS, compilation, second_start
from nmm.solve.discretise import discretise
from nmm.solve.form import form_of
from nmm.solve.stencil import Cells, apply_cells
from nmm.solve.system import System, apply, system_of

PLATE = nmm.rectangle(0, 0, 1, 1) - nmm.disk((0.507, 0.513), 0.2)
BYTES = 28
"""Bytes an unknown that the operator of plane elasticity must move: u, K u, and two moduli a node."""


def run(quick: bool, report: Report, only: str = "") -> dict:
    """The record: one row for each figure, with its parts; of the measurements with `only` in their names.

    **Raises:** `InputError` when there is none.
    """
    cells, small, repeats = (128, 64, 3) if quick else (1000, 256, 5)
    measurements: dict[str, Callable[[], Iterator[dict]]] = {
        "operator": partial(operator, cells, repeats),
        "cut list": partial(cut_list, cells, repeats),
        "gradients": partial(gradients, 64 if quick else 1024, 1 if quick else 3),
        "batches": partial(batches, small, repeats),
        "precision": partial(precision, small if quick else 1024, repeats),
        "compilation": partial(compilations, (32, 64) if quick else (64, 128, 256)),
        "second start": partial(second_starts, small),
    }
    about = "one machine, one run: medians, everything compiled before"
    return measured("core", measurements, only, quick, report, about)


def measured(
    name: str,
    measurements: Mapping[str, Callable[[], Iterator[dict]]],
    only: str,
    quick: bool,
    report: Report,
    about: str,
) -> dict:
    """The record of the measurements with `only` in their names.

    **Raises:** `InputError` when there is none.
    """
    chosen = [make for key, make in measurements.items() if only in key]
    if not chosen:
        raise nmm.InputError(
            f'no measurement has "{only}" in its name', hint=f"known: {', '.join(measurements)}"
        )
    rows = []
    for make in chosen:
        for row in make():
            rows.append(row)
            report(f"{row['figure']}: {row['value']:.4g} ({row['parts']})")
        jax.clear_caches()  # each program maps memory thousands of times, and Linux has a limit
    return record(name, rows, [vars(verdict(row, quick)) for row in rows], quick=quick, about=about)


def verdict(row: dict, quick: bool) -> Verdict:
    limit, value = row["limit"], row["value"]
    if limit is None:
        return Verdict(row["figure"], value, "observed", None)
    low = row["least"]
    passed = None if quick else value >= limit if low else value <= limit
    return Verdict(row["figure"], value, f"{'≥' if low else '≤'} {limit:g}", passed)


def figure(name: str, value: float, parts: str, limit: float | None = None, least: bool = False) -> dict:
    return {"figure": name, "value": float(value), "parts": parts, "limit": limit, "least": least}


def seconds(function: Callable, *arguments, repeats: int, of: Callable = median) -> float:
    """Median (or another figure `of`) of the seconds of several calls, the first one left out."""
    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - begin)
    return of(times)


LOOPS = 20


@jax.jit
def scaled(x):
    return jax.lax.fori_loop(0, LOOPS, lambda _, y: y * 0.999, x)


@jax.jit
def cells_only(cells: Cells, u):
    return jax.lax.fori_loop(0, LOOPS, lambda _, v: 1e-3 * apply_cells(cells, v), u)


@jax.jit
def whole_operator(system: System, u):
    return jax.lax.fori_loop(0, LOOPS, lambda _, v: 1e-3 * apply(system, v), u)


def system_on(manifold: nmm.Manifold) -> System:
    """Plane elasticity with a modulus per square, clamped along the outline."""
    problem = nmm.problem(manifold, nmm.elasticity("E", 0.3), [nmm.fixed("outline")])
    params = {"E": np.random.default_rng(0).uniform(1, 2, (manifold.ny, manifold.nx))}
    form, data = form_of(problem, params)
    return system_of(form, data, params, discretise(problem))


def copy_bandwidth(size: int, repeats: int) -> float:
    """Bytes a second, read and written, of one array copied to another by as many threads as JAX has."""
    source, target = np.ones(size), np.zeros(size)
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parts = [slice(i * size // count, (i + 1) * size // count) for i in range(count)]
    with ThreadPoolExecutor(count) as pool:

        def copy():
            return list(pool.map(lambda part: np.copyto(target[part], source[part]), parts))

        return 16 * size / seconds(copy, repeats=repeats)


def operator(cells: int, repeats: int) -> Iterator[dict]:
    """Share of the bandwidth with which arrays far larger than the caches are copied, or scaled in place."""
    system = system_on(nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=cells)))
    u = jnp.asarray(np.random.default_rng(1).standard_normal((2, cells + 1, cells + 1)))
    one = seconds(cells_only, system.cells, u, repeats=repeats) / LOOPS
    size = max(u.size, 40_000_000 if cells >= 1000 else 0)
    copied = copy_bandwidth(size, repeats)
    in_place = 16 * size / (seconds(scaled, jnp.ones(size), repeats=repeats) / LOOPS)
    mine = BYTES * u.size / one
    name = f"operator on {cells} x {cells} cells / bandwidth of"
    parts = f"{mine / 1e9:.1f} of {copied / 1e9:.1f} GB/s, {1e9 * one / u.size:.2f} ns an unknown"
    yield figure(f"{name} a copy", mine / copied, parts, 0.3, least=True)
    yield figure(f"{name} scaling in place", mine / in_place, f"of {in_place / 1e9:.1f} GB/s")


def cut_list(cells: int, repeats: int) -> Iterator[dict]:
    """The operator on KB11's cut against that of the uncut lattice."""
    area, traces = (str(KB11 / f"KB11_{name}.geojson") for name in ("area", "traces"))
    begin = time.perf_counter()
    domain = nmm.read_domain(area).with_cracks(nmm.read_cracks(traces))
    manifold = nmm.cut(domain, nmm.lattice(cells=cells))
    took = time.perf_counter() - begin
    system = system_on(manifold)
    count = system.load.shape[1]
    u = jnp.asarray(np.random.default_rng(1).standard_normal((2, count)))
    lattice = u[:, : manifold.grid.nodes].reshape(2, manifold.ny + 1, manifold.nx + 1)
    cut = seconds(whole_operator, system, u, repeats=repeats)
    uncut = seconds(cells_only, system.cells, lattice, repeats=repeats)
    parts = f"{1e3 * cut / LOOPS:.1f} and {1e3 * uncut / LOOPS:.1f} ms, {manifold.pieces:,} pieces"
    yield figure(f"operator, KB11's cut on {cells} cells / its lattice alone", cut / uncut, parts, 1.5)
    yield figure(f"seconds to read and cut KB11 on {cells} cells", took, f"{manifold.pieces:,} pieces", 15.0)


def gradients(cells: int, repeats: int) -> Iterator[dict]:
    """Cost of a gradient, and how far forward and reverse mode agree at the tolerance of the solve."""
    manifold = nmm.cut(PLATE, nmm.lattice(cells=cells))
    terms = [nmm.fixed("x == xmin"), nmm.traction("x == xmax", (1.0, 0.0))]
    problem = nmm.problem(manifold, nmm.elasticity("E", 0.3), terms)
    forward = nmm.forward(problem, nmm.Multigrid(1e-8))
    rng = np.random.default_rng(0)
    young = jnp.asarray(rng.uniform(1, 2, (manifold.ny, manifold.nx)))
    points = rng.uniform(0.05, 0.25, (50, 2))

    def observed(field):
        return forward({"E": field}).at(points)

    def misfit(field):
        return jnp.sum(observed(field) ** 2)

    one = seconds(jax.jit(misfit), young, repeats=repeats)
    both = seconds(jax.jit(jax.value_and_grad(misfit)), young, repeats=repeats)
    yield figure(
        f"value and gradient / forward solve, {cells} cells", both / one, f"{both:.2f} and {one:.2f} s", 2.3
    )
    direction, weights = (
        jnp.asarray(rng.uniform(-1, 1, young.shape)),
        jnp.asarray(rng.uniform(-1, 1, (50, 2))),
    )
    _, pushed = jax.jit(lambda e, d: jax.jvp(observed, (e,), (d,)))(young, direction)
    pulled = jax.jit(lambda e, w: jax.vjp(observed, e)[1](w)[0])(young, weights)
    left, right = jnp.vdot(pushed, weights), jnp.vdot(direction, pulled)
    scale = jnp.linalg.norm(pushed) * jnp.linalg.norm(weights)
    parts = f"{float(left):.12g} and {float(right):.12g}"
    yield figure(f"dot test, {cells} cells, tolerance 1e-8", abs(left - right) / scale, parts, 1e-7)


def batches(cells: int, repeats: int, count: int = 8) -> Iterator[dict]:
    """Eight geometries at once against one."""
    square, lattice = nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=cells)
    pile = nmm.stack([nmm.cut(square - nmm.disk((0.45 + 0.01 * k, 0.5), 0.2), lattice) for k in range(count)])
    model = nmm.elasticity(1.0, 0.3, body_force=(0.0, -1.0))
    forward = nmm.forward(nmm.problem(pile[0], model, [nmm.fixed("x == xmin")]), nmm.Multigrid(1e-8))
    one = seconds(lambda: forward(None, pile[0]).dofs, repeats=repeats)
    all_ = seconds(lambda: [u.dofs for u in nmm.batch(forward, pile)], repeats=repeats)
    mapped = jax.jit(jax.vmap(lambda manifold: forward(None, manifold).dofs))
    plain = seconds(mapped, pile, repeats=repeats)
    yield figure(
        f"batch of {count} geometries / one, {cells} cells", all_ / one, f"{all_:.2f}, {one:.3f} s", 8.5
    )
    yield figure(f"vmap over {count} geometries / one, {cells} cells", plain / one, f"{plain:.2f} s", 11)


def precision(cells: int, repeats: int) -> Iterator[dict]:
    """A cycle in single precision against one in double."""
    manifold = nmm.cut(PLATE, nmm.lattice(cells=cells))
    model = nmm.elasticity(1.0, 0.3, body_force=(0.0, -1.0))
    problem = nmm.problem(manifold, model, [nmm.fixed("x == xmin")])
    times, steps = {}, {}
    for name in ("float64", "float32"):
        forward = nmm.forward(problem, nmm.Multigrid(1e-8, precision=name))
        steps[name] = forward().stats.iterations
        times[name] = seconds(lambda f=forward: f().dofs, repeats=repeats)
    parts = ", ".join(f"{name}: {steps[name]} iterations, {times[name]:.2f} s" for name in times)
    yield figure(f"cycle in float32 / float64, {cells} cells", times["float32"] / times["float64"], parts)


def compilations(sizes: tuple[int, ...]) -> Iterator[dict]:
    """Seconds of compilation that one more level of multigrid costs: the slope over lattices."""
    for problem in COMPONENTS:
        found = [compilation(problem, cells) for cells in sizes]
        levels = [row["levels"] for row in found]
        slope, busy = (
            np.polyfit(levels, [row[key] for row in found], 1)[0] for key in ("seconds", "processor")
        )
        listed = ", ".join(
            f"{cells} cells: {row['seconds']:.1f} ({row['processor']:.1f}) s"
            for cells, row in zip(sizes, found, strict=True)
        )
        parts = (
            f"{listed}; slope over {levels[0]} to {levels[-1]} coarser levels, {busy:.2f} in seconds of"
            " the processor (in brackets), which other programs hardly lengthen; each in a fresh process"
            " without stored programs: the first solve less an equal second one"
        )
        yield figure(f"seconds to compile a level, {problem}", slope, parts, 0.6)


def second_starts(cells: int) -> Iterator[dict]:
    """Seconds of a second `nmm solve` before and after its solve, which finds the first one's programs."""
    for problem in COMPONENTS:
        found = second_start(problem, cells)
        parts = (
            f"cut {found['cut']:.1f} s, tracing and loading {found['compile']:.1f} s, the rest imports; "
            f"the first run: {found['first']:.1f} s; from the launch of the process until it says that the "
            "solve is done, less the seconds of the solve in summary.json; programs from the user's cache"
        )
        yield figure(f"seconds of a second start, {problem}, {cells} cells", found["all"], parts, 3.0)
