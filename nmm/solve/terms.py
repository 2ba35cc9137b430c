"""Boundary terms as matrices and loads; `boundary` has the method and its sources."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nmm.cover.polynomials import polynomial_gradients
from nmm.physics.dilatation import bulk_ratio, doubled, modulus, penalised
from nmm.physics.tangent import tangent
from nmm.physics.values import evaluate
from nmm.solve.discretise import Discretisation, TermPoints
from nmm.solve.form import Form, coefficients, host_centres, places, shape_functions
from nmm.solve.small import inverse, inverse_2x2
from nmm.solve.sums import block_sums


@dataclass(frozen=True)
class Held:
    """A Dirichlet term at its points; see `boundary.Held`."""

    tangent: jax.Array
    traction: jax.Array
    initial: jax.Array
    values: jax.Array
    projector: jax.Array
    prescribed: jax.Array
    stiffness: jax.Array
    normals: tuple[jax.Array, ...]
    bulk: jax.Array | None


def spread(values: jax.Array, components: int) -> jax.Array:
    """Functions (n, m) as operators (n, c, mc) from the dofs of an element to the solution."""
    n, k = values.shape
    return jnp.einsum("na,cd->ncad", values, jnp.eye(components)).reshape(n, components, k * components)


def held_at(form: Form, values, kind: str, given, params, arrays: Discretisation, term: TermPoints) -> Held:
    """Operators of a Dirichlet term."""
    c = form.components
    normal = jnp.asarray(term.normal)
    at = places(form, arrays, term.here, normal)
    shapes, _ = shape_functions(form, arrays, term.here)
    centres = host_centres(form, arrays)
    centre = None if centres is None else centres[term.host]
    _, gradients = shape_functions(form, arrays, term.there, centre)
    there = places(form, arrays, term.there)
    stiffness, stress = tangent(form.density, c, coefficients(form, values, there, params))
    n = len(normal)
    out = doubled(form.density, normal, jnp)
    traction = jnp.einsum("ncidj,ni,nbj->ncbd", stiffness, out, gradients).reshape(n, c, -1)
    initial = jnp.einsum("nci,ni->nc", stress, out)
    if kind == "normal":
        projector = normal[:, :, None] * normal[:, None, :]
        prescribed = evaluate(given[0], at, params, "boundary", jnp)[:, None] * normal
    else:
        projector = jnp.broadcast_to(jnp.diag(jnp.array([v is not None for v in given], float)), (n, c, c))
        prescribed = jnp.stack(
            [evaluate(0.0 if v is None else v, at, params, "boundary", jnp) for v in given], -1
        )
    return Held(
        stiffness,
        traction,
        initial,
        spread(shapes, c),
        projector,
        prescribed,
        modulus(stiffness, jnp),
        penalised(form.density, stiffness, normal, jnp),
        bulk_ratio(stiffness, jnp) if form.columns == 4 else None,
    )


def nitsche_parameter(form: Form, values, params, arrays: Discretisation, served) -> jax.Array:
    """β (hosts,) = 2 trace(K⁺T) of each element that gives the flux; see `boundary.nitsche_parameter`.

    `served` are the points of terms and seams, with the operators there.
    """
    hosts, c = arrays.hosts, form.components
    count = len(hosts.centre)
    if not served:
        return jnp.zeros(count)
    centre, size = jnp.asarray(hosts.centre), jnp.asarray(hosts.size)
    to_user = inverse_2x2(jnp.asarray(arrays.frame))

    def pointwise(xi, which):
        by_local = polynomial_gradients(form.functions, (xi - centre[which]) / size[which], jnp)
        return (by_local / size[which][:, None, :]) @ to_user

    middle = host_centres(form, arrays)

    def gradients(xi, which):
        found = pointwise(xi, which)
        return found if middle is None else jnp.concatenate([found, pointwise(middle[which], which)], -1)

    rule = hosts.rule
    at = places(form, arrays, rule)
    stiffness, stress = tangent(form.density, c, coefficients(form, values, at, params))
    b = gradients(jnp.asarray(rule.xi), rule.owner)
    m = b.shape[1] * c
    weight, owner = jnp.asarray(rule.weight), jnp.asarray(rule.owner)
    K, _ = block_sums(b, weight, stiffness, stress, owner, count, form.block)
    T = jnp.zeros_like(K)
    for term, hold in served:
        g = gradients(jnp.asarray(term.there.xi), term.host)
        w = jnp.asarray(term.here.weight)
        for normal in hold.normals:
            t = jnp.einsum("ncidj,ni,nbj->ncbd", hold.tangent, normal, g)
            t = jnp.einsum("nce,nem->ncm", hold.projector, t.reshape(len(g), c, m))
            T = T + jax.ops.segment_sum(jnp.einsum("n,nca,ncb->nab", w, t, t), term.host, count)
    root = 1 / jnp.sqrt(jnp.maximum(jnp.einsum("nii->ni", K), 1e-300))
    root = jnp.where(jnp.einsum("nii->ni", K) > 0, root, 1.0)
    K = K * root[:, :, None] * root[:, None, :]
    T = T * root[:, :, None] * root[:, None, :]
    if c == 2:
        turn = jnp.array([[0.0, -1.0], [1.0, 0.0]])
        spin = jnp.zeros((count, m // 2, 2))
        spin = spin.at[:, :2, :].set(size[:, :, None] * (turn @ jnp.asarray(arrays.frame)).T)
        spin = spin.reshape(count, m) / root
        spin = spin / jnp.linalg.norm(spin, axis=1, keepdims=True)
        K = K + spin[:, :, None] * spin[:, None, :]
    K = K + 1e-14 * jnp.eye(m)
    return 2 * jnp.einsum("nij,nji->n", inverse(K), T)


def held_blocks(form: Form, term: TermPoints, hold: Held, factor):
    """Matrices (pairs, 2kc, 2kc) and loads of the pieces of a Dirichlet term and their hosts."""
    w = jnp.asarray(term.here.weight)
    pn = jnp.einsum("nce,nem->ncm", hold.projector, hold.values)
    pg = jnp.einsum("nce,ne->nc", hold.projector, hold.prescribed)
    count = len(term.patches)

    def total(values):
        return jax.ops.segment_sum(values, term.pair, count)

    own = total(jnp.einsum("n,nca,ncb->nab", w * factor, pn, pn))
    load = total(jnp.einsum("n,nca,nc->na", w * factor, pn, pg))
    if hold.bulk is not None:  # the mean normal displacement, as `boundary.normal_means`
        normal, length = jnp.asarray(term.normal), total(w)
        row = total(jnp.einsum("n,nc,ncm->nm", w, normal, pn))
        given = total(w * jnp.sum(normal * pg, 1))
        real = length > 0
        size = jnp.where(real, total(w * factor * hold.bulk) / jnp.where(real, length, 1.0) ** 2, 0.0)
        own = own + jnp.einsum("n,na,nb->nab", size, row, row)
        load = load + (size * given)[:, None] * row
    if not form.nitsche:
        zero = jnp.zeros_like(own)
        return jnp.block([[own, zero], [zero, zero]]), jnp.concatenate([load, jnp.zeros_like(load)], 1)
    coupling = total(jnp.einsum("n,nca,ncb->nab", w, pn, hold.traction))
    load = load + total(jnp.einsum("n,nca,nc->na", w, pn, hold.initial))
    flux = total(jnp.einsum("n,nca,nc->na", w, hold.traction, pg))
    matrices = jnp.block([[own, -coupling], [-jnp.swapaxes(coupling, 1, 2), jnp.zeros_like(own)]])
    return matrices, jnp.concatenate([load, -flux], 1)


def natural(form: Form, kind: str, given, params, arrays, term: TermPoints, matrices, loads):
    """Add tractions, pressures, fluxes and Robin terms to the pieces; also their forces (n, c) at points."""
    normal = jnp.asarray(term.normal)
    at = places(form, arrays, term.here, normal)
    shapes, _ = shape_functions(form, arrays, term.here)
    values = [
        jnp.zeros(len(normal)) if v is None else evaluate(v, at, params, "boundary", jnp) for v in given
    ]
    w = jnp.asarray(term.here.weight)
    if kind == "robin":
        h, outside = values
        matrices = matrices.at[term.here.owner].add(jnp.einsum("n,na,nb->nab", w * h, shapes, shapes))
        force = (h * outside)[:, None]
    elif kind == "pressure":
        force = -values[0][:, None] * normal
    else:
        force = jnp.stack(values, -1)
    operators = spread(shapes, form.components)
    force = w[:, None] * force
    return matrices, loads.at[term.here.owner].add(jnp.einsum("nca,nc->na", operators, force)), force
