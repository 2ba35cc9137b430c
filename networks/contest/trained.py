"""Networks on the problems of the contest, each for the same seconds a seed."""

from collections.abc import Sequence
from typing import Any

from flax import nnx

from networks.comparison.methods import Method
from networks.comparison.row import Row, row_of
from networks.contest.classical import POINTS, timed
from networks.contest.problems import Contest
from networks.covers import splines, windows
from networks.kan import KAN
from networks.manifold_net import ManifoldNet
from networks.perceptron import MLP, LocalNet
from networks.training import fit_seeds


def deep(box: Any, seed: int) -> nnx.Module:
    return MLP(box, (32, 32), seed=seed)


def shallow(box: Any, seed: int) -> nnx.Module:
    return MLP(box, (24,), seed=seed)


def local(box: Any, seed: int) -> nnx.Module:
    return LocalNet(windows(box, 15 if len(box) == 2 else 4), (8,), seed=seed)


def one(box: Any, seed: int) -> nnx.Module:
    """About as many weights as `local` has on a line: 358, and 375."""
    return MLP(box, (17, 17), seed=seed)


def extreme(box: Any, seed: int) -> nnx.Module:
    return LocalNet(windows(box, 4), (24,), seed=seed, features=True, steep=2.0)


def fine(box: Any, seed: int) -> nnx.Module:
    cover = windows(box, 15 if len(box) == 2 else 6)
    return LocalNet(cover, (12,), seed=seed, features=True, steep=2.0)


def moving(box: Any, seed: int) -> nnx.Module:
    return ManifoldNet.on([splines(box, 12, degree=3)], seed=seed)


def kolmogorov(box: Any, seed: int) -> nnx.Module:
    return KAN(box, (5,), cells=8, seed=seed)


WAYS = {
    way.name: way
    for way in (
        Method("pinn", "physics-informed, Adam", deep, "residual", "adam", 20_000),
        Method("pinn_natural", "physics-informed, natural gradient", shallow, "residual", "natural", 200),
        Method("ritz_natural", "deep Ritz, natural gradient", shallow, "energy", "natural", 200),
        Method("local", "local networks (FBPINN form), Adam", local, "energy", "adam", 20_000),
        Method("one", "one perceptron of as many weights, Adam", one, "energy", "adam", 20_000),
        Method("extreme", "extreme learning on windows", extreme, "residual", "alternating", 1),
        Method("fine", "extreme learning on smaller windows", fine, "residual", "alternating", 1),
        Method("kan", "Kolmogorov-Arnold (KAN), natural gradient", kolmogorov, "energy", "natural", 200),
        Method("moving", "cubic splines, moving knots", moving, "energy", "alternating", 100),
    )
}
"""By name, in the order of the tables; windows and splines for lines and squares."""


def trained(contest: Contest, way: Method, seeds: Sequence[int], seconds: float) -> Row:
    """A network of every seed, trained together for `seconds` each."""
    problem = contest.problem
    box = (*problem.low, *problem.high)
    fits = fit_seeds(
        problem,
        lambda seed: way.build(box, seed),
        seeds,
        loss=way.loss,
        optimiser=way.optimiser,
        steps=way.steps,
        rate=way.rate,
        seconds=seconds * len(seeds),
    )
    errors = [one.solution.errors(contest.exact) for one in fits]
    x = problem.judge[0][:POINTS]
    return row_of(way, fits, errors, timed(lambda: fits[0].solution.at(x))[2])
