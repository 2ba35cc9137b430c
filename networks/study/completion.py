"""E11: where training ends, and when it may stop."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import nmm
from networks.anatomy.fixed_point import (
    anderson,
    contraction_expected,
    contraction_seen,
    iterate,
    layer,
    random_layer,
)
from networks.covers import splines
from networks.manifold_net import functions, powers
from networks.physical import lattice_cover
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, COLORS, GREY, RED, labelled, panels, spread

STARTS = 20
NULL = 1e-11
"""Singular values below this share of the largest belong to the null space."""

CASES = {"1-D, p = 1": (1, 8, 1, 1), "1-D, p = 2": (1, 6, 2, 2), "1-D, p = 3": (1, 4, 3, 3),
         "2-D, p = 1": (2, 2, 1, 3), "2-D, p = 2": (2, 2, 2, 8)}  # fmt: skip
"""Inputs, cells, order of the local functions, and dimension of the null space."""

RULES = ("loss", "gradient", "residual", "held-out", "bound")
WANTED, WINDOW = 1e-4, 20
"""Every rule is asked for this relative accuracy of the function; a stop is false beyond ten times it."""


class Squares(NamedTuple):
    """Least squares min |A θ − y|²/2n with columns of length √n: `points` are n rows of A, y is noisy."""

    matrix: np.ndarray
    values: np.ndarray
    held_matrix: np.ndarray
    held_values: np.ndarray


def design(cover: Any, order: int, x: np.ndarray, element: Any) -> np.ndarray:
    """The products w_i p_j (n, unknowns) at points (n, d), each of mean square 1."""
    exponents = tuple(map(tuple, powers(x.shape[1], order).tolist()))
    products, index = map(np.asarray, functions(cover, exponents, jnp.asarray(x), element))
    made = np.zeros((len(x), cover.patches, products.shape[-1]))
    for k in range(index.shape[1]):
        made[np.arange(len(x)), index[:, k]] += products[:, k]
    made = made.reshape(len(x), -1)
    return made / np.sqrt(np.mean(made**2, 0))


def squares(inputs: int, cells: int, order: int, seed: int) -> Squares:
    """Hats of nmm with local functions of an order, and noisy values of a smooth function."""
    draw = np.random.default_rng(seed)
    x = draw.uniform(0, 1, (900 if inputs == 2 else 400, inputs))
    element: Any = None
    if inputs == 1:
        cover = splines((0.0, 1.0), cells)
    else:
        manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=cells, shape="triangle"))
        cover = lattice_cover(manifold)
        element = jnp.asarray(cover.elements(x))
    made = design(cover, order, x, element)
    y = np.sin(5 * x[:, 0]) + np.cos(3 * x[:, -1]) + 0.05 * draw.normal(size=len(x))
    kept = len(x) * 3 // 4
    return Squares(made[:kept], y[:kept], made[kept:], y[kept:])


def descended(problem: Squares, steps: int, rate: float, starts: Any) -> tuple[Any, Any]:
    """Ends (starts, n) of gradient descent, and residuals (starts, steps)."""
    hessian = jnp.asarray(problem.matrix.T @ problem.matrix / len(problem.values))
    load = jnp.asarray(problem.matrix.T @ problem.values / len(problem.values))
    return jax.jit(jax.vmap(lambda t: iterate(lambda t: t - rate * (hessian @ t - load), t, steps)))(starts)


def stops(problem: Squares, rate: float, steps: int, starts: Any) -> dict[str, np.ndarray]:
    """Step and relative error of the function (2, starts) at which each rule stops; never is the last."""
    a, y = jnp.asarray(problem.matrix), jnp.asarray(problem.values)
    b, z = jnp.asarray(problem.held_matrix), jnp.asarray(problem.held_values)
    best = a @ jnp.asarray(np.linalg.lstsq(problem.matrix, problem.values, rcond=NULL)[0])

    def step(theta, _):
        left = a @ theta - y
        slope = a.T @ left / len(y)
        looks = (
            jnp.mean(left**2) / 2,
            jnp.linalg.norm(slope),
            rate * jnp.linalg.norm(slope) / jnp.linalg.norm(theta),
            jnp.mean((b @ theta - z) ** 2),
            jnp.linalg.norm(left + y - best) / jnp.linalg.norm(best),
        )
        return theta - rate * slope, jnp.stack(looks)

    looks = jax.jit(jax.vmap(lambda t: jax.lax.scan(step, t, None, length=steps)[1]))(starts)
    loss, slope, residual, held, error = np.moveaxis(np.asarray(looks), -1, 0)
    before, after = loss[:, :-WINDOW], loss[:, WINDOW:]
    ratio = np.minimum(residual[:, 1:] / residual[:, :-1], 1 - 1e-12)
    lowest = np.minimum.accumulate(held, 1)
    met = {
        "loss": pad((before - after) / after < WANTED, WINDOW),
        "gradient": slope / slope[:, :1] < WANTED,
        "residual": residual < WANTED,
        "held-out": pad(lowest[:, WINDOW:] >= lowest[:, :-WINDOW] * (1 - WANTED), WINDOW),
        "bound": pad(residual[:, 1:] * ratio / (1 - ratio) < WANTED, 1),
    }
    found = {}
    for name in RULES:
        first = np.where(met[name].any(1), met[name].argmax(1), steps - 1)
        found[name] = np.stack([first, error[np.arange(len(first)), first]])
    found["first that is good"] = np.stack([(error < WANTED).argmax(1), np.full(len(error), WANTED)])
    found["error"] = error
    return found


def pad(met: np.ndarray, before: int) -> np.ndarray:
    """False at steps that a rule cannot judge yet."""
    return np.pad(met, ((0, 0), (before, 0)))


def equilibria(seeds: range) -> list[list[float]]:
    """For each seed: contraction of z = f(z) seen, its spectral radius, evaluations plain and by Anderson."""
    rows = []
    plain = jax.jit(lambda t: iterate(lambda z: layer(t, z), jnp.zeros(20), 400))
    fast = jax.jit(lambda t: anderson(lambda z: layer(t, z), jnp.zeros(20)))
    for seed in seeds:
        theta = random_layer(20, 5, 0.9, seed, 0.2)
        path, (z, count) = plain(theta), fast(theta)
        residuals = np.asarray(path.residuals)
        small = int((residuals > 1e-10).sum())
        jacobian = (1 - np.asarray(z) ** 2)[:, None] * np.asarray(theta["W"])
        radius = float(np.abs(np.linalg.eigvals(jacobian)).max())
        seen = contraction_seen(residuals[:small], 10)
        plainly = int((residuals > 1e-13 * (1 + float(jnp.linalg.norm(z)))).sum())
        rows.append([seen, radius, plainly, int(count)])
    return rows


def measure(effort: Effort) -> Measured:
    """Ends of descent from many starts against QR; rates; when five rules stop; equilibrium layers."""
    rows, function_spread, outside, rates, dimensions, clouds = [], [], [], [], [], {}
    names = list(CASES) if not effort.quick else ["1-D, p = 1", "1-D, p = 2", "2-D, p = 1", "2-D, p = 2"]
    for name in names:
        effort.report(name)
        inputs, cells, order, null = CASES[name]
        problem = squares(inputs, cells, order, effort.first_seed)
        hessian = problem.matrix.T @ problem.matrix / len(problem.values)
        values, vectors = np.linalg.eigh(hessian)
        zero = values < NULL * values[-1]
        rate = 1.8 / values[-1]
        expected = contraction_expected(hessian, rate)
        steps = int(np.log(1e-13) / np.log(expected))
        starts = np.random.default_rng(effort.first_seed).normal(size=(STARTS, len(hessian)))
        end, residuals = map(np.asarray, descended(problem, steps, rate, jnp.asarray(starts)))
        best = problem.matrix @ np.linalg.lstsq(problem.matrix, problem.values, rcond=NULL)[0]
        gap = np.linalg.norm(end @ problem.matrix.T - best, axis=1) / np.linalg.norm(best)
        apart = end - end.mean(0)
        sizes = np.linalg.svd(apart, compute_uv=False)
        dimension = int((sizes > 1e-6 * sizes[0]).sum())
        off = np.linalg.norm(apart @ vectors[:, ~zero]) / np.linalg.norm(apart)
        seen = [contraction_seen(r[: int((r > 1e-10 * r[0]).sum())], 20) for r in residuals]
        rows.append(
            [name, len(hessian), int(zero.sum()), dimension, gap.max(), off, np.median(seen), expected]
        )
        function_spread.append(gap.max())
        outside.append(off)
        rates.append(max(abs(s - expected) for s in seen))
        dimensions.append(abs(dimension - null) + abs(int(zero.sum()) - null))
        clouds[name] = sizes / sizes[0]
    effort.report("stopping rules")
    each: dict[str, list[np.ndarray]] = {}
    curve = None
    for seed in range(effort.first_seed, effort.first_seed + effort.seeds):
        problem = squares(1, 8, 1, seed)
        values = np.linalg.eigvalsh(problem.matrix.T @ problem.matrix / len(problem.values))
        starts = np.random.default_rng(seed).normal(size=(STARTS, len(values)))
        found = stops(problem, 1.8 / values[-1], effort.pick(6000, 3000), jnp.asarray(starts))
        curve = found.pop("error")[0] if curve is None else (found.pop("error"), curve)[1]
        for name, value in found.items():
            each.setdefault(name, []).append(value)
    stopped = {name: np.stack(v) for name, v in each.items()}  # (seeds, 2, starts)
    first = stopped["first that is good"]
    false = {rule: (stopped[rule][:, 1] > 10 * WANTED).mean(1) for rule in RULES}
    layers = equilibria(range(effort.first_seed, effort.first_seed + effort.seeds))
    return Measured(
        {
            "spread of the function": float(max(function_spread)),
            "spread of the parameters outside the null space": float(max(outside)),
            "null dimension, distance from p / 3 / 8": float(max(dimensions)),
            "rate, distance from max |1 − ηλ|": float(max(rates)),
            "rate of equilibrium layers, distance from spectral radius": max(
                abs(a - b) for a, b, *_ in layers
            ),
            "evaluations, plain over Anderson": float(np.median([p / a for *_, p, a in layers])),
            **{f"false stops, {rule}": float(f.mean()) for rule, f in false.items()},
        },
        {f"false stops, {rule}": spread(f) for rule, f in false.items()},
        [
            Table(
                f"Gradient descent from {STARTS} starts against QR",
                ("manifold", "unknowns", "null space", "dimensions of the ends", "function, from QR",
                 "parameters outside the null space", "rate seen", "max |1 − ηλ|"),
                rows,
            ),
            Table(
                f"When to stop; asked for a relative error of {WANTED:g}",
                ("rule", "false stops", "error at the stop, median", "largest", "steps, median"),
                [
                    [r, false[r].mean(), np.median(s[:, 1]), s[:, 1].max(), np.median(s[:, 0])]
                    for r, s in stopped.items() if r in RULES
                ]
                + [["first step that is good", 0.0, WANTED, WANTED, np.median(first[:, 0])],
                   ["covers at rest (fixed cover)", 1.0, "", "", 0.0]],
            ),
        ],
        {"clouds": clouds, "stopped": stopped, "curve": curve},
    )  # fmt: skip


def draw(found: Measured) -> Figure:
    """In how many directions the ends differ; where the rules stop."""
    made, (left, right) = panels(2, 4.0, 3.1)
    for (name, sizes), color in zip(found.series["clouds"].items(), COLORS, strict=False):
        left.semilogy(
            np.arange(1, len(sizes) + 1),
            np.maximum(sizes, 1e-16),
            "o-",
            ms=3,
            lw=0.8,
            color=color,
            label=name,
        )
    left.set_ylim(1e-14, 30)
    labelled(left, "direction", "spread of 20 ends of training", "parameters: only the null space")
    curve = found.series["curve"]
    right.loglog(np.arange(1, len(curve) + 1), curve, color=GREY, lw=1, label="one run")
    for rule, color in zip(RULES, COLORS, strict=False):
        step, error = np.moveaxis(found.series["stopped"][rule], 1, 0).reshape(2, -1)
        right.plot(step + 1, np.maximum(error, 1e-12), ".", ms=4, alpha=0.6, color=color, label=rule)
    right.axhspan(1e-13, 10 * WANTED, color=BLUE, alpha=0.07, lw=0)
    right.axhline(WANTED, color=RED, lw=0.8, ls="--")
    right.set_ylim(1e-7, 10)
    labelled(right, "step at which the rule stops", "error of the function", "dashed: what was asked for")
    return made


EXPERIMENT = Experiment(
    name="completion",
    label="E11",
    concepts=("C14", "C15", "C16", "D2"),
    about="Where training ends, how fast it comes there, and when it may stop.",
    claim=(
        "Training is centred on fixed points; open questions 1 and 2 of Part 1: what is training completion, "
        "and where is the convergence point?"
    ),
    definition=(
        "Least squares in hats with local polynomials of order p, where the optimum is known by QR: 20 "
        "random starts, gradient descent. Spread of the ends as functions and as parameters, residual "
        "‖T(θ) − θ‖ and its ratio, and for five stopping rules the share of false stops, those with ten "
        "times the error that was asked for. Equilibrium layers: ratio of residuals against the spectral "
        "radius. Definitions are ours."
    ),
    statement=(
        "Training ends at one function from every start, at the rate max |1 − ηλ|, while its parameters "
        "differ in exactly the p, 3 or 8 directions of the null space."
    ),
    means={
        "consistent": "The fixed point of a manifold net with a fixed cover is unique in function space and "
        "not in parameter space: the claim has to be stated for functions.",
        "inconsistent": "Different starts end at different functions, or not at the rate of the spectrum.",
    },
    expected=(
        "Null spaces of dimension p in 1-D, 3 and 8 on triangles for p = 1 and 2, whatever the mesh "
        "(computed beforehand); Banach's rate."
    ),
    frame="degrees of freedom",
    falsifiers=(
        Falsifier("spread of the function", "<=", 1e-10, "one function"),
        Falsifier("spread of the parameters outside the null space", "<=", 1e-8, "rounding"),
        Falsifier("null dimension, distance from p / 3 / 8", "<=", 0.0, "p, 3, 8"),
        Falsifier("rate, distance from max |1 − ηλ|", "<=", 5e-4, "three digits"),
        Falsifier("rate of equilibrium layers, distance from spectral radius", "<=", 5e-4, "three digits"),
    ),
    measure=measure,
    draw=draw,
)
