"""D4, D5: how strongly boundary conditions are held, and on how many sides."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from networks.anatomy.interval import forms, with_slopes
from networks.covers import splines
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, GREY, RED, band, labelled, panels, spread
from networks.study.plain import keys_of, perceptron, value

WAYS = ("strong", "weak", "noisy")
"""Held by construction; by a penalty; by a penalty towards values with noise, new in every step."""

NOISE, PENALTY, GOOD, LOOKS = 0.1, 10.0, 0.05, 60
HEIGHT, WAVES = 1.0, (1, 2, 3, 4, 5, 6, 8)


def trained(key: jax.Array, way: Any, each: int) -> jax.Array:
    """Relative L2 errors (looks,) of a network for −u″ = f, u = sin 2πx, on its strong residual."""
    x = jnp.linspace(0.0, 1.0, 41)
    exact, ends = jnp.sin(2 * jnp.pi * x), jnp.array([0.0, 1.0])

    def u(theta, p):
        n = value(theta, jnp.stack([2 * p - 1])[None])[0, 0]
        return jnp.where(way == 0, p * (1 - p), 1.0) * n

    def loss(theta, now):
        second = jax.vmap(jax.grad(jax.grad(u, 1), 1), (None, 0))(theta, x)
        residual = second / (4 * jnp.pi**2) + exact
        noise = jnp.where(way == 2, NOISE, 0.0) * jax.random.normal(now, (2,))
        held = jnp.mean((jax.vmap(u, (None, 0))(theta, ends) - noise) ** 2)
        return jnp.mean(residual**2) + jnp.where(way == 0, 0.0, PENALTY) * held

    rule = optax.adam(3e-3)

    def step(k, carry):
        theta, state, key = carry
        change, state = rule.update(jax.grad(loss)(theta, jax.random.fold_in(key, k)), state)
        return optax.apply_updates(theta, change), state, key

    def look(carry, number):
        error = jax.vmap(u, (None, 0))(carry[0], x) - exact
        seen = jnp.linalg.norm(error) / jnp.linalg.norm(exact)
        return jax.lax.fori_loop(number * each, (number + 1) * each, step, carry), seen

    theta = perceptron(key, (1, 20, 20, 1), 1.0, 1.0)
    return jax.lax.scan(look, (theta, rule.init(theta), key), jnp.arange(LOOKS))[1]


def amplified(wave: float) -> tuple[float, float]:
    """What a unit error of the data becomes, for sin(kx) in a strip 0 < y < H with Δu = 0.

    Value and slope on the lower side, at the upper one; and values on both sides, in the worst point between.
    By cubic splines in y.
    """
    cover = splines((0.0, HEIGHT), 24, 3)
    made = forms(cover)
    k, inner = made.stiffness + wave**2 * made.mass, slice(1, -1)
    ends = np.eye(len(k))[[0, -1]]
    shapes = ends.copy()
    shapes[:, inner] = -np.linalg.solve(k[inner, inner], k[inner] @ ends.T).T
    slopes = np.asarray(with_slopes(cover, jnp.zeros((1, 1)))[1])[0]
    low, high = shapes @ slopes
    one_sided = -low / high
    fine = np.asarray(cover(np.linspace(0, HEIGHT, 201)[:, None])) @ shapes.T
    return float(abs(one_sided)), float(np.abs(fine).sum(1).max())


def first_good(errors: np.ndarray, each: int) -> np.ndarray:
    """Steps (seeds,) until the error is small for the first time; those of all looks if never."""
    good = errors < GOOD
    return np.where(good.any(1), good.argmax(1), errors.shape[1]) * each


def good_for_good(errors: np.ndarray, each: int) -> np.ndarray:
    """Steps (seeds,) after which the error is never large again; those of all looks if never."""
    bad = errors >= GOOD
    return np.where(bad.any(1), errors.shape[1] - bad[:, ::-1].argmax(1), 0) * each


def measure(effort: Effort) -> Measured:
    """Steps and errors by the way the values are held; amplification of one and of two sides."""
    each = effort.pick(100, 40)
    keys = keys_of(effort.first_seed, effort.seeds)
    errors: dict[str, Any] = {}
    run = jax.jit(jax.vmap(lambda key, number: trained(key, number, each), (0, None)))
    for number, way in enumerate(WAYS):
        effort.report(f"values held {way}")
        errors[way] = np.asarray(run(keys, number))
    steps = {way: good_for_good(e, each) for way, e in errors.items()}
    first = {way: float(np.median(first_good(e, each))) for way, e in errors.items()}
    final = {way: np.median(e[:, -LOOKS // 6 :], 1) for way, e in errors.items()}
    sides = np.array([amplified(k) for k in WAVES])
    theory = np.cosh(np.array(WAVES) * HEIGHT)
    middle = {way: float(np.median(s)) for way, s in steps.items()}
    return Measured(
        {
            "steps, weak over strong": middle["weak"] / max(middle["strong"], each),
            "steps to the first small error, weak over strong": first["weak"] / max(first["strong"], each),
            "error at the end, noisy over strong": float(
                np.median(final["noisy"]) / np.median(final["strong"])
            ),
            "amplification of one side over cosh(kH)": float(np.max(np.abs(sides[:, 0] / theory - 1))),
            "amplification of two sides": float(sides[:, 1].max()),
        },
        {f"steps, {way}": spread(s) for way, s in steps.items()}
        | {f"error at the end, {way}": spread(f) for way, f in final.items()},
        [
            Table(
                f"Steps until the error stays below {GOOD:g} (of {LOOKS * each}), and error at the end",
                (
                    "values held",
                    "steps, median",
                    "least",
                    "largest",
                    "first time",
                    "error, median",
                    "largest",
                ),
                [
                    [w, middle[w], *spread(steps[w]), first[w], np.median(final[w]), final[w].max()]
                    for w in WAYS
                ],
            ),
            Table(
                "What a unit error of the data becomes, strip of height 1",
                ("wave number", "one side", "cosh(kH)", "two sides"),
                [[k, a, t, b] for k, (a, b), t in zip(WAVES, sides, theory, strict=True)],
            ),
        ],
        {"errors": errors, "steps": each * np.arange(LOOKS), "sides": sides},
    )


def draw(found: Measured) -> Figure:
    """Errors by step, amplification by wave number."""
    made, (left, right) = panels(2)
    for (way, runs), color in zip(found.series["errors"].items(), (BLUE, RED, GREY), strict=True):
        band(left, found.series["steps"], runs, color, way, lw=1.2)
    left.set_yscale("log")
    left.axhline(GOOD, color="k", lw=0.6, ls=":")
    labelled(left, "step", "relative error", "values on the ends")
    k = np.linspace(0.5, WAVES[-1], 100)
    right.semilogy(k, np.cosh(k * HEIGHT), color=GREY, lw=1, label="cosh kH")
    right.plot(WAVES, found.series["sides"][:, 0], "o", color=RED, ms=5, label="value and slope on one side")
    right.plot(WAVES, found.series["sides"][:, 1], "s", color=BLUE, ms=4, label="values on both sides")
    labelled(right, "wave number k", "amplification of an error")
    return made


EXPERIMENT = Experiment(
    name="boundary-strength",
    label="D4, D5",
    concepts=("D4", "D5"),
    about="How strongly boundary conditions are held, and on how many sides.",
    claim=(
        "Training is iteration that boundary conditions steer, from weak to intended ones; symmetric, "
        "two-sided boundaries give the narrowest corridor (Part 2, eq. 71 and § 2.6.2, from a summary)."
    ),
    definition=(
        "The same network on −u″ = f with u held on the ends by construction, by a penalty, and by a penalty "
        "towards values with noise: steps until the error stays below 5 %, and error at the end. Δu = 0 in a "
        "strip of height H: what a unit error of the data becomes, with value and slope on one side, and "
        "with values on both. The definitions are ours."
    ),
    statement=(
        "Stronger boundary conditions need fewer steps and end at a smaller error, and data on both sides "
        "never amplify an error where data on one side do by cosh(kH)."
    ),
    means={
        "consistent": "Supports both claims in these problems: what is held narrows the way.",
        "inconsistent": "Training is not shorter with stronger conditions, or symmetry does not help.",
    },
    expected="Fewer steps; amplification cosh(kH) against at most 1.",
    frame="boundary conditions",
    falsifiers=(
        Falsifier("steps, weak over strong", ">=", 1.0, "fewer steps with stronger conditions"),
        Falsifier("error at the end, noisy over strong", ">=", 1.0, "noise costs accuracy"),
        Falsifier("amplification of one side over cosh(kH)", "<=", 1e-3, "exact, up to the splines"),
        Falsifier("amplification of two sides", "<=", 1.0 + 1e-9, "the maximum principle"),
    ),
    measure=measure,
    draw=draw,
)
