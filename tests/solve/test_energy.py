"""The energy over slices and pieces: the linear system by differentiation, and what is not linear."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nmm
from nmm.solve.discretise import discretise
from nmm.solve.energy import domain_energy
from nmm.solve.form import form_of
from nmm.solve.system import apply, system_of

DOMAIN = (
    (nmm.rectangle(0, 0, 2, 1) - nmm.disk((1.4, 0.6), 0.15))
    .with_cracks([[(0.513, 0.0), (0.527, 0.3)]])
    .with_region("in", nmm.disk((0.9, 0.2), 0.11))
)


def posed(shape, model):
    """A problem without boundary terms, its arrays, and a random state."""
    manifold = nmm.cut(DOMAIN, nmm.lattice(cells=12, shape=shape, angle=17))
    problem = nmm.problem(manifold, model)
    form, data = form_of(problem, {})
    u = np.random.default_rng(0).standard_normal((model.components, manifold.patches))
    return form, data, discretise(problem), jnp.asarray(u * manifold.active)


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_residual_and_tangent_are_the_linear_system(shape):
    model = nmm.elasticity("2 + x*y", 0.3, body_force=(0.1, "x"))
    form, data, arrays, u = posed(shape, model)
    system = replace(system_of(form, data, {}, arrays), pairs=(), pair_patches=())
    residual = jax.grad(lambda v: domain_energy(form, data, {}, arrays, v))
    found, tangent = jax.jit(lambda v: jax.jvp(residual, (v,), (v,)))(u)
    wanted = apply(system, u)
    assert float(jnp.abs(tangent - wanted).max()) < 1e-12 * float(jnp.abs(wanted).max())
    assert float(jnp.abs(found - wanted + system.load).max()) < 1e-12 * float(jnp.abs(wanted).max())


def test_an_energy_that_is_not_quadratic_has_a_consistent_residual_and_tangent():
    form, data, arrays, u = posed("quad", nmm.poisson(2.0, source="x"))

    def hardening(gradient, values):
        square = jnp.sum(gradient**2)
        return 0.5 * values["conductivity"][0, 0] * square * (1 + 0.3 * square)

    form = replace(form, density=hardening)
    u, d = 0.1 * u, jnp.roll(0.1 * u, 7)
    energy = jax.jit(lambda v: domain_energy(form, data, {}, arrays, v))
    residual = jax.jit(jax.grad(energy))
    _, tangent = jax.jvp(residual, (u,), (d,))
    for function, slope in ((energy, jnp.vdot(residual(u), d)), (residual, tangent)):
        rest = [float(jnp.abs(function(u + h * d) - function(u) - h * slope).max()) for h in (0.1, 0.05)]
        assert np.log2(rest[0] / rest[1]) == pytest.approx(2.0, abs=0.1)
    assert float(jnp.vdot(tangent, u)) == pytest.approx(
        float(jnp.vdot(jax.jvp(residual, (u,), (u,))[1], d)), rel=1e-11
    )
