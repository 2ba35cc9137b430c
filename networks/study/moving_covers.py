"""E12: node covers that move, in networks by their width, and in manifolds towards where they are needed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from matplotlib.figure import Figure

from networks.covers import splines
from networks.knots import fit_knots
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, GREY, RED, band, labelled, panels, slope, spread
from networks.study.plain import keys_of

DATA, PROBES, RATE = 32, 200, 0.5
SCALINGS = {"tangent kernel": 0.5, "mean field": 1.0}
"""f = width^−s Σ a relu(w·x), trained with a rate in proportion to width^(2s − 1)."""

HATS, THICK = 16, 0.01
"""Hats for the moving front, and half its thickness."""


def moved(key: jax.Array, width: int, s: Any, steps: int) -> tuple[jax.Array, ...]:
    """Motion of the covers of a two-layer network in training, and its loss before and after.

    Share of (probe, neuron) that went on or off, 1 − Jaccard index of covers, turn of orientations in
    radians, ‖Δw‖/‖w‖. Pairs of neurons start opposite, so that the network starts as zero.
    """
    first, second, third = jax.random.split(key, 3)
    w = jax.random.normal(first, (width // 2, 3))
    w, a = jnp.concatenate([w, w]), jax.random.normal(second, (width // 2,))
    a = jnp.concatenate([a, -a])
    x = with_one(jax.random.uniform(third, (DATA, 2), minval=-1.0, maxval=1.0))
    probe = with_one(jax.random.uniform(jax.random.key(99), (PROBES, 2), minval=-1.0, maxval=1.0))
    y = jnp.sin(3 * x[:, 0]) * x[:, 1]

    def loss(theta):
        return (
            jnp.mean((jnp.asarray(width, float) ** -s * jnp.maximum(x @ theta[0].T, 0) @ theta[1] - y) ** 2)
            / 2
        )

    def body(_, theta):
        slopes = jax.grad(loss)(theta)
        return jax.tree.map(
            lambda p, g: p - RATE * jnp.asarray(width, float) ** (2 * s - 1) * g, theta, slopes
        )

    end = jax.lax.fori_loop(0, steps, body, (w, a))
    on, now = probe @ w.T > 0, probe @ end[0].T > 0
    both, either = (on & now).sum(0), (on | now).sum(0)
    jaccard = jnp.where(either > 0, both / jnp.maximum(either, 1), 1.0)
    before, after = w[:, :2], end[0][:, :2]
    cosine = (before * after).sum(1) / jnp.linalg.norm(before, axis=1) / jnp.linalg.norm(after, axis=1)
    turn = jnp.arccos(jnp.clip(cosine, -1, 1)).mean()
    size = jnp.linalg.norm(end[0] - w) / jnp.linalg.norm(w)
    return (on != now).mean(), 1 - jaccard.mean(), turn, size, loss((w, a)), loss(end)


def with_one(x: jax.Array) -> jax.Array:
    """Points (n, 3) with a last coordinate 1."""
    return jnp.concatenate([x, jnp.ones((len(x), 1))], 1)


def front(t: Any, x: jax.Array) -> jax.Array:
    """A front that runs from 0.2 to 0.8: ½ (1 − tanh((x − c)/2ε)), a travelling wave of Burgers' equation."""
    return (1 - jnp.tanh((x[:, 0] - 0.2 - 0.6 * t) / (2 * THICK))) / 2


def power(x: jax.Array) -> jax.Array:
    """x^0.6."""
    return x[:, 0] ** 0.6


def measure(effort: Effort) -> Measured:
    """Motion by width, errors by knots, a front that knots follow."""
    widths = 2 ** np.array(effort.pick((6, 7, 8, 9, 10, 11, 12, 13), (6, 10)))
    keys = keys_of(effort.first_seed, effort.seeds)
    steps = effort.pick(300, 150)
    runs: dict[str, list[np.ndarray]] = {name: [] for name in SCALINGS}
    for width in map(int, widths):
        effort.report(f"width {width}")
        run = jax.jit(jax.vmap(lambda key, s, width=width: moved(key, width, s, steps), (0, None)))
        for name, s in SCALINGS.items():
            runs[name].append(np.stack(run(keys, s)))
    motion = {name: np.stack(r, -1) for name, r in runs.items()}  # (quantities, seeds, widths)

    def law(values):
        return [np.polyfit(np.log(widths), np.log(np.maximum(v, 1e-12)), 1)[0] for v in values]

    laws = {name: law(m[0]) for name, m in motion.items()}
    cells = np.array(effort.pick((8, 16, 32, 64, 128), (16, 32)))
    fits = []
    for n in cells:
        effort.report(f"{n} hats for x^0.6")
        fits.append(fit_knots(power, splines((0, 1), int(n))))
    fixed, free = (np.array([getattr(f, e) for f in fits]) for e in ("before", "error"))
    rates = {
        name: float(np.polyfit(np.log(cells[-3:]), np.log(e[-3:]), 1)[0])
        for name, e in (("fixed", fixed), ("free", free))
    }
    times = np.linspace(0, 1, effort.pick(21, 6))
    cover, knots, errors = splines((0, 1), HATS), [], []
    for t in times:
        effort.report(f"front at {t:.2f}")
        still = fit_knots(Partial(front, jnp.asarray(t)), splines((0, 1), HATS), steps=0).error
        found = fit_knots(Partial(front, jnp.asarray(t)), cover)
        cover = found.cover
        knots.append(np.asarray(cover.knots))
        errors.append((still, found.error))
    gain = np.array(errors)[:, 0] / np.array(errors)[:, 1]
    fell = motion["tangent kernel"][5, :, -1] / motion["tangent kernel"][4, :, -1]
    wide = motion["tangent kernel"][0, :, -1]
    return Measured(
        {
            "exponent of flips by width": float(np.median(laws["tangent kernel"])),
            "exponent of ‖Δw‖/‖w‖ by width": float(np.median(law(motion["tangent kernel"][3]))),
            "exponent of flips by width, mean field": float(np.median(laws["mean field"])),
            "share of flips, widest": float(np.median(wide)),
            "loss at the end over the start, widest": float(np.median(fell)),
            "rate of fixed knots for x^0.6": rates["fixed"],
            "rate of free knots for x^0.6": rates["free"],
            "error on the front, fixed over moving knots": float(np.median(gain)),
        },
        {
            "exponent of flips by width": spread(laws["tangent kernel"]),
            "exponent of flips by width, mean field": spread(laws["mean field"]),
            "share of flips, widest": spread(wide),
            "error on the front, fixed over moving knots": spread(gain),
        },
        [
            Table(
                f"Motion of covers in {steps} steps, medians of the seeds",
                ("scaling", "width", "flips", "1 − Jaccard", "turn (rad)", "‖Δw‖/‖w‖", "loss over start"),
                [
                    [name, int(w), *np.median(m[:4, :, k], 1), np.median(m[5, :, k] / m[4, :, k])]
                    for name, m in motion.items()
                    for k, w in enumerate(widths)
                ],
            ),
            Table(
                "L2 error of hats for x^0.6",
                ("hats", "equal gaps", "free knots"),
                [[int(n), a, b] for n, a, b in zip(cells, fixed, free, strict=True)],
            ),
        ],
        {
            "widths": widths, "motion": motion, "cells": cells, "fixed": fixed, "free": free,
            "times": times, "knots": np.array(knots), "errors": np.array(errors),
            "net": np.asarray(fits[1].cover.knots),
        },
    )  # fmt: skip


def draw(found: Measured) -> Figure:
    """Motion by width, errors by hats, knots that follow a front."""
    made, (left, middle, right, last) = panels(4, 3.1, 3.0)
    s = found.series
    for (name, m), color in zip(s["motion"].items(), (BLUE, RED), strict=True):
        band(left, s["widths"], m[0], color, f"{name}, flips", marker="o", ms=3)
        left.plot(s["widths"], np.median(m[3], 0), "s:", ms=3, color=color, label=f"{name}, weights", lw=1)
    left.set_xscale("log", base=2)
    left.set_yscale("log")
    start = float(np.median(s["motion"]["tangent kernel"][0], 0)[0])
    slope(left, [s["widths"][0], s["widths"][-1]], 0.5 * start, -0.5, "$-1/2$")
    low, high = left.get_ylim()
    left.set_ylim(low, high * 12)
    labelled(left, "width", "motion of covers in training")
    middle.loglog(s["cells"], s["fixed"], "o-", color=GREY, ms=4, label="equal gaps")
    middle.loglog(s["cells"], s["free"], "o-", color=BLUE, ms=4, label="free knots")
    slope(middle, s["cells"], 1.5 * s["fixed"][0], -1.1, "$-1.1$")
    slope(middle, s["cells"], 0.6 * s["free"][0], -2, "$-2$")
    middle.set_xticks(s["cells"], [str(n) for n in s["cells"]])
    middle.minorticks_off()
    labelled(middle, "hats", "$L_2$ error for $x^{0.6}$")
    right.plot(s["knots"], s["times"], "-", color=BLUE, lw=0.8)
    right.plot(0.2 + 0.6 * s["times"], s["times"], color=RED, lw=1.2, ls="--", label="the front")
    labelled(right, "x", "time", "knots of 16 hats")
    last.semilogy(s["times"], s["errors"][:, 0], "o-", color=GREY, ms=3, label="equal gaps")
    last.semilogy(s["times"], s["errors"][:, 1], "o-", color=BLUE, ms=3, label="moving knots")
    last.set_ylim(s["errors"].min() / 3, s["errors"].max() * 6)
    labelled(last, "time", "$L_2$ error on the front")
    right.legend(fontsize=7.5, frameon=True, loc="upper left", framealpha=0.9)
    left.legend(fontsize=6.5, frameon=False, loc="upper right", ncols=2, columnspacing=0.8, handlelength=1.4)
    return made


EXPERIMENT = Experiment(
    name="moving-covers",
    label="E12",
    concepts=("C3", "D6"),
    about="Node covers that move: by the width of a network, and towards a singularity and a front.",
    claim=(
        'Node covers are "local units of these piecewise-smooth manifolds"; their "orientations change at '
        'every iteration", and coordinates move with them (Part 2, § 1, § 2.2.1).'
    ),
    definition=(
        "The cover of a neuron is where it is on, its orientation the direction of its weights. Motion from "
        "the start to the end of training: share of (point, neuron) that went on or off at 200 points, "
        "Jaccard index, turn, ‖Δw‖/‖w‖; in the scaling of the tangent kernel and that of the mean field. For "
        "manifolds: the L2 error of hats on fixed and on free knots. The definitions are ours."
    ),
    statement=(
        "Covers move in training, in the tangent scaling by width^(−1/2), and moving covers give a singular "
        "function the rate N^−2 back that fixed ones lose."
    ),
    means={
        "consistent": "Supports moving covers as what makes adaptive approximation, and limits them: their "
        "motion vanishes with the width while the loss still falls, unless the scaling is chosen otherwise.",
        "inconsistent": "No law of the width, or nothing is gained by covers that move.",
    },
    expected=(
        "Flips ∝ width^(−1/2) in the tangent regime, no trend in the mean field; N^−1.1 = N^−(0.6 + 1/2) for "
        "equal gaps and N^−2 for the best knots (de Boor)."
    ),
    frame="degrees of freedom",
    falsifiers=(
        Falsifier("exponent of flips by width", "<=", -0.35, "−1/2, the law of the width"),
        Falsifier("exponent of flips by width", ">=", -0.65, "−1/2, the law of the width"),
        Falsifier("loss at the end over the start, widest", "<=", 0.5, "the loss falls"),
        Falsifier("rate of fixed knots for x^0.6", ">=", -1.2, "−1.1, what fixed knots lose"),
        Falsifier("rate of free knots for x^0.6", "<=", -1.85, "−2, what free knots give back"),
        Falsifier("error on the front, fixed over moving knots", ">=", 3.0, "a gain"),
    ),
    measure=measure,
    draw=draw,
)
