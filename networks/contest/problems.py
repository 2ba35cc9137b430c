"""Problems on which others have compared networks with classical methods.

Grossmann, Komorowska, Latz and Schönlieb 2024, IMA J. Appl. Math. 89, 143 (arXiv 2302.04107): Poisson
problems in one, two and three dimensions. Moseley, Markham and Nissen-Meyer 2023 (arXiv 2107.07871): an
oscillation of high frequency.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from networks.boxes import BoxProblem, box_problem


@dataclass(frozen=True, eq=False)
class Contest:
    """A Poisson problem −Δu = f on a box with a solution in closed form, (n, d) -> (n,), for `jax.numpy`.

    `terms` and `values` are f and the values on the boundary as sums of products (see `solve_separable`).
    """

    name: str
    title: str
    problem: BoxProblem
    source: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    terms: Any
    values: Any


def poisson(
    name: str, title: str, box: Any, source: Any, exact: Any, points: int, terms: Any, values: Any = None
) -> Contest:
    """−Δu = f with u = g on all sides, with its energy."""

    def energy(x, u, slope):
        return jnp.sum(slope**2) / 2 - source(x[None])[0] * u[0]

    problem = box_problem(box, energy, values=values, points=points)
    held = [] if values is None else [[lambda x: values(x[:, None])]]
    return Contest(name, title, problem, source, exact, terms, held)


def line() -> Contest:
    """Grossmann's first: u = x exp(−x²) on (0, 1)."""

    def source(x):
        x = x[:, 0]
        return (6 * x - 4 * x**3) * jnp.exp(-(x**2))

    def exact(x):
        return x[:, 0] * jnp.exp(-(x[:, 0] ** 2))

    terms = [[lambda x: source(x[:, None])]]
    return poisson("line", "1-D Poisson", (0, 1), source, exact, 256, terms, lambda x: x[:, 0] * np.exp(-1.0))


def square() -> Contest:
    """Grossmann's second: u = x²(x − 1)² y (y − 1)², which vanishes on all sides; they hold y = 0 alone."""

    def exact(x):
        x, y = x[:, 0], x[:, 1]
        return x**2 * (x - 1) ** 2 * y * (y - 1) ** 2

    def source(x):
        x, y = x[:, 0], x[:, 1]
        across = 2 * (6 * x**2 - 6 * x + 1) * y * (y - 1) ** 2
        return -across - x**2 * (x - 1) ** 2 * (6 * y - 4)

    terms = [
        [lambda x: -2 * (6 * x**2 - 6 * x + 1), lambda y: y * (y - 1) ** 2],
        [lambda x: -(x**2) * (x - 1) ** 2, lambda y: 6 * y - 4],
    ]
    return poisson("square", "2-D Poisson", (0, 0, 1, 1), source, exact, 2000, terms)


def cube() -> Contest:
    """Grossmann's third: the product of sin πx_i on the unit cube."""

    def exact(x):
        return jnp.prod(jnp.sin(jnp.pi * x), -1)

    terms = [[lambda x: 3 * np.pi**2 * np.sin(np.pi * x), *[lambda x: np.sin(np.pi * x)] * 2]]
    box = (0, 0, 0, 1, 1, 1)
    return poisson("cube", "3-D Poisson", box, lambda x: 3 * jnp.pi**2 * exact(x), exact, 2000, terms)


def oscillation(frequency: int = 15) -> Contest:
    """u = sin ωx on (−π, π), on which perceptrons are slow and local networks are not."""

    def exact(x):
        return jnp.sin(frequency * x[:, 0])

    def source(x):
        return frequency**2 * exact(x)

    terms = [[lambda x: source(x[:, None])]]
    return poisson("oscillation", f"sin {frequency}x", (-np.pi, np.pi), source, exact, 1000, terms)
