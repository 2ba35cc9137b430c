"""E14: whether a network that has learned many tasks still learns the next."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from networks.anatomy.plasticity import dead_share, effective_rank, mean_size
from networks.covers import Splines, splines
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, GREEN, GREY, RED, SAND, band, labelled, panels, spread
from networks.study.plain import hidden, keys_of, perceptron, value

POINTS, HATS, WIDTH = 40, 24, 32
RATE, DECAY = 1e-2, 1e-3
"""Of Adam, and the strength of L2: loss + DECAY/2 · |θ|²."""

NAMES = ("perceptron", "perceptron + L2", "trained manifold", "fixed manifold")
COLOR = dict(zip(NAMES, (RED, SAND, BLUE, GREEN), strict=True))


def tasks(seed: int, count: int) -> np.ndarray:
    """Values (count, points) of sin(ωx + φ) with random ω and φ, at equal distances in [-1, 1]."""
    draw = np.random.default_rng(seed)
    x = np.linspace(-1, 1, POINTS)
    omega, phi = draw.uniform(2, 8, (count, 1)), draw.uniform(0, 2 * np.pi, (count, 1))
    return np.sin(omega * x + phi)


def in_turn(theta: Any, function: Any, goals: jax.Array, decay: Any, steps: int, look: Any) -> Any:
    """`steps` of Adam for each task (tasks, points), one after the other; error and `look(θ)` after each."""
    rule = optax.adam(RATE)

    def loss(theta, goal):
        size = sum(jnp.sum(a**2) for a in jax.tree.leaves(theta))
        return jnp.mean((function(theta) - goal) ** 2) + decay / 2 * size

    def one(carry, goal):
        def body(_, carry):
            theta, state = carry
            change, state = rule.update(jax.grad(loss)(theta, goal), state)
            return optax.apply_updates(theta, change), state

        theta, state = jax.lax.fori_loop(0, steps, body, carry)
        error = jnp.mean((function(theta) - goal) ** 2) / jnp.var(goal)
        return (theta, state), (error, *look(theta))

    return jax.lax.scan(one, (theta, rule.init(theta)), goals)[1]


def perceptrons(effort: Effort, goals: jax.Array, steps: int) -> dict[str, dict[str, np.ndarray]]:
    """Error, dead share, effective rank and size of the weights (seeds, tasks), without and with L2."""
    x = jnp.linspace(-1, 1, POINTS)[:, None]

    def look(theta):
        layers = hidden(theta, x, jax.nn.relu)
        return dead_share(layers), mean_size(theta), layers[-1]

    def one(key, goal, decay):
        theta = perceptron(key, (1, WIDTH, WIDTH, 1), 2.0, 0.5)
        return in_turn(theta, lambda t: value(t, x, jax.nn.relu)[:, 0], goal, decay, steps, look)

    keys, decays = keys_of(effort.first_seed, effort.seeds), jnp.array([0.0, DECAY])
    run = jax.jit(jax.vmap(jax.vmap(one, (0, 0, None)), (None, None, 0)))
    error, dead, size, last = run(keys, goals, decays)
    flat = last.reshape(-1, POINTS, WIDTH)
    rank = np.asarray(jax.jit(lambda a: jax.lax.map(effective_rank, a))(flat)).reshape(dead.shape)
    return {
        name: {
            "error": np.asarray(error[k]),
            "dead": np.asarray(dead[k]),
            "rank": rank[k],
            "size": np.asarray(size[k]),
        }
        for k, name in enumerate(NAMES[:2])
    }


def manifolds(effort: Effort, goals: jax.Array, steps: int) -> dict[str, dict[str, np.ndarray]]:
    """The same errors for hats whose knots are trained too, and for fixed ones, by one solve each."""
    x = jnp.linspace(-1, 1, POINTS)[:, None]

    def function(theta):
        return Splines(theta["gaps"], -1.0, 1.0)(x) @ theta["d"]

    def one(key, goal):
        draws = 0.1 * jax.random.normal(key, (2, HATS + 1))
        return in_turn({"gaps": draws[0, 1:], "d": draws[1]}, function, goal, 0.0, steps, lambda theta: ())[0]

    learned = jax.jit(jax.vmap(one))(keys_of(effort.first_seed, effort.seeds), goals)
    basis = np.asarray(splines((-1.0, 1.0), HATS)(x))
    targets = np.asarray(goals)
    fit = basis @ np.linalg.pinv(basis)
    solved = np.mean((targets @ fit.T - targets) ** 2, -1) / np.var(targets, axis=-1)
    return {NAMES[2]: {"error": np.asarray(learned)}, NAMES[3]: {"error": solved}}


def measure(effort: Effort) -> Measured:
    """Error of the next task after a fixed budget, over the tasks."""
    count, steps = effort.pick(200, 60), 100
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    goals = jnp.asarray(np.stack([tasks(seed, count) for seed in seeds]))
    effort.report("perceptrons")
    found = perceptrons(effort, goals, steps)
    effort.report("manifolds")
    found |= manifolds(effort, goals, steps)
    part = max(5, count // 10)

    def late_over_early(errors):
        return np.median(errors[:, -part:], 1) / np.median(errors[:, 1 : part + 1], 1)

    lost = {name: late_over_early(each["error"]) for name, each in found.items()}
    plain = found[NAMES[0]]

    def change(name):
        return float(np.median(plain[name][:, -part:]) - np.median(plain[name][:, 1 : part + 1]))

    return Measured(
        {
            **{f"late over early error, {name}": float(np.median(r)) for name, r in lost.items()},
            "change of the dead share": change("dead"),
            "change of the effective rank": change("rank"),
            "change of mean |w|": change("size"),
        },
        {f"late over early error, {name}": spread(r) for name, r in lost.items()},
        [
            Table(
                f"{count} tasks in turn, {steps} steps each; medians of the first and last {part}",
                ("model", "error early", "error late", "late over early", "least", "largest"),
                [
                    [
                        name, np.median(each["error"][:, 1 : part + 1]), np.median(each["error"][:, -part:]),
                        np.median(lost[name]), *spread(lost[name]),
                    ]
                    for name, each in found.items()
                ],
            ),
            Table(
                "What changes in the perceptrons, first and last tasks",
                ("model", "dead early", "late", "effective rank early", "late", "mean |w| early", "late"),
                [
                    [
                        name,
                        *(
                            float(np.median(found[name][q][:, cut]))
                            for q in ("dead", "rank", "size")
                            for cut in (slice(1, part + 1), slice(-part, None))
                        ),
                    ]
                    for name in NAMES[:2]
                ],
            ),
        ],
        {"found": found, "part": part},
    )  # fmt: skip


def smooth(runs: np.ndarray, part: int) -> np.ndarray:
    """Running medians (seeds, tasks − part + 1)."""
    return np.median(np.lib.stride_tricks.sliding_window_view(runs, part, 1), -1)


def draw(found: Measured) -> Figure:
    """Error by task; dead units, rank and weights of the perceptrons."""
    made, (left, middle, right) = panels(3)
    part = found.series["part"]
    each = found.series["found"]
    for name in NAMES:
        runs = smooth(each[name]["error"], part)
        band(left, part + np.arange(runs.shape[1]), np.maximum(runs, 1e-8), COLOR[name], name, lw=1.2)
    left.set_yscale("log")
    low, high = left.get_ylim()
    left.set_ylim(low, high * 20)
    labelled(left, "task", "error after a fixed budget")
    for name in NAMES[:2]:
        runs = each[name]
        x = np.arange(runs["dead"].shape[1])
        band(middle, x, 100 * runs["dead"], COLOR[name], name, lw=1.2)
        band(right, x, runs["rank"], COLOR[name], f"rank, {name}", lw=1.2)
    labelled(middle, "task", "dead units, %")
    twin = right.twinx()
    twin.plot(np.median(each[NAMES[0]]["size"], 0), color=GREY, ls="--", lw=1.2)
    twin.set_ylabel("mean |w|, dashed", fontsize=9)
    twin.tick_params(labelsize=8)
    labelled(right, "task", "effective rank", legend=False)
    return made


EXPERIMENT = Experiment(
    name="plasticity",
    label="E14",
    concepts=("D8",),
    about="Whether what has learned many tasks still learns the next one.",
    claim='Training dynamics show "the rise and decay of plasticity" (Part 2, abstract).',
    definition=(
        "Tasks in turn, sin(ωx + φ) with new ω and φ, the same budget of Adam for each and no restart: mean "
        "square error over the variance after each task, for a ReLU perceptron, the same with L2, hats "
        "whose knots and unknowns are trained, and fixed hats by one solve a task. Loss of plasticity: the "
        "median error of the last tenth of the tasks over that of the first. Dead units, effective rank and "
        "mean |w| as Dohare et al. define them. The task is ours."
    ),
    statement=(
        "A perceptron loses plasticity over many tasks, with more dead units, larger weights and a lower "
        "effective rank; a manifold with a fixed cover cannot lose it."
    ),
    means={
        "consistent": "Supports the decay of plasticity, as a property of trained nonlinear parameters: a "
        "fixed cover has none to lose.",
        "inconsistent": "The perceptron keeps its plasticity here, or not with the signs that Dohare saw, or "
        "the fixed manifold loses it.",
    },
    expected=(
        "Dead units and weights grow, the effective rank falls (Dohare et al., Nature 632, 2024, "
        "Extended Data Fig. 3)."
    ),
    frame="degrees of freedom",
    falsifiers=(
        Falsifier("late over early error, perceptron", ">=", 1.5, "a loss of plasticity"),
        Falsifier("late over early error, fixed manifold", "<=", 1.5, "each task is one solve"),
        Falsifier("change of the dead share", ">=", 0.0, "Dohare 2024"),
        Falsifier("change of mean |w|", ">=", 0.0, "Dohare 2024"),
        Falsifier("change of the effective rank", "<=", 0.0, "Dohare 2024"),
    ),
    measure=measure,
    draw=draw,
)
