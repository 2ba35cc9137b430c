"""Nonlinear laws on a cover: the law alone decides, and rates are kept."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import nmm
from nmm.errors import InputError, NotConverged, ParameterError
from nmm.physics.models import strain_density

POINTS = np.array([[0.2, 0.3], [0.8, 0.85], [0.15, 0.7]])
EXACT = "x**2/2 + 0.3*y"
ROOT = "sqrt(1.09 + x**2)"


def stiffening(gradient, values):
    """W = (1 + |∇u|²)^(3/2) / 3, close to that of the p-Laplace equation with p = 3 where ∇u is large."""
    return (1 + jnp.sum(gradient**2)) ** 1.5 / 3


def isotropic(young, gradient, values):
    return strain_density(gradient, {"young": young, "poisson": 0.3})


def ring(cells, conductivity=3.0):
    """With the law above the flux of `EXACT` is `ROOT` times its gradient (x, 0.3)."""
    manifold = nmm.cut(nmm.disk((0.03, 0.02), 0.7) - nmm.disk((0.1, 0.1), 0.2), nmm.lattice(cells=cells))
    model = nmm.poisson(conductivity, source=f"-({ROOT} + x**2/{ROOT})")
    terms = [nmm.value("outline", EXACT), nmm.flux("hole 0", f"{ROOT}*(nx*x + 0.3*ny)")]
    return nmm.problem(manifold, model, terms)


def pulled(young=1.0, law="W", **options):
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1) - nmm.disk((0.55, 0.5), 0.2), nmm.lattice(cells=6))
    terms = [nmm.fixed("y == 0"), nmm.traction("y == 1", (0.0, "q"))]
    problem = nmm.problem(manifold, nmm.elasticity(young, 0.3), terms)
    return nmm.nonlinear(problem, law, tolerance=1e-10, **options)


def test_the_density_of_a_model_as_a_law_gives_the_linear_solution():
    found = pulled()({"q": 0.01, "W": Partial(isotropic, 1.0)})
    u = nmm.forward(found.field.problem, nmm.Direct(1e-13))({"q": 0.01})
    assert found.at(POINTS) == pytest.approx(u.at(POINTS), rel=1e-8)
    assert found.stress(POINTS) == pytest.approx(u.stress(POINTS, recovered=False), rel=1e-7)
    assert found.energy == pytest.approx(u.energy, rel=1e-8)
    assert int(found.steps) <= 3


def test_a_law_keeps_the_rates_and_forgets_the_reference():
    coarse, fine = (nmm.nonlinear(ring(cells), "W")({"W": stiffening}) for cells in (8, 16))
    before, after = coarse.errors(EXACT), fine.errors(EXACT)
    assert np.log2(before["l2"] / after["l2"]) > 1.8
    assert np.log2(before["h1"] / after["h1"]) > 0.9
    other = nmm.nonlinear(ring(16, 4.5), "W")({"W": stiffening})
    assert float(other.at(POINTS[:1])[0]) == pytest.approx(float(fine.at(POINTS[:1])[0]), rel=1e-3)
    assert coarse.flux([[0.5, 0.1]])[0] == pytest.approx([0.5 * 1.34**0.5, 0.3 * 1.34**0.5], rel=0.1)


def test_what_has_no_minimum_says_so():
    with pytest.raises(NotConverged, match="no step lowers the energy"):
        pulled()({"q": 0.01, "W": Partial(isotropic, -1.0)})


def test_wrong_input_is_named():
    solve = pulled()
    with pytest.raises(ParameterError, match="W"):
        solve({"q": 0.01})
    with pytest.raises(InputError, match="found float, expected a callable"):
        solve({"q": 0.01, "W": 1.0})
    with pytest.raises(InputError, match="already"):
        pulled(law="q")
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=4))
    with pytest.raises(InputError, match="parts that nothing holds"):
        nmm.nonlinear(nmm.problem(manifold, nmm.elasticity(1.0, 0.3)))
