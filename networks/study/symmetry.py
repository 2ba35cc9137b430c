"""D12, C13: neurons without properties, counting, and the way from a network to a manifold and back."""

from dataclasses import replace
from typing import Any

import numpy as np

from networks.anatomy.pathways import path_sum
from networks.anatomy.symmetry import permuted, rescaled
from networks.relu import ReLU, from_nodes
from networks.splitting import to_manifold
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import COLORS, labelled, panels, spread

SIZES = (2, 16, 16, 1)
"""Of the networks on a square; those on a line have one input."""
ELEMENTS = 64
NAMES = (
    "values, neurons in another order",
    "values, neurons rescaled",
    "pieces, neurons in another order",
    "pieces, neurons rescaled",
    "sum over paths",
    "network to manifold and back",
    "manifold to network and back",
)


def measure(effort: Effort) -> Measured:
    """Differences of functions, relative to their largest value, and of counts, relative to the count."""
    points = effort.pick(4000, 500)
    rows = [one(seed, points) for seed in range(effort.first_seed, effort.first_seed + effort.seeds)]
    found = np.array([differences for differences, _ in rows])
    kept = [
        [name, column.max(), np.median(column), column.min()]
        for name, column in zip(NAMES, found.T, strict=True)
    ]
    neurons = [counts for _, counts in rows]
    return Measured(
        dict(zip(NAMES, found.max(0), strict=True)),
        {name: spread(column) for name, column in zip(NAMES, found.T, strict=True)},
        [
            Table("Relative differences", ("what", "largest", "median", "least"), kept),
            Table(
                "The same function, and how many neurons it has: before, and back from the manifold",
                ("hidden neurons", "pieces on [-1, 1]", "hidden neurons after"),
                neurons,
            ),
        ],
        {"found": found},
    )


def one(seed: int, points: int) -> tuple[list[float], tuple[int, int, int]]:
    """Differences for one random network on a square and one on a line; neurons there and back."""
    draw = np.random.default_rng(seed)
    network = ReLU.random(SIZES, seed)
    x = draw.uniform(-1, 1, (points, 2))
    others = permuted(network, seed), rescaled(network, seed=seed)
    plain = replace(network, biases=tuple(np.zeros_like(b) for b in network.biases))
    found = [apart(other(x), network(x)) for other in others]
    cells = len(to_manifold(network, (-1, -1, 1, 1)))
    found += [abs(len(to_manifold(other, (-1, -1, 1, 1))) - cells) / cells for other in others]
    found.append(apart(path_sum(plain, x[:100])[:, 0], plain(x[:100])))
    line = ReLU.random((1, *SIZES[1:]), seed)
    there: Any = to_manifold(line, (-1, 1))
    back = there.to_network()
    found.append(apart(back(x[:, :1]), line(x[:, :1])))
    nodes, nodal = np.linspace(-1, 1, ELEMENTS + 1), draw.normal(size=ELEMENTS + 1)
    found.append(
        apart(to_manifold(from_nodes(nodes, nodal), (-1, 1))(x[:, :1]), np.interp(x[:, 0], nodes, nodal))
    )
    return found, (line.neurons, len(there), back.neurons)


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def draw(found: Measured):
    """The differences of every seed."""
    made, (axes,) = panels(1, 7.5, 3.2)
    for k, column in enumerate(found.series["found"].T):
        y = np.maximum(column, 1e-17)
        axes.semilogx(y, np.full(len(y), k) + np.linspace(-0.15, 0.15, len(y)), "o", ms=4, color=COLORS[0])
    axes.axvline(1e-12, color=COLORS[1], lw=1.2, label="refuted to the right")
    axes.axvline(np.finfo(float).eps, color="0.6", lw=1.0, ls=":", label="machine precision")
    axes.set_yticks(range(len(NAMES)), NAMES)
    axes.invert_yaxis()
    axes.set_xlim(5e-18, 1e-10)
    labelled(axes, "largest relative difference, one point a seed (no difference: 1e-17)", "")
    return made


EXPERIMENT = Experiment(
    name="symmetry",
    label="D12",
    concepts=("D12", "C13", "D1"),
    about="Neurons without properties: order, scale, paths, and the way to a manifold and back",
    claim="Neurons have no properties of their own, counting is the algebraic unit, and the maps from a "
    "network to a manifold and back are nearly inverse, Ψ ∘ Φ ≈ Id (Part 2, equation 95, from a summary); "
    "an input takes an intrinsic pathway.",
    definition=f"Random ReLU networks of layers {SIZES} on a square: values and number of cells after the "
    "neurons of each layer have changed places, and after each has been scaled by exp(N(0, 1)) and the next "
    "layer divided by it; f(x) of networks without biases against the sum over all paths of active neurons; "
    f"networks on a line to intervals and back, and {ELEMENTS} random nodal values to a network and back. "
    "Differences are relative to the largest value. What Ψ and Φ are is our reading.",
    statement="Functions and their number of pieces stay when neurons change places or scales, sums over "
    "paths are the function, and the ways from network to manifold to network and from manifold to network "
    "to manifold give the function back.",
    means={
        "consistent": "Supports it for functions: what can be counted are pieces and paths, and they do not "
        "depend on names or scales of neurons. Parameters do not come back: the way from network to manifold "
        "forgets them, and depth with them.",
        "inconsistent": "Counts or functions depend on what should be a mere description.",
    },
    expected="Equal to rounding, about 1e-14; sums of slopes of rough nodal values lose a digit.",
    frame="degrees of freedom",
    falsifiers=tuple(
        Falsifier(name, "<=", 0.0, "a count")
        if name.startswith("pieces")
        else Falsifier(name, "<=", 1e-12, "rounding, with two digits of room")
        for name in NAMES
    ),
    measure=measure,
    draw=draw,
)
