"""E7: forward and inverse are one computation and its transpose."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import nmm
from networks.anatomy.duality import STEPS, dot_test, gradient_cost, order_of, taylor_test
from networks.anatomy.fixed_point import equilibrium, layer, random_layer, unrolled_errors
from networks.covers import splines
from networks.energy import functional_on
from networks.manifold_net import values
from networks.physical import lattice_cover
from networks.sampling import quadrature
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import BLUE, GREEN, GREY, RED, band, labelled, panels, spread
from networks.study.plain import keys_of, perceptron, value

TRUE = {"E": 1.0, "a": 0.3, "b": 0.2}
"""Young's modulus E (1 + a x + b y) of the plate."""

RHO, COUNTS = 0.8, (10, 20, 40, 80)


class Body(NamedTuple):
    """A plate with a hole in nmm: stiffness (n, n) and load (n,) by its parameters, traceable."""

    system: Callable[[Any], tuple[jax.Array, jax.Array]]
    problem: Any
    patches: np.ndarray

    def solve(self, params: Any) -> jax.Array:
        """The unknowns (n,)."""
        stiffness, load = self.system(params)
        return jnp.linalg.solve(stiffness, load)


def plate(cells: int) -> Body:
    """Elasticity on a plate with a hole, held on the left and pulled on the right."""
    domain = nmm.rectangle(0, 0, 2, 1) - nmm.disk((0.7, 0.5), 0.2)
    manifold = nmm.cut(domain, nmm.lattice(cells=cells))
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 2", (1.0, 0.2))]
    problem = nmm.problem(manifold, nmm.elasticity("E*(1 + a*x + b*y)", 0.3), terms, dirichlet="penalty")
    q = jax.tree.map(jnp.asarray, quadrature(problem, TRUE))
    cover, size = lattice_cover(manifold), 2 * int(manifold.active.sum())

    def function(d):
        return lambda x, element: values(cover, d.reshape(-1, 1, 2), ((0, 0),), x, element)

    basis = jax.jit(jax.vmap(lambda d: functional_on(problem, TRUE, q).fields(function(d))))(jnp.eye(size))

    def system(params):
        energy = functional_on(problem, params, q)

        def at(d):
            return energy.value(jax.tree.map(lambda part: jnp.tensordot(d, part, 1), basis))

        load, stiffness = jax.vmap(lambda way: jax.jvp(jax.grad(at), (jnp.zeros(size),), (way,)))(
            jnp.eye(size)
        )
        return stiffness, -load[0]

    return Body(system, problem, np.flatnonzero(manifold.active))


def by_hand(body: Body, params: dict[str, Any], weights: np.ndarray) -> dict[str, float]:
    """Derivatives of ½ Σ weights u² by the parameters: λ = K⁻¹ ∂J/∂u, dJ/dp = −λᵀ (∂K/∂p) u.

    K = E (K₀ + a K₁ + b K₂), so that differences of K are its derivatives, but for what holds the plate,
    which grows with the modulus too.
    """
    look = jax.jit(body.system)

    def stiffness(**changed):
        return np.asarray(look({**params, **changed})[0])

    k, load = (np.asarray(part) for part in look(params))
    u = np.linalg.solve(k, load)
    adjoint = np.linalg.solve(k.T, weights * u)
    found = {}
    for name in params:
        ahead, behind = (stiffness(**{name: params[name] + h}) for h in (0.5, -0.5))
        found[name] = float(-adjoint @ (ahead - behind) @ u)
    return found


def heat_by_hand(k: np.ndarray) -> tuple[Callable, np.ndarray]:
    """J(k) = ½ Σ u² of −(k u′)′ = 1 on hats with a conductivity in each of the cells, and ∂J/∂k by NumPy."""
    n = len(k)

    def loss(k):
        inner = jnp.diag(k[:-1] + k[1:]) - jnp.diag(k[1:-1], 1) - jnp.diag(k[1:-1], -1)
        return jnp.sum(jnp.linalg.solve(n * inner, jnp.full(n - 1, 1 / n)) ** 2) / 2

    stiff = n * (np.diag(k[:-1] + k[1:]) - np.diag(k[1:-1], 1) - np.diag(k[1:-1], -1))
    u = np.linalg.solve(stiff, np.full(n - 1, 1 / n))
    adjoint = np.linalg.solve(stiff, u)
    jumps = n * np.diff(np.pad(u, 1)) * np.diff(np.pad(adjoint, 1))
    return loss, -jumps


def recovered(body: Body, steps: int = 8) -> float:
    """Relative error of E, a, b found from the displacements by Gauss-Newton, from 1, 0, 0."""
    names = list(TRUE)

    def solve(p):
        return body.solve(dict(zip(names, p, strict=True)))

    data = jax.jit(solve)(jnp.array([TRUE[n] for n in names]))
    look, p = jax.jit(lambda p: (solve(p), jax.jacfwd(solve)(p))), jnp.array([1.0, 0.0, 0.0])
    for _ in range(steps):
        u, jacobian = look(p)
        p = p + jnp.linalg.lstsq(jacobian, data - u)[0]
    return float(np.max(np.abs(p - np.array(list(TRUE.values()))) / np.array(list(TRUE.values()))))


def operators(body: Body) -> dict[str, tuple[Callable, Callable[[jax.Array], Any]]]:
    """Functions to transpose, and their arguments by key."""
    cover = splines((0.0, 1.0), 8, 2)
    x = jnp.linspace(0.0, 1.0, 40)[:, None]
    nodes = cover.nodes[:, None]

    def stack(d):
        first = values(cover, d[0], ((0,),), x, None)
        return values(cover, d[1], ((0,),), first, None)

    return {
        "nmm elasticity": (
            body.solve,
            lambda key: {n: v * (1 + 0.2 * jax.random.uniform(key)) for n, v in TRUE.items()},
        ),
        "stacked manifold": (
            stack,
            lambda key: [0.9 * nodes + 0.05, jax.random.normal(key, nodes.shape)],
        ),
        "perceptron": (lambda theta: value(theta, x), lambda key: perceptron(key, (1, 16, 16, 1), 1.0, 1.0)),
        "equilibrium layer": (
            lambda theta: equilibrium(layer, theta, jnp.zeros(20)),
            lambda key: {"W": RHO * jnp.eye(20), "U": 0.2 * jax.random.normal(key, (20, 5)),
                         "b": jnp.zeros(20), "x": jnp.ones(5)},
        ),
    }  # fmt: skip


def measure(effort: Effort) -> Measured:
    """Dots, remainders, adjoints, seconds, and gradients through iterations."""
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    body = plate(effort.pick(8, 4))
    params = {name: jnp.asarray(v) for name, v in TRUE.items()}
    effort.report("nmm.forward")
    host = nmm.forward(body.problem)(TRUE)
    classical = np.asarray(host.dofs)[body.patches].ravel()
    own = np.asarray(jax.jit(body.solve)(params))
    rows, dots, slopes, remainders = [], {}, {}, {}
    keys = keys_of(effort.first_seed, effort.seeds)
    for name, (function, at) in operators(body).items():
        effort.report(f"adjoint of the {name}")

        def tests(key, function=function, at=at):
            def number(z):
                return jnp.sum(jnp.sin(function(z)))

            return dot_test(function, at(key), key), taylor_test(number, at(key), key)

        dots[name], left = map(np.asarray, jax.jit(lambda keys, tests=tests: jax.lax.map(tests, keys))(keys))
        slopes[name] = [order_of(each) for each in left]
        remainders[name] = left / left[:, :1]
        rows.append([name, max(dots[name]), np.mean(slopes[name])])
    effort.report("adjoints by hand")
    weights = np.random.default_rng(0).uniform(0, 1, len(own))
    by_ad = jax.jit(jax.grad(lambda p: jnp.sum(weights * body.solve(p) ** 2) / 2))(params)
    hand = by_hand(body, TRUE, weights)
    elastic = max(abs(float(by_ad[n]) - hand[n]) / abs(hand[n]) for n in hand)
    conductivity = np.random.default_rng(1).uniform(0.5, 2.0, 64)
    loss, slope = heat_by_hand(conductivity)
    found = np.asarray(jax.jit(jax.grad(loss))(jnp.asarray(conductivity)))
    thermal = float(np.abs(found - slope).max() / np.abs(slope).max())
    effort.report("seconds of gradients")
    big = jnp.asarray(np.random.default_rng(2).uniform(0.5, 2.0, effort.pick(600, 300)))
    cost = {
        "nmm elasticity": gradient_cost(lambda p: jnp.sum(body.solve(p) ** 2), params),
        "heat": gradient_cost(heat_by_hand(np.asarray(big))[0], big),
    }
    effort.report("implicit and unrolled gradients")
    layers = [random_layer(20, 5, RHO, seed, 0.2) for seed in seeds]
    together = jax.tree.map(lambda *a: jnp.stack(a), *layers)
    errors = np.asarray(jax.jit(lambda t: jax.lax.map(lambda t: unrolled_errors(t, COUNTS), t))(together))
    effort.report("recovery")
    bound = RHO ** np.array(COUNTS)
    numbers = {
        "dot test": max(max(d) for d in dots.values()),
        "slope of the remainder, distance from 2": max(abs(s - 2) for each in slopes.values() for s in each),
        "adjoint by hand": max(elastic, thermal),
        "gradient over forward, seconds": max(cost.values()),
        "unrolled error over ρ^k": float((errors / bound).max()),
        "parameters recovered": recovered(body),
        "nmm.forward against this energy": float(np.abs(own - classical).max() / np.abs(classical).max()),
    }
    return Measured(
        numbers,
        {
            "dot test": spread([max(d) for d in zip(*dots.values(), strict=True)]),
            "unrolled error over ρ^k": spread((errors / bound).max(1)),
        },
        [
            Table("Adjoints", ("operator", "largest dot test", "slope of the remainder"), rows),
            Table(
                "Gradient through k steps of an equilibrium layer, ρ = 0.8; relative error",
                ("k", "median", "least", "largest", "ρ^k"),
                [[k, np.median(e), e.min(), e.max(), RHO**k] for k, e in zip(COUNTS, errors.T, strict=True)],
            ),
            Table(
                "Processor seconds of a gradient over those of a value",
                ("operator", "ratio"),
                list(cost.items()),
            ),
        ],
        {"steps": STEPS, "remainders": remainders, "counts": COUNTS, "errors": errors},
    )


def draw(found: Measured) -> Figure:
    """Remainders of second order; unrolled gradients that come to the implicit one."""
    made, (left, right) = panels(2)
    colors = (BLUE, RED, GREEN, GREY)
    for (name, runs), color in zip(found.series["remainders"].items(), colors, strict=True):
        band(left, found.series["steps"], runs, color, name, marker="o", ms=3)
    left.set_xscale("log")
    left.set_yscale("log")
    steps = np.array(found.series["steps"])
    left.plot(steps, 0.3 * (steps / steps[0]) ** 2, "k--", lw=0.8, label="second order")
    labelled(left, "step h", "remainder of the gradient")
    counts = np.array(found.series["counts"])
    band(right, counts, found.series["errors"], BLUE, "k steps unrolled", marker="o", ms=3)
    right.semilogy(counts, RHO**counts, "k--", lw=0.8, label=r"$\rho^k$, $\rho=0.8$")
    right.set_yscale("log")
    labelled(right, "steps k", "error against the implicit gradient")
    return made


EXPERIMENT = Experiment(
    name="duality",
    label="E7",
    concepts=("C4", "C8", "D2"),
    about="Forward and inverse as one computation: adjoints, gradients and what they cost.",
    claim='A neural network "is numerical computation combining forward and inverse" (Part 1, abstract).',
    definition=(
        "Dual pairing is taken as ⟨J v, w⟩ = ⟨v, Jᵀ w⟩, measured over ‖J v‖ ‖w‖ on a plate of nmm, a stack "
        "of manifolds, a perceptron and an equilibrium layer; the remainder of a gradient; its difference "
        "from an adjoint written by hand; its processor seconds over those of the value; and the error of "
        "a gradient through k steps of z = tanh(Wz + Ux + b) against the implicit one. The papers' own "
        "definition of the dual pairing is not available to us: these are ours."
    ),
    statement=(
        "The inverse computation is the exact transpose of the forward one, for classical manifolds and for "
        "networks, and costs at most five times as much."
    ),
    means={
        "consistent": "Supports the claim, for classical methods as much as for networks: forward and "
        "inverse are one computation wherever there is an adjoint; nothing in it is peculiar to networks.",
        "inconsistent": "Some operator has no exact transpose, or one that costs more than theory allows.",
    },
    expected=(
        "Dots at rounding; second order; at most 4 to 5 evaluations (Griewank and Walther 2008); an error of "
        "about ρ^k of a gradient through k steps. Of the set-up ρ = 0.8 the values 4.2e-2, 2.4e-3, 9.1e-6, "
        "5.6e-10 at k = 10, 20, 40, 80 were computed beforehand with a seed that we do not know."
    ),
    frame="nonlinearity",
    falsifiers=(
        Falsifier("dot test", "<=", 1e-12, "rounding in double precision"),
        Falsifier("slope of the remainder, distance from 2", "<=", 0.05, "second order"),
        Falsifier("adjoint by hand", "<=", 1e-10, "rounding times the condition of the stiffness"),
        Falsifier("gradient over forward, seconds", "<=", 5.0, "the cheap gradient principle"),
        Falsifier("unrolled error over ρ^k", "<=", 3.0, "Banach, up to a constant"),
        Falsifier("parameters recovered", "<=", 1e-8, "data without noise"),
    ),
    measure=measure,
    draw=draw,
)
