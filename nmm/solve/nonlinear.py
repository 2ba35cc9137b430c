"""A nonlinear law on a cover: the energy of a linear problem, and what the law adds to it.

With the energy density W of the law beside W₀ of the problem's own linear model, the reference, and the
stresses σ = ∂W/∂∇u and σ₀,

    E(u) = E₀(u) + ∫ W(∇u) − W₀(∇u) dx − Σ ∫ (σ(∇u) − σ₀(∇u)) n · P (u − g) ds

where E₀ is the quadratic energy of the linear problem with its boundary terms, and the last term, over the
Dirichlet terms that hold P u at P g, makes Nitsche's flux that of the law (none with a penalty). The minimum
is that of the law alone: of the reference it keeps Nitsche's parameter and the preconditioner.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.physics.boundary import DIRICHLET
from nmm.physics.problem import Problem
from nmm.pytrees import tree
from nmm.results.errors import energy_rule
from nmm.solve.cycle import in_precision, preconditioner
from nmm.solve.discretise import Discretisation
from nmm.solve.form import Form, coefficients, form_of, join_values, places, shape_functions
from nmm.solve.multigrid import Multigrid
from nmm.solve.newton import minimum
from nmm.solve.samples import Samples, samples
from nmm.solve.system import apply, gathered, system_of
from nmm.solve.terms import held_at
from nmm.solve.traced import arrays_of, options_of

DENSE = 1500
"""Unknowns, unused ones included, up to which the reference is inverted: less to compile than multigrid."""


@tree()
class Interior:
    """Quadrature points (n,) of all elements, which own them, and the patches (elements, k) of these."""

    points: Samples
    patches: Any


def interior_of(problem: Problem) -> Interior:
    """The quadrature points of a problem, made once on the host."""

    def make() -> Interior:
        manifold = problem.manifold
        element, xi, weight = energy_rule(manifold, problem.fine)
        cell, region = manifold.element_cells()[element], manifold.element_regions()[element]
        points = samples(len(element), cell, xi, region, weight, element)
        return Interior(points, manifold.element_patches().astype(np.int32))

    return problem.manifold.cached(("interior", problem), make)


def solve_nonlinear(
    problem: Problem,
    params: Mapping[str, Any],
    law: Callable,
    solver: Multigrid,
    tolerance: float,
    steps: int,
) -> tuple[Any, tuple[Any, ...]]:
    """Unknowns (patches, stored) of a law in place of the model's density, and how they were found.

    Traceable in `params` and in the arrays of the pytree `law`; see `newton.minimum` for what comes back.
    """
    form, data = form_of(problem, params)
    options = (options_of(solver, problem), tolerance, steps)
    return _solve(form, options, data, dict(params), law, arrays_of(problem)[:3], interior_of(problem))


@partial(jax.jit, static_argnums=(0, 1))
def _solve(form: Form, options, data, params, law, arrays, interior: Interior):
    (_, limit, (degree, turns, everywhere), precision), tolerance, steps = options
    arrays, levels, changes = jax.lax.optimization_barrier(arrays)
    system = system_of(form, data, params, arrays)
    if system.load.size <= DENSE:
        levels, changes = levels[:1], ()  # an inverse in place of the cycle
    make = partial(
        preconditioner, levels=levels, steps=changes, degree=degree, turns=turns, everywhere=everywhere
    )
    cycle = in_precision(jax.lax.stop_gradient(system), precision, make)
    inside, inner_force = in_domain(form, data, params, law, arrays, interior)
    beside = on_boundary(form, data, params, law, arrays)

    def energy(u):
        return jnp.vdot(u, apply(system, u) / 2 - system.load) + inside(u) + beside(u)

    def residual(u):
        return apply(system, u) - system.load + inner_force(u) + jax.grad(beside)(u)

    u, stats = minimum(energy, residual, cycle, system.load, tolerance, (steps, limit))
    return u.T, stats


def slopes_of(u: jax.Array, patches: Any, gradients: jax.Array) -> jax.Array:
    """Gradients (n, c, 2) of u (stored, patches) where its functions have the gradients (n, m, 2)."""
    local = gathered(u, patches).reshape(*gradients.shape[:2], -1)
    return jnp.einsum("nac,nai->nci", local, gradients)


def in_domain(
    form: Form, data, params, law, arrays: Discretisation, interior: Interior
) -> tuple[Callable, Callable]:
    """What the law adds to the energy in the domain, and its derivative, as functions of the unknowns."""
    values, *_ = join_values(data, form.structure, form.static)
    points = interior.points
    at = places(form, arrays, points)
    _, gradients = shape_functions(form, arrays, points)
    patches, weight = jnp.asarray(interior.patches)[points.owner], jnp.asarray(points.weight)
    here = coefficients(form, values, at, params)

    def slopes(u):
        return slopes_of(u, patches, gradients)

    def energy(u):
        more = jax.vmap(partial(added, form.density, law))(slopes(u), here)
        return jnp.dot(weight, more)

    def force(u):
        g, back = jax.vjp(slopes, u)
        return back(weight[:, None, None] * excess(form.density, law, here, g))[0]

    return energy, force


def added(density: Callable, law: Callable, gradient: Any, values: Any) -> Any:
    """W − W₀ at a point."""
    return law(gradient, values) - density(gradient, values)


def plain_excess(density: Callable, law: Any, values: Any, gradient: Any) -> jax.Array:
    """Stresses σ − σ₀ (n, c, 2) at points."""
    return jax.vmap(jax.grad(partial(added, density, law)))(gradient, values)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def excess(density: Callable, law: Any, values: Any, gradient: Any) -> jax.Array:
    """`plain_excess`, whose derivative by the gradient is a tangent (n, c, 2, c, 2) that is formed once.

    JAX by itself would go through the law again in every product of conjugate gradients.
    """
    return plain_excess(density, law, values, gradient)


@partial(excess.defjvp, symbolic_zeros=True)
def excess_jvp(density: Callable, primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    """Value and derivative; what does not move costs nothing."""
    law, values, gradient = primals
    others, by_gradient = tangents[:2], tangents[2]
    out = plain_excess(density, law, values, gradient)
    change = jnp.zeros_like(out)
    if not is_zero(by_gradient):
        tangent = jax.vmap(jax.hessian(partial(added, density, law)))(gradient, values)
        change = jnp.einsum("ncidj,ndj->nci", tangent, by_gradient)
    if not all(map(is_zero, jax.tree.leaves(others))):
        filled = jax.tree.map(lambda t: jnp.zeros(t.shape, t.dtype) if is_zero(t) else t, others)
        change += jax.jvp(lambda a, b: plain_excess(density, a, b, gradient), (law, values), filled)[1]
    return out, change


def is_zero(tangent: Any) -> bool:
    """Whether a tangent is known to vanish."""
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


def on_boundary(form: Form, data, params, law, arrays: Discretisation) -> Callable:
    """What the law adds to the energy where Nitsche's method holds values."""
    values, _, given, *_ = join_values(data, form.structure, form.static)
    parts = []
    for kind, wanted, term in zip(form.kinds, given, arrays.terms, strict=True):
        if kind not in DIRICHLET or not form.nitsche:
            continue
        hold = held_at(form, values, kind, wanted, params, arrays, term)
        _, gradients = shape_functions(form, arrays, term.there)
        there = coefficients(form, values, places(form, arrays, term.there), params)
        pair = jnp.asarray(term.patches)[term.pair]
        parts.append((term, hold, gradients, there, jnp.split(pair, 2, axis=1)))

    def energy(u):
        total: Any = 0.0
        for term, hold, gradients, there, (own, host) in parts:
            stress = jax.vmap(jax.grad(partial(added, form.density, law)))(
                slopes_of(u, host, gradients), there
            )
            gap = jnp.einsum("ncm,nm->nc", hold.values, gathered(u, own)) - hold.prescribed
            flux = jnp.einsum("nci,ni->nc", stress, jnp.asarray(term.normal))
            total -= jnp.einsum("n,nc,nce,ne->", jnp.asarray(term.here.weight), flux, hold.projector, gap)
        return total

    return energy
