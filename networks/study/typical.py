"""E4: how many regions random and trained networks have, by depth."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.ticker import MaxNLocator

from networks.anatomy.functions import stacked, unstacked
from networks.bounds import region_bounds
from networks.relu import ReLU
from networks.splitting import to_manifold
from networks.study.ensembles import train
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import COLORS, MARKERS, labelled, panels

LINE, FAR, NEAR = (-1e5, 1e5), (-100.0, -100.0, 100.0, 100.0), (-1.0, -1.0, 1.0, 1.0)
"""The whole line, the large and the small square in which regions are counted."""

RATE = 3e-3
NAMES = {1: "one input", 2: "two inputs"}


def measure(effort: Effort) -> Measured:
    """Regions on a line by neurons and depth, on a plane by depth, and both during training."""
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    depths = np.arange(1, 9)
    line = {
        n: np.array([[count((1, *[n // d] * d, 1), s, LINE) for s in seeds] for d in depths])
        for n in effort.pick((48, 96, 192, 240), (48, 96))
    }
    effort.report("regions on a line")
    planar_depths = np.array([1, 2, 3, 4, 6, 8])
    plane = {
        box: np.array([[count((2, *[48 // d] * d, 1), s, box) for s in seeds] for d in planar_depths])
        for box in (FAR, NEAR)
    }
    effort.report("regions on a plane")
    times = effort.pick((0, 100, 1000, 5000), (0, 300))
    trained = {
        inputs: during(inputs, effort.pick((1, 2, 3, 4, 6, 8), (1, 2, 4)), times, effort) for inputs in (1, 2)
    }
    return judged(line, depths, plane, planar_depths, trained, times)


def count(sizes, seed: int, box) -> int:
    """Regions of a network with He weights and biases N(0, 1)."""
    return len(to_manifold(ReLU.random(sizes, seed), box))


def target(x: jax.Array, code: jax.Array) -> jax.Array:
    """What networks are trained on: waves that differ by their code."""
    return jnp.sin(2 * jnp.pi * (1 + code) * x.sum(1)) + jnp.cos(7 * x[:, 0] - 3 * x[:, -1])


def during(inputs: int, depths, times, effort: Effort):
    """Regions (depths, times, seeds) on the unit cube while networks of 48 neurons learn."""
    box = (0.0, 1.0) if inputs == 1 else (0.0, 0.0, 1.0, 1.0)
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    keys = jax.random.split(jax.random.key(effort.first_seed), len(seeds))
    codes, rates = jnp.full(len(seeds), 1.0), jnp.full(len(seeds), RATE)
    rows = []
    for depth in depths:
        start = stacked([ReLU.random((inputs, *[48 // depth] * depth, 1), s) for s in seeds])
        states = [
            train(start, codes, rates, keys, steps, target, inputs) if steps else start for steps in times
        ]
        rows.append([[len(to_manifold(net, box)) for net in unstacked(state)] for state in states])
        effort.report(f"training, {NAMES[inputs]}, depth {depth}")
    return np.array(depths), np.array(rows)


def growth(depths, counts) -> float:
    """Bits by which the mean count grows with each layer: 1 where every layer doubles it."""
    return float(np.polyfit(depths, np.log2(counts.reshape(len(depths), -1).mean(1)), 1)[0])


def judged(line, depths, plane, planar_depths, trained, times) -> Measured:
    widest = max(line)
    shallow = {n: c[:4].mean() / (n + 1) for n, c in line.items()}
    after = {inputs: (d, rows[:, -1]) for inputs, (d, rows) in trained.items()}
    values = {
        "bits per layer on a line": max(growth(depths, c) for c in line.values()),
        "bits per layer on a plane": growth(planar_depths, plane[FAR]),
        "bits per layer on a line, trained": growth(*after[1]),
        "bits per layer on a plane, trained": growth(*after[2]),
        "regions on a line over neurons + 1, depth 1 to 4": shallow[widest],
        "regions on a plane over N²/2": float(plane[FAR][:4].mean() / (48**2 / 2)),
        "bits per layer in a small square": growth(planar_depths, plane[NEAR]),
    }
    per_seed = line[widest][:4].mean(0) / (widest + 1)
    planar = plane[FAR][:4].mean(0) / (48**2 / 2)
    spread = {
        "regions on a line over neurons + 1, depth 1 to 4": (per_seed.min(), per_seed.max()),
        "regions on a plane over N²/2": (planar.min(), planar.max()),
    }
    tables = [
        Table(
            "regions on the line, mean ± standard deviation of the seeds",
            ("neurons", *(f"depth {d}" for d in depths)),
            [(n, *(f"{row.mean():.1f} ± {row.std():.1f}" for row in c)) for n, c in line.items()],
        ),
        Table(
            "regions of 48 neurons on the plane",
            ("box", *(f"depth {d}" for d in planar_depths)),
            [(str(box), *(f"{row.mean():.0f} ± {row.std():.0f}" for row in c)) for box, c in plane.items()],
        ),
        *(
            Table(
                f"48 neurons during training, {NAMES[inputs]}, on the unit cube",
                ("steps", *(f"depth {d}" for d in which)),
                [
                    (t, *(f"{row.mean():.0f} ± {row.std():.0f}" for row in rows[:, k]))
                    for k, t in enumerate(times)
                ],
            )
            for inputs, (which, rows) in trained.items()
        ),
    ]
    series = dict(line=line, depths=depths, plane=plane, planar=planar_depths, trained=trained, times=times)
    return Measured({k: float(v) for k, v in values.items()}, spread, tables, series)


def draw(found: Measured):
    """Regions by depth: on a line, on a plane, and after training; what a constructed network has beside "
    "it."""
    made, (left, middle, right) = panels(3, 3.6, 3.4)
    s = found.series
    for number, (neurons, counts) in enumerate(s["line"].items()):
        bars(left, s["depths"], counts, number, f"N = {neurons}")
        left.axhline(neurons + 1, color=COLORS[number], lw=0.8, ls=":")
    most = [np.prod([48.0 // d + 1] * d) for d in s["depths"]]
    left.semilogy(s["depths"], most, "--", color="0.4", lw=1, label="most for N = 48")
    left.set_ylim(20, 1e7)
    labelled(left, "hidden layers", "regions on the line", "random, one input (dotted: N + 1)")
    for number, (box, name) in enumerate(((FAR, "$[-100, 100]^2$"), (NEAR, "$[-1, 1]^2$"))):
        bars(middle, s["planar"], s["plane"][box], number, name)
    upper = [float(region_bounds(2, [48 // d] * d).serra_upper) for d in s["planar"]]
    middle.semilogy(s["planar"], upper, "--", color="0.4", lw=1, label="upper bound")
    middle.axhline(48**2 / 2, color="0.6", lw=0.8, ls=":", label="$N^2/2$")
    middle.set_ylim(10, 1e7)
    labelled(middle, "hidden layers", "regions on the plane", "random, two inputs, N = 48")
    for number, (inputs, (depths, rows)) in enumerate(s["trained"].items()):
        bars(right, depths, rows[:, 0], 2 * number, f"{NAMES[inputs]}, start", hollow=True)
        bars(right, depths, rows[:, -1], 2 * number, f"{NAMES[inputs]}, {s['times'][-1]} steps")
    right.set_ylim(3, 1e4)
    labelled(right, "hidden layers", "regions on the unit cube", "during training, N = 48")
    for axes in (left, middle, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return made


def bars(axes, x, counts, number: int, name: str, hollow: bool = False):
    """Mean of the seeds, from the least to the largest."""
    mean = counts.mean(1)
    spread = [mean - counts.min(1), counts.max(1) - mean]
    how: dict[str, Any] = dict(color=COLORS[number], ms=4.5, lw=1, capsize=2, elinewidth=0.8, label=name)
    face: dict[str, Any] = {"mfc": "white", "ls": "--"} if hollow else {"ls": "-"}
    axes.errorbar(x, mean, yerr=spread, marker=MARKERS[number], **face, **how)
    axes.set_yscale("log")


ALLOWED = "0.25 bits a layer is a doubling every four layers; exponential growth by construction is 1 or more"

EXPERIMENT = Experiment(
    name="typical",
    label="E4",
    concepts=("C9", "C5"),
    about="Capacity by depth, typical",
    claim="Networks have exponential learning capacity with depth (Part 1, abstract).",
    definition="Regions of networks of equally many neurons in 1 to 8 layers, counted exactly: He weights "
    "and biases N(0, 1) on the whole line and on [−100, 100]², and on the unit cube while they learn waves "
    "by Adam. The growth by depth is the slope of log2 of the mean count. The number of regions as capacity "
    "is one of several definitions; the box belongs to it.",
    statement="At equal neurons the regions of random and of trained networks do not grow exponentially with "
    "depth.",
    means={
        "consistent": "Typical networks do not use what depth makes possible: in this sense of capacity the "
        "papers' claim is not supported.",
        "inconsistent": "Typical networks gain regions exponentially by depth, which supports the papers' "
        "claim.",
    },
    expected="N + 1 regions on a line (Kogan, Jananthan, Kepner 2025, arXiv 2512.08091), about N²/2 on a "
    "plane, no trend with depth, also in training (Hanin, Rolnick 2019, arXiv 1906.00904)",
    frame="nonlinearity",
    falsifiers=(
        Falsifier("bits per layer on a line", "<=", 0.25, ALLOWED),
        Falsifier("bits per layer on a plane", "<=", 0.25, ALLOWED),
        Falsifier("bits per layer on a line, trained", "<=", 0.25, ALLOWED),
        Falsifier("bits per layer on a plane, trained", "<=", 0.25, ALLOWED),
        Falsifier("regions on a line over neurons + 1, depth 1 to 4", "<=", 1.25, "theory: 1 + o(1)"),
        Falsifier("regions on a plane over N²/2", "<=", 1.25, "theory: 1, in a box that holds all crossings"),
    ),
    measure=measure,
    draw=draw,
)
