"""What the derivatives of an inversion cost, relative to a forward solve, and how well cracks are found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import nmm
from benchmarks.core import PLATE, figure, measured
from benchmarks.ktc2023.tank import model
from benchmarks.registry import Report
from benchmarks.synthetic import CASES, FINER
from nmm.case import Case, read_case
from nmm.case.question import question
from nmm.inversion.model import Model

GRADIENT, ACTION = 2.3, 3.0
"""Limits: of a value with its gradient, and of a Jacobian's action, in forward solves."""


def run(quick: bool, report: Report, only: str = "") -> dict:
    """The record: one row for each figure; of the measurements with `only` in their names.

    **Raises:** `InputError` when there is none.
    """
    cells, tank, repeats = (32, 16, 1) if quick else (256, 48, 5)
    measurements: dict[str, Callable[[], Iterator[dict]]] = {
        "gradients": partial(gradients, cells, repeats),
        "products": partial(products, cells, repeats),
        "tank": partial(injections, tank, repeats),
        "cracks": partial(cracks, 2 if quick else 10, ("upwards", "sideways")),
        "one load": partial(cracks, 2 if quick else 10, ("upwards",)),
    }
    about = "one machine, one process: medians, everything compiled before"
    return measured("inverse", measurements, only, quick, report, about)


def plate(cells: int) -> tuple[nmm.Forward, np.ndarray]:
    """A plate under tension with the modulus E, and fifty points in it."""
    manifold = nmm.cut(PLATE, nmm.lattice(cells=cells))
    terms = [nmm.fixed("x == xmin"), nmm.traction("x == xmax", (1.0, 0.0))]
    points = np.random.default_rng(0).uniform(0.05, 0.25, (50, 2))
    return nmm.forward(nmm.problem(manifold, nmm.elasticity("E", 0.3), terms), nmm.Multigrid(1e-8)), points


def unknown(count: int):
    """`count` unknowns as numbers at the start: one number, or a square of nodes."""
    side = round(count**0.5)
    if count == 1:
        return jnp.asarray(1.5)
    values = np.random.default_rng(1).uniform(1, 2, (side, side))
    return nmm.Field(jnp.asarray(values), (0.0, 0.0, 1.0, 1.0))


def gradients(cells: int, repeats: int, counts: tuple[int, ...] = (1, 100, 10_000)) -> Iterator[dict]:
    """A misfit with its gradient by a growing number of unknowns, against the misfit alone."""
    forward, points = plate(cells)

    def misfit(young):
        return jnp.sum(forward({"E": young}).at(points) ** 2)

    for count in counts:
        young = unknown(count)
        value, slope = jax.jit(misfit), jax.jit(jax.value_and_grad(misfit))
        one, both = in_turn(repeats, partial(value, young), partial(slope, young))
        name = f"value and gradient by {count:,} unknown{'s' * (count > 1)} / forward solve, {cells} cells"
        yield figure(name, both / one, f"{both:.3f} and {one:.3f} s", GRADIENT)


def products(cells: int, repeats: int, count: int = 10_000) -> Iterator[dict]:
    """The linearisation, and J v and Jᵀ w once it is there, against the forward solve."""
    forward, points = plate(cells)
    box, side = (0.0, 0.0, 1.0, 1.0), round(count**0.5)

    def predict(z):
        solution = forward({"E": nmm.Field(z.reshape(side, side), box)})
        return jnp.ravel(solution.at(points)), solution.code == 0

    data, rng = 2 * len(points), np.random.default_rng(2)
    z = np.asarray(unknown(count).values).ravel()
    made = Model(predict, "products")
    plain = jax.jit(predict)
    push, pull = made.linear(z, data)
    v, w = rng.standard_normal(len(z)), rng.standard_normal(data)
    one, *others = in_turn(repeats, partial(plain, z), partial(push, v), partial(pull, w), partial(made, z))
    times = dict(zip(("J v", "Jᵀ w", "linearisation"), others, strict=True))
    for name, took in times.items():
        parts = f"{took:.3f} and {one:.3f} s, {count:,} unknowns, {data} data"
        yield figure(f"{name} / forward solve, {cells} cells", took / one, parts, ACTION)


def injections(cells: int, repeats: int) -> Iterator[dict]:
    """The tank of KTC2023: all 31 independent injections at once.

    The batched forward solve is a factorisation with the potentials of all electrodes; derivatives come from
    these by reciprocity. The first figure is of an action with all that it needs.
    """
    tank = model(cells)
    count = len(tank.lengths)
    drive = np.linalg.qr(np.eye(count)[:, 1:] - 1 / count)[0]
    sigma = np.random.default_rng(3).uniform(1, 2, tank.shape)
    change = np.random.default_rng(4).standard_normal(tank.shape)
    weights = np.random.default_rng(5).standard_normal((count - 1, count - 1))

    def solved():
        found = tank.solve(sigma, 1e-3)
        return found, drive.T @ found.voltages(drive)

    def action():
        found, values = solved()
        return values, found.pushed(drive, drive, change)

    def adjoint():
        found, values = solved()
        return values, found.pulled(drive, drive, weights)

    def whole():
        found, values = solved()
        return values, found.by_conductivity(drive, drive)

    found, _ = solved()
    ways = (
        ("forward solve and J v", action, ACTION),
        ("forward solve and Jᵀ w", adjoint, ACTION),
        ("J v alone", lambda: found.pushed(drive, drive, change), None),
        ("forward solve and the whole J", whole, None),
    )
    one, *others = in_turn(repeats, solved, *(way[1] for way in ways))
    for (name, _, limit), took in zip(ways, others, strict=True):
        name = f"tank, {count - 1} injections: {name} / batched forward solve, {cells} cells"
        yield figure(name, took / one, f"{took:.3f} and {one:.3f} s, {tank.inside.sum():,} squares", limit)


def cracks(runs: int, experiments: tuple[str, ...]) -> Iterator[dict]:
    """Random cracks from displacements of the rim with 1 % noise: how far off their tips are found.

    The noise is relative to the largest displacement of each of the `experiments` of the case. The cracks and
    the noise of the first experiment do not depend on how many there are.
    """
    case = read_case(CASES / "crack.toml")
    assert case.spec.inverse is not None
    loads = [case.spec.inverse.experiment[name] for name in experiments]
    asked = question(case, case.problem())
    observe = nmm.observe.each(nmm.observe.displacement(asked.measured[0].points))
    randoms, found = [np.random.default_rng(11 + i) for i in range(len(loads))], []
    begin = time.perf_counter()
    for _ in range(runs):
        truth = {name: float(randoms[0].uniform(*RANGES[name])) for name in RANGES}
        exact = np.asarray(observe(solved(finer(case).with_parameters(truth), loads)))
        count = len(exact) // len(loads)
        noise = np.repeat(0.01 * np.abs(exact.reshape(len(loads), count)).max(1), count)
        data = exact + noise * np.concatenate([each.standard_normal(count) for each in randoms])
        forward = nmm.recut(lambda p: solved(case.with_parameters(p), loads), case.shape_parameters)
        inverse = nmm.inverse(forward, observe, noise=noise, bounds=asked.bounds)
        estimate = inverse.multistart(data, asked.starts())
        found.append(off(truth, {name: float(v) for name, v in estimate.params.items()}))
    seconds = (time.perf_counter() - begin) / runs
    listed = ", ".join(f"{100 * each:.2f}" for each in found)
    within = sum(each <= TIPS for each in found) / runs
    parts = f"tips off by {listed} % of the plate, the worse of two; {seconds:.0f} s a crack"
    name = (
        f"share of {runs} cracks with both tips within 2 % of the plate, pulled {' and '.join(experiments)}"
    )
    yield figure(name, within, parts, 0.9 if len(experiments) > 1 else None, True)


RANGES = {"cx": (0.35, 0.65), "cy": (0.35, 0.65), "length": (0.2, 0.5), "angle": (-1.4, 1.4)}
TIPS = 0.02


def finer(case: Case) -> Case:
    """The case on a finer, shifted and turned cover."""
    return read_case(case.path, ["cover.cells=64", *FINER])


def solved(case: Case, loads: list[dict[str, float]]) -> list[nmm.Solution]:
    """The solutions of a case under several loads."""
    problem = case.problem()
    return nmm.experiments(nmm.forward(problem), loads)(case.values(problem))


def off(truth: dict[str, float], found: dict[str, float]) -> float:
    """Distance of the tip that is farther off, for the better of the two ways to pair them."""
    a, b = (ends(each) for each in (truth, found))
    return min(np.hypot(*(a - pair).T).max() for pair in (b, b[::-1]))


def ends(crack: dict[str, float]) -> np.ndarray:
    """Tips (2, 2)."""
    along = np.array([np.cos(crack["angle"]), np.sin(crack["angle"])]) * crack["length"] / 2
    return np.array([crack["cx"], crack["cy"]]) + np.stack([-along, along])


def in_turn(repeats: int, *functions: Callable) -> list[float]:
    """Median seconds of each, called in turn in each repetition: other programs slow all alike."""
    times = []
    for repetition in range(repeats + 1):  # the first one compiles
        row = []
        for function in functions:
            begin = time.perf_counter()
            jax.block_until_ready(jax.tree.leaves(function()))
            row.append(time.perf_counter() - begin)
        if repetition:
            times.append(row)
    return np.median(times, 0).tolist()
