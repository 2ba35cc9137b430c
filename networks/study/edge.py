"""E13: curvature that training accumulates, and where it ends."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from networks.anatomy.curvature import bend_on_grid, sharpness
from networks.covers import splines
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, GREEN, RED, band, labelled, panels, spread
from networks.study.plain import keys_of, perceptron, value

POINTS, LOOKS, BUDGET = 20, 60, 100
GRID = 400


class Model(NamedTuple):
    """A network to train: parameters by key, function of (θ, points (n,)), rates, and steps."""

    start: Callable[[jax.Array], Any]
    function: Callable[[Any, jax.Array], jax.Array]
    rates: tuple[float, ...]


def chebyshev(x: jax.Array) -> jax.Array:
    """The polynomial of degree 4, one of those that Cohen et al. fit."""
    return 8 * x**4 - 8 * x**2 + 1


def next_task(x: jax.Array) -> jax.Array:
    """What is learned after it."""
    return jnp.sin(5 * x)


def models() -> dict[str, Model]:
    """A tanh perceptron of two hidden layers, and a stack of two splines whose unknowns are trained."""
    inner, outer = splines((-1.0, 1.0), 10, 3), splines((-1.5, 1.5), 10, 3)

    def start(key):
        first, second = jax.random.split(key)
        nodes = inner.nodes[:, 0]
        return (
            nodes + 0.1 * jax.random.normal(first, nodes.shape),
            0.1 * jax.random.normal(second, (outer.patches,)),
        )

    def stack(theta, x):
        return outer((inner(x[:, None]) @ theta[0])[:, None]) @ theta[1]

    def wide(theta, x):
        return value(theta, x[:, None])[:, 0]

    return {
        "perceptron": Model(lambda key: perceptron(key, (1, 32, 32, 1), 1.0, 1.0), wide, (0.03, 0.045, 0.07)),
        "stacked manifold": Model(start, stack, (0.8, 1.0, 1.25)),
    }


def trained(model: Model, key: jax.Array, rate: Any, each: int) -> tuple[jax.Array, ...]:
    """Sharpness, loss and bend (looks,) in full-batch descent, and what it then learns of the next task.

    Capability is 1 − error/variance after `BUDGET` steps of half the smallest rate.
    """
    x, grid = jnp.linspace(-1, 1, POINTS), jnp.linspace(-1, 1, GRID)

    def loss(theta, goal):
        return jnp.mean((model.function(theta, x) - goal(x)) ** 2)

    def descend(theta, rate, goal, count):
        slope = jax.grad(lambda t: loss(t, goal))

        def move(_, theta):
            return jax.tree.map(lambda p, g: p - rate * g, theta, slope(theta))

        return jax.lax.fori_loop(0, count, move, theta)

    def look(theta, _):
        seen = (
            sharpness(lambda t: loss(t, chebyshev), theta, 12),
            loss(theta, chebyshev),
            bend_on_grid(model.function(theta, grid), 2 / (GRID - 1)),
        )
        return descend(theta, rate, chebyshev, each), seen

    end, seen = jax.lax.scan(look, model.start(key), None, length=LOOKS)
    after = descend(end, model.rates[0] / 2, next_task, BUDGET)
    return *seen, 1 - loss(after, next_task) / jnp.var(next_task(x))


def capacity_law(curvature: np.ndarray, capability: np.ndarray) -> tuple[float, float]:
    """Share of the variance of 1/C that a line in R explains, C = C₀/(1 + R/R₀), and the slope's sign."""
    kept = capability > 0.02
    if kept.sum() < 4:
        return 0.0, 0.0
    correlation = np.corrcoef(curvature[kept], 1 / capability[kept])[0, 1]
    return float(correlation**2), float(np.sign(correlation))


def measure(effort: Effort) -> Measured:
    """Sharpness in training at three rates for two networks."""
    keys = keys_of(effort.first_seed, effort.seeds)
    each = effort.pick(200, 50)
    found: dict[str, dict[float, list[np.ndarray]]] = {}
    for name, model in models().items():
        effort.report(name)

        def one(pair, model=model):
            return trained(model, jax.random.wrap_key_data(pair[0]), pair[1], each)

        # One after the other: LAPACK in batches may lock up the CPU's threads.
        run = jax.jit(lambda data, rate, one=one: jax.lax.map(lambda k: one((k, rate)), data))
        data = jax.vmap(jax.random.key_data)(keys)
        found[name] = {rate: [np.asarray(a) for a in run(data, rate)] for rate in model.rates}
    late = slice(-LOOKS // 3, None)
    ratio = {
        name: {rate: np.median(a[0][:, late], 1) * rate / 2 for rate, a in runs.items()}
        for name, runs in found.items()
    }
    laws, rows = {}, []
    for name, runs in found.items():
        rates = np.array(list(runs))
        sharp = np.array([np.median(a[0][:, late]) for a in runs.values()])
        laws[name] = float(np.polyfit(np.log(1 / rates), np.log(sharp), 1)[0])
        for rate, (curvature, loss, bend, _) in runs.items():
            near = ratio[name][rate]
            rows.append([
                name, rate, 2 / rate, np.median(curvature[:, 0]), np.median(curvature[:, late]),
                np.median(near), *spread(near), np.median(bend[:, 0]), np.median(bend[:, -1]),
                np.median(loss[:, -1]),
            ])  # fmt: skip
    everything = {
        name: [np.concatenate(parts) for parts in zip(*runs.values(), strict=True)]
        for name, runs in found.items()
    }
    fits = {
        f"{name}, {what}": capacity_law(a[k][:, -1], a[3])
        for name, a in everything.items()
        for k, what in ((0, "sharpness"), (2, "bend"))
    }
    wide = ratio["perceptron"]
    rise = np.concatenate([a[0][:, late].max(1) / a[0][:, 0] for a in found["perceptron"].values()])
    return Measured(
        {
            "sharpness · η/2, least of the rates": float(min(np.median(r) for r in wide.values())),
            "sharpness · η/2, largest of the rates": float(max(np.median(r) for r in wide.values())),
            "exponent of sharpness by 1/η": laws["perceptron"],
            "exponent of sharpness by 1/η, stacked manifold": laws["stacked manifold"],
            "sharpness at the end over the start": float(np.median(rise)),
            **{f"R² of C₀/(1 + R), {name}": fit for name, (fit, _) in fits.items()},
        },
        {f"sharpness · η/2, η = {rate}": spread(r) for rate, r in wide.items()},
        [
            Table(
                "Full-batch gradient descent; medians of the seeds, sharpness of the last third",
                ("network", "η", "2/η", "sharpness at first", "late", "late · η/2", "least", "largest",
                 "∫|u″| at first", "late", "loss"),
                rows,
            ),
            Table(
                "C = C₀/(1 + R/R₀): what is then learned of a next task, by the curvature before it",
                ("network and R", "R²", "sign of the slope"),
                [[name, fit, sign] for name, (fit, sign) in fits.items()],
            ),
        ],
        {"found": found, "steps": each * np.arange(LOOKS), "all": everything},
    )  # fmt: skip


def draw(found: Measured) -> Figure:
    """Sharpness by step, for both networks; capability by curvature."""
    made, axes = panels(3)
    steps = found.series["steps"]
    for panel, (name, runs) in zip(axes, found.series["found"].items(), strict=False):
        for (rate, a), color in zip(runs.items(), (BLUE, GREEN, RED), strict=True):
            band(panel, steps, a[0], color, rf"$\eta={rate}$", lw=1.1)
            panel.axhline(2 / rate, color=color, ls="--", lw=0.9)
        panel.set_yscale("log")
        labelled(panel, "step", r"sharpness $\lambda_{\max}$", rf"{name}; dashed: $2/\eta$")
    last = axes[2]
    for (name, a), color in zip(found.series["all"].items(), (RED, BLUE), strict=True):
        last.plot(a[0][:, -1] / a[0][:, 0], a[3], "o", ms=3.5, color=color, label=name, alpha=0.8)
    labelled(last, "sharpness over that at the start", "capability on the next, 1 − error")
    return made


EXPERIMENT = Experiment(
    name="edge-of-stability",
    label="E13",
    concepts=("D7",),
    about="Curvature that training accumulates: sharpness, bend, and what it costs.",
    claim=(
        '"Curvature accumulation": R(θ) grows in training and lowers the capacity, '
        "C_eff = C₀/(1 + R(θ)) (Part 2, § 5.3, from a summary)."
    ),
    definition=(
        "R is taken as sharpness, the largest eigenvalue of the Hessian, or as bend, ∫|u″| dx. Full-batch "
        "gradient descent at three rates η on 20 points of a Chebyshev polynomial, a tanh perceptron of "
        "32, 32 units and a stack of two cubic splines. Capability: 1 − error/variance on a next task after "
        "a fixed budget. What R is, the papers' summary does not say: these are ours."
    ),
    statement=(
        "Sharpness of a perceptron rises in training and then stays at 2/η: curvature accumulates up to a "
        "value that the rate sets."
    ),
    means={
        "consistent": "Curvature accumulates as claimed, and saturates, which the claim does not say: at a "
        "value that whoever trains chooses. The law C₀/(1 + R) is reported by its R² beside it.",
        "inconsistent": "Sharpness has nothing to do with the rate, or does not rise.",
    },
    expected="λ_max rises and then hovers at or just above 2/η (Cohen et al. 2021, arXiv 2103.00065).",
    frame="nonlinearity",
    falsifiers=(
        Falsifier("sharpness · η/2, least of the rates", ">=", 0.85, "at 2/η"),
        Falsifier("sharpness · η/2, largest of the rates", "<=", 1.3, "hovers just above 2/η"),
        Falsifier("exponent of sharpness by 1/η", ">=", 0.8, "in proportion to 1/η"),
        Falsifier("sharpness at the end over the start", ">=", 1.2, "it rises"),
    ),
    measure=measure,
    draw=draw,
)
