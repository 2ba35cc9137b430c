"""Ways downhill: first-order methods of optax, natural gradients, and linear solves that alternate with them.

Each is a pair of pure functions, `init(z) -> state` and `step(z, state, loss, keys, number) -> (z, state,
value)`, with the weights of a network as one vector z, and the loss in points drawn by a key, `loss(key)`,
for any of the step's `keys`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from networks.losses import Part
from nmm.errors import InputError

OPTIMISERS = ("adam", "lbfgs", "natural", "alternating")
EXACT = ("lbfgs", "natural", "alternating")
"""Those that want the fine points, as they go to the bottom of what they are given."""

DENSE = 1500
"""Up to so many weights natural gradients are found by eigenvalues, beyond by conjugate gradients."""

HELD_FOR = {"lbfgs": 100}
"""For how many steps an optimiser keeps its points."""

AT_ONCE = 10_000
"""About how many fields are differentiated at once: more of them do not fit the caches."""

DRAWS = 5
"""Draws of points for a step: natural gradients average their gradient over the first three, and judge their
ways by the others."""

DAMPINGS = 20
"""Steps that natural gradients choose from."""

TRUST = 2.0
"""How far natural gradients may move an inner weight in a step; those of a network on [-1, 1] are about 1."""

LOST = 1e-12
"""Eigenvalues below this share of the largest are left out of a linear solve."""


@dataclass(frozen=True)
class Objective:
    """A part of given points as a function of z: `fields(z)`, and the convex function `value` of these."""

    fields: Callable[[jax.Array], Any]
    value: Callable[[Any], jax.Array]

    def __call__(self, z: jax.Array) -> jax.Array:
        return self.value(self.fields(z))


Loss = Callable[[jax.Array], Objective]
"""A loss in the points that are drawn by a key."""


@dataclass(frozen=True)
class Descent:
    """An optimiser; `hold`, for how many steps its points stay, and whether it asks for eigenvalues."""

    init: Callable[[jax.Array], Any]
    step: Callable[..., Any]
    hold: int = 1
    by_eigenvalues: bool = False


def objective(part: Part, function: Callable[[jax.Array], Any]) -> Objective:
    """A part of a loss for the functions that z stands for."""
    return Objective(lambda z: part.fields(function(z)), part.value)


def descent(optimiser: Any, steps: int, rate: float, linear: np.ndarray) -> Descent:
    """An optimiser by name, or one of optax. `linear` (n,) marks the weights in which functions are linear.

    **Raises:** `InputError` for nothing linear to solve for.
    """
    if isinstance(optimiser, optax.GradientTransformation):
        return first_order(optimiser)
    if optimiser == "adam":
        return first_order(optax.adam(schedule(rate, steps)))
    if optimiser == "lbfgs":
        return lbfgs()
    if optimiser == "natural":
        return natural(linear)
    return alternating(optax.adam(schedule(rate, steps)), linear)


def schedule(rate: float, steps: int) -> optax.Schedule:
    """Up to `rate` in a twentieth of the steps, and down to a thousandth of it along a cosine."""
    return optax.warmup_cosine_decay_schedule(
        rate / 10, rate, max(1, steps // 20), max(2, steps), rate / 1000
    )


def first_order(rule: optax.GradientTransformation) -> Descent:
    """A gradient transformation of optax."""

    def step(z, state, loss: Loss, keys, number):
        value, slope = jax.value_and_grad(loss(keys[0]))(z)
        change, state = rule.update(slope, state, z)
        return optax.apply_updates(z, change), state, value

    return Descent(rule.init, step)


def lbfgs() -> Descent:
    """L-BFGS with a line search; it begins anew when the points change."""
    rule = optax.lbfgs(memory_size=20)
    hold = HELD_FOR["lbfgs"]

    def step(z, state, loss: Loss, keys, number):
        fresh = rule.init(z)
        state = jax.tree.map(lambda a, b: jnp.where(number % hold == 0, a, b), fresh, state)
        here = loss(keys[0])
        value, slope = optax.value_and_grad_from_state(here)(z, state=state)
        change, state = rule.update(slope, state, z, value=value, grad=slope, value_fn=here)
        return optax.apply_updates(z, change), state, value

    return Descent(rule.init, step, hold)


def natural(linear: np.ndarray) -> Descent:
    """Natural gradients of the loss itself (Müller and Zeinhofer 2023, arXiv 2302.13163), damped.

    The metric is the curvature of the convex function, pulled back to the weights: for an energy its own
    inner product, for a mean of squares Gauss-Newton. The gradient is cheaper than the metric and is a mean
    over several draws of points. Among steps of different damping the best is taken, as judged in further
    draws: else each step would fit the points that it knows. And no inner weight moves by more than `TRUST`:
    a neuron that turns steep at once is a jump, whose energy lies on a line that no points see.
    """

    def step(z, state, loss: Loss, keys, number):
        drawn, judges = jnp.split(keys, [(len(keys) + 1) // 2])
        gradient = jax.lax.map(lambda key: jax.grad(loss(key))(z), drawn).mean(0)
        ways = (damped if len(z) <= DENSE else matrix_free)(loss(keys[0]), z, gradient)

        def judged(key):
            there = loss(key)  # what does not depend on the way is found once
            return jax.lax.map(lambda way: there(z + way), ways)

        values = jax.lax.map(judged, judges).mean(0)
        far = jnp.max(jnp.where(linear, 0.0, jnp.abs(ways)), -1) > TRUST
        best = jnp.argmin(jnp.where(jnp.isfinite(values) & ~far, values, jnp.inf))
        return z + ways[best], state, values[0]

    return Descent(lambda z: (), step, by_eigenvalues=True)


def damped(loss: Objective, z: jax.Array, gradient: jax.Array) -> jax.Array:
    """No step, and steps −(G + μ)⁻¹g (k, n) of different damping μ."""
    gram, _ = normal_equations(loss, z)
    values, vectors = jnp.linalg.eigh(gram)
    part = vectors.T @ gradient
    least = len(gram) * jnp.finfo(gram.dtype).eps
    dampings = values[-1] * jnp.geomspace(least, 10.0, DAMPINGS, dtype=z.dtype)
    ways = -(part / (jnp.maximum(values, 0.0) + dampings[:, None])) @ vectors.T
    return jnp.concatenate([jnp.zeros_like(z)[None], ways])


def normal_equations(loss: Objective, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Curvature G (n, n) of a loss, seen through the fields, and its gradient (n,)."""
    forward, curved, slope = linearised(loss, z)
    many = max(1, min(32, AT_ONCE // len(slope)))
    columns = jax.lax.map(forward, jnp.eye(len(z), dtype=z.dtype), batch_size=many)
    bent = jax.lax.map(curved, columns, batch_size=many)
    return columns @ bent.T, columns @ slope


def linearised(loss: Objective, z: jax.Array):
    """Derivatives of the fields, side by side in one vector, and curvature and slope of the loss by them."""
    apart = ravel_pytree(jax.tree.map(jnp.zeros_like, jax.eval_shape(loss.fields, z)))[1]
    fields, forward = jax.linearize(lambda z: ravel_pytree(loss.fields(z))[0], z)
    slope, curved = jax.linearize(jax.grad(lambda f: loss.value(apart(f))), fields)
    return forward, curved, slope


def spectrum(gram: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Scale (n,) that makes the diagonal of G one, eigenvalues and eigenvectors of the scaled G."""
    diagonal = jnp.diagonal(gram)
    scale = 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1.0))
    return scale, *jnp.linalg.eigh(gram * scale[:, None] * scale)


def matrix_free(loss: Objective, z: jax.Array, gradient: jax.Array, iterations: int = 100) -> jax.Array:
    """No step, and 2^-k −(G + μ)⁻¹g by conjugate gradients, μ being 1e-8 of the mean of the diagonal."""
    forward, curved, _ = linearised(loss, z)
    backward = jax.linear_transpose(forward, z)
    sign = jax.random.rademacher(jax.random.key(0), z.shape, z.dtype)
    diagonal = jnp.vdot(sign, backward(curved(forward(sign)))[0]) / len(z)

    def gram(v):
        return backward(curved(forward(v)))[0] + 1e-8 * diagonal * v

    way = -jax.scipy.sparse.linalg.cg(gram, gradient, maxiter=iterations, tol=1e-8)[0]
    lengths = jnp.append(0.0, 0.5 ** jnp.arange(DAMPINGS)).astype(way.dtype)
    return lengths[:, None] * way


def alternating(rule: optax.GradientTransformation, linear: np.ndarray) -> Descent:
    """Solve for the weights in which the function is linear; then move the others along their gradient."""
    which = np.flatnonzero(linear)
    if not len(which):
        raise InputError("found no unknowns in which the network is linear", where="optimiser")

    def step(z, state, loss: Loss, keys, number):
        here = loss(keys[0])
        z = exact(here, z, which)
        value, slope = jax.value_and_grad(here)(z)
        change: Any
        change, state = rule.update(jnp.where(linear, 0.0, slope), state, z)
        return optax.apply_updates(z, jnp.where(linear, 0.0, change)), state, value

    return Descent(rule.init, step, by_eigenvalues=True)


def exact(loss: Objective, z: jax.Array, which: np.ndarray) -> jax.Array:
    """z with the entries `which` where the loss, quadratic in them, is least; of many such the nearest."""
    inner = Objective(lambda d: loss.fields(z.at[which].set(d)), loss.value)
    gram, gradient = normal_equations(inner, z[which])
    scale, values, vectors = spectrum(gram)
    known = values > LOST * values[-1]
    share = jnp.where(known, 1 / jnp.where(known, values, 1.0), 0.0)
    return z.at[which].add(-scale * (vectors @ (share * (vectors.T @ (scale * gradient)))))
