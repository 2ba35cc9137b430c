"""The strongest classical methods for each problem: what a network has to beat."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.fft import dstn, idstn
from scipy.interpolate import RegularGridInterpolator
from scipy.linalg import solve_banded

from networks.comparison.row import Row, spread
from networks.contest.problems import Contest
from networks.separable import solve_separable

POINTS = 1000
"""At which solutions are evaluated for the clock."""


def clocked(function: Callable[[], Any]) -> tuple[Any, float]:
    """What a function returns, and the seconds it took."""
    clock = time.perf_counter()
    return function(), time.perf_counter() - clock


def timed(function: Callable[[], Any], again: int = 5) -> tuple[Any, float, float]:
    """What a function returns, by how much its first call took longer than later ones, and those (median)."""
    found, first = clocked(function)
    later = float(np.median([clocked(function)[1] for _ in range(again)]))
    return found, max(0.0, first - later), later


def row(
    contest: Contest, name: str, title: str, solve: Callable[[], Any], unknowns: int, nodes: Any = None
) -> Row:
    """A method that solves to a function of points (n, d) -> (n,); judged at `nodes`, all alike, if given."""
    u, compiling, seconds = timed(solve)
    x, weight = (np.asarray(a) for a in contest.problem.judge)
    some = x[:POINTS]
    evaluation = timed(lambda: np.asarray(u(some)))[2]
    if nodes is not None:
        x, weight = nodes, np.ones(len(nodes))
    exact = np.asarray(contest.exact(x))
    apart = np.asarray(u(x)) - exact
    l2 = float(np.sqrt(weight @ apart**2 / (weight @ exact**2)))
    most = float(np.abs(apart).max() / np.abs(exact).max())
    errors = {"l2": spread([l2]), "largest": spread([most])}
    return Row(
        method=name,
        title=title,
        unknowns=unknowns,
        compile=compiling,
        train=seconds,
        evaluate=evaluation,
        seeds=1,
        result="done",
        **errors,
    )


def hats(contest: Contest, cells: int) -> Row:
    """P1 elements on a line, by one tridiagonal solve."""
    box, exact = contest.problem, contest.exact
    low, high = box.low[0], box.high[0]
    x = np.linspace(low, high, cells + 1)
    nodes, weights = np.polynomial.legendre.leggauss(3)
    h, share = (high - low) / cells, (nodes + 1) / 2
    at = x[:-1, None] + h * share
    ends = np.asarray(exact(x[[0, -1], None]))

    def solve():
        f = np.asarray(contest.source(at.reshape(-1, 1))).reshape(at.shape) * weights * h / 2
        load = np.zeros(cells + 1)
        load[:-1] += f @ (1 - share)
        load[1:] += f @ share
        load[[1, -2]] += ends / h
        bands = np.full((3, cells - 1), -1 / h)
        bands[1] = 2 / h
        u = np.concatenate([ends[:1], solve_banded((1, 1), bands, load[1:-1]), ends[1:]])
        return lambda points: np.interp(np.asarray(points)[:, 0], x, u)

    return row(contest, "hats", f"P1 elements, {cells}", solve, cells - 1)


def chebyshev(contest: Contest, degree: int) -> Row:
    """Collocation in the Chebyshev points of a line."""
    box = contest.problem
    low, high = box.low[0], box.high[0]
    half, middle = (high - low) / 2, (high + low) / 2
    series = np.polynomial.chebyshev
    s = np.cos(np.pi * np.arange(degree + 1) / degree)
    second = np.stack([series.chebval(s, series.chebder(row, 2)) for row in np.eye(degree + 1)], 1)

    def solve():
        matrix = -second / half**2
        matrix[[0, -1]] = series.chebvander(s[[0, -1]], degree)
        x = (middle + half * s)[:, None]
        load = np.array(contest.source(x))
        load[[0, -1]] = np.asarray(contest.exact(x[[0, -1]]))
        found = np.linalg.solve(matrix, load)
        return lambda points: series.chebval((np.asarray(points)[:, 0] - middle) / half, found)

    return row(contest, "spectral", f"Chebyshev, degree {degree}", solve, degree - 1)


def sines(contest: Contest, cells: int) -> Row:
    """Finite differences on a unit cube with values 0, by sine transforms; judged in the nodes."""
    axes = contest.problem.axes
    x = np.linspace(0, 1, cells + 1)
    inner = np.stack(np.meshgrid(*[x[1:-1]] * axes, indexing="ij"), -1)
    curve = 4 * cells**2 * np.sin(np.pi * np.arange(1, cells) / (2 * cells)) ** 2
    total = sum(np.meshgrid(*[curve] * axes, indexing="ij"))
    f = np.asarray(contest.source(inner.reshape(-1, axes))).reshape(inner.shape[:-1])

    def solve():
        wave: Any = dstn(f, 1)
        found: Any = idstn(wave / total, 1)
        return RegularGridInterpolator([x] * axes, np.pad(found, 1))

    title = f"differences by sine transform, {cells}"
    return row(contest, "differences", title, solve, (cells - 1) ** axes, inner.reshape(-1, axes))


def manifold(contest: Contest, cells: int, degree: int) -> Row:
    """A separable manifold: one product of splines on each axis."""
    box = (*contest.problem.low, *contest.problem.high)
    rank = 1

    def solve():
        found = solve_separable(
            box, contest.terms, contest.values, cells=cells, degree=degree, rank=rank, starts=1
        )
        return found.u

    unknowns = contest.problem.axes * rank * (cells + degree)
    return row(contest, "manifold", f"splines of degree {degree}, {cells} cells an axis", solve, unknowns)
