"""Boundary conditions that go inwards by themselves: over covers, from layer to layer, in time.

Two covers (0, β) and (α, 1) with α < β on −u″ = f: each is solved with the value of the other on its inner
end, in turn. The error is linear on each, so that a double sweep multiplies it by

    ρ = α (1 − β) / (β (1 − α))

(Schwarz 1870; Lions 1988). That this, the faces that each layer adds, and the front that a fit in time has
come to, are what Ma and Shi's "self-progressing boundary conditions" mean is our reading of them.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.anatomy.interval import poisson
from networks.cells import Cells
from networks.covers import splines
from networks.relu import ReLU
from networks.splitting import to_manifold
from nmm.errors import InputError


def schwarz_factor(alpha: float, beta: float) -> float:
    """What a double sweep leaves of the error of −u″ = f on (0, β) and (α, 1).

    >>> round(schwarz_factor(0.4, 0.6), 4)
    0.4444

    **Raises:** `InputError` for covers that do not overlap.
    """
    if not 0 < alpha < beta < 1:
        raise InputError(f"found the covers (0, {beta}) and ({alpha}, 1), expected 0 < α < β < 1")
    return alpha * (1 - beta) / (beta * (1 - alpha))


def clamped_factor(alpha: float, beta: float) -> float:
    """The same for the least squares of the residual, min ∫ (u″ + f)²: value and slope are handed over.

    Errors are a x + b x³ on (0, β), and likewise on (α, 1): u = 0 and u″ = −f on the outer ends. The
    spectral radius of the map of (value, slope) at β by a double sweep; the derivation is ours.
    """

    def handed(at, to):
        shapes = [lambda x: np.array([x, x**3]), lambda x: np.array([1.0, 3 * x**2])]
        held, passed = (np.stack([shape(x) for shape in shapes]) for x in (at, to))
        return passed @ np.linalg.inv(held)

    mirror = np.diag([1.0, -1.0])
    there = mirror @ handed(beta, alpha)
    back = mirror @ handed(1 - alpha, 1 - beta)
    return float(np.abs(np.linalg.eigvals(back @ there)).max())


def alternating(
    first: Callable[[float], float], second: Callable[[float], float], start: float, sweeps: int
) -> np.ndarray:
    """Values (sweeps + 1,) at β, the inner end of the first cover.

    `first` takes the value at β and returns that of its solution at α; `second` the other way round.
    """
    values = [start]
    for _ in range(sweeps):
        values.append(second(first(values[-1])))
    return np.array(values)


def factor_of(values: Any) -> float:
    """The factor of a sequence v_k = v + c ρ^k, from its differences: the mean of their ratios.

    Differences at rounding are left out.
    """
    steps = np.diff(np.asarray(values, float))
    steps = steps[np.abs(steps) > 1e-9 * np.abs(steps).max()]
    return float(np.exp(np.mean(np.log(np.abs(steps[1:] / steps[:-1])))))


def alternating_splines(
    cells: int, alpha: float, beta: float, source: Callable[[np.ndarray], Any], sweeps: int = 6
) -> np.ndarray:
    """Values (sweeps + 1,) at β of two numerical manifolds of hats that are solved in turn, from 0.

    Each has `cells` cells; α and β need not be knots of the other.
    """
    covers = [splines((0.0, beta), cells), splines((alpha, 1.0), cells)]
    solved = [poisson(cover, source) for cover in covers]
    at = [np.asarray(cover(np.array([[x]])))[0] for cover, x in zip(covers, (alpha, beta), strict=True)]
    return alternating(
        lambda b: float(at[0] @ solved[0](0.0, b)), lambda a: float(at[1] @ solved[1](a, 0.0)), 0.0, sweeps
    )


def faces_by_layer(network: ReLU, box: Any) -> list[int]:
    """How many new faces each hidden layer adds to the cells of a network on a box; one or two inputs.

    Faces are nodes inside an interval, edges inside a rectangle (pieces of one zero line count each).
    """
    counts = []
    for depth in range(len(network.sizes) - 1):
        width = network.sizes[depth]
        head = ReLU.of(
            [*network.weights[:depth], np.ones((1, width))], [*network.biases[:depth], np.zeros(1)]
        )
        made = to_manifold(head, box)
        counts.append(len(made.neighbours) if isinstance(made, Cells) else len(made) - 1)
    return [int(n) for n in np.diff(counts)]


def front(times: Any, errors: Any, tolerance: float) -> jax.Array:
    """Up to which time (…,) the errors (…, times) stay below a tolerance, from the first time on."""
    good = jnp.cumprod(jnp.abs(jnp.asarray(errors)) <= tolerance, -1)
    times = jnp.asarray(times)
    last = jnp.sum(good, -1).astype(int)
    return jnp.where(last > 0, times[jnp.maximum(last - 1, 0)], times[0])
