"""D9: how an error grows through a stack of layers."""

import jax
import numpy as np
from matplotlib.figure import Figure

from networks.anatomy.stack_error import growth
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, GREEN, RED, labelled, panels, spread
from networks.study.plain import keys_of

WIDTH, DEPTH = 64, 24
GAINS = (0.8, 1.0, 1.25)


def measure(effort: Effort) -> Measured:
    """Growth of perturbations by gain, in batches of networks."""
    many = effort.pick(100, 20)
    keys = jax.vmap(lambda key: jax.random.split(key, many))(keys_of(effort.first_seed, effort.seeds))
    look = jax.jit(
        jax.vmap(jax.vmap(lambda key, gain: growth(key, WIDTH, DEPTH, gain), (0, None)), (0, None))
    )
    found = {gain: np.asarray(look(keys, gain)) for gain in GAINS}
    depth = np.arange(1, DEPTH + 1)
    rates, variance = {}, {}
    for gain, squares in found.items():
        rates[gain] = [np.polyfit(depth, np.log(each.mean(0)), 1)[0] for each in squares]
        variance[gain] = [np.var(np.log(each[:, -1])) for each in squares]
    off = {gain: float(abs(np.median(r) - np.log(gain))) for gain, r in rates.items()}
    theory = 5 * DEPTH / WIDTH
    return Measured(
        {
            "rate of growth, distance from log c": max(off.values()),
            "rate at c = 1.25": float(np.median(rates[1.25])),
            "log-variance at c = 1 over theory": float(np.mean(variance[1.0]) / theory),
        },
        {f"rate at c = {gain}": spread(r) for gain, r in rates.items()},
        [
            Table(
                f"Mean square of a perturbation through {DEPTH} layers of {WIDTH}, rate a layer",
                ("gain c", "measured", "least", "largest", "log c", "log-variance at the end", "5 Σ 1/n"),
                [
                    [g, np.median(rates[g]), *spread(rates[g]), np.log(g), np.mean(variance[g]), theory]
                    for g in GAINS
                ],
            )
        ],
        {"depth": depth, "growth": found},
    )


def draw(found: Measured) -> Figure:
    """Growth by depth."""
    made, (axes,) = panels(1, 4.2, 3.2)
    for (gain, squares), color in zip(found.series["growth"].items(), (BLUE, GREEN, RED), strict=True):
        depth, every = found.series["depth"], np.sort(squares.reshape(-1, squares.shape[-1]), 0)
        low, high = (every[int(q * (len(every) - 1))] for q in (0.1, 0.9))
        axes.fill_between(depth, low, high, color=color, alpha=0.15, lw=0)
        axes.semilogy(depth, every.mean(0), "o", color=color, ms=3, label=f"c = {gain}")
        axes.semilogy(depth, gain**depth, "--", color=color, lw=0.9)
    labelled(axes, "layer", "mean square of the error, of its start", "dashed: $c^L$; bands: 10 to 90 %")
    return made


EXPERIMENT = Experiment(
    name="stack-error",
    label="D9",
    concepts=("D9",),
    about="How a small error grows through a stack of layers.",
    claim=(
        "A union bound on the stack, P(h_k ∉ M_k) ≤ Σ P(h_k ∉ M_k,i) (Part 2, § 2.4.2, from a summary), "
        'which has been read as "errors cannot grow exponentially".'
    ),
    definition=(
        "‖δ_L‖²/‖δ_0‖² for a random perturbation of the input of random ReLU networks with weights "
        "N(0, 2c/n), over their depth. The operational definition is ours."
    ),
    statement=(
        "The mean square of an error is multiplied by the gain c in each layer; at c = 1 only it neither "
        "grows nor decays."
    ),
    means={
        "consistent": "Limits the claim: the union bound does not imply that errors add up. They grow or "
        "decay exponentially with the depth but for networks at criticality.",
        "inconsistent": "Errors do not follow the gain: the reading that they add up may hold.",
    },
    expected="c^L, and at c = 1 a variance of the logarithm of about 5 Σ 1/n_l (Hanin and Nica 2018).",
    frame="nonlinearity",
    falsifiers=(
        Falsifier("rate of growth, distance from log c", "<=", 0.05, "mean square c^L"),
        Falsifier("rate at c = 1.25", ">=", 0.15, "exponential growth above criticality"),
    ),
    measure=measure,
    draw=draw,
)
