"""E8: what the heat equation has forgotten, and what the time labels of data are worth."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from networks.anatomy.negative_time import heat, recoverable_modes, singular_values, tikhonov, truncated
from networks.covers import splines
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, GREEN, GREY, PURPLE, RED, labelled, panels, spread
from networks.study.plain import keys_of, perceptron, value

TIME, MODES, POINTS = 0.1, 24, 256
NOISES = (1e-2, 1e-4, 1e-8)
GOLDEN = {1e-2: 6, 1e-4: 9, 1e-8: 13, 1e-15: 18}
FOUND = 0.5
"""A mode is recovered where its error is less than this share of it, in the median of the seeds."""

SNAPSHOTS = (0.01, 0.03, 0.06, 0.1, 0.15)
"""Times of the data whose labels are taken away."""


def past(seeds: int, first: int) -> np.ndarray:
    """Amplitudes ±1 (seeds, modes) of the past: nothing in them can be guessed."""
    return np.stack([np.random.default_rng(first + s).choice([-1.0, 1.0], MODES) for s in range(seeds)])


def sines(x: np.ndarray, modes: int = MODES) -> np.ndarray:
    """√(2/π) sin kx (points, modes), orthonormal in L2."""
    return np.sqrt(2 / np.pi) * np.sin(np.outer(x, np.arange(1, modes + 1)))


def observed(truth: np.ndarray, x: np.ndarray, time: float, noise: float, first: int) -> np.ndarray:
    """Values (seeds, points) at a time, from the exact solution, with noise of size δ in every mode."""
    exact = truth * singular_values(time, MODES) @ sines(x).T
    scale = noise * np.sqrt(len(x) / np.pi)
    random = [np.random.default_rng(1000 + first + s).normal(size=len(x)) for s in range(len(truth))]
    return exact + scale * np.stack(random)


def recovered(amplitudes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Median error (modes,) of the amplitudes (seeds, modes)."""
    return np.median(np.abs(amplitudes - truth), 0)


def known(errors: np.ndarray) -> int:
    """Up to which mode all are recovered."""
    return int(np.cumprod(errors < FOUND).sum())


def classical(x: np.ndarray, data: np.ndarray, noise: float) -> dict[str, np.ndarray]:
    """Amplitudes (seeds, modes) by cubic splines of nmm and truncation or Tikhonov's regularisation."""
    made = heat(splines((0.0, np.pi), 48, 3))
    scale = np.sqrt(np.pi / len(x))
    forward = scale * made.at(x, TIME)
    fine = np.linspace(0, np.pi, 2049)
    project = sines(fine).T @ made.at(fine, 0.0) * (fine[1] - fine[0])
    found = {"truncated": truncated, "Tikhonov": tikhonov}
    return {name: (project @ way(forward, scale * data.T, noise)).T for name, way in found.items()}


def trained(effort: Effort, loss: Any, sizes: tuple[int, ...], steps: int, more: Any) -> Any:
    """Perceptrons (seeds, …) after `steps` of Adam on loss(θ, more), one `more` for each seed."""
    theta = jax.vmap(lambda key: perceptron(key, sizes, 1.0, 1.0))(keys_of(effort.first_seed, effort.seeds))
    rule = optax.adam(optax.cosine_decay_schedule(3e-3, steps, 1e-2))

    def one(theta, more):
        def body(_, carry):
            theta, state = carry
            change, state = rule.update(jax.grad(loss)(theta, more), state)
            return optax.apply_updates(theta, change), state

        return jax.lax.fori_loop(0, steps, body, (theta, rule.init(theta)))[0]

    return jax.jit(jax.vmap(one))(theta, more)


def held(theta: Any, x: jax.Array, scale: float = 1.0) -> jax.Array:
    """A perceptron of x, with the values 0 on both ends; the features are sines of x too."""
    z = jnp.concatenate([x / np.pi, jnp.sin(4 * x), jnp.cos(4 * x), jnp.sin(12 * x), jnp.cos(12 * x)], -1)
    return jnp.sin(x[:, 0]) * value(theta, z)[:, 0] * scale


def by_network(effort: Effort, x: np.ndarray, data: np.ndarray, steps: int) -> np.ndarray:
    """Amplitudes by a network for the past, trained through the exact forward map: deep image prior."""
    grid = np.linspace(0, np.pi, 193)
    basis = jnp.asarray(sines(grid, 60))
    step = float(grid[1])
    decay, there = jnp.asarray(singular_values(TIME, 60)), jnp.asarray(sines(x, 60))
    points = jnp.asarray(grid)[:, None]

    def loss(theta, b):
        modes = step * basis.T @ held(theta, points)
        return jnp.mean((there @ (decay * modes) - b) ** 2)

    theta = trained(effort, loss, (5, 48, 48, 1), steps, jnp.asarray(data))
    found = jax.vmap(lambda t: step * basis.T @ held(t, points))(theta)
    return np.asarray(found)[:, :MODES]


def by_pinn(effort: Effort, x: np.ndarray, data: np.ndarray, steps: int) -> np.ndarray:
    """Amplitudes by a physics-informed network of (x, t): residual inside, data at the end."""
    inner = np.stack(np.meshgrid(np.linspace(0, np.pi, 26)[1:-1], np.linspace(0, TIME, 8)), -1)
    inside = jnp.asarray(inner.reshape(-1, 2))
    end = jnp.asarray(x[::4])[:, None]

    def u(theta, p):
        z = jnp.concatenate(
            [p[:, :1] / np.pi, p[:, 1:] / TIME, jnp.sin(4 * p[:, :1]), jnp.cos(4 * p[:, :1])], -1
        )
        return jnp.sin(p[:, 0]) * value(theta, z)[:, 0]

    def loss(theta, b):
        def along(way):
            return lambda f: lambda p: jax.jvp(f, (p,), (jnp.broadcast_to(jnp.array(way), p.shape),))[1]

        def f(p):
            return u(theta, p)

        dx, dt = along((1.0, 0.0)), along((0.0, 1.0))
        residual = dt(f)(inside) - dx(dx(f))(inside)
        last = jnp.concatenate([end, jnp.full_like(end, TIME)], -1)
        return jnp.mean((f(last) - b) ** 2) + 1e-2 * jnp.mean(residual**2)

    theta = trained(effort, loss, (4, 32, 32, 1), steps, jnp.asarray(data[:, ::4]))
    fine = jnp.linspace(0, jnp.pi, 513)[:, None]
    start = jnp.concatenate([fine, jnp.zeros_like(fine)], -1)
    values = np.asarray(jax.vmap(lambda t: u(t, start))(theta))
    return values @ sines(np.asarray(fine[:, 0])) * float(fine[1, 0])


def labels(truth: np.ndarray, x: np.ndarray, noise: float, first: int) -> dict[str, np.ndarray]:
    """Error of the past (seeds,) from data at five times: with their labels, permuted, and without."""
    scale = np.sqrt(np.pi / len(x))
    data = [observed(truth, x, time, noise, first + 50 * k) for k, time in enumerate(SNAPSHOTS)]
    stacked = scale * np.concatenate(data, 1)

    def forward(times):
        return scale * np.concatenate([sines(x) * singular_values(t, MODES) for t in times])

    def error(times, seed):
        amplitudes = tikhonov(forward(times), stacked[seed], noise * np.sqrt(len(times)))
        return float(np.sqrt(np.mean((amplitudes - truth[seed])[: GOLDEN[noise]] ** 2)))

    seeds = range(len(truth))
    shuffled = [np.random.default_rng(first + s).permutation(np.roll(SNAPSHOTS, 1)) for s in seeds]
    return {
        "with labels": np.array([error(SNAPSHOTS, s) for s in seeds]),
        "permuted": np.array([error(shuffled[s], s) for s in seeds]),
        "one time for all": np.array([error([np.mean(SNAPSHOTS)] * len(SNAPSHOTS), s) for s in seeds]),
    }


def measure(effort: Effort) -> Measured:
    """Modes that each method recovers, by noise; errors with and without labels."""
    many = max(effort.seeds, 10)  # linear solves cost nothing
    x = (np.arange(POINTS) + 0.5) * np.pi / POINTS
    truth = past(many, effort.first_seed)
    steps = effort.pick(6000, 800)
    errors: dict[str, dict[float, np.ndarray]] = {}
    for noise in NOISES:
        data = observed(truth, x, TIME, noise, effort.first_seed)
        for name, amplitudes in classical(x, data, noise).items():
            errors.setdefault(name, {})[noise] = recovered(amplitudes, truth)
        few, mine = data[: effort.seeds], truth[: effort.seeds]
        effort.report(f"networks, noise {noise:g}")
        found = by_network(effort, x, few, steps)
        errors.setdefault("network for the past", {})[noise] = recovered(found, mine)
        if noise == NOISES[1] or not effort.quick:
            found = by_pinn(effort, x, few, steps)
            errors.setdefault("PINN", {})[noise] = recovered(found, mine)
    told = {name: {noise: known(e) for noise, e in each.items()} for name, each in errors.items()}
    with_time = labels(truth, x, NOISES[1], effort.first_seed)
    clear = with_time["with labels"]
    made = heat(splines((0.0, np.pi), 48, 3))
    decay = np.exp(-made.rates * TIME)
    golden = [recoverable_modes(decay, noise) - k for noise, k in GOLDEN.items()]
    beyond = [told[name][noise] - GOLDEN[noise] for name in told for noise in told[name]]
    any_mode = [
        int((e[GOLDEN[noise] :] < FOUND).sum()) for each in errors.values() for noise, e in each.items()
    ]
    return Measured(
        {
            "modes beyond k*": float(max(beyond)),
            "single modes beyond k*": float(max(any_mode)),
            "modes of truncation less k*": float(min(told["truncated"][n] - GOLDEN[n] for n in NOISES)),
            "k* of nmm against theory": float(np.abs(golden).max()),
            "error with permuted labels over error with labels": float(
                np.median(with_time["permuted"]) / np.median(clear)
            ),
            "error without labels over error with labels": float(
                np.median(with_time["one time for all"]) / np.median(clear)
            ),
        },
        {f"error, {name}": spread(e) for name, e in with_time.items()},
        [
            Table(
                "Modes of the past that are recovered, T = 0.1",
                ("noise", "k*", *told),
                [[n, GOLDEN[n], *(told[name].get(n, "") for name in told)] for n in NOISES],
            ),
            Table(
                "Root mean square error of the first 9 modes from data at five times, noise 1e-4",
                ("labels", "median", "least", "largest"),
                [[name, np.median(e), *spread(e)] for name, e in with_time.items()],
            ),
        ],
        {"singular": decay, "errors": errors, "labels": with_time},
    )


def draw(found: Measured) -> Figure:
    """Singular values and noise; error by mode; what the labels are worth."""
    made, (left, middle, right) = panels(3)
    k = np.arange(1, MODES + 1)
    left.semilogy(k, singular_values(TIME, MODES), color=GREY, lw=1, label=r"theory, $e^{-k^2T}$")
    left.semilogy(k, found.series["singular"][:MODES], "o", ms=3, color=BLUE, label="cubic splines")
    for noise, modes in GOLDEN.items():
        left.plot([0, modes], [noise, noise], ":", color=RED, lw=1)
        left.annotate(f"$k^*={modes}$", (modes + 0.7, noise), fontsize=8, color=RED, va="center")
    left.set_ylim(1e-18, 3)
    labelled(left, "mode k", "singular value", "what is left after T = 0.1")
    colors = dict(
        zip(
            ("truncated", "Tikhonov", "network for the past", "PINN"), (BLUE, GREEN, RED, PURPLE), strict=True
        )
    )
    noise = NOISES[1]
    for name, each in found.series["errors"].items():
        middle.semilogy(k, np.maximum(each[noise], 1e-6), "o-", ms=3, lw=1, color=colors[name], label=name)
    middle.axvline(GOLDEN[noise] + 0.5, color=GREY, lw=0.9, ls="--")
    middle.axhline(FOUND, color=GREY, lw=0.6)
    labelled(middle, "mode k", "median error of a mode of size 1", f"noise {noise:g}; dashed: k*")
    names = list(found.series["labels"])
    data = [found.series["labels"][name] for name in names]
    right.boxplot(data, tick_labels=["labels", "permuted", "none"], widths=0.5, medianprops={"color": RED})
    right.set_yscale("log")
    labelled(right, "times of the data", "error of the past")
    return made


EXPERIMENT = Experiment(
    name="negative-time",
    label="E8",
    concepts=("C17",),
    about="Backward heat: how much of the past can be told, and what time labels are worth.",
    claim=(
        'Open question 3 of Part 1: "How important is token timestamp in training data given negative time is '
        'critical in inverse problem".'
    ),
    definition=(
        "u_t = u_xx on (0, π), observed at T = 0.1 with noise δ in every mode; the past has 24 modes of size "
        "±1. A mode is recovered where the median error over the seeds is below one half. Methods: cubic "
        "splines of nmm with truncated singular values or Tikhonov's regularisation, a network for the past "
        "trained through the exact forward map, a physics-informed network. For the labels: data at five "
        "times, with their times, with times permuted, with one time for all. The definitions are ours."
    ),
    statement=(
        "No method without prior knowledge recovers modes beyond k* = ⌊√(ln(1/δ)/T)⌋, the classical one "
        "recovers those up to it, and to lose the time labels costs accuracy."
    ),
    means={
        "consistent": "An answer to the papers' question for one inverse problem: time labels matter, and "
        "negative time is limited by noise, for networks as for all.",
        "inconsistent": "A method sees beyond what noise allows, which would be a prior that we overlooked, "
        "or labels do not matter.",
    },
    expected="σ_k = e^(−k²T); k* = 6, 9, 13, 18 for δ = 1e-2, 1e-4, 1e-8, 1e-15 at T = 0.1.",
    frame="boundary conditions",
    falsifiers=(
        Falsifier("modes beyond k*", "<=", 0.0, "the information in the data"),
        Falsifier("single modes beyond k*", "<=", 0.0, "the information in the data"),
        Falsifier("modes of truncation less k*", ">=", 0.0, "what can be recovered is"),
        Falsifier("k* of nmm against theory", "<=", 0.0, "σ_k = e^(−k²T)"),
        Falsifier("error with permuted labels over error with labels", ">=", 2.0, "labels matter"),
        Falsifier("error without labels over error with labels", ">=", 2.0, "labels matter"),
    ),
    measure=measure,
    draw=draw,
)
