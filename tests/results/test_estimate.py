"""The estimated error: near the true one on every smooth problem, and zero where the solution is exact."""

import jax
import numpy as np
import pytest

import nmm
from benchmarks.problems import PROBLEMS

SHAPES = ("quad", "triangle")
SMOOTH = {problem.name: problem for problem in PROBLEMS if problem.smooth}


def solved(name, cells, shape):
    case = SMOOTH[name].refined(cells, shape)
    problem = case.problem()
    return nmm.forward(problem, case.solver())(case.values(problem)), case.exact


@pytest.mark.parametrize(("name", "cover"), [(p.name, cover) for p in SMOOTH.values() for cover in p.covers])
def test_the_estimate_is_near_the_true_error_on_every_smooth_problem(name, cover):
    for cells in SMOOTH[name].quick[:2]:
        solution, exact = solved(name, cells, cover)
        assert 0.7 < solution.estimate.total / solution.energy_error(exact) < 1.5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("exact", "source"), [("x**2 - x*y", "-2"), ("x**2 + 3*y**2", "-8"), ("x**3 - 3*x*y**2", "0")]
)
def test_the_estimate_is_near_the_true_error_of_polynomials(exact, source, shape):
    for cells in (8, 16):
        manifold = nmm.cut(nmm.rectangle(0, 0, 1, 0.7), nmm.lattice(cells=cells, shape=shape, angle=13))
        solution = nmm.forward(
            nmm.problem(manifold, nmm.poisson(source=source), nmm.value("outline", exact))
        )()
        assert 0.7 < solution.estimate.total / solution.energy_error(exact) < 1.5


def test_the_estimate_becomes_exact_under_refinement():
    distance = []
    for cells in (16, 32, 64):
        solution, exact = solved("disk_elasticity", cells, "quad")
        distance.append(abs(1 - solution.estimate.total / solution.energy_error(exact)))
    assert distance[0] > distance[1] > distance[2]
    assert distance[2] < 0.02


def test_elements_add_up_to_the_total():
    found = solved("kirsch", 16, "triangle")[0].estimate
    assert found.elements.min() >= 0
    assert np.linalg.norm(found.elements) == pytest.approx(found.total)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_exact_solution_of_two_materials_has_no_error(shape):
    domain = nmm.rectangle(0, 0, 2, 1).with_region("right", nmm.rectangle(1, 0, 2, 1))
    model = nmm.poisson(1.0).in_region("right", conductivity=10.0)
    terms = [nmm.value("x == 0", 0), nmm.value("x == 2", 1)]
    manifold = nmm.cut(domain, nmm.lattice(cells=16, shape=shape))
    assert nmm.forward(nmm.problem(manifold, model, terms))().estimate.relative < 1e-10


def test_a_solution_without_energy_has_no_relative_error():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=4))
    found = nmm.forward(nmm.problem(manifold, nmm.poisson(), nmm.value("outline", 0)))().estimate
    assert found.total == 0 and found.relative is None


def test_an_initial_stress_is_no_error():
    fields = ("0.1*sin(2*x)*y", "0.1*cos(x)*y**2")
    manifold = nmm.cut(nmm.disk((0, 0), 1), nmm.lattice(cells=16))
    plain, stressed = (
        nmm.forward(
            nmm.problem(
                manifold, nmm.elasticity(1.0, 0.3, initial_stress=stress), nmm.fixed("outline", fields)
            )
        )().estimate
        for stress in (None, (3.0, -2.0, 1.0))
    )
    assert stressed.total == pytest.approx(plain.total, rel=1e-8)
    assert stressed.relative == pytest.approx(plain.relative, rel=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_largest_error_lies_at_the_tip_of_a_crack(shape):
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.52), (0.53, 0.52)]])
    terms = [nmm.fixed("y == 0"), nmm.traction("y == 1", (0.0, 1.0))]
    manifold = nmm.cut(domain, nmm.lattice(cells=31, shape=shape))
    u = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), terms))()
    mesh = u.mesh
    worst = mesh.points[mesh.element_of_point == u.estimate.elements.argmax()].mean(0)
    assert np.linalg.norm(worst - (0.53, 0.52)) < 2 / 31


def test_the_estimate_is_not_traced():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=4))
    forward = nmm.forward(nmm.problem(manifold, nmm.poisson("k"), nmm.value("outline", "x*y")))
    with pytest.raises(nmm.InputError, match="not traced"):
        jax.jit(lambda k: forward({"k": k}).estimate.total)(1.0)
