"""Local functions of order 1 and 2: orders of convergence, linear dependence, and all ways of solving."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from smooth import DOMAINS, FIELD, MOVE, POLYNOMIAL, elastic, plate, polynomial, potential
from systems import same_system

import nmm
from nmm.manifold.mesh import cell_corners, piece_triangles
from nmm.solve.assemble import assemble
from nmm.solve.discretise import discretise
from nmm.solve.energy import domain_energy
from nmm.solve.form import form_of
from nmm.solve.system import apply, system_of

ORDERS = (1, 2)
SHAPES = ("quad", "triangle")
SQUARE = nmm.rectangle(0, 0, 1, 1)


def cover(shape, order, **options):
    return nmm.lattice(shape=shape, order=order, **options)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("make", "exact", "domain"), [(potential, FIELD, "disk"), (elastic, MOVE, "flower")])
def test_errors_fall_with_the_order_that_theory_says(make, exact, domain, shape, order):
    several, found = (8, 12, 16, 24), []
    for cells in several:
        solution = nmm.forward(make(DOMAINS[domain], cover(shape, order, cells=cells, angle=10.0)))()
        found.append([solution.errors(exact)[name] for name in ("l2", "h1")])
    rates = -np.polyfit(np.log(several), np.log(found), 1)[0]
    assert rates == pytest.approx([order + 2, order + 1], abs=0.15)


@pytest.mark.parametrize("sliver", [0.0, 1e-10])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ORDERS)
def test_polynomials_one_degree_higher_are_exact_on_every_cover(order, shape, sliver):
    problem = polynomial(order + 1, cover(shape, order, cell=1 / 12, angle=17.0), plate(sliver))
    solution = nmm.forward(problem)()
    errors = solution.errors(POLYNOMIAL[order + 1][0])
    assert errors["l2"] < 1e-10 and errors["h1"] < {1: 1e-10, 2: 2e-8}[order]
    assert solution.balance["residual"] < 1e-8


def nullity(domain, lattice, model=None, held=None):
    """Zero eigenvalues of the stiffness of a body that is held: the linear dependence of its functions."""
    model, held = model or nmm.poisson(1.0), held or nmm.value("outline", 0)
    problem = nmm.problem(nmm.cut(domain, lattice), model, [held])
    active = np.repeat(problem.manifold.active, problem.manifold.functions.per_patch * model.components)
    matrix = assemble(problem, {}).matrix.toarray()[np.ix_(active, active)]
    scale = 1 / np.sqrt(matrix.diagonal())
    values = np.linalg.eigvalsh(matrix * scale * scale[:, None])
    assert values.min() > -1e-12
    assert values[values > 1e-11].min() > 1e-9  # a gap, so that the count means something
    return int((values <= 1e-11).sum())


def dependence(domain, lattice):
    """Functions of the cover that random points in all elements do not tell apart, by a dense SVD."""
    manifold = nmm.cut(domain, lattice)
    corners, piece = piece_triangles(manifold)
    whole = manifold.whole_list
    square = cell_corners(manifold.grid, whole)
    corners = np.concatenate([square[:, [0, 1, 2]], square[:, [0, 2, -1]], corners])
    element = np.concatenate([np.arange(len(whole)), np.arange(len(whole)), len(whole) + piece])
    share = np.random.default_rng(0).dirichlet(np.ones(3), (len(corners), 60))
    xi = np.einsum("nqk,nkd->nqd", share, corners).reshape(-1, 2)
    element = np.repeat(element, 60)
    upper = manifold.element_cells()[element] % 2 == 1
    columns = manifold.dofs(manifold.element_patches()[element], 1)
    values = np.zeros((len(xi), manifold.patches * manifold.functions.per_patch))
    values[np.arange(len(xi))[:, None], columns] = manifold.functions.values(xi, upper)
    norms = np.linalg.norm(values, axis=0)
    singular = np.linalg.svd(values[:, norms > 0] / norms[norms > 0], compute_uv=False)
    return int((singular < 1e-10 * singular[0]).sum())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [(3, 3), (4, 2)])
def test_the_nullity_is_that_of_the_formulas(size, order):
    nx, ny = size
    domain = nmm.rectangle(0, 0, nx, ny)
    wanted = {
        "triangle": order * (order + 2),
        "quad": order * (order + 1) * (nx + ny) // 2 + order * (order + 3) // 2,
    }
    for shape, count in wanted.items():
        assert nullity(domain, cover(shape, order, cell=1.0)) == count
    body = nmm.elasticity(1.0, 0.3), nmm.fixed("outline")
    assert nullity(domain, cover("triangle", order, cell=1.0), *body) == 2 * wanted["triangle"]


@pytest.mark.parametrize("order", ORDERS)
def test_the_nullity_with_a_hole_is_larger_on_quads(order):
    domain = nmm.rectangle(0, 0, 4, 4) - nmm.rectangle(1, 1, 3, 3)
    quad, triangle = cover("quad", order, cell=1.0), cover("triangle", order, cell=1.0)
    found = nullity(domain, quad), nullity(domain, triangle)
    assert found == ({1: 12, 2: 36}[order], order * (order + 2))
    assert found == (dependence(domain, quad), dependence(domain, triangle))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_nullity_of_a_cut_cover_is_that_of_a_dense_svd(shape, order):
    hole = nmm.polygon([(2.2, 1.4), (3.4, 1.3), (3.5, 2.5), (2.4, 2.6)])
    domain = (nmm.rectangle(0, 0, 4.3, 3.6) - hole).with_cracks([[(0, 1.3), (1.7, 1.8)]])
    lattice = cover(shape, order, cell=1.0, angle=9.0, origin=(0.13, 0.21))  # without tiny pieces
    assert nullity(domain, lattice) == dependence(domain, lattice)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_solution_does_not_depend_on_the_remedy(shape, order):
    """A shifted factorisation, conjugate gradients, multigrid and a dense pseudo-inverse."""
    problem = potential(DOMAINS["disk"], cover(shape, order, cells=8, angle=10.0))
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (20, 2))
    solvers = [nmm.Direct(1e-13), nmm.Multigrid(1e-9)]
    if order == 1:  # the system of order 2 is too ill-conditioned for the diagonal and for smaller tolerances
        solvers[1:] = [nmm.Multigrid(1e-13), nmm.ConjugateGradient(1e-13)]
    direct, *others = (nmm.forward(problem, s)() for s in solvers)
    system = assemble(problem, {})
    scale = np.sqrt(np.maximum(system.matrix.diagonal(), 1e-300))
    inverse = np.linalg.pinv(system.matrix.toarray() / scale / scale[:, None], rcond=1e-11, hermitian=True)
    dense = (inverse @ (system.load / scale) / scale).reshape(direct.dofs.shape)
    size = np.abs(direct.at(points)).max()
    found = nmm.Solution(problem, {}, dense, 0, 0.0, 0).at(points)
    assert np.abs(found - direct.at(points)).max() < 1e-9 * size
    for other in others:
        assert np.abs(other.at(points) - direct.at(points)).max() < {1: 1e-9, 2: 1e-6}[order] * size


def test_three_pinned_coefficients_are_a_lossless_remedy_on_triangles():
    problem = potential(DOMAINS["disk"], cover("triangle", 1, cells=8, angle=10.0))
    wanted = nmm.forward(problem)()
    system, patches = assemble(problem, {}), np.flatnonzero(problem.manifold.active)
    middle = len(patches) // 2
    first, second = patches[middle], patches[middle + 1]  # neighbours along the lattice's first axis
    free = np.repeat(problem.manifold.active, 3)
    free[[3 * first + 1, 3 * first + 2, 3 * second + 2]] = False
    index = np.flatnonzero(free)
    u = np.zeros(len(free))
    matrix = system.matrix[index][:, index].toarray()
    scale = 1 / np.sqrt(matrix.diagonal())
    matrix = matrix * scale * scale[:, None]
    assert np.linalg.cond(matrix) < 1e9
    u[index] = scale * np.linalg.solve(matrix, scale * system.load[index])
    pinned = nmm.Solution(problem, {}, u.reshape(-1, 3), 0, 0.0, 0)
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (20, 2))
    assert pinned.at(points) == pytest.approx(wanted.at(points), rel=1e-9)


@pytest.mark.parametrize(("shape", "order"), [("quad", 1), ("triangle", 2)])
def test_the_compiled_system_is_the_assembled_one(shape, order):
    lattice = cover(shape, order, cells=9, angle=11)
    same_system(polynomial(order + 1, lattice, plate(0.4)), {})
    varying = nmm.elasticity("E*(1 + 0.3*x*y)", 0.3, body_force=("x", -1.0))
    terms = [
        nmm.fixed("x == xmin"),
        nmm.traction("x == xmax", ("q", "y")),
        nmm.point_load((0.3, 0.7), (1, 2)),
    ]
    same_system(nmm.problem(nmm.cut(plate(0.4), lattice), varying, terms), {"E": 2.0, "q": 0.5})


def test_the_energy_has_the_system_as_its_derivatives():
    problem = nmm.problem(nmm.cut(plate(0.4), cover("quad", 1, cells=7, angle=11)), nmm.elasticity(2.0, 0.3))
    form, data = form_of(problem, {})
    arrays = discretise(problem)
    system = system_of(form, data, {}, arrays)
    u = np.random.default_rng(0).standard_normal((form.stored, problem.manifold.patches))
    u = jnp.asarray(u * problem.manifold.active)
    wanted = apply(system, u) - system.load
    found = jax.grad(lambda v: domain_energy(form, data, {}, arrays, v))(u)
    assert float(jnp.abs(found - wanted).max()) < 1e-12 * float(jnp.abs(wanted).max())


def test_gradients_pass_the_taylor_test_and_batches_agree():
    problem = elastic(DOMAINS["disk"], cover("triangle", 1, cells=5, angle=10.0), young="E")
    forward, points = nmm.forward(problem, nmm.Multigrid(1e-12)), np.array([[0.1, 0.2], [-0.3, 0.4]])

    def value(young):
        return jnp.sum(forward({"E": young}).at(points) ** 2)

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(value)))(jnp.array([2.5, 2.55, 2.6]))
    gap = np.abs(values[1:] - values[0] - slopes[0] * np.array([0.05, 0.1]))
    assert np.log2(gap[1] / gap[0]) == pytest.approx(2, abs=0.1)
    assert values[0] == pytest.approx(float(value(2.5)), rel=1e-10)


def test_a_shape_derivative_agrees_with_differences_of_new_cuts():
    domain = nmm.rectangle(0, 0, 1, 1) - nmm.polygon([(0.41, 0.33), (0.68, 0.4), (0.52, 0.66)])
    manifold = nmm.cut(domain, cover("quad", 1, cells=7))
    terms = [nmm.value("outline", "x*y"), nmm.robin("holes", 1.0, "x")]
    problem = nmm.problem(manifold, nmm.poisson(2.0, source=1.0), terms)
    start, forward = manifold.vertices, nmm.forward(problem, nmm.Multigrid(1e-13))
    inside = (np.abs(start - 0.5) < 0.4).all(1)
    move = np.random.default_rng(0).standard_normal(start.shape) * inside[:, None]

    def energy(vertices):
        return forward({}, manifold.move(vertices)).energy

    slope = float(jnp.vdot(jax.jit(jax.grad(energy))(jnp.asarray(start)), move))
    step = 1e-5
    difference = (energy(start + step * move) - energy(start - step * move)) / (2 * step)
    assert slope == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize("make", [potential, elastic])
def test_multigrid_does_not_slow_down_on_triangles_of_order_one(make):
    problem = make(DOMAINS["disk"], cover("triangle", 1, cells=32, angle=10.0))
    assert nmm.forward(problem, nmm.Multigrid())().stats.iterations <= 14


@pytest.mark.parametrize("order", ORDERS)
def test_a_kink_between_materials_is_exact(order):
    domain = SQUARE.with_region("left", nmm.rectangle(-1, -1, 0.47, 2))
    manifold = nmm.cut(domain, cover("quad", order, cells=6, angle=7.0))
    exact = "where(x < 0.47, x - 0.47, (x - 0.47)/4)"
    problem = nmm.problem(manifold, nmm.poisson({"left": 1.0, "default": 4.0}), [nmm.value("outline", exact)])
    assert nmm.forward(problem)().errors(exact)["h1"] < 1e-10


@pytest.mark.parametrize(("shape", "order"), [("quad", 1), ("triangle", 2)])
def test_parts_that_nothing_holds_float(shape, order):
    block = [[(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]]
    manifold = nmm.cut(SQUARE.with_cracks(block), cover(shape, order, cells=10))
    terms = [
        nmm.value("x == 0", 0),
        nmm.flux("x == 1", 1.0),
        nmm.flux("crack 0 left and x < 0.31", -1.0),
        nmm.flux("crack 0 left and x > 0.69", 1.0),
    ]
    problem = nmm.problem(manifold, nmm.poisson(1.0), terms)
    direct, grid = (nmm.forward(problem, s)() for s in (nmm.Direct(), nmm.Multigrid(1e-10)))
    points = [[0.5, 0.5], [0.35, 0.4], [0.1, 0.2]]
    assert len(grid.held) == 1
    assert direct.at(points)[:2] == pytest.approx([0.0, -0.157], abs=1e-3)
    assert grid.at(points) == pytest.approx(direct.at(points), abs=1e-6)


@pytest.mark.parametrize(("shape", "order"), [("quad", 1), ("triangle", 2)])
def test_the_recovered_gradient_is_better_and_its_distance_is_the_error(shape, order):
    solution = nmm.forward(potential(DOMAINS["flower"], cover(shape, order, cells=20, angle=10.0)))()
    assert solution.estimate.total == pytest.approx(solution.energy_error(FIELD), rel=0.3)


def test_what_does_not_work_with_a_higher_order_says_so():
    with pytest.raises(nmm.InputError, match="order must be 0, 1 or 2"):
        cover("quad", 3, cells=4)
    with pytest.raises(nmm.InputError, match="expected hat weights"):
        cover("quad", 1, cells=4, weights="bspline", degree=2)
    manifold = nmm.cut(SQUARE, cover("quad", 1, cells=4))
    with pytest.raises(nmm.InputError, match="not yet: a ghost penalty"):
        nmm.problem(manifold, nmm.poisson(1.0), [nmm.value("outline", 0)], ghost=0.25)
    with pytest.raises(nmm.InputError, match="mean"):
        nmm.problem(manifold, nmm.elasticity(1.0, 0.3, dilatation="mean"), [nmm.fixed("outline")])


def test_figures_and_files_can_be_made(tmp_path):
    solution = nmm.forward(elastic(DOMAINS["flower"], cover("triangle", 2, cells=8)))()
    solution.save(tmp_path / "flower.vtu")
    solution.plot(tmp_path / "flower.png")
    assert (tmp_path / "flower.vtu").stat().st_size > 1000 and (tmp_path / "flower.png").exists()
