"""D10: architecture, boundary conditions and data, alone and together."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from networks.anatomy.factorial import effects
from networks.covers import windows
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, RED, labelled, panels
from networks.study.plain import keys_of, perceptron, value

NAMES = ("cover", "boundary", "data")
LEVELS = {
    "cover": ("one perceptron", "four local ones"),
    "boundary": ("penalty", "by construction"),
    "data": ("9 points", "33 points"),
}
WAVES, PENALTY, POINTS, SPARSE = 2, 10.0, 33, 4
CHANCE = 0.01


def trained(key: jax.Array, strong: Any, dense: Any, local: bool, steps: int) -> jax.Array:
    """Relative L2 error of a network for −u″ = f, u = sin 4πx on (0, 1), trained on its strong residual."""
    frequency = 2 * jnp.pi * WAVES
    x, ends = jnp.linspace(0.0, 1.0, POINTS), jnp.array([0.0, 1.0])
    weight = jnp.where(dense | (jnp.arange(POINTS) % SPARSE == 0), 1.0, 0.0)
    cover = windows((0, 1), 4)

    def network(theta, p):
        if not local:
            return value(theta, 2 * p[:, None] - 1)[:, 0]
        here = cover.local(p[:, None])
        each = jax.vmap(value, (0, 1))(theta, here.coordinates)[..., 0]
        return jnp.einsum("pm,mp->p", here.weights, each)

    def u(theta, p):
        return jnp.where(strong, p * (1 - p), 1.0) * network(theta, p)

    def along(f):
        return lambda p: jax.jvp(f, (p,), (jnp.ones_like(p),))[1]

    def loss(theta):
        second = along(along(partial(u, theta)))(x)
        residual = second / frequency**2 + jnp.sin(frequency * x)
        held = jnp.mean(u(theta, ends) ** 2)
        return jnp.sum(weight * residual**2) / weight.sum() + jnp.where(strong, 0.0, PENALTY) * held

    rule = optax.adam(optax.cosine_decay_schedule(5e-3, steps))

    def step(_, carry):
        theta, state = carry
        change, state = rule.update(jax.grad(loss)(theta), state)
        return optax.apply_updates(theta, change), state

    if local:
        theta = jax.vmap(lambda k: perceptron(k, (1, 9, 9, 1), 1.0, 1.0))(jax.random.split(key, 4))
    else:
        theta = perceptron(key, (1, 20, 20, 1), 1.0, 1.0)
    theta = jax.lax.fori_loop(0, steps, step, (theta, rule.init(theta)))[0]
    fine = jnp.linspace(0.0, 1.0, 401)
    exact = jnp.sin(frequency * fine)
    return jnp.linalg.norm(u(theta, fine) - exact) / jnp.linalg.norm(exact)


def measure(effort: Effort) -> Measured:
    """Errors (cover, boundary, data, seeds), and the analysis of variance of their logarithms."""
    steps = effort.pick(3000, 300)
    keys = keys_of(effort.first_seed, effort.seeds)
    sides = jnp.array([False, True])
    errors = []
    for local in (False, True):
        run = partial(trained, local=local, steps=steps)
        for axes in ((0, None, None), (None, None, 0), (None, 0, None)):
            run = jax.vmap(run, axes)
        errors.append(np.asarray(jax.jit(run)(keys, sides, sides)))
        effort.report(LEVELS["cover"][local])
    response = np.log10(np.array(errors))
    found = effects(response, NAMES)
    together = {key: one for key, one in found.items() if len(key) > 1}
    shares = {" × ".join(key): one for key, one in found.items()}
    return Measured(
        {
            "least chance of an interaction": min(chance for *_, chance in together.values()),
            "share of all interactions": sum(share for _, share, _ in together.values()),
            **{f"share of {name}": share for name, (_, share, _) in shares.items()},
        },
        {},
        [
            Table(
                "Analysis of variance of the decimal logarithm of the error",
                ("of", "effect", "share of the variance", "chance"),
                [[name, *one] for name, one in shares.items()],
            ),
            Table(
                "Relative errors by level",
                (*NAMES, "median", "least", "largest"),
                [
                    [
                        *(LEVELS[name][level] for name, level in zip(NAMES, levels, strict=True)),
                        np.median(10 ** response[levels]),
                        *(10 ** np.array([response[levels].min(), response[levels].max()])),
                    ]
                    for levels in np.ndindex(2, 2, 2)
                ],
            ),
        ],
        {"response": response, "shares": {name: share for name, (_, share, _) in shares.items()}},
    )


def draw(found: Measured):
    """Errors by level of each factor, and shares of the variance."""
    made, (left, right) = panels(2, 4.0)
    response = found.series["response"]
    for cover, color in ((0, RED), (1, BLUE)):
        for boundary, style in ((0, "--"), (1, "-")):
            runs = 10 ** response[cover, boundary]
            label = f"{LEVELS['cover'][cover]}, {LEVELS['boundary'][boundary]}"
            left.semilogy((0, 1), np.median(runs, -1), style, color=color, marker="o", ms=4, label=label)
            for level in (0, 1):
                there = np.full(runs.shape[1], level) + 0.03
                left.plot(there, runs[level], ".", color=color, alpha=0.35, ms=3)
    left.set_xticks((0, 1), LEVELS["data"])
    left.set_xlim(-0.25, 1.25)
    labelled(left, "data", "relative error", "lines that are not parallel interact")
    shares = found.series["shares"]
    right.barh(
        range(len(shares)), list(shares.values()), color=[BLUE if "×" not in n else RED for n in shares]
    )
    right.set_yticks(range(len(shares)), list(shares))
    right.invert_yaxis()
    labelled(right, "share of the variance of log error", "", legend=False)
    return made


EXPERIMENT = Experiment(
    name="triangle",
    label="D10",
    concepts=("D10",),
    about="Architecture, boundary conditions and data: what each does, and what they do together.",
    claim="Learning is a triangle: architecture, training boundary and data are composed in every step, "
    "h ← Φ_arch ∘ ∂Ω_train ∘ M_data (h) (Part 2, § 5.5, from a summary).",
    definition="−u″ = f with u = sin 4πx on (0, 1), trained on the strong residual by Adam, in all eight "
    "combinations of: one perceptron or four on windows, of about as many weights; values on the ends by a "
    "penalty or by construction; 17 or 33 points. Analysis of variance of the logarithm of the relative "
    "error over the seeds. An interaction is what the three do not do each by itself: factors that only "
    "multiply the error would have none. The definitions are ours.",
    statement=f"The three act together: an interaction is larger than chance allows (below {CHANCE:g}).",
    means={
        "consistent": "Supports the claim here: what one corner of the triangle is worth depends on the "
        "others. It does not say how they are composed.",
        "inconsistent": "As far as these seeds can tell, cover, boundary conditions and data act each by "
        "itself here: there is no composition to be seen.",
    },
    expected="None from theory; the experiment is ours.",
    frame="boundary conditions",
    falsifiers=(Falsifier("least chance of an interaction", "<=", CHANCE, "Fisher's F test"),),
    measure=measure,
    draw=draw,
)
