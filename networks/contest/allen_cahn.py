"""Allen-Cahn's equation on a circle: u_t = ε u_xx − (2/ε) u (1 − u) (1 − 2u), Grossmann's fourth problem.

It is the gradient flow of E(u) = ∫ ε/2 u'² + u² (1 − u)² / ε dx, so that a time step is a minimisation,
min ∫ (v − u)² / (2 Δt) dx + E(v): implicit Euler, for finite elements and for networks alike.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from scipy.linalg import solve_banded

from networks.comparison.row import Row, spread
from networks.contest.classical import clocked, timed
from networks.descent import natural, objective
from networks.losses import Part
from networks.perceptron import MLP
from networks.trial import marked_linear, trial

EPSILON, END, STEPS = 0.01, 0.05, 50
NODES = 512
"""Equally spaced points of the circle that judge, and in which a network is trained."""


def start(x: Any) -> Any:
    """u at time 0."""
    return (jnp.sin(2 * jnp.pi * x) + jnp.sin(16 * jnp.pi * x)) / 4 + 0.5


def reaction(u: Any) -> Any:
    """−(2/ε) u (1 − u) (1 − 2u)."""
    return -2 / EPSILON * u * (1 - u) * (1 - 2 * u)


@partial(jax.jit, static_argnums=(0, 1))
def spectral(nodes: int, steps: int) -> jax.Array:
    """Fourier in space, and in time Strang's splitting, both parts in closed form: u (nodes,) at the end."""
    dt = END / steps
    k = 2 * jnp.pi * jnp.fft.rfftfreq(nodes, 1 / nodes)
    decay = jnp.exp(-EPSILON * k**2 * dt / 2)

    def diffused(u):
        return jnp.fft.irfft(jnp.fft.rfft(u) * decay, nodes)

    def reacted(u):
        # With w = 2u − 1: w' = w (1 − w²) / ε, a logistic equation for w².
        w = 2 * u - 1
        grown = jnp.exp(2 * dt / EPSILON)
        return (1 + w * jnp.sqrt(grown / (1 + w**2 * (grown - 1)))) / 2

    u = start(jnp.arange(nodes) / nodes)
    return jax.lax.fori_loop(0, steps, lambda _, u: diffused(reacted(diffused(u))), u)


def reference() -> np.ndarray:
    """u (NODES,) at the end, by 2000 steps of Fourier and Strang."""
    return np.asarray(spectral(NODES, 2000))


def hats(cells: int, steps: int = STEPS) -> np.ndarray:
    """P1 elements, implicit Euler by Newton: u (NODES,) at the end. As Grossmann's, with lumped reaction."""
    h, dt = 1 / cells, END / steps
    u = np.asarray(start(np.arange(cells) / cells))
    mass, off = 2 * h / 3, h / 6
    stiff, beside = 2 * EPSILON / h, -EPSILON / h
    for _ in range(steps):
        v = u.copy()
        for _ in range(20):
            neighbours = np.roll(v, 1) + np.roll(v, -1)
            change = v - u
            left = (mass * change + off * (np.roll(change, 1) + np.roll(change, -1))) / dt
            left += stiff * v + beside * neighbours - h * reaction(v)
            curve = mass / dt + stiff + h * 2 / EPSILON * (1 - 6 * v + 6 * v**2)
            step = cyclic(curve, off / dt + beside, left)
            v -= step
            if np.abs(step).max() < 1e-11:
                break
        u = v
    x = np.arange(NODES) / NODES
    return np.interp(x, np.arange(cells + 1) * h, np.append(u, u[0]))


def cyclic(diagonal: np.ndarray, beside: float, right: np.ndarray) -> np.ndarray:
    """The solution of a cyclic tridiagonal system (Sherman and Morrison)."""
    n, corner = len(diagonal), -diagonal[0]
    bands = np.full((3, n), beside)
    bands[1] = diagonal
    bands[1, 0] -= corner
    bands[1, -1] -= beside**2 / corner
    u = np.zeros(n)
    u[0], u[-1] = corner, beside
    a, b = solve_banded((1, 1), bands, np.stack([right, u], 1)).T
    v = np.zeros(n)
    v[0], v[-1] = 1.0, beside / corner
    return a - b * (v @ a) / (1 + v @ b)


class Circle(nnx.Module):
    """A perceptron of the harmonics cos 2πkx, sin 2πkx, k ≤ `modes`: periodic by construction."""

    def __init__(self, modes: int, hidden: Sequence[int], seed: int):
        self.modes = modes
        self.net = MLP((-1,) * 2 * modes + (1,) * 2 * modes, hidden, seed=seed)

    def __call__(self, x: Any) -> jax.Array:
        """Values (n, 1) at points (n, 1)."""
        angle = 2 * jnp.pi * x * jnp.arange(1, self.modes + 1)
        return self.net(jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], -1))


def network(
    seed: int, modes: int = 8, hidden: Sequence[int] = (12,), first: int = 40, each: int = 2
) -> np.ndarray:
    """A network carried through time by natural gradients, `each` a time step: u (NODES,) at the end."""
    made, z, rest = trial([Circle(modes, hidden, seed)], 1)
    rest = jax.tree.map(lambda a: a[0], rest)
    return np.asarray(carried(made, first, each, z[0], rest))


@partial(jax.jit, static_argnums=(0, 1, 2))
def carried(made: Any, first: int, each: int, z: jax.Array, rest: Any) -> jax.Array:
    """Fit the start in `first` natural steps, then go through time."""
    way, dt = natural(marked_linear(made)), END / STEPS
    x = (jnp.arange(NODES) / NODES)[:, None]
    alike = jax.random.split(jax.random.key(0))  # the points stay where they are

    def part(before, gradient):
        """Distance from what was before, and the energy where `gradient` is 1."""

        def fields(u):
            return jax.jvp(lambda p: u(p, None), (x,), (jnp.ones_like(x),))

        def value(f):
            v, slope = f[0][:, 0], f[1][:, 0]
            energy = EPSILON / 2 * slope**2 + v**2 * (1 - v) ** 2 / EPSILON
            return jnp.mean((v - before) ** 2 / (2 * dt) + gradient * energy)

        return Part(fields, value)

    def minimised(z, before, gradient, count):
        goal = objective(part(before, gradient), lambda z: made.function(z, rest))
        return jax.lax.fori_loop(0, count, lambda i, z: way.step(z, (), lambda key: goal, alike, i)[0], z)

    def values(z):
        return made.function(z, rest)(x, None)[:, 0]

    # One loop for the start and for all time steps, so that the step is compiled once.
    def step(number, z):
        begin = number == 0
        before = jnp.where(begin, start(x[:, 0]), values(z))
        return minimised(z, before, jnp.where(begin, 0.0, 1.0), jnp.where(begin, first, each))

    return values(jax.lax.fori_loop(0, STEPS + 1, step, z))


def rows(seeds: Sequence[int]) -> list[Row]:
    """All of them against the reference: relative errors at the end, in the mean square and at most."""
    truth = reference()

    def row(name, title, unknowns, solve, seeds=(0,)):
        first, compiling, seconds = timed(lambda: solve(seeds[0]), 1)
        runs = [(first, seconds), *(clocked(lambda s=seed: solve(s)) for seed in seeds[1:])]
        apart = [found - truth for found, _ in runs]
        return Row(
            method=name,
            title=title,
            unknowns=unknowns,
            l2=spread([float(np.linalg.norm(a) / np.linalg.norm(truth)) for a in apart]),
            compile=compiling,
            train=float(np.median([seconds for _, seconds in runs])),
            evaluate=float("nan"),
            seeds=len(seeds),
            result="done",
            largest=spread([float(np.abs(a).max() / np.abs(truth).max()) for a in apart]),
        )

    return [
        row("hats", "P1 elements, 256, implicit Euler", 256, lambda _: hats(256)),
        row("hats", "P1 elements, 1024, ten times smaller steps", 1024, lambda _: hats(1024, 10 * STEPS)),
        row("spectral", "Fourier and Strang, 256", 256, lambda _: every(spectral(256, STEPS))),
        row("network", "perceptron of harmonics, natural gradient", 217, network, seeds),
    ]


def every(u: Any) -> np.ndarray:
    """Values in the points that judge from fewer ones, by Fourier."""
    nodes = len(u)
    return np.asarray(jnp.fft.irfft(jnp.fft.rfft(u), NODES) * (NODES / nodes))
