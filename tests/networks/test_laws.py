"""Networks as parameters: laws convex by construction, coefficients, derivatives through the solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.flatten_util import ravel_pytree

import networks
import nmm
from nmm.errors import InputError

STRAIN = 0.01
POINTS = np.array([[0.1, 0.3], [0.85, 0.9], [0.2, 0.75], [0.9, 0.2]])


def energy(seed=0, hidden=(5, 4)):
    """A law whose network is far from its start, so that nothing in it is small."""
    net = networks.StrainEnergy(bulk=2.0, shear=1.0, strain=STRAIN, hidden=hidden, seed=seed)
    key = jax.random.key(seed)
    state = nnx.state(net, nnx.Param)
    flat, unravel = ravel_pytree(state)
    nnx.update(net, unravel(flat + jax.random.normal(key, flat.shape)))
    return networks.law(net)


def test_laws_of_one_form_share_what_is_compiled():
    assert jax.tree.structure(energy(0)) == jax.tree.structure(energy(1))


def strains(count, seed=0):
    draw = np.random.default_rng(seed).normal(0, STRAIN, (count, 3))
    return np.stack([draw[:, [0, 2]], draw[:, [2, 1]]], 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_strain_energy_is_convex_isotropic_and_at_rest_without_stress(seed):
    law, zero = energy(seed), np.zeros((2, 2))
    assert float(law(zero, {})) == 0
    assert np.abs(jax.grad(law)(zero, {})).max() < 1e-15
    e = jnp.asarray(np.concatenate([strains(40, seed), 1e-6 * strains(3), [zero]]))
    tangent = jax.jit(jax.vmap(jax.hessian(law), (0, None)))(e, {}).reshape(-1, 4, 4)
    least = np.linalg.eigvalsh(tangent)  # a rotation costs nothing, and all else does
    assert np.abs(least[:, 0]).max() < 1e-12
    assert least[:, 1].min() > 0
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    value = jax.vmap(law, (0, None))
    assert value(turn @ e @ turn.T, {}) == pytest.approx(np.asarray(value(e, {})), rel=1e-12, abs=1e-20)
    assert value(e + np.array([[0, 1.0], [-1.0, 0]]), {}) == pytest.approx(np.asarray(value(e, {})), rel=1e-9)


def test_derivatives_through_the_weights_of_a_law():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1) - nmm.disk((0.5, 0.5), 0.2), nmm.lattice(cells=4))
    terms = [nmm.fixed("y == 0"), nmm.traction("y == 1", (0.01, 0.03))]
    problem = nmm.problem(manifold, nmm.elasticity(5.0, 0.3), terms)
    solve = nmm.nonlinear(problem, "W", tolerance=1e-12)
    weights, unravel = ravel_pytree(energy(hidden=(2,)))

    def observed(z):
        return solve({"W": unravel(z)}).at(POINTS).ravel()

    draw = np.random.default_rng(0)
    v, w = jnp.asarray(draw.normal(size=len(weights))), jnp.asarray(draw.normal(size=2 * len(POINTS)))
    along = jax.jit(lambda z, v: jax.jvp(observed, (z,), (v,)))
    value, forwards = along(weights, v)
    backwards = jax.jit(lambda z, w: jax.vjp(observed, z)[1](w)[0])(weights, w)
    assert float(w @ forwards) == pytest.approx(float(backwards @ v), rel=1e-11)
    steps = 10.0 ** -np.arange(1.0, 3.6, 0.5)
    rest = [float(jnp.linalg.norm(along(weights + t * v, v)[0] - value - t * forwards)) for t in steps]
    slopes = np.diff(np.log(rest)) / np.diff(np.log(steps))
    assert slopes[-3:] == pytest.approx(2.0, abs=0.1)


def test_a_coefficient_is_bounded_and_found_by_its_weights():
    x = np.random.default_rng(0).uniform(0, 1, (60, 2))
    net = networks.MLP((0, 0, 1, 1), hidden=(6,))
    assert float(networks.coefficient(net, low=2.0)(x).min()) > 2
    between = networks.coefficient(net, low=1.0, high=3.0)(x)
    assert 1 < float(between.min()) and float(between.max()) < 3
    with pytest.raises(InputError, match="upper bound alone"):
        networks.coefficient(net, low=None, high=1.0)
    with pytest.raises(InputError, match="found float"):
        networks.law(1.0)
    truth = 1 + x[:, 0] * x[:, 1]
    prior = nmm.prior.gaussian("k", 10.0)
    inverse = nmm.inverse(lambda params: params["k"](x), lambda k: k, prior, 0.01, strength=1.0, throw=False)
    found = inverse(truth, start={"k": networks.coefficient(net)})
    assert isinstance(found.params["k"], networks.Coefficient)
    assert np.abs(found.params["k"](x) - truth).max() < 0.03
