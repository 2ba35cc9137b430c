"""Matrices and loads of whole cells and pieces, from the energy density by differentiation."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from nmm.physics.models import mean_strain_density, poisson_density, strain_density, stress_density
from nmm.physics.tangent import pairs, second, tangent
from nmm.physics.values import Places, evaluate
from nmm.solve.discretise import Discretisation
from nmm.solve.form import Form, cell_size, coefficients, mean_points, places, shape_functions
from nmm.solve.samples import Samples
from nmm.solve.stencil import Cells, gather_loads, rimmed, upper_index
from nmm.solve.sums import block_sums

CENTRE = np.full((1, 2), 0.5)
"""Centroid of a whole square."""

WITHOUT_STRESS = (mean_strain_density, poisson_density, strain_density, stress_density)
"""Densities without stress at zero gradient, unless an initial stress is given."""


def whole_cells(form: Form, values, source, params, arrays: Discretisation) -> tuple[Cells, jax.Array]:
    """Coefficients and matrices of the whole cells, and their loads at the nodes."""
    ny, nx = form.lattice
    thetas, matrices, loads = [], [], []
    for kind in range(form.weights.types):
        whole = jnp.asarray(arrays.whole[kind]).reshape(-1)
        points, weights = (jnp.asarray(v) for v in form.rules[kind])
        weights = weights * cell_size(arrays) ** 2
        sample = lattice_samples(form, arrays, kind, whole)
        if form.fine:
            theta, load = entries_of(form, values, source, params, arrays, sample, points, weights)
        else:
            theta, basis, load = span_of(form, values, source, params, arrays, sample, points, weights)
            matrices.append(basis)
        thetas.append(jnp.where(whole, theta, 0.0).reshape(-1, ny, nx))
        loads.append(jnp.where(whole, load, 0.0).reshape(form.weights.per_cell, form.stored, ny, nx))
    cells = Cells(
        rimmed(jnp.stack(thetas), form.weights), jnp.stack(matrices) if matrices else None, form.functions
    )
    return cells, gather_loads(jnp.stack(loads), form.weights)


def lattice_samples(form: Form, arrays: Discretisation, kind: int, whole) -> Samples:
    """All cells of one type; those that are not whole stand at a whole one, where values make sense."""
    types = form.weights.types
    number = jnp.arange(form.lattice[0] * form.lattice[1])
    number = jnp.where(whole, number, jnp.argmax(whole))
    region = jnp.asarray(arrays.region[kind]).reshape(-1)[number]
    nodes = np.array(form.weights.nodes[kind], float)
    xi = jnp.broadcast_to(jnp.asarray(nodes.mean(0) / form.weights.degree), (*number.shape, 2))
    return Samples(number * types + kind, xi, region, None, None)


def span_of(form: Form, values, source, params, arrays, sample: Samples, points, weights):
    """Coefficients (m, n) and matrices (m, kc, kc) of cells with constant values, and loads (k c, n)."""
    at = places(form, arrays, sample)
    one = Samples(sample.cell[:1], sample.xi[:1], sample.region[:1], None, None)
    single = coefficients(form, {k: values[k] for k in form.uniform}, places(form, arrays, one), params)
    single = {k: v[0] for k, v in single.items()}
    local = coefficients(form, {k: v for k, v in values.items() if k not in form.uniform}, at, params)
    entry = pairs(form.components * form.columns)
    n = sample.cell.shape[0]
    if not local:
        theta = jnp.ones((1, n))
        tangents = jnp.stack([second(form.density, form.components, *e)(single) for e in entry])[None]
    else:
        by_cell = [
            jax.vmap(lambda v, e=entry[i]: second(form.density, form.components, *e)(single | v))(local)
            for i in form.entries
        ]
        if form.spanning:
            spans = [{k: jnp.asarray(v) for k, v in row} for row in form.spanning]
            tangents = jnp.stack(
                [
                    jnp.stack([second(form.density, form.components, *e)(single | s) for e in entry])
                    for s in spans
                ]
            )
            inverse = jnp.linalg.inv(tangents[:, jnp.asarray(form.entries)])
            theta = jnp.stack(
                [sum(inverse[j, m] * by_cell[j] for j in range(len(by_cell))) for m in range(len(spans))]
            )
        else:
            theta, tangents = jnp.stack(by_cell), jnp.eye(len(entry))
    q = Samples(jnp.broadcast_to(sample.cell[0], weights.shape), points, None, None, None)
    _, gradients = shape_functions(form, arrays, q, CENTRE)
    full = symmetric(tangents, form.components)
    size = gradients.shape[1] * form.components
    basis = jnp.einsum("q,qai,mcidj,qbj->macbd", weights, gradients, full, gradients)
    load = cell_loads(form, single | local, source, params, arrays, at, q, weights, n)
    return theta, basis.reshape(-1, size, size), load


def cell_loads(form: Form, values, source, params, arrays, at: Places, q: Samples, weights, n):
    """Loads (k c, n) of cells with constant values: body force and initial stress."""
    shapes, gradients = shape_functions(form, arrays, q, CENTRE)
    mean, slope = weights @ shapes, jnp.einsum("q,qai->ai", weights, gradients)
    force = jnp.stack([evaluate(s, at, params, "physics.source", jnp) for s in source])
    load = mean[:, None, None] * force[None]
    if "initial_stress" in values or form.density not in WITHOUT_STRESS:
        zero = jnp.zeros((form.components, form.columns))
        whole = {k: jnp.broadcast_to(v, (n, *v.shape)) if k in form.uniform else v for k, v in values.items()}
        stress = jax.vmap(lambda v: jax.grad(form.density)(zero, v))(whole)
        load = load - jnp.einsum("ai,nci->acn", slope, stress)
    return load.reshape(-1, n)


def symmetric(entries, components: int):
    """Tangents (m, c, columns, c, columns) from their upper triangles (m, entries)."""
    wide = math.isqrt(2 * entries.shape[1])  # of its rows there are n (n + 1) / 2 entries
    shape = components, wide // components
    return entries[:, upper_index(wide)].reshape(-1, *shape, *shape)


def entries_of(form: Form, values, source, params, arrays, sample: Samples, points, weights):
    """Upper triangles (entries, n) of the matrices of cells with varying values, and loads (k c, n)."""
    c = form.components
    k = form.functions.per_cell
    n = sample.cell.shape[0]
    rows, columns = np.triu_indices(k * c)

    def add(total, rule):
        point, weight = rule
        here = Samples(sample.cell, jnp.broadcast_to(point, (n, 2)), sample.region, None, None)
        at = places(form, arrays, here)
        local = coefficients(form, values, at, params)
        entry = jnp.stack([jax.vmap(second(form.density, c, *e))(local) for e in pairs(c * form.columns)])
        one = Samples(sample.cell[:1], point[None], None, None, None)
        shapes, gradients = shape_functions(form, arrays, one, CENTRE)
        unit = symmetric(jnp.eye(len(entry)), c)
        basis = jnp.einsum("ai,mcidj,bj->macbd", gradients[0], unit, gradients[0]).reshape(-1, k * c, k * c)
        theta = total[0] + weight * basis[:, rows, columns].T @ entry
        force = jnp.stack([evaluate(s, at, params, "physics.source", jnp) for s in source])
        load = total[1] + weight * (shapes[0][:, None, None] * force[None]).reshape(k * c, n)
        if "initial_stress" in values or form.density not in WITHOUT_STRESS:
            stress = jax.vmap(lambda v: jax.grad(form.density)(jnp.zeros((c, form.columns)), v))(local)
            load = load - weight * jnp.einsum("ai,nci->acn", gradients[0], stress).reshape(k * c, n)
        return (theta, load), None

    start = (jnp.zeros((len(rows), n)), jnp.zeros((k * c, n)))
    return jax.lax.scan(add, start, (points, weights))[0]


def piece_matrices(form: Form, values, source, params, arrays: Discretisation):
    """Matrices (n, kc, kc) and loads (n, kc) of the pieces."""
    rule, c = arrays.pieces, form.components
    at = places(form, arrays, rule)
    centre = mean_points(rule, len(arrays.patches))[jnp.asarray(rule.owner)] if form.columns == 4 else None
    shapes, gradients = shape_functions(form, arrays, rule, centre)
    stiffness, stress = tangent(form.density, c, coefficients(form, values, at, params))
    k = gradients.shape[1]
    w, owner = jnp.asarray(rule.weight), jnp.asarray(rule.owner)
    count = len(arrays.patches)
    matrices, loads = block_sums(gradients, w, stiffness, stress, owner, count, form.block)
    force = jnp.stack([evaluate(s, at, params, "physics.source", jnp) for s in source], -1)
    body = jnp.einsum("n,na,nc->nac", w, shapes, force).reshape(-1, form.block, k * c).sum(1)
    return matrices, loads + jax.ops.segment_sum(body, owner[:: form.block], count)
