"""B-spline weights: orders of convergence, exact polynomials, and both ways of solving."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from smooth import DOMAINS, FIELD, MOVE, POLYNOMIAL, elastic, plate, polynomial, potential
from systems import same_system

import nmm

DEGREES = (1, 2, 3)


def splines(degree, **options):
    return nmm.lattice(weights="bspline", degree=degree, **options)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize(
    ("make", "exact", "domain"),
    [(potential, FIELD, "disk"), (potential, FIELD, "flower"), (elastic, MOVE, "flower")],
)
def test_errors_fall_with_the_order_of_the_degree(make, exact, domain, degree):
    several, found = (12, 16, 24, 32), []
    for cells in several:
        solution = nmm.forward(make(DOMAINS[domain], splines(degree, cells=cells, angle=10.0)))()
        found.append([solution.errors(exact)[name] for name in ("l2", "h1")])
    rates = -np.polyfit(np.log(several), np.log(found), 1)[0]
    assert rates == pytest.approx([degree + 1, degree], abs=0.15)


@pytest.mark.parametrize("sliver", [0.0, 1e-10, 1e-5, 0.4])
@pytest.mark.parametrize("angle", [0.0, 17.0])
@pytest.mark.parametrize("degree", DEGREES)
def test_polynomials_of_the_degree_are_exact_on_every_cover(degree, angle, sliver):
    problem = polynomial(degree, splines(degree, cell=1 / 12, angle=angle), plate(sliver))
    solution = nmm.forward(problem)()
    errors = solution.errors(POLYNOMIAL[degree][0])
    assert errors["l2"] < 1e-10 and errors["h1"] < 1e-10
    assert solution.balance["residual"] < 1e-8


@pytest.mark.parametrize("make", [potential, elastic])
def test_splines_of_degree_one_are_the_hat_functions(make):
    hat, spline = nmm.lattice(cells=12, angle=9.0), splines(1, cells=12, angle=9.0)
    one, two = (nmm.forward(make(DOMAINS["flower"], lattice))() for lattice in (hat, spline))
    assert two.dofs == pytest.approx(one.dofs, abs=1e-14 * np.abs(one.dofs).max())


@pytest.mark.parametrize(("degree", "ghost"), [(2, 0.01), (3, None)])
def test_the_compiled_system_is_the_assembled_one(degree, ghost):
    lattice = splines(degree, cells=9, angle=11)
    same_system(polynomial(degree, lattice, plate(0.4), ghost=ghost), {})
    varying = nmm.elasticity("E*(1 + 0.3*x*y)", 0.3, body_force=("x", -1.0))
    terms = [
        nmm.fixed("x == xmin"),
        nmm.traction("x == xmax", ("q", "y")),
        nmm.point_load((0.3, 0.7), (1, 2)),
    ]
    problem = nmm.problem(nmm.cut(plate(0.4), lattice), varying, terms, ghost=ghost)
    same_system(problem, {"E": 2.0, "q": 0.5})


@pytest.mark.parametrize("degree", [2, 3])
def test_a_ghost_penalty_leaves_polynomials_exact(degree):
    problem = polynomial(degree, splines(degree, cell=1 / 12, angle=17.0), plate(1e-5), ghost=0.01)
    assert nmm.forward(problem)().errors(POLYNOMIAL[degree][0])["h1"] < 1e-10


def test_gradients_pass_the_taylor_test_and_batches_agree():
    problem = elastic(DOMAINS["disk"], splines(2, cells=8, angle=10.0), young="E")
    forward, points = nmm.forward(problem, nmm.Multigrid(1e-12)), np.array([[0.1, 0.2], [-0.3, 0.4]])

    def value(young):
        return jnp.sum(forward({"E": young}).at(points) ** 2)

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(value)))(jnp.array([2.5, 2.55, 2.6]))
    _, forward_slope = jax.jit(lambda young: jax.jvp(value, (young,), (1.0,)))(2.5)
    gap = np.abs(values[1:] - values[0] - slopes[0] * np.array([0.05, 0.1]))
    assert float(forward_slope) == pytest.approx(float(slopes[0]), rel=1e-8)
    assert np.log2(gap[1] / gap[0]) == pytest.approx(2, abs=0.1)
    assert values[0] == pytest.approx(float(value(2.5)), rel=1e-10)
    direct = nmm.forward(problem, nmm.Direct())({"E": 2.5}).at(points)
    assert float(value(2.5)) == pytest.approx(float((direct**2).sum()), rel=1e-9)


@pytest.mark.parametrize("degree", [2, 3])
def test_a_disk_is_rounder_than_the_degree_needs(degree):
    """u = r² - |x|² is a polynomial: only the chords make an error, small beside that of a smooth field."""
    manifold = nmm.cut(DOMAINS["disk"], splines(degree, cells=16, angle=10.0))
    on = "sqrt((x - 0.03)**2 + (y - 0.02)**2) == 0.7"
    problem = nmm.problem(manifold, nmm.poisson(1.0, source=4.0), [nmm.value(on, 0)])
    chords = nmm.forward(problem)().errors("0.49 - (x - 0.03)**2 - (y - 0.02)**2")
    smooth = nmm.forward(potential(DOMAINS["disk"], splines(degree, cells=16, angle=10.0)))().errors(FIELD)
    assert chords["l2"] < 0.2 * smooth["l2"] and chords["h1"] < 0.2 * smooth["h1"]
    assert manifold.stats["area"] == pytest.approx(np.pi * 0.49, rel=1e-13)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("degree", [2, 3])
def test_the_recovered_gradient_is_better_and_its_distance_is_the_error(degree, domain):
    solution = nmm.forward(potential(DOMAINS[domain], splines(degree, cells=24, angle=10.0)))()
    assert solution.estimate.total == pytest.approx(solution.energy_error(FIELD), rel=0.15)


@pytest.mark.parametrize("degree", [2, 3])
def test_a_kink_between_materials_is_exact(degree):
    domain = nmm.rectangle(0, 0, 1, 1).with_region("left", nmm.rectangle(-1, -1, 0.47, 2))
    manifold = nmm.cut(domain, splines(degree, cells=9, angle=7.0))
    exact = "where(x < 0.47, x - 0.47, (x - 0.47)/4)"
    problem = nmm.problem(manifold, nmm.poisson({"left": 1.0, "default": 4.0}), [nmm.value("outline", exact)])
    assert nmm.forward(problem)().errors(exact)["h1"] < 1e-11


@pytest.mark.parametrize("degree", [2, 3])
def test_parts_that_nothing_holds_float_and_multigrid_agrees(degree):
    block = [[(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]]
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1).with_cracks(block), splines(degree, cells=20))
    terms = [
        nmm.value("x == 0", 0),
        nmm.flux("x == 1", 1.0),
        nmm.flux("crack 0 left and x < 0.31", -1.0),
        nmm.flux("crack 0 left and x > 0.69", 1.0),
    ]
    problem = nmm.problem(manifold, nmm.poisson(1.0), terms)
    direct, grid = (nmm.forward(problem, s)() for s in (nmm.Direct(), nmm.Multigrid(1e-11)))
    points = [[0.5, 0.5], [0.35, 0.4], [0.1, 0.2]]
    assert len(grid.held) == 1 and grid.stats.iterations <= 25
    assert grid.at(points) == pytest.approx(direct.at(points), rel=1e-6)


@pytest.mark.parametrize(("degree", "limit", "sliver"), [(2, 14, 0.3), (2, 14, 1e-10), (3, 22, 1e-10)])
def test_iterations_do_not_depend_on_slivers(degree, limit, sliver):
    domain = nmm.rectangle(0, 0, 1 + sliver / 24, 1 + sliver / 24)
    manifold = nmm.cut(domain, splines(degree, cell=1 / 24))
    problem = nmm.problem(manifold, nmm.poisson(1.0, source=1.0), [nmm.value("outline", 0)])
    assert nmm.forward(problem, nmm.Multigrid())().stats.iterations <= limit


def test_figures_and_files_of_splines_can_be_made(tmp_path):
    solution = nmm.forward(elastic(DOMAINS["flower"], splines(2, cells=10)))()
    solution.save(tmp_path / "flower.vtu")
    solution.plot(tmp_path / "flower.png")
    assert (tmp_path / "flower.vtu").stat().st_size > 1000 and (tmp_path / "flower.png").exists()
