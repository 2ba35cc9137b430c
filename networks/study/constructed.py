"""E3: depth doubles the pieces and quarters the error, where the weights are written down."""

import numpy as np

from networks.anatomy.constructions import folding, squares, tents
from networks.anatomy.regions import on_interval, on_rectangle, pieces, square_error
from networks.bounds import region_bounds
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import COLORS, labelled, panels


def measure(effort: Effort) -> Measured:
    """Pieces of tents, cells of foldings, error for x², by depth. No seeds: nothing is random."""
    depths = np.arange(1, effort.pick(13, 9))
    count = np.array([pieces(on_interval(tents(d))) for d in depths])
    error = np.array([square_error(on_interval(squares(d))) for d in depths])
    tent_size = [tents(d).parameters for d in depths]
    square_size = [squares(d).parameters for d in depths]
    effort.report("pieces of tents and errors for x²")
    nets = [folding(2, 2, folds, 4) for folds in range(1, effort.pick(6, 5))]
    cells = np.array([len(on_rectangle(net, (0, 0, 1, 1))) for net in nets])
    bound = np.array([region_bounds(2, net.sizes[1:-1]).montufar_lower for net in nets])
    bits = slope(depths, np.log2(error))
    values = {
        "bits of error per layer": bits,
        "distance of the error from 2^(−2m − 2)": np.abs(error / 2.0 ** (-2 * depths - 2) - 1).max(),
        "bits of pieces per layer": slope(depths, np.log2(count)),
        "tents with other than 2^L pieces": (count != 2**depths).sum(),
        "foldings off Montúfar's bound": (cells != bound).sum(),
    }
    columns = ("depth", "pieces", "parameters of tents", "max |f − x²|", "parameters for x²")
    rows = list(zip(depths.tolist(), count.tolist(), tent_size, error.tolist(), square_size, strict=True))
    planar = [
        (k + 1, net.neurons, c, b) for k, (net, c, b) in enumerate(zip(nets, cells, bound, strict=True))
    ]
    tables = [
        Table("one input", columns, rows),
        Table("folded squares", ("folds", "neurons", "cells", "Montúfar 2014"), planar),
    ]
    series = {"depths": depths, "pieces": count, "error": error, "size": square_size, "cells": cells}
    return Measured({k: float(v) for k, v in values.items()}, {}, tables, series)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.polyfit(x, y, 1)[0])


def draw(found: Measured):
    """Pieces, cells and errors by depth."""
    made, (left, right) = panels(2, 3.9, 3.4)
    depths, s = found.series["depths"], found.series
    left.semilogy(depths, 2.0**depths, "-", color="0.6", lw=1, label="$2^L$")
    left.semilogy(depths, s["pieces"], "o", color=COLORS[0], ms=5, label="tents, 2 neurons a layer")
    folds = np.arange(1, len(s["cells"]) + 1)
    left.semilogy(folds + 1, s["cells"], "s", color=COLORS[1], ms=5, label="folded squares, 4 a layer")
    left.semilogy(folds + 1, 11 * 4.0**folds, "--", color="0.6", lw=1, label="$11 · 4^{L-1}$")
    left.set_ylim(1, 1e7)
    labelled(left, "hidden layers L", "pieces or cells", "regions")
    right.semilogy(depths, 2.0 ** (-2 * depths - 2), "-", color="0.6", lw=1, label="$2^{-2m-2}$")
    right.semilogy(depths, s["error"], "o", color=COLORS[0], ms=5, label="Yarotsky $f_m$, 3 a layer")
    labelled(right, "hidden layers m", "max |f − x²| on [0, 1]", "approximation of x²")
    return made


EXPERIMENT = Experiment(
    name="constructed",
    label="E3",
    concepts=("C9", "C12"),
    about="Capacity by depth, constructed",
    claim="Networks have exponential learning capacity with depth (Part 1, abstract).",
    definition="Capacity as representation: affine pieces on [0, 1] of the tent map composed L times, cells "
    "of folded squares, and the largest error for x² of Yarotsky's sums of tents, all counted or evaluated "
    "exactly.",
    statement="With weights that are written down, pieces double and the error for x² quarters with every "
    "layer.",
    means={
        "consistent": "The claim holds for what a network can represent, with chosen weights, for particular "
        "functions: f_m is the P1 interpolant of x² on 2^m elements. Whether training finds such weights is "
        "another question (E5).",
        "inconsistent": "Not even constructed networks gain exponentially by depth.",
    },
    expected="2^L pieces (Telgarsky 2015), 2^(−2m − 2) (Yarotsky 2017, arXiv 1610.01145): −2 bits a layer; "
    "cells as in Montúfar et al. 2014",
    frame="nonlinearity",
    falsifiers=(
        Falsifier("bits of error per layer", "<=", -1.999, "−2 bits a layer, up to the fit"),
        Falsifier("bits of error per layer", ">=", -2.001, "−2 bits a layer, up to the fit"),
        Falsifier(
            "distance of the error from 2^(−2m − 2)", "<=", 1e-8, "rounding against the smallest error"
        ),
        Falsifier("tents with other than 2^L pieces", "<=", 0, "counted exactly"),
        Falsifier("foldings off Montúfar's bound", "<=", 0, "counted exactly"),
    ),
    measure=measure,
    draw=draw,
)
