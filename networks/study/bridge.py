"""E1: a P1 numerical manifold is a ReLU network."""

import re
from collections.abc import Callable
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

import nmm
from networks import covers, lattice_cover
from networks.relu import from_nodes, from_solution
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import COLORS, labelled, panels

LINE, SQUARE = 256, 16
"""Elements on the line, and along a side of the square."""

WHERE = ("on a line", "of a smooth function", "on a square")

WHY = "rounding, with three digits of room: the literature's construction is exact"
SMOOTH = "rounding, on a line, where the slope changes little from node to node"


def measure(effort: Effort) -> Measured:
    """Differences of values and gradients, of random nodal values, and the partition of unity."""
    points = effort.pick(4000, 800)
    rows = []
    for seed in range(effort.first_seed, effort.first_seed + effort.seeds):
        lines = (on_a_line(seed, points, nodal) for nodal in (rough, smooth))
        rows.append([number for pair in (*lines, on_a_square(seed, points)) for number in pair])
        effort.report(f"seed {seed}")
    found = np.array(rows)
    names = tuple(f"{what} {where}" for where in WHERE for what in ("values", "gradients"))
    values = dict(zip(names, found.max(0), strict=True))
    spread = {name: (c.min(), c.max()) for name, c in zip(names, found.T, strict=True)}
    values |= {"partition of unity": unity(points), "hat of the triangle lattice": hat(points)}
    sizes = (1, LINE, 1), square(0)[1].sizes
    layers = [("line", LINE, sizes[0], 1), ("square", 2 * SQUARE**2, sizes[1], 2)]
    tables = [Table("networks", ("domain", "elements", "sizes of the layers", "hidden layers"), layers)]
    return Measured(values, spread, tables, {"found": found, "names": names})


def rough(nodes: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    return draw.normal(size=len(nodes))


def smooth(nodes: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A sum of sines with random amplitudes, the solution of −u'' = f for such an f."""
    waves = np.arange(1, 9)
    return np.sin(np.pi * np.outer(nodes, waves)) @ (draw.normal(size=len(waves)) / waves**2)


def on_a_line(seed: int, points: int, values: Callable) -> tuple[float, float]:
    """Largest differences of values and slopes, relative to the largest of each."""
    draw = np.random.default_rng(seed)
    nodes = np.linspace(0, 1, LINE + 1)
    nodal = values(nodes, draw)
    x = draw.uniform(0, 1, points)
    network = from_nodes(nodes, nodal)
    slopes = np.diff(nodal) / np.diff(nodes)
    slope = slopes[np.searchsorted(nodes, x) - 1]
    return (
        relative(network(x[:, None]), np.interp(x, nodes, nodal)),
        relative(network.gradient(x[:, None])[:, 0, 0], slope),
    )


def on_a_square(seed: int, points: int) -> tuple[float, float]:
    """The same for triangles and random unknowns."""
    solution, network = square(seed)
    x = np.random.default_rng(seed + 1000).uniform(0, 1, (points, 2))
    gradient = network.gradient(x)
    return (
        relative(network(x), solution.at(x)),
        relative(gradient.reshape(points, 2), np.reshape(solution.gradient(x), (points, 2))),
    )


def square(seed: int):
    """A P1 function on triangles with random unknowns, and its network."""
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=SQUARE, shape="triangle"))
    problem = nmm.problem(manifold, nmm.poisson(1.0), nmm.value("outline", 0.0))
    solution = nmm.forward(problem)()
    unknowns = np.random.default_rng(seed).normal(size=np.shape(solution.dofs))
    solution = replace(solution, dofs=unknowns)
    return solution, from_solution(solution)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def unity(points: int) -> float:
    """Largest |Σ w_i − 1| on hats of both kinds."""
    x = np.random.default_rng(0).uniform(0, 1, (points, 2))
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=SQUARE, shape="triangle"))
    sums = [lattice_cover(manifold)(x).sum(1), covers.splines((0, 1), LINE)(x[:, :1]).sum(1)]
    return float(max(jnp.abs(s - 1).max() for s in sums))


def hat(points: int) -> float:
    """Largest difference between the network of one hat and 1 − max(|x|, |y|, |x − y|), where positive."""
    from_hat = nmm.cut(nmm.rectangle(-2, -2, 2, 2), nmm.lattice(cell=1.0, shape="triangle", origin=(-2, -2)))
    problem = nmm.problem(from_hat, nmm.poisson(1.0), nmm.value("outline", 0.0))
    solution = nmm.forward(problem)()
    where = np.abs(from_hat.patch_points()).sum(1) < 1e-9
    network = from_solution(replace(solution, dofs=np.where(where, 1.0, 0.0)[:, None]))
    x, y = np.random.default_rng(0).uniform(-2, 2, (2, points))
    exact = np.maximum(0, 1 - np.max(np.abs([x, y, x - y]), axis=0))
    return float(np.abs(network(np.stack([x, y], -1)) - exact).max())


def draw(found: Measured):
    """The differences of every seed beside the limit."""
    made, (axes,) = panels(1, 6.2)
    rows, names = found.series["found"], found.series["names"]
    for k, column in enumerate(rows.T):
        y = np.maximum(column, 1e-17)
        axes.semilogy(np.full(len(y), k) + np.linspace(-0.15, 0.15, len(y)), y, "o", ms=4, color=COLORS[0])
    axes.axhline(1e-10, color=COLORS[1], lw=1.2, label="refuted above")
    axes.axhline(1e-13, color=COLORS[2], lw=1.2, ls="--", label="expected below")
    axes.axhline(np.finfo(float).eps, color="0.6", lw=1.0, ls=":", label="machine precision")
    axes.set_xticks(range(len(names)), [re.sub(" (on|of)", r"\n\1", name) for name in names])
    axes.set_ylim(1e-17, 1e-8)
    labelled(axes, "", "largest relative difference, one point a seed")
    return made


EXPERIMENT = Experiment(
    name="bridge",
    label="E1",
    concepts=("C1",),
    about="A P1 numerical manifold compiled to a ReLU network",
    claim="A neural network is a numerical manifold, built with the numerical manifold method (Part 1, "
    "abstract).",
    definition=f"Random nodal values on {LINE} elements of a line and {SQUARE} × {SQUARE} × 2 triangles of a "
    "square become ReLU networks of one and two hidden layers. The values are as rough as can be, and "
    "rounding adds up with the variation of the slope; so those of a sum of eight sines on the same line are "
    "compared as well. Measured: the largest difference of values and of "
    "gradients in random points, relative to the largest value and gradient; Σ w_i − 1; and one hat against "
    "max(0, 1 − max(|x|, |y|, |x − y|)). This operational form of the claim is ours.",
    statement="P1 numerical manifolds are ReLU networks with one (line) and two (plane) hidden layers, with "
    "the same values and gradients.",
    means={
        "consistent": "This direction of the claim holds in the case that can be tested to the last digit: "
        "every P1 manifold is a ReLU network. It says nothing of what training finds.",
        "inconsistent": "The bridge between manifold and network is broken at the given precision, and with "
        "it the claim in its simplest case.",
    },
    expected="≤ 1e-13 for smooth functions; one and two hidden layers (He, Li, Xu, Zheng 2018, arXiv "
    "1807.03973; He, Li, Xu 2021, arXiv 2105.04156)",
    frame="degrees of freedom",
    falsifiers=(
        Falsifier("values on a line", "<=", 1e-10, WHY),
        Falsifier("gradients on a line", "<=", 1e-10, WHY),
        Falsifier("values of a smooth function", "<=", 1e-13, SMOOTH),
        Falsifier("gradients of a smooth function", "<=", 1e-13, SMOOTH),
        Falsifier("values on a square", "<=", 1e-10, WHY),
        Falsifier("gradients on a square", "<=", 1e-10, WHY),
        Falsifier("partition of unity", "<=", 1e-14, "weights add up to 1 by construction"),
        Falsifier("hat of the triangle lattice", "<=", 1e-14, "an identity, in numbers around 1"),
    ),
    measure=measure,
    draw=draw,
)
