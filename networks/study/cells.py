"""E2: the cells of random networks on a plane close up, and are as many as theory says."""

import numpy as np
from matplotlib.collections import PolyCollection

import nmm
from networks.anatomy.regions import disagreements, on_rectangle
from networks.bounds import one_layer, region_bounds
from networks.relu import ReLU
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import labelled, panels

ZASLAVSKY = (8, 16, 32, 64)
WIDE = (-1e4, -1e4, 1e4, 1e4)
BOX = (-3.0, -3.0, 3.0, 3.0)
SIZES = ((2, 24, 1), (2, 12, 12, 1), (2, 8, 8, 8, 1), (2, 6, 6, 6, 6, 1))
ONE = "every case counts: one mismatch refutes"


def measure(effort: Effort) -> Measured:
    """Mismatches of Euler's number, of Zaslavsky's count, of brute force, of bounds, and jumps."""
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    grid = effort.pick(400, 150)
    euler = brute = beyond = 0
    jumps, rows = [], []
    for sizes in SIZES:
        counts = []
        for seed in seeds:
            network = ReLU.random(sizes, seed)
            cells = on_rectangle(network, BOX)
            counts.append(len(cells))
            euler += cells.euler != 1
            brute += disagreements(network, cells, BOX, grid)
            beyond += len(cells) > region_bounds(2, sizes[1:-1]).serra_upper
            jumps.append(cells.jump / max(1.0, np.abs(cells.values).max()))
        upper = region_bounds(2, sizes[1:-1]).serra_upper
        rows.append((str(sizes[1:-1]), np.mean(counts), min(counts), max(counts), upper))
        effort.report(f"networks {sizes[1:-1]}")
    zaslavsky, planar = 0, []
    for neurons in ZASLAVSKY:
        counts = [len(on_rectangle(ReLU.random((2, neurons, 1), seed), WIDE)) for seed in seeds]
        near = sum(count == one_layer(neurons, 2) for count in counts)
        planar.append((neurons, max(counts), one_layer(neurons, 2), f"{near} of {len(counts)}"))
        zaslavsky += max(counts) != one_layer(neurons, 2) or min(counts) > one_layer(neurons, 2)
    patches, cut = cracked()
    values = {
        "Euler number other than 1": euler,
        "disagreements with brute force": brute,
        "regions beyond the upper bound": beyond,
        "largest jump": max(jumps),
        "Zaslavsky mismatches": zaslavsky,
        "physical patches mismatches": patches,
    }
    tables = [
        Table(
            f"regions in {BOX}", ("hidden layers", "mean", "least", "largest", "upper bound (Serra)"), rows
        ),
        Table(
            f"one layer in {WIDE}", ("neurons", "largest count", "Σ C(n, j)", "seeds that attain it"), planar
        ),
        Table("a square cut by k cracks", ("cracks", "physical patches of one node", "expected"), cut),
    ]
    pictures = [on_rectangle(ReLU.random(sizes, effort.first_seed), BOX) for sizes in SIZES]
    spread = {"largest jump": (min(jumps), max(jumps))}
    return Measured({k: float(v) for k, v in values.items()}, spread, tables, {"cells": pictures})


def cracked() -> tuple[int, list[tuple[int, int, int]]]:
    """Physical patches of the middle node of a square that k parallel cracks cut through: k + 1 each."""
    rows = []
    for cracks in range(5):
        y = np.linspace(-0.3, 0.3, cracks + 2)[1:-1]
        lines = [[(-1.0, float(v)), (1.0, float(v))] for v in y]
        domain = nmm.rectangle(-1, -1, 1, 1).with_cracks(lines)
        manifold = nmm.cut(domain, nmm.lattice(cell=1.0, shape="triangle", origin=(-1, -1)))
        nodes = np.concatenate([np.arange(manifold.grid.nodes), manifold.host.patch_node])
        there = manifold.grid.node_units(nodes[np.flatnonzero(manifold.active)])
        rows.append((cracks, int((np.abs(there - 1).sum(1) < 1e-9).sum()), cracks + 1))
    return sum(found != expected for _, found, expected in rows), rows


def draw(found: Measured):
    """The cells of one network of each depth, coloured by the slope of their affine functions."""
    made, axes = panels(len(SIZES), 2.7, 3.0)
    for panel, cells, sizes in zip(axes, found.series["cells"], SIZES, strict=True):
        rings = np.split(cells.vertices[cells.corners], cells.starts[1:-1])
        size = np.linalg.norm(cells.slopes[:, 0], axis=1)
        drawn = PolyCollection(rings, array=size, cmap="viridis", edgecolors="white", linewidths=0.3)
        panel.add_collection(drawn)
        panel.set_xlim(BOX[0], BOX[2])
        panel.set_ylim(BOX[1], BOX[3])
        panel.set_aspect("equal")
        widths = "×".join(map(str, sizes[1:-1]))
        labelled(panel, "$x_1$", "$x_2$" if panel is axes[0] else "", f"{widths}: {len(cells)} cells")
        panel.grid(False)
        bar = made.colorbar(drawn, ax=panel, location="bottom", shrink=0.9, label="$|\\nabla f|$")
        bar.ax.tick_params(labelsize=7)
    return made


EXPERIMENT = Experiment(
    name="cells",
    label="E2",
    concepts=("C2", "C7"),
    about="The cells of networks on a plane",
    claim="A network is a stack of covers: mathematical and physical covers are apart, pieces are glued to "
    "a deep manifold space (Part 1; the author's posts STG 05 and 06).",
    definition="The cells of random ReLU networks are enumerated exactly on a rectangle. Counted: networks "
    "whose V − E + F is not 1; points of a fine grid whose neurons are not those of their cell, found by "
    "brute force; networks with more regions than the upper bound; layers whose best seed does not attain "
    "Zaslavsky's number; nodes that k cracks do not divide into k + 1 physical patches. The largest jump "
    "across an edge is relative to the largest value. The polyhedral complex as deep manifold space is our "
    "reading.",
    statement="The cells of a ReLU network on a plane are a watertight manifold, as many as theory allows.",
    means={
        "consistent": "A ReLU network on a plane is a polyhedral manifold in the strict sense; that the "
        "papers' deep manifold space is this complex remains our reading.",
        "inconsistent": "Either the enumeration or the picture of a glued manifold is wrong.",
    },
    expected="Euler number 1, jumps ≤ 1e-12; 37, 137, 529, 2081 regions for one layer of 8, 16, 32, 64 "
    "(Zaslavsky 1975), bounds of Serra, Tjandraatmadja, Ramalingam 2018",
    frame="boundary conditions",
    falsifiers=(
        Falsifier("Euler number other than 1", "<=", 0, ONE),
        Falsifier("disagreements with brute force", "<=", 0, ONE),
        Falsifier("regions beyond the upper bound", "<=", 0, "an upper bound has no exceptions"),
        Falsifier("largest jump", "<=", 1e-12, "rounding"),
        Falsifier(
            "Zaslavsky mismatches", "<=", 0, "some seed puts all crossings inside the box, none has more"
        ),
        Falsifier("physical patches mismatches", "<=", 0, ONE),
    ),
    measure=measure,
    draw=draw,
)
