"""Fixed points: of training, θ = T(θ), and of equilibrium layers, z = f(θ, z).

Training by gradient descent is the iteration T(θ) = θ − η ∇L(θ). Its residual is ‖T(θ) − θ‖, and near a
minimum it contracts by max |1 − η λ| over the eigenvalues λ ≠ 0 of the Hessian. Equilibrium layers are those
of Bai, Kolter and Koltun (2019, arXiv 1909.01377), here with Anderson acceleration (Walker and Ni 2011) and
the gradient of the implicit function theorem.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from networks.manifold_net import DEPENDENT


class Path(NamedTuple):
    """An iteration: where it ended, and the residuals ‖T(θ) − θ‖ (steps,) on the way."""

    end: jax.Array
    residuals: jax.Array


def iterate(step: Callable[[jax.Array], jax.Array], start: jax.Array, steps: int) -> Path:
    """`steps` of an iteration of vectors, traceable."""

    def body(theta, _):
        new = step(theta)
        return new, jnp.linalg.norm(new - theta)

    return Path(*jax.lax.scan(body, start, None, length=steps))


def contraction_seen(residuals: Any, last: int = 10) -> float:
    """Geometric mean of the last ratios of residuals."""
    r = np.asarray(residuals)[-last - 1 :]
    return float((r[-1] / r[0]) ** (1 / (len(r) - 1)))


def contraction_expected(hessian: Any, rate: float) -> float:
    """max |1 − η λ| over the eigenvalues λ of a Hessian that are not zero to rounding."""
    values = np.linalg.eigvalsh(np.asarray(hessian))
    return float(np.abs(1 - rate * values[values > 1e2 * DEPENDENT * values[-1]]).max())


def anderson(
    function: Callable[[jax.Array], jax.Array],
    start: jax.Array,
    memory: int = 5,
    tolerance: float = 1e-13,
    most: int = 200,
) -> tuple[jax.Array, jax.Array]:
    """z = f(z) by Anderson acceleration, and the number of evaluations; z (n,), traceable.

    Ends when ‖f(z) − z‖ ≤ `tolerance` (1 + ‖z‖). Of the last `memory` iterates it takes the affine
    combination of least residual, by regularised least squares.
    """

    def residual(value, z):
        return jnp.linalg.norm(value - z)

    def unfinished(carry):
        zs, values, count = carry
        now = (count - 1) % memory
        far = residual(values[now], zs[now]) > tolerance * (1 + jnp.linalg.norm(zs[now]))
        return far & (count < most)

    def body(carry):
        zs, values, count = carry
        known = (jnp.arange(memory) < count).astype(start.dtype)
        now = (count - 1) % memory
        left = (values - zs) * known[:, None]
        steps = left - left[now] * known[:, None]
        gram = steps @ steps.T
        eye = jnp.eye(memory, dtype=start.dtype)
        small = 1e-14 * jnp.trace(gram) + jnp.finfo(start.dtype).tiny
        share = -jnp.linalg.solve(gram + small * eye, steps @ left[now])
        share = (share * known).at[now].set(0.0)
        share = share.at[now].set(1 - share.sum())
        z = share @ values
        there = count % memory
        return zs.at[there].set(z), values.at[there].set(function(z)), count + 1

    empty = jnp.zeros((memory, len(start)), start.dtype)
    first = empty.at[0].set(start), empty.at[0].set(function(start)), jnp.array(1)
    _, values, count = jax.lax.while_loop(unfinished, body, first)
    return values[(count - 1) % memory], count


def equilibrium(function: Callable[[Any, jax.Array], jax.Array], theta: Any, start: jax.Array) -> jax.Array:
    """z = f(θ, z) (n,), whose derivative by θ is that of the implicit function; f contracts in z.

    Memory does not grow with the number of iterations. The Jacobian of f by z is formed, n² numbers.
    """

    def root(z):
        return function(theta, z) - z

    def solve(left, guess):
        return anderson(lambda z: left(z) + z, guess)[0]

    def tangent(linear, right):
        return jnp.linalg.solve(jax.jacobian(linear)(right), right)

    return jax.lax.custom_root(root, start, solve, tangent)


def unrolled(
    function: Callable[[Any, jax.Array], jax.Array], theta: Any, start: jax.Array, steps: int
) -> jax.Array:
    """f(θ, f(θ, … start)), `steps` times, differentiated through every step."""
    return jax.lax.scan(lambda z, _: (function(theta, z), None), start, None, length=steps)[0]


def layer(theta: dict[str, jax.Array], z: jax.Array) -> jax.Array:
    """tanh(W z + U x + b) with θ = {"W", "U", "b", "x"}."""
    return jnp.tanh(theta["W"] @ z + theta["U"] @ theta["x"] + theta["b"])


def random_layer(units: int, inputs: int, rho: float, seed: int = 0, drive: float = 0.3) -> dict:
    """θ of `layer` with a symmetric W of norm `rho`; U, b scaled by `drive`.

    Symmetric, so that its norm is its spectral radius; the drive is small, so that tanh' is near 1 and the
    layer contracts by little less than `rho`.
    """
    draw = np.random.default_rng(seed).normal
    w = draw(size=(units, units))
    w = w + w.T
    made = {
        "W": w * rho / np.linalg.norm(w, 2),
        "U": drive * draw(size=(units, inputs)),
        "b": 0.1 * drive * draw(size=units),
        "x": draw(size=inputs),
    }
    return {name: jnp.asarray(value) for name, value in made.items()}


def unrolled_errors(theta: dict, counts: Sequence[int] = (10, 20, 40, 80)) -> jax.Array:
    """Relative errors (counts,) of the gradient of Σ z² by W through k steps from 0.

    Against the implicit one. Traceable, so that it can be mapped over layers.
    """
    start = jnp.zeros(len(theta["b"]))

    def by_steps(w, k):
        return jnp.sum(unrolled(layer, {**theta, "W": w}, start, k) ** 2)

    exact = jax.grad(lambda w: jnp.sum(equilibrium(layer, {**theta, "W": w}, start) ** 2))(theta["W"])
    found = [jax.grad(by_steps)(theta["W"], int(k)) for k in counts]
    return jnp.stack([jnp.linalg.norm(g - exact) / jnp.linalg.norm(exact) for g in found])
