"""E5: do trained networks find the pieces that depth makes possible?"""

from math import ceil, log2
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.anatomy.constructions import fold, widened
from networks.anatomy.functions import stacked, unstacked
from networks.anatomy.regions import on_interval
from networks.relu import ReLU
from networks.study.ensembles import relative_errors, sawtooth, train
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import COLORS, MARKERS, labelled, panels

NEURONS = 60
"""Divisible by all depths."""

RANDOM, CONSTRUCTED = "random weights", "constructed weights"
RATES = {RANDOM: (3e-3, 1e-2), CONSTRUCTED: (1e-4,)}
"""Of Adam; of those for random weights the better counts."""

NOISE = 3e-4
"""On constructed weights, as a share of the root mean square of each matrix and vector.

More of it is no neighbourhood any more: with 1e-3 a function of 256 pieces starts as wrong as it is large.
"""

SUCCESS = 0.1
"""Relative error below which a sawtooth counts as found."""

SAMPLES = 16_384


def measure(effort: Effort) -> Measured:
    """Errors and monotone pieces by depth, teeth, start, rate and seed."""
    depths = effort.pick((1, 2, 3, 4, 5, 6), (1, 2, 4, 6))
    powers = effort.pick(tuple(range(2, 9)), (2, 3, 5))
    steps, points = effort.pick((3000, 256), (1500, 128))
    x = (jnp.arange(SAMPLES)[:, None] + 0.5) / SAMPLES
    errors, found = {}, {}
    for depth in depths:
        cases, nets = ensemble(depth, powers, effort)
        codes = jnp.array([2.0**k for _, k, _, _ in cases])
        rates = jnp.array([rate for _, _, rate, _ in cases])
        keys = jax.random.split(jax.random.key(effort.first_seed), len(cases))
        params = train(stacked(nets), codes, rates, keys, steps, sawtooth, points=points)
        size = np.asarray(relative_errors(params, codes, x, sawtooth))
        for (start, *case), error, net in zip(cases, size, unstacked(params), strict=True):
            errors[start, depth, *case] = float(error)
            found[start, depth, *case] = monotone(net)
        effort.report(f"depth {depth}: {len(nets)} networks")
    return judged(errors, found, depths, powers, effort)


def ensemble(depth: int, powers, effort: Effort):
    """Cases (start, power, rate, seed) and their networks before training."""
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    cases = [
        (start, k, rate, seed)
        for start in (RANDOM, CONSTRUCTED)
        for k in powers
        if start == RANDOM or constructible(depth, k)
        for rate in RATES[start]
        for seed in seeds
    ]
    make = {RANDOM: random, CONSTRUCTED: constructed}
    return cases, [make[start](depth, power, seed) for start, power, _, seed in cases]


def constructible(depth: int, power: int) -> bool:
    """Whether zigzags of 2^q pieces on at most N / depth neurons a layer compose to 2^(power + 1) pieces."""
    return ceil((power + 1) / depth) <= log2(NEURONS // depth)


def random(depth: int, power: int, seed: int) -> ReLU:
    """He weights; bends of the first layer uniform on [0, 1], biases N(0, 0.1²) above: it helps training."""
    sizes = (1, *[NEURONS // depth] * depth, 1)
    drawn = ReLU.random(sizes, seed, bias=0.1)
    place = np.random.default_rng(seed + 10_000).uniform(0, 1, sizes[1])
    first = -drawn.weights[0][:, 0] * place
    return ReLU.of(drawn.weights, [first, *drawn.biases[1:]])


def constructed(depth: int, power: int, seed: int) -> ReLU:
    """Zigzags whose pieces multiply to 2^(power + 1), widened, with noise on every number."""
    bits = [(power + 1 + layer) // depth for layer in range(depth)]
    folded = fold([2**b for b in bits if b])
    spare = [NEURONS // depth] * len(folded.sizes[1:-1])
    network = widened(folded, spare)
    while len(network.sizes) < depth + 2:
        network = identity_added(network, NEURONS // depth)
    draw = np.random.default_rng(seed).normal

    def noisy(a: np.ndarray) -> np.ndarray:
        return a + NOISE * np.sqrt(np.mean(a**2)) * draw(size=a.shape)

    return ReLU.of([noisy(w) for w in network.weights], [noisy(b) for b in network.biases])


def identity_added(network: ReLU, width: int) -> ReLU:
    """One more hidden layer that hands on the output, which is not negative."""
    first, last = np.zeros((width, network.sizes[-2])), np.zeros((1, width))
    first[0], last[0, 0] = network.weights[-1][0], 1.0
    weights = [*network.weights[:-1], first, last]
    return ReLU.of(weights, [*network.biases[:-1], np.zeros(width), np.zeros(1)])


def monotone(network: ReLU) -> int:
    """Intervals of [0, 1] on which the network rises or falls, exactly."""
    slopes = np.sign(on_interval(network).slopes[:, 0])
    slopes = slopes[slopes != 0]
    return 1 + int((np.diff(slopes) != 0).sum()) if len(slopes) else 0


def judged(errors, found, depths, powers, effort: Effort) -> Measured:
    """Success rates; those that are judged are of sawteeth that no single layer can represent."""
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    best, rates, shares = {}, {}, {}
    for start in (RANDOM, CONSTRUCTED):
        for depth in depths:
            for power in powers:
                keys = [[(start, depth, power, r, seed) for r in RATES[start]] for seed in seeds]
                if start == CONSTRUCTED and not constructible(depth, power):
                    continue
                chosen = [min(each, key=errors.__getitem__) for each in keys]
                best[start, depth, power] = [errors[c] for c in chosen]
                rates[start, depth, power] = float(np.mean([errors[c] < SUCCESS for c in chosen]))
                shares[start, depth, power] = float(np.mean([found[c] for c in chosen])) / 2 ** (power + 1)
    beyond = [(d, p) for d in depths for p in powers if 2 ** (p + 1) > NEURONS + 1 and constructible(d, p)]
    within = [(d, p) for d in depths for p in powers if 2 ** (p + 1) <= 16]
    values = {
        "success from random weights": mean(rates, RANDOM, beyond),
        "success from constructed weights": mean(rates, CONSTRUCTED, beyond),
        "success from random weights, 16 pieces and fewer": mean(rates, RANDOM, within),
        "pieces found from random weights, share": mean(shares, RANDOM, beyond),
        "pieces found from constructed weights, share": mean(shares, CONSTRUCTED, beyond),
    }
    over_seeds = {
        start: [np.mean([best[start, d, p][i] < SUCCESS for d, p in beyond]) for i in range(effort.seeds)]
        for start in (RANDOM, CONSTRUCTED)
    }
    spread = {f"success from {s}": (float(min(v)), float(max(v))) for s, v in over_seeds.items()}
    tables = [
        Table(
            f"{title}, {start}: depth by pieces",
            ("hidden layers", *(f"{2 ** (p + 1)}" for p in powers)),
            [(d, *(table.get((start, d, p), "no construction") for p in powers)) for d in depths],
        )
        for start in (RANDOM, CONSTRUCTED)
        for title, table in (("success rate", rates), ("share of the pieces found", shares))
    ]
    series = {"best": best, "rates": rates, "depths": depths, "powers": powers, "shares": shares}
    return Measured(values, spread, tables, series)


def mean(table, start: str, cases) -> float:
    return float(np.mean([table[start, d, p] for d, p in cases]))


def draw(found: Measured):
    """Success rate and error by pieces, a curve for each depth."""
    made, axes = panels(3, 3.6, 3.4)
    s = found.series
    for axis, start in zip(axes, (RANDOM, CONSTRUCTED), strict=False):
        for number, depth in enumerate(s["depths"]):
            have = [p for p in s["powers"] if (start, depth, p) in s["rates"]]
            pieces = [2 ** (p + 1) for p in have]
            how = f"{MARKERS[number]}-"
            shift = 1.03 ** (number - len(s["depths"]) / 2)
            middle = [np.median(s["best"][start, depth, p]) for p in have]
            low = [min(s["best"][start, depth, p]) for p in have]
            high = [max(s["best"][start, depth, p]) for p in have]
            bars = [np.subtract(middle, low), np.subtract(high, middle)]
            x = np.array(pieces) * shift
            style: dict[str, Any] = dict(color=COLORS[number], ms=4, lw=1, capsize=1.5, elinewidth=0.7)
            axis.errorbar(x, middle, yerr=bars, fmt=how, label=f"{depth} × {NEURONS // depth}", **style)
        axis.axhline(SUCCESS, color="0.4", lw=0.9, ls="--", label="found below")
        axis.axvline(NEURONS + 1, color="0.6", lw=0.9, ls=":", label=f"{NEURONS} bends")
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_ylim(1e-6, 3)
        name = "pieces of the sawtooth"
        labelled(axis, name, "relative error, median and range", start, legend=False)
    last = axes[2]
    for number, depth in enumerate(s["depths"]):
        y = [s["rates"][RANDOM, depth, p] for p in s["powers"]]
        shift = 1.03 ** (number - len(s["depths"]) / 2)
        x = [shift * 2 ** (p + 1) for p in s["powers"]]
        last.plot(x, y, f"{MARKERS[number]}-", color=COLORS[number], ms=4, lw=1)
    last.axvline(NEURONS + 1, color="0.7", lw=0.9, ls=":")
    last.set_xscale("log", base=2)
    last.set_ylim(-0.03, 1.05)
    labelled(last, "pieces of the sawtooth", "share of seeds that find it", "success from random weights")
    handles, names = axes[0].get_legend_handles_labels()
    made.legend(handles, names, loc="outside right center", fontsize=8, frameon=False)
    return made


EXPERIMENT = Experiment(
    name="learned",
    label="E5",
    concepts=("C9",),
    about="Capacity by depth, learned",
    claim="Networks have exponential learning capacity with depth (Part 1, abstract).",
    definition=f"Networks of {NEURONS} neurons in 1 to 6 layers learn sawteeth of 2^(k + 1) pieces on [0, "
    f"1] by Adam with fresh points at every step, from random weights (the better of two rates for each "
    f"seed) and from the constructed weights of E3 with noise of {NOISE:g}. A sawtooth is found where the "
    f"root mean square error is below {SUCCESS:g} of its standard deviation. Judged are sawteeth with more "
    f"pieces than one layer of {NEURONS} neurons can make and that the architecture is known to represent. "
    f"Learning capacity as what gradient descent finds is our definition.",
    statement="Training from random weights rarely finds the exponentially many pieces that the same network "
    "represents with constructed weights, where it stays.",
    means={
        "consistent": "The exponential capacity is there and is not learned: read as learning capacity, the "
        "papers' claim is not supported by this measurement; read as capacity to represent, it is (E3).",
        "inconsistent": "Either random networks learn what depth makes possible, which would support the "
        "papers' claim strongly, or constructed networks do not stay where they are put.",
    },
    expected="rarely found from random weights (Hanin, Rolnick 2019: practical expressivity far below the "
    "maximum); constructed weights stay",
    frame="nonlinearity",
    falsifiers=(
        Falsifier("success from random weights", "<=", 0.5, "found more often than not would be reliable"),
        Falsifier("success from constructed weights", ">=", 0.5, "stays more often than not"),
    ),
    measure=measure,
    draw=draw,
)
