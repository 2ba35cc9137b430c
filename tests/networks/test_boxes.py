"""Problems on boxes of any dimension."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from networks import MLP, ManifoldNet, box_problem, covers, fit
from networks.boxes import latin, product_rule, shifted
from nmm.errors import InputError


def line(**more):
    """−u'' = π² sin πx on (0, 1)."""

    def energy(x, u, slope):
        return (slope**2).sum() / 2 - jnp.pi**2 * jnp.sin(jnp.pi * x[0]) * u[0]

    return box_problem((0, 1), energy, **more)


def sine(x):
    return jnp.sin(jnp.pi * x[:, 0])


@pytest.mark.parametrize(("loss", "goal"), [("energy", 1e-4), ("residual", 1e-6)])
def test_a_perceptron_finds_a_sine(loss, goal):
    found = fit(line(points=200), MLP((0, 1), (8,)), loss=loss, optimiser="natural", steps=60)
    assert found.solution.errors(sine)["l2"] < goal


def test_one_manifold_layer_is_the_galerkin_solution():
    """In one dimension hats interpolate the solution of −u'' = f in their nodes, once integrals are exact."""
    constant = box_problem((0, 1), lambda x, u, slope: (slope**2).sum() / 2 - u[0], held=[(True, False)])
    net = ManifoldNet.on([covers.splines((0, 1), 4)], learn=False)
    u = fit(constant, net, optimiser="alternating", steps=1).solution
    assert u.potential == pytest.approx(-1 / 6, rel=1e-2)
    assert np.isnan(u.at([[1.1]])[0]) and abs(u.at([[0.0]])[0]) < 1e-14


def test_rules_integrate_polynomials_and_fill_the_box():
    x, w = product_rule([shifted(0.0, 2.0, 3, 0.3, 2), shifted(-1.0, 1.0, 2, 0.7, 2)])
    assert float(w @ (x[:, 0] ** 3 * x[:, 1] ** 2)) == pytest.approx(4 * 2 / 3, rel=1e-13)
    x, w = latin(jax.random.key(0), jnp.zeros(4), jnp.full(4, 2.0), 50)
    assert float(w.sum()) == pytest.approx(16)
    assert (np.sort(np.floor(np.asarray(x) * 25), 0) == np.arange(50)[:, None]).all()


def test_the_residual_of_an_energy_is_its_own():
    problem = line()
    x = jnp.linspace(0, 1, 9)[:, None]
    found = problem.residual(lambda x: sine(x)[:, None], x)
    np.testing.assert_allclose(found, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: box_problem((0, 1)), "neither an energy nor a residual"),
        (lambda: line(held=[True, False]), "a pair of booleans for each"),
        (lambda: fit(line(), MLP((0, 1), (4,)), params={"k": 1.0}), "params, which problems on boxes"),
        (lambda: fit(line(), MLP((0, 1), (4,)), loss="weak"), "the loss 'weak'"),
        (lambda: fit(line(held=False), MLP((0, 1), (4,)), loss="residual"), "does not know the natural"),
    ],
)
def test_wrong_input_is_named(make, says):
    with pytest.raises(InputError, match=says):
        make()
