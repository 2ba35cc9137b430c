"""The patch test: linear fields are reproduced exactly, whatever the cut."""

import numpy as np
import pytest

import nmm

YOUNG, NU = 3.0, 0.3
SLOPE = np.array([[0.4, 0.2], [0.3, -0.1]])
FIELD = ("0.4*x + 0.2*y + 0.1", "0.3*x - 0.1*y")
COVERS = [(shape, angle) for shape in ("quad", "triangle") for angle in (0.0, 17.0)]
SLIVERS = [0.0, 1e-12, 1e-9, 1e-5]


def plate(sliver, h=1 / 12):
    """A hole, a crack, three edges on lattice lines and the fourth one `sliver` cells beyond one."""
    domain = nmm.rectangle(0, 0, 1 + sliver * h, 1) - nmm.disk((0.6, 0.6), 0.17)
    return domain.with_cracks([[(0.2, 0.1), (0.45, 0.35)]])


def hooke(plane):
    lame = YOUNG * NU / (1 - NU**2) if plane == "stress" else YOUNG * NU / (1 + NU) / (1 - 2 * NU)
    strain = (SLOPE + SLOPE.T) / 2
    return YOUNG / (1 + NU) * strain + lame * np.trace(strain) * np.eye(2)


def traction_of(stress):
    return tuple(f"{row[0]:.17g}*nx + {row[1]:.17g}*ny" for row in stress)


def elastic(plane):
    stress = traction_of(hooke(plane))
    terms = [nmm.fixed("outline", FIELD), nmm.traction("hole 0", stress), nmm.traction("cracks", stress)]
    return nmm.elasticity(YOUNG, NU, plane=plane), terms, FIELD


def potential(conductivity):
    k = np.array(conductivity) if np.ndim(conductivity) else conductivity * np.eye(2)
    flux = "{:.17g}*nx + {:.17g}*ny".format(*(k @ SLOPE[0]))
    terms = [nmm.value("outline", FIELD[0]), nmm.flux("hole 0", flux), nmm.flux("cracks", flux)]
    return nmm.poisson(conductivity), terms, FIELD[0]


PHYSICS = {
    "plane strain": elastic("strain"),
    "plane stress": elastic("stress"),
    "poisson": potential(2.5),
    "anisotropic": potential([[2.0, 0.5], [0.5, 1.0]]),
}


@pytest.mark.parametrize("sliver", SLIVERS)
@pytest.mark.parametrize("cover", COVERS, ids=str)
@pytest.mark.parametrize("physics", PHYSICS)
def test_patch_test_is_exact_on_every_cover(physics, cover, sliver):
    model, terms, exact = PHYSICS[physics]
    shape, angle = cover
    manifold = nmm.cut(plate(sliver), nmm.lattice(cell=1 / 12, shape=shape, angle=angle))
    solution = nmm.forward(nmm.problem(manifold, model, terms))()
    errors = solution.errors(exact)
    assert errors["l2"] < 1e-10
    assert errors["h1"] < 1e-10
    assert solution.balance["residual"] < 1e-8
    recovered = solution.gradient([[0.31, 0.72], [0.05, 0.05]], recovered=True)
    assert np.abs(recovered - SLOPE[: recovered.shape[1]]).max() < 1e-9


@pytest.mark.parametrize("quadrature", ["simplex", "gauss"])
def test_both_quadratures_pass_the_patch_test(quadrature):
    model, terms, exact = PHYSICS["plane strain"]
    manifold = nmm.cut(plate(1e-7), nmm.lattice(cell=1 / 12))
    solution = nmm.forward(nmm.problem(manifold, model, terms, quadrature=quadrature))()
    assert solution.errors(exact)["h1"] < 1e-10


def test_the_stress_of_the_patch_test_is_hookes_law():
    model, terms, _ = PHYSICS["plane stress"]
    solution = nmm.forward(nmm.problem(nmm.cut(plate(0.3), nmm.lattice(cell=1 / 12)), model, terms))()
    assert solution.stress([[0.2, 0.8]])[0] == pytest.approx(hooke("stress"), rel=1e-9)
    assert solution.mean_stress().shape == (2, 2)


def test_penalty_is_close_but_not_exact():
    model, terms, exact = PHYSICS["plane strain"]
    manifold = nmm.cut(plate(0.3), nmm.lattice(cell=1 / 12))
    errors = nmm.forward(nmm.problem(manifold, model, terms, dirichlet="penalty"))().errors(exact)
    assert 1e-8 < errors["l2"] < 1e-2


def test_bimaterial_bar_with_the_interface_on_a_lattice_line_is_exact():
    domain = nmm.rectangle(0, 0, 2, 1).with_region("right", nmm.rectangle(1, 0, 2, 1))
    model = nmm.poisson(1.0).in_region("right", conductivity=10.0)
    terms = [nmm.value("x == 0", 0), nmm.value("x == 2", 1)]
    solution = nmm.forward(nmm.problem(nmm.cut(domain, nmm.lattice(cells=8)), model, terms))()
    flux = 1 / (1 / 1 + 1 / 10)
    assert solution.errors(f"where(x < 1, {flux}*x, 1 - {flux}*(2 - x)/10)")["h1"] < 1e-12
    assert solution.flux([[0.5, 0.5], [1.5, 0.5]]) == pytest.approx(np.array([[flux, 0]] * 2), abs=1e-12)


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_conditioning_and_error_do_not_depend_on_the_cut(shape):
    h, conditions = 1 / 8, []
    for sliver in (0.5, 1e-2, 1e-4, 1e-8, 1e-12):
        manifold = nmm.cut(nmm.rectangle(0, 0, 1 + sliver * h, 1), nmm.lattice(cell=h, shape=shape))
        problem = nmm.problem(manifold, nmm.poisson(1.0, source="2*x"), [nmm.value("outline", "-x**3/3")])
        solution = nmm.forward(problem)()
        matrix = solution.system.matrix.toarray()[np.ix_(manifold.active, manifold.active)]
        scale = 1 / np.sqrt(np.diag(matrix))
        conditions.append(np.linalg.cond(matrix * scale * scale[:, None]))
        assert solution.errors("-x**3/3")["l2"] < 0.02
    assert max(conditions) < 4 * min(conditions)
