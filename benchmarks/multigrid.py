"""Iterations of multigrid on physical covers against cells and cuts, with PyAMG on the same matrices."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.util import find_spec

import jax
import numpy as np

import nmm
from benchmarks.checks import Verdict
from benchmarks.record import record
from benchmarks.registry import Report
from nmm.solve.assemble import assemble
from nmm.solve.linear import conjugate_gradients
from nmm.solve.multigrid import Multigrid
from nmm.solve.smoother import LANCZOS
from nmm.solve.traced import arrays_of

TOLERANCE = 1e-8
LARGEST = {"quad": 1024, "triangle": 512, "peer": 512}
"""Cells along the longer side: beyond, PyAMG's matrices would need more memory than a small machine has."""
SQUARE = nmm.rectangle(-1.003, -1.001, 1.002, 1.004)
SIDE = 2.005
GHOST = 0.25


@dataclass(frozen=True)
class Row:
    """One family of problems: what it is, the promise on its iterations, and how it is made on n cells."""

    name: str
    limit: int | None
    make: Callable[[int, str], nmm.Problem]
    cracked: bool = False
    largest: int = 1024
    blocks: str = "cut"
    shapes: tuple[str, ...] = ("quad", "triangle")

    def with_ghost(self) -> Row:
        """The same with a ghost penalty, without a promise."""

        def make(cells: int, shape: str) -> nmm.Problem:
            plain = self.make(cells, shape)
            return nmm.problem(plain.manifold, plain.model, plain.terms, ghost=GHOST)

        name = f"{self.name}, ghost penalty"
        return replace(self, name=name, limit=None, make=make)


def poisson_on(domain, **cover):
    def make(cells: int, shape: str) -> nmm.Problem:
        manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape, **cover))
        return nmm.problem(manifold, nmm.poisson(1.0, source=1.0), [nmm.value("outline", 0)])

    return make


def elastic_on(domain, nu: float = 0.3, dilatation: str = "pointwise", **cover):
    def make(cells: int, shape: str) -> nmm.Problem:
        manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape, **cover))
        model = nmm.elasticity(1.0, nu, body_force=(0.0, -1.0), dilatation=dilatation)
        return nmm.problem(manifold, model, [nmm.fixed("x == xmin")])

    return make


def sliver(thickness: float):
    def make(cells: int, shape: str) -> nmm.Problem:
        side = 1 + thickness / cells
        manifold = nmm.cut(nmm.rectangle(0, 0, side, side), nmm.lattice(cell=1 / cells, shape=shape))
        model = nmm.elasticity(1.0, 0.3, body_force=(0.0, -1.0))
        return nmm.problem(manifold, model, [nmm.fixed("outline")])

    return make


def stiffer(shapes, contrast: float, bonds=()):
    """Plane elasticity with inclusions of `contrast` times the modulus around them.

    It is pulled by displacements: the residual of a body force would drown in the rounding of the stiff part.
    """
    domain, young = SQUARE, {"default": 1.0}
    for number, shape in enumerate(shapes):
        domain = domain.with_region(f"in {number}", shape)
        young[f"in {number}"] = contrast

    def make(cells: int, shape: str) -> nmm.Problem:
        manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape))
        terms = [nmm.fixed("x == xmin"), nmm.fixed("x == xmax", (1.0, 0.0)), *bonds]
        return nmm.problem(manifold, nmm.elasticity(young, 0.3), terms)

    return make


def on_lattice_cells():
    """A rectangle whose sides are lattice lines on every lattice of a multiple of 32 cells."""
    xmin, ymin = -1.003, -1.001
    step = SIDE / 32
    return nmm.rectangle(xmin + 9 * step, ymin + 10 * step, xmin + 21 * step, ymin + 19 * step)


def ten_disks():
    """Ten disks that do not touch, none of them on the lattice."""
    centres = [(-0.63 + 0.43 * (i % 4) + 0.07 * (i // 4), -0.57 + 0.52 * (i // 4)) for i in range(10)]
    return [nmm.disk(centre, 0.13 + 0.003 * i) for i, centre in enumerate(centres)]


def random_modulus(cells: int, shape: str) -> nmm.Problem:
    """A plate with a hole and a modulus per square, the logarithm uniform between 1 and 1e3."""
    manifold = nmm.cut(SQUARE - nmm.disk((0.1, 0.05), 0.4), nmm.lattice(cells=cells, shape=shape))
    young = 10 ** np.random.default_rng(5).uniform(0, 3, (manifold.ny, manifold.nx))
    model = nmm.elasticity(young, 0.3, body_force=(0.0, -1.0))
    return nmm.problem(manifold, model, [nmm.fixed("x == xmin")])


def two_close_cracks(cells: int, shape: str) -> nmm.Problem:
    """Two parallel cracks, a third of a cell apart."""
    start, stop = np.array([-0.5, -0.3]), np.array([0.4, 0.25])
    along = (stop - start) / np.linalg.norm(stop - start)
    across = np.array([-along[1], along[0]]) * SIDE / cells / 3
    domain = SQUARE.with_cracks([[start, stop], [start + across, stop + across]])
    return elastic_on(domain)(cells, shape)


def outcrop(cells: int, shape: str) -> nmm.Problem:
    folder = files("nmm") / "data" / "kb7"
    area, traces = (str(folder / f"KB7_{name}.geojson") for name in ("area", "traces"))
    domain = nmm.read_domain(area).with_cracks(nmm.read_cracks(traces))
    manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape))
    return nmm.problem(manifold, nmm.elasticity(1.0, 0.25), [nmm.fixed("outline", ("x - xc", 0))])


def five_cracks():
    rng = np.random.default_rng(3)
    centres, halves = rng.uniform(-0.6, 0.6, (5, 2)), rng.uniform(-0.45, 0.45, (5, 2))
    return SQUARE.with_cracks([[c - h, c + h] for c, h in zip(centres, halves, strict=True)])


def families() -> Iterator[Row]:
    hole = SQUARE - nmm.disk((0.1, 0.05), 0.4)
    crack = SQUARE.with_cracks([[(-0.5, -0.3), (0.4, 0.25)]])
    plain = (
        Row("Poisson, disk", 10, poisson_on(nmm.disk((0.01, 0.02), 1.0))),
        Row("elasticity, plate with a hole", 12, elastic_on(hole)),
        Row("elasticity, one crack", 17, elastic_on(crack), True),
        Row("elasticity, five cracks", 20, elastic_on(five_cracks()), True),
        Row("elasticity, slivers of 1e-10 of a cell", 12, sliver(1e-10)),
    )
    yield from plain
    yield Row("elasticity, hole, ν = 0.49", None, elastic_on(hole, 0.49), largest=256)
    yield Row("elasticity, hole, ν = 0.49, blocks on all elements", 25, elastic_on(hole, 0.49), blocks="all")
    yield Row("elasticity, KB7 (240 traces)", 60, outcrop, True)
    yield from without_promise()
    yield from covers_and_terms(hole, crack)
    yield from (family.with_ghost() for family in plain)


def without_promise() -> Iterator[Row]:
    """Jumps of the modulus, and cracks closer than a cell."""
    new = {"largest": 256, "shapes": ("quad",)}
    disk = nmm.disk((-0.063, -0.094), 0.33)
    for contrast in (1e3, 1e6):
        size = f"1e{round(np.log10(contrast))}"
        aligned, crossing = stiffer([on_lattice_cells()], contrast), stiffer([disk], contrast)
        yield Row(f"elasticity, inclusion of {size} on lattice cells", None, aligned, **new)
        yield Row(f"elasticity, inclusion of {size} across cells", None, crossing, **new)
    yield Row("elasticity, ten inclusions of 1e3", None, stiffer(ten_disks(), 1e3), **new)
    yield Row("elasticity, modulus of 1 to 1e3 per cell", None, random_modulus, **new)
    yield Row("elasticity, two cracks a third of a cell apart", None, two_close_cracks, True, **new)


def covers_and_terms(hole, crack) -> Iterator[Row]:
    """Splines, local functions of a higher order, enriched tips, borders of regions, mean dilatation."""
    quad, disk = {"largest": 128, "shapes": ("quad",)}, nmm.disk((0.01, 0.02), 1.0)
    for degree in (2, 3):
        spline = {"weights": "bspline", "degree": degree}
        yield Row(f"Poisson, disk, splines of degree {degree}", None, poisson_on(disk, **spline), **quad)
        name = f"elasticity, plate with a hole, splines of degree {degree}"
        yield Row(name, None, elastic_on(hole, **spline), **quad)
    for order in (1, 2):
        name = f"Poisson, disk, order {order}"
        yield Row(name, None, poisson_on(disk, order=order), largest=128 // order)
        name = f"elasticity, plate with a hole, order {order}"
        yield Row(name, None, elastic_on(hole, order=order), largest=128 // order)
    enriched = elastic_on(crack, tips="enriched")
    yield Row("elasticity, one crack, enriched tips", None, enriched, True, largest=128)
    shape = nmm.disk((-0.063, -0.094), 0.33)
    yield Row("elasticity, inclusion of 10, borders coupled", None, stiffer([shape], 10.0), largest=128)
    bond = [nmm.bond("in 0", normal=10.0, tangential=1.0)]
    yield Row("elasticity, inclusion of 10, elastic bond", None, stiffer([shape], 10.0, bond), largest=128)
    mean = elastic_on(hole, 0.49, "mean")
    yield Row("elasticity, hole, ν = 0.49, mean dilatation", None, mean, blocks="all", **quad)


def run(quick: bool, report: Report, only: str = "") -> dict:
    """The record: iterations, seconds, and PyAMG's beside them; of the families with `only` in their names.

    **Raises:** `InputError` when there is none.
    """
    peer = find_spec("pyamg") is not None
    sizes = (32, 64) if quick else (64, 128, 256, 512, 1024)
    rows = []
    chosen = [family for family in families() if only in family.name]
    if not chosen:
        known = ", ".join(family.name for family in families())
        raise nmm.InputError(f'no family has "{only}" in its name', hint=f"known: {known}")
    for family in chosen:
        for shape in family.shapes:
            largest = min(family.largest, LARGEST[shape])
            for cells in (n for n in sizes if n <= largest):
                rows.append(measure(family, shape, cells, peer and cells <= LARGEST["peer"]))
                jax.clear_caches()  # each program maps memory thousands of times, and Linux has a limit
                row = rows[-1]
                report(
                    f"{family.name}, {shape}, {cells}: {row['iterations']} iterations, "
                    f"{row['seconds']:.2f} s; PyAMG {row['peer_iterations']} in {row['peer_seconds']} s"
                )
    checks = [vars(verdict) for verdict in judged(rows)]
    return record(
        "multigrid",
        rows,
        checks,
        quick=quick,
        about="conjugate gradients to 1e-8 with multigrid on physical covers",
        skipped=[] if peer else [{"method": "pyamg", "reason": "not installed"}],
    )


def measure(family: Row, shape: str, cells: int, peer: bool) -> dict:
    """Iterations and seconds on one cover; a second, equal problem finds everything compiled."""
    problem = family.make(cells, shape)
    manifold, c = problem.manifold, problem.model.components
    solver = replace(Multigrid(TOLERANCE), cycle="W" if family.cracked else "V", blocks=family.blocks)
    _, first = timed(problem, solver)
    answer, seconds = timed(family.make(cells, shape), solver)
    levels = len(arrays_of(problem)[1])
    row = {
        "problem": family.name,
        "limit": family.limit,
        "shape": shape,
        "cells": cells,
        "unknowns": int(manifold.active.sum()) * manifold.functions.per_patch * c,
        "cycle": solver.cycle,
        "levels": levels,
        "iterations": answer.stats.iterations if answer.result.converged else None,
        "converged": answer.result.converged,
        "seconds": seconds,
        "compile": first - seconds,
        "peer_iterations": None,
        "peer_seconds": None,
    }
    plain = manifold.functions.per_patch == 1 and manifold.host.tips is None
    return row | (with_pyamg(problem) if peer and plain else {})


def products(iterations: int, degree: int = Multigrid.degree) -> int:
    """How often a solve applies the operator of the finest level.

    An iteration of conjugate gradients once, and its cycle by either sweep of the smoother (its degree) and
    for the residual that goes down; beside them Lanczos, which estimates the largest eigenvalue for the
    smoother, and the residual that is recomputed at the end.
    """
    return iterations * (1 + 2 * degree + 1) + LANCZOS + 1


def timed(problem: nmm.Problem, solver: Multigrid) -> tuple[nmm.Solution, float]:
    """The solution, and the seconds of everything after the problem was posed."""
    begin = time.perf_counter()
    solution = nmm.forward(problem, solver, throw=False)()
    return solution, time.perf_counter() - begin


def with_pyamg(problem: nmm.Problem) -> dict:
    """The same system by smoothed aggregation (rigid motions given) inside the same conjugate gradients."""
    import pyamg

    manifold, components = problem.manifold, problem.model.components
    system = assemble(problem, {})
    free = np.flatnonzero(np.repeat(manifold.active, components))
    matrix, load = system.matrix[free][:, free], system.load[free]
    points = manifold.patch_points()[np.asarray(manifold.active)]
    x, y = (points - points.mean(0)).T
    if components == 1:
        modes = np.ones((len(x), 1))
    else:
        zero, one = np.zeros(len(x)), np.ones(len(x))
        modes = np.stack(
            [np.stack([one, zero], -1), np.stack([zero, one], -1), np.stack([-y, x], -1)], -1
        ).reshape(-1, 3)
    begin = time.perf_counter()
    hierarchy = pyamg.smoothed_aggregation_solver(matrix.tocsr(), B=modes)
    cycle = hierarchy.aspreconditioner()
    answer = conjugate_gradients(matrix, load, cycle.matvec, TOLERANCE, 500)
    seconds = time.perf_counter() - begin
    return {
        "peer_iterations": answer.iterations if answer.result.converged else None,
        "peer_seconds": seconds,
    }


def judged(rows: list[dict]) -> Iterator[Verdict]:
    """Promises hold on quad lattices; triangles are measured beside them."""
    for name in dict.fromkeys(row["problem"] for row in rows):
        mine = [row for row in rows if row["problem"] == name and row["shape"] == "quad"]
        if not mine or mine[0]["limit"] is None:
            continue
        done = all(row["converged"] for row in mine)
        worst = max((row["iterations"] for row in mine if row["converged"]), default=None)
        yield Verdict(
            f"iterations, {name}", worst, f"≤ {mine[0]['limit']}", done and worst <= mine[0]["limit"]
        )
