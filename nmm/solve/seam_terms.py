"""The terms of seams, traced; `seams` has the method."""

import jax
import jax.numpy as jnp

from nmm.physics.dilatation import doubled
from nmm.physics.tangent import tangent
from nmm.physics.values import evaluate
from nmm.solve.discretise import Discretisation
from nmm.solve.form import Form, coefficients, host_centres, places, shape_functions
from nmm.solve.seams import Flux, SeamPoints, SeamSide, compliance, seam_blocks
from nmm.solve.terms import spread


def flux_at(form: Form, values, params, arrays: Discretisation, side: SeamSide) -> Flux:
    """Solution and flux at the points of one side."""
    c = form.components
    normal = jnp.asarray(side.normal)
    shapes, _ = shape_functions(form, arrays, side.here)
    centres = host_centres(form, arrays)
    centre = None if centres is None else centres[side.host]
    _, gradients = shape_functions(form, arrays, side.there, centre)
    there = places(form, arrays, side.there)
    stiffness, stress = tangent(form.density, c, coefficients(form, values, there, params))
    n = len(normal)
    out = doubled(form.density, normal, jnp)
    traction = jnp.einsum("ncidj,ni,nbj->ncbd", stiffness, out, gradients).reshape(n, c, -1)
    one = jnp.broadcast_to(jnp.eye(c), (n, c, c))
    return Flux(stiffness, traction, jnp.einsum("nci,ni->nc", stress, out), spread(shapes, c), one, (out,))


def seam_fluxes(form: Form, values, params, arrays: Discretisation) -> list[tuple[SeamSide, Flux]]:
    """Points and operators of both sides of the seams; none where there are none."""
    if arrays.seams is None:
        return []
    return [(side, flux_at(form, values, params, arrays, side)) for side in arrays.seams.sides]


def seam_matrices(form: Form, bonds, params, arrays: Discretisation, seams: SeamPoints, fluxes, beta):
    """Matrices (pairs, 4kc, 4kc) and loads of all seams; `beta` (hosts,)."""
    side = seams.sides[0]
    normal = jnp.asarray(side.normal)
    at = places(form, arrays, side.here, normal)
    given = [
        tuple(None if v is None else evaluate(v, at, params, "bond", jnp) for v in values) for values in bonds
    ]
    soft = compliance(given, jnp.asarray(seams.bond), jnp)
    betas = tuple(beta[s.host] for s, _ in fluxes)
    weight = jnp.asarray(side.here.weight)
    matrices, loads = seam_blocks(tuple(f for _, f in fluxes), betas, weight, normal, soft, jnp)
    count, owner = len(seams.patches), jnp.asarray(seams.owner)
    return jax.ops.segment_sum(matrices, owner, count), jax.ops.segment_sum(loads, owner, count)
