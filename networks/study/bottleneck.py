"""E10: the hidden bottleneck of training, of rank and of conditioning."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from networks.anatomy.bottleneck import (
    activation_ranks,
    condition_expected,
    conjugate_steps,
    descent_steps,
    stiffness,
)
from networks.bounds import region_bounds
from networks.relu import ReLU
from networks.splitting import to_manifold
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, RED, labelled, panels, slope, spread
from networks.study.plain import hidden, keys_of, perceptron, value

WIDE, NARROW, LAYERS = 24, 2, 3
PLACES = ("first", "middle", "last")
CELLS = {"full": (8, 16, 32, 64, 128, 256), "quick": (8, 16, 32, 64)}
SLOW = {"full": 64, "quick": 32}
"""The most cells for which gradient descent on the residual is run: its steps grow as the fourth power."""

TOLERANCE, MOST = 1e-2, 30_000_000


def widths(place: int, wide: int) -> tuple[int, ...]:
    """Hidden layers of which one is narrow."""
    return tuple(NARROW if k == place else wide for k in range(LAYERS))


def target(x: jax.Array) -> jax.Array:
    """What networks on [-1, 1]² learn (n, 1)."""
    return (jnp.sin(3 * x[:, :1]) * jnp.cos(2 * x[:, 1:]) + x[:, :1] * x[:, 1:]).reshape(-1, 1)


def trained(effort: Effort, place: int, steps: int):
    """Root mean square errors (seeds,) of nets with a narrow layer, on new points, and the nets."""
    draw = np.random.default_rng(7)
    x, new = (jnp.asarray(draw.uniform(-1, 1, (256, 2))) for _ in range(2))
    rule = optax.adam(optax.cosine_decay_schedule(1e-2, steps, 1e-2))

    def loss(theta):
        return jnp.mean((value(theta, x, jax.nn.relu) - target(x)) ** 2)

    def one(key):
        theta = perceptron(key, (2, *widths(place, WIDE), 1), 2.0, 0.5)

        def body(_, carry):
            theta, state = carry
            change, state = rule.update(jax.grad(loss)(theta), state)
            return optax.apply_updates(theta, change), state

        theta, _ = jax.lax.fori_loop(0, steps, body, (theta, rule.init(theta)))
        error = value(theta, new, jax.nn.relu) - target(new)
        return jnp.sqrt(jnp.mean(error**2) / jnp.var(target(new))), theta, hidden(theta, new, jax.nn.relu)

    return jax.jit(jax.vmap(one))(keys_of(effort.first_seed, effort.seeds))


def regions(seed: int, place: int, wide: int) -> int:
    """Regions of a random network with a narrow layer, on [-10, 10]²."""
    return len(to_manifold(ReLU.random((2, *widths(place, wide), 1), seed), (-10, -10, 10, 10)))


def counted(effort: Effort, cells: int) -> dict[str, list[np.ndarray]]:
    """Steps (starts,) of gradient descent and conjugate gradients on energy and residual."""
    many = min(effort.seeds, 5)
    loads = [np.random.default_rng(effort.first_seed + s).normal(size=cells - 1) for s in range(many)]
    starts = jnp.asarray(np.linalg.solve(stiffness(cells), np.stack(loads, 1)).T)  # from 0
    slow = cells <= SLOW["quick" if effort.quick else "full"]
    found = {}
    for power, loss in ((1, "energy"), (2, "residual")):
        for name, way in (("descent", descent_steps), ("conjugate", conjugate_steps)):
            run = jax.jit(jax.vmap(lambda s, way=way, power=power: way(cells, power, TOLERANCE, s, MOST)))
            wanted = name == "conjugate" or power == 1 or slow
            found[f"{name}, {loss}"] = [np.asarray(run(starts))] if wanted else []
    return found


def exponent(cells: list[int], values: list[float]) -> float:
    """Slope of log value by log cells, of the finer half."""
    half = len(cells) // 2
    return float(np.polyfit(np.log(cells[half:]), np.log(values[half:]), 1)[0])


def measure(effort: Effort) -> Measured:
    """Error, rank and regions by the place of a narrow layer; condition and steps by the loss."""
    error, ranks, count = {}, {}, {}
    for k, place in enumerate(PLACES):
        effort.report(f"narrow {place} layer")
        found, _, activations = trained(effort, k, effort.pick(4000, 600))
        error[place] = np.asarray(found)
        ranks[place] = [activation_ranks([a[s] for a in activations]) for s in range(effort.seeds)]
        count[place] = np.array([regions(s, k, 6) for s in range(effort.seeds * 4)])
    bounds = {p: region_bounds(2, widths(k, 6)).serra_upper for k, p in enumerate(PLACES)}
    cells = list(CELLS["quick" if effort.quick else "full"])
    condition = {
        power: [float(np.linalg.cond(np.linalg.matrix_power(stiffness(n), power))) for n in cells]
        for power in (1, 2)
    }
    off = max(
        abs(k / condition_expected(n, power) - 1)
        for power in (1, 2)
        for n, k in zip(cells, condition[power], strict=True)
    )
    steps: dict[str, dict[int, np.ndarray]] = {}
    for n in cells:
        effort.report(f"steps, {n} cells")
        for name, runs in counted(effort, n).items():
            for run in runs:
                steps.setdefault(name, {})[n] = run
    slopes = {
        name: exponent(list(each), [float(np.median(run)) for run in each.values()])
        for name, each in steps.items()
    }
    medians = {place: float(np.median(e)) for place, e in error.items()}
    kappa = {power: exponent(cells, condition[power]) for power in (1, 2)}
    return Measured(
        {
            "error, narrow first over narrow last": medians["first"] / medians["last"],
            "regions, narrow last over narrow first": float(count["last"].mean() / count["first"].mean()),
            "rank in the narrow layer": float(max(r[k] for k, p in enumerate(PLACES) for r in ranks[p])),
            "condition against cot²(πh/2)": float(off),
            "exponent of the condition, energy": kappa[1],
            "exponent of the condition, residual": kappa[2],
            **{f"exponent of steps, {name}": s for name, s in slopes.items()},
        },
        {f"error, narrow {place} layer": spread(e) for place, e in error.items()}
        | {f"regions, narrow {place} layer": spread(c) for place, c in count.items()},
        [
            Table(
                "One layer of 2 neurons, the others of 24 (errors) and of 6 (regions, box [-10, 10]²)",
                ("narrow layer", "error, median", "least", "largest", "regions, mean", "Serra's bound"),
                [[p, medians[p], *spread(error[p]), count[p].mean(), bounds[p]] for p in PLACES],
            ),
            Table(
                f"Condition, and median steps until the error is {TOLERANCE:g} of its start",
                ("cells", "κ energy", "κ residual", *steps),
                [
                    [n, condition[1][k], condition[2][k]]
                    + [float(np.median(each[n])) if n in each else "" for each in steps.values()]
                    for k, n in enumerate(cells)
                ],
            ),
        ],
        {"error": error, "regions": count, "bounds": bounds, "cells": cells, "steps": steps},
    )


def draw(found: Measured) -> Figure:
    """Errors and regions by the place of the narrow layer; steps by cells."""
    made, (left, middle, right) = panels(3)
    s = found.series
    box: dict[str, Any] = dict(tick_labels=list(PLACES), widths=0.5, medianprops={"color": RED})
    left.boxplot(list(s["error"].values()), **box)
    left.set_yscale("log")
    labelled(left, "narrow layer", "error after training")
    middle.boxplot(list(s["regions"].values()), **box)
    middle.plot([1, 2, 3], list(s["bounds"].values()), "k_", ms=22, label="upper bound (Serra)")
    middle.set_yscale("log")
    labelled(middle, "narrow layer", "regions, random weights")
    style = {
        "descent, energy": (BLUE, "o-"), "conjugate, energy": (BLUE, "s--"),
        "descent, residual": (RED, "o-"), "conjugate, residual": (RED, "s--"),
    }  # fmt: skip
    for name, each in s["steps"].items():
        color, how = style[name]
        cells = list(each)
        right.loglog(cells, [np.median(e) for e in each.values()], how, color=color, ms=4, label=name)
    cells = s["cells"]
    slope(right, cells, float(np.median(s["steps"]["descent, energy"][cells[0]])) * 0.5, 2, "$h^{-2}$")
    few = list(s["steps"]["descent, residual"])
    slope(right, few, float(np.median(s["steps"]["descent, residual"][few[0]])) * 2, 4, "$h^{-4}$")
    right.set_xticks(cells, [str(n) for n in cells])
    right.minorticks_off()
    low, high = right.get_ylim()
    right.set_ylim(low, 300 * high)
    labelled(right, "cells", "steps")
    return made


EXPERIMENT = Experiment(
    name="bottleneck",
    label="E10",
    concepts=("C11",),
    about="Where training is slow: a narrow layer, and a loss that squares the condition.",
    claim='Neural networks have a "training hidden bottleneck" (Part 1, abstract).',
    definition=(
        "(a) One layer of two neurons as the first, the middle or the last of three: error after training on "
        "a function of two variables, rank of the activations, regions of random networks. (b) The condition "
        "of the energy of −u″ = f and of the mean square of its residual in hats, and steps of gradient "
        "descent and conjugate gradients. What the bottleneck is, the papers do not say: these are ours."
    ),
    statement=(
        "A narrow layer costs more the earlier it is, and the loss of the residual has the square of the "
        "condition of the energy."
    ),
    means={
        "consistent": "Supports the claim with two bottlenecks that can be named: the architecture's, which "
        "depends on the place, and that of the loss, which a choice of loss removes.",
        "inconsistent": "No effect of the place, or the same exponents for both losses.",
    },
    expected=(
        "Upper bounds 583 for widths (2, 6, 6) and 1936 for (6, 6, 2) (Serra 2018). κ = cot²(πh/2) ≈ "
        "4/(πh)² and its square; steps of descent as h^−2 and h^−4, of conjugate gradients as h^−1 and "
        "h^−2, where they do not end first, as they do after as many steps as there are unknowns."
    ),
    frame="nonlinearity",
    falsifiers=(
        Falsifier("error, narrow first over narrow last", ">=", 1.2, "an effect of the place"),
        Falsifier("regions, narrow last over narrow first", ">=", 1.2, "an effect of the place"),
        Falsifier("rank in the narrow layer", "<=", 2.0, "two neurons"),
        Falsifier("condition against cot²(πh/2)", "<=", 1e-5, "exact, up to the rounding of κ²"),
        Falsifier("exponent of steps, descent, energy", "<=", 2.2, "h^−2"),
        Falsifier("exponent of steps, descent, energy", ">=", 1.8, "h^−2"),
        Falsifier("exponent of steps, descent, residual", ">=", 3.6, "h^−4"),
    ),
    measure=measure,
    draw=draw,
)
