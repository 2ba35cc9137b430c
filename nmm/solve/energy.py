"""The energy of any density, linear or not, over slices of the lattice and a batch of pieces.

Its gradient in u is the residual of the domain and the derivative of that the tangent, by automatic
differentiation: what Newton's method needs, without a matrix. Boundary terms, singular patches, seams and the
ghost penalty are not part of it.
"""

import jax
import jax.numpy as jnp

from nmm.physics.values import evaluate
from nmm.solve.discretise import Discretisation
from nmm.solve.elements import CENTRE, lattice_samples
from nmm.solve.form import Form, cell_size, coefficients, join_values, mean_points, places, shape_functions
from nmm.solve.samples import Samples
from nmm.solve.system import gathered


def domain_energy(form: Form, data, params, arrays: Discretisation, u: jax.Array) -> jax.Array:
    """∫ W(∇u) − f·u over the domain, for u (stored, patches)."""
    values, source, _, _ = join_values(data, form.structure, form.static)[:4]
    return whole_energy(form, values, source, params, arrays, u) + piece_energy(
        form, values, source, params, arrays, u
    )


def densities(form: Form, values, source, params, at, u, gradient) -> jax.Array:
    """W(∇u) − f·u (n,) at places, for u (n, components) and ∇u (n, components, 2)."""
    local = coefficients(form, values, at, params)
    force = jnp.stack([evaluate(s, at, params, "physics.source", jnp) for s in source], -1)
    return jax.vmap(form.density)(gradient, local) - jnp.sum(force * u, 1)


def whole_energy(form: Form, values, source, params, arrays: Discretisation, u) -> jax.Array:
    """The share of the whole cells: the values at their nodes are slices of the lattice."""
    ny, nx = form.lattice
    c = form.components
    rows, columns = ny + form.weights.degree, nx + form.weights.degree
    grid = u[:, : rows * columns].reshape(len(u), rows, columns)
    total = jnp.zeros(())
    for kind, nodes in enumerate(form.weights.nodes):
        whole = jnp.asarray(arrays.whole[kind]).reshape(-1)
        sample = lattice_samples(form, arrays, kind, whole)
        local = jnp.concatenate([grid[:, y : y + ny, x : x + nx] for x, y in nodes])
        local = local.reshape(-1, c, ny * nx)
        points, weights = (jnp.asarray(v) for v in form.rules[kind])

        def add(total, rule, sample=sample, local=local, whole=whole):
            point, weight = rule
            here = Samples(sample.cell, jnp.broadcast_to(point, sample.xi.shape), sample.region, None, None)
            one = Samples(sample.cell[:1], point[None], None, None, None)
            shapes, gradients = shape_functions(form, arrays, one, CENTRE)
            at = places(form, arrays, here)
            value, slope = shapes[0] @ local.swapaxes(0, 1), jnp.einsum("ai,acn->nci", gradients[0], local)
            density = densities(form, values, source, params, at, value.T, slope)
            return total + weight * jnp.sum(jnp.where(whole, density, 0.0)), None

        total = total + jax.lax.scan(add, jnp.zeros((), u.dtype), (points, weights))[0]
    return total * cell_size(arrays) ** 2


def piece_energy(form: Form, values, source, params, arrays: Discretisation, u) -> jax.Array:
    """The share of the pieces."""
    rule = arrays.pieces
    owner = jnp.asarray(rule.owner)
    local = gathered(u, jnp.asarray(arrays.patches)[owner]).reshape(len(owner), -1, form.components)
    centre = mean_points(rule, len(arrays.patches))[owner] if form.columns == 4 else None
    shapes, gradients = shape_functions(form, arrays, rule, centre)
    value, slope = jnp.einsum("na,nac->nc", shapes, local), jnp.einsum("nai,nac->nci", gradients, local)
    density = densities(form, values, source, params, places(form, arrays, rule), value, slope)
    return jnp.dot(jnp.asarray(rule.weight), density)
