"""What a network is trained to make small: an energy, a residual, or a distance from data.

A loss is a sum of parts, and a part is a convex function of fields that are linear in the function (for
linear models). Natural gradients need this form: the curvature of the convex function, seen through the
derivatives of the fields by the weights of the network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.ansatz import Ansatz
from networks.energy import coefficients, functional_on, natural, point_forces, prescribed, source
from networks.energy import value_and_slope as derived
from networks.physical import LatticeCover
from networks.sampling import Quadrature, Samples
from nmm.errors import InputError
from nmm.physics.problem import Problem
from nmm.pytrees import tree

LOSSES = ("energy", "residual", "weak", "data")
HELD = 100.0
"""How much a value that is missed counts in a residual, beside what the same curvature would."""

Function = Callable[[jax.Array, jax.Array], jax.Array]
"""A function of points (n, 2) and their elements (n,) -> (n, components)."""


@dataclass(frozen=True)
class Part:
    """`fields` of a function, and the convex function `value` of them."""

    fields: Callable[[Function], Any]
    value: Callable[[Any], jax.Array]

    def __call__(self, u: Function) -> jax.Array:
        """The part of a loss for a function."""
        return self.value(self.fields(u))


@tree()
class Measurements:
    """Points (n, d) with values (n, c), their elements (n,) and standard deviations (n, c) or a number."""

    points: jax.Array
    values: jax.Array
    element: Any
    std: Any


def weights_of(loss: Any) -> dict[str, float]:
    """The parts of a loss and their weights: a name, or a mapping from names.

    **Raises:** `InputError` for unknown names or weights that are not positive.
    """
    found = {loss: 1.0} if isinstance(loss, str) else dict(loss)
    unknown = sorted(set(found) - set(LOSSES))
    if unknown or not found or min(found.values()) <= 0:
        raise InputError(
            f"found the loss {loss!r}, expected one of {', '.join(LOSSES)}, or positive weights of several",
            where="loss",
        )
    return found


def energy_part(ansatz: Ansatz, params: Mapping[str, Any], q: Quadrature, penalty: bool) -> Part:
    """The problem's own energy: deep Ritz (E and Yu 2018, Commun. Math. Stat. 6, 1-12)."""
    functional = functional_on(ansatz.problem, params, q, penalty)
    return Part(functional.fields, functional.value)


def residual_part(ansatz: Ansatz, params: Mapping[str, Any], q: Quadrature, penalty: bool) -> Part:
    """Half the mean square of −∇·σ − f, and of what boundary terms leave over, divided by the body's size.

    The strong form of physics-informed networks (Raissi, Perdikaris and Karniadakis 2019, J. Comput. Phys.
    378, 686-707). Coefficients may vary within elements, by expressions.
    """
    problem = ansatz.problem
    stress = stresses(problem, params)
    area = q.domain.weight.sum()
    size = jnp.sqrt(area)
    pairs = [(t, s) for t, s in zip(problem.terms, q.edges, strict=True) if penalty or not t.dirichlet]

    def inside(u: Function) -> jax.Array:
        at = q.domain

        def flux(x):
            return stress(u, x, at)

        def divergence(x):
            parts = [
                jax.jvp(flux, (x,), (jnp.broadcast_to(way, x.shape),))[1][..., d]
                for d, way in enumerate(jnp.eye(2, dtype=x.dtype))
            ]
            return sum(parts)

        return -divergence(at.points) - source(problem, params, at)

    def along(u: Function, term, samples: Samples) -> jax.Array:
        value = u(samples.points, samples.element)
        if term.dirichlet:
            projector, given = prescribed(problem, term, samples, params)
            stiffness = samples.penalty[:, None] * HELD * problem.manifold.grid.h / 1e3
            return stiffness * jnp.einsum("ncd,nd->nc", projector, value - given) / size
        stiffness, load = natural(problem, term, samples, params)
        traction = jnp.einsum("ncd,nd->nc", stress(u, samples.points, samples), samples.normal)
        return traction + jnp.einsum("ncd,nd->nc", stiffness, value) - load

    def fields(u: Function):
        return inside(u), [along(u, term, samples) for term, samples in pairs]

    def value(fields):
        r, edges = fields
        total = jnp.sum(q.domain.weight[:, None] * r**2) / area / 2
        for (_, samples), b in zip(pairs, edges, strict=True):
            total = total + jnp.sum(samples.weight[:, None] * b**2) / samples.weight.sum() / area / 2
        return total

    return Part(fields, value)


def stresses(problem: Problem, params: Mapping[str, Any]) -> Callable:
    """(u, points, samples) -> σ (n, c, 2) at points that may move within the elements of the samples."""
    density = jax.grad(problem.model.density)

    def stress(u: Function, x: jax.Array, samples: Samples) -> jax.Array:
        there = Samples(x, samples.element, samples.weight, samples.region, samples.square)
        slope = derived(lambda p: u(p, samples.element), x)[1]
        return jax.vmap(density)(slope, coefficients(problem, params, there))

    return stress


def weak_part(ansatz: Ansatz, params: Mapping[str, Any], q: Quadrature, cover: LatticeCover) -> Part:
    """Half the sum of R_i² / ‖∇v_i‖² over the test functions v_i = φ w_i of a cover of physical patches.

    R_i is the weak residual ∫ σ(u):∇v_i − f v_i dx − ∫ t v_i ds (Kharazmi, Zhang and Karniadakis 2019, arXiv
    1912.00873, with the weights of the numerical manifold method).
    """
    problem, c = ansatz.problem, ansatz.problem.model.components
    stress = stresses(problem, params)
    tests = tested(ansatz, cover, q.domain)
    edges = [
        (t, s, tested(ansatz, cover, s))
        for t, s in zip(problem.terms, q.edges, strict=True)
        if not t.dirichlet
    ]
    loads = tested(ansatz, cover, q.loads), point_forces(problem, q.loads, params)
    weight = q.domain.weight[:, None, None]

    def gathered(index, values):
        return jnp.zeros((cover.patches, c), values.dtype).at[index].add(values)

    size = gathered(tests.index, weight * jnp.sum(tests.slopes**2, -1))
    ways = jnp.where(size > 0, 1 / jnp.sqrt(jnp.where(size > 0, size, 1.0)), 0.0)

    def fields(u: Function) -> jax.Array:
        sigma, force = stress(u, q.domain.points, q.domain), source(problem, params, q.domain)
        work = jnp.einsum("ncd,nmcd->nmc", sigma, tests.slopes) - force[:, None] * tests.values
        found = gathered(tests.index, weight * work)
        for term, samples, on in edges:
            stiffness, load = natural(problem, term, samples, params)
            left = jnp.einsum("ncd,nd->nc", stiffness, u(samples.points, samples.element)) - load
            found = found + gathered(on.index, samples.weight[:, None, None] * left[:, None] * on.values)
        on, force = loads
        return ways * (found - gathered(on.index, force[:, None] * on.values))

    return Part(fields, lambda r: jnp.sum(r**2) / 2)


@tree()
class Tests:
    """Patches (n, m) at points, with test functions (n, m, c) and their slopes (n, m, c, 2)."""

    index: jax.Array
    values: jax.Array
    slopes: jax.Array


def tested(ansatz: Ansatz, cover: LatticeCover, samples: Samples) -> Tests:
    """The test functions φ w_i at points."""
    x = samples.points
    weights, by = derived(lambda p: cover.local(p, samples.element).weights, x)
    phi, along = derived(ansatz.distance, x)
    slopes = phi[:, None, :, None] * by[:, :, None] + weights[:, :, None, None] * along[:, None]
    index = cover.local(x, samples.element).index
    return Tests(index, weights[..., None] * phi[:, None], slopes)


def data_part(data: Measurements) -> Part:
    """Half the mean square of what a function misses, in standard deviations."""

    def fields(u: Function) -> jax.Array:
        return (u(data.points, data.element) - data.values) / data.std

    return Part(fields, lambda r: jnp.mean(r**2) / 2)


def mixture(parts: Mapping[str, Part], weights: Mapping[str, float]) -> Part:
    """The weighted sum of parts."""
    names = sorted(parts)

    def fields(u: Function):
        return [parts[name].fields(u) for name in names]

    def value(fields):
        values = [weights[name] * parts[name].value(f) for name, f in zip(names, fields, strict=True)]
        return jnp.sum(jnp.stack(values))

    return Part(fields, value)


def measurements(points: Any, values: Any, element: Any = None, std: Any = 1.0) -> Measurements:
    """Data to fit. **Raises:** `InputError` for arrays that do not fit each other, or are not finite."""
    x, y = np.asarray(points, float), np.asarray(values, float)
    y = y[:, None] if y.ndim == 1 else y
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not len(x):
        raise InputError(
            f"found points {x.shape} and values {y.shape}, expected (n, d) and (n, c)", where="data"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.all(np.asarray(std) > 0)):
        raise InputError("found numbers that are not finite, or standard deviations ≤ 0", where="data")
    return Measurements(jnp.asarray(x), jnp.asarray(y), element, jnp.asarray(std, float))
