"""The ghost penalty: what it leaves alone, what it bounds, and that both ways to the matrix agree."""

import jax
import numpy as np
import pytest
from systems import same_system

import nmm
from nmm.solve.assemble import assemble
from nmm.solve.faces import ghost_faces
from nmm.solve.ghost import ghost_elements
from nmm.solve.traced import make_arrays

SQUARE = nmm.rectangle(0, 0, 1, 1)
HOLE = SQUARE - nmm.disk((0.52, 0.47), 0.27)
CRACKED = HOLE.with_cracks([[(0.0, 0.88), (0.61, 0.8)], [(0.93, 0.0), (0.93, 0.45)]])
YOUNG = {"default": "E", "in": 7.0}


def elastic(shape="quad", ghost: float | None = 0.25, angle=0.0, cells=11, domain=CRACKED):
    domain = domain.with_region("in", nmm.disk((0.2, 0.2), 0.15))
    manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape, angle=angle))
    terms = [nmm.fixed("x == xmin"), nmm.traction("x == xmax", (1.0, 0.2))]
    return nmm.problem(manifold, nmm.elasticity(YOUNG, 0.3), terms, ghost=ghost)


def penalty(problem, params):
    """What the ghost penalty adds to the matrix."""
    without = nmm.problem(problem.manifold, problem.model, problem.terms)
    return assemble(problem, params).matrix - assemble(without, params).matrix


@pytest.mark.parametrize(("shape", "angle"), [("quad", 0.0), ("triangle", 17.0)])
def test_slices_and_batches_are_the_assembled_matrix(shape, angle):
    problem = elastic(shape, angle=angle)
    params = {"E": 2.0}
    same_system(problem, params)


@pytest.mark.parametrize(("shape", "angle"), [("quad", 0.0), ("triangle", 17.0)])
def test_it_is_symmetric_and_semidefinite_and_knows_linear_fields(shape, angle):
    problem = elastic(shape, angle=angle)
    matrix = penalty(problem, {"E": 2.0}).toarray()
    size = np.abs(matrix).max()
    assert np.abs(matrix - matrix.T).max() <= 1e-14 * size
    assert np.linalg.eigvalsh(matrix)[0] >= -1e-12 * size
    points = problem.manifold.patch_points()
    linear = np.stack([1 + points @ [0.3, -0.2], points @ [0.5, 0.1]], -1).ravel()
    assert np.abs(matrix @ linear).max() <= 1e-13 * size


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_one_jump_has_the_energy_that_the_formula_gives(shape):
    """u = |x − ½| on a strip whose ends are cut: γ h k 2² times the height of the face."""
    domain = nmm.rectangle(0.1, 0, 1.0, 0.5)
    manifold = nmm.cut(domain, nmm.lattice(cell=0.5, shape=shape, origin=(0, 0)))
    problem = nmm.problem(manifold, nmm.poisson(3.0), [nmm.value("x == xmax", 0)], ghost=0.2)
    u = np.abs(problem.manifold.patch_points()[:, 0] - 0.5)
    assert u @ penalty(problem, {}) @ u == pytest.approx(0.2 * 0.5 * 3.0 * 2**2 * 0.5, rel=1e-12)


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_no_face_lies_across_a_crack_or_between_materials(shape):
    manifold = elastic(shape).manifold
    pair, edge = ghost_faces(manifold)
    grid, patches, regions = manifold.grid, manifold.element_patches(), manifold.element_regions()
    assert len(pair) and (regions[pair[:, 0]] == regions[pair[:, 1]]).all()
    for side in (0, 1):
        node = grid.edge_nodes(edge)[:, side, None]
        left, right = (
            patches[e][grid.cell_nodes(manifold.element_cells()[e]) == node] for e in (pair[:, 0], pair[:, 1])
        )
        assert (left == right).all()


def test_a_crack_along_a_lattice_line_has_no_face():
    domain = SQUARE.with_cracks([[(0.0, 0.5), (0.75, 0.5)]])
    manifold = nmm.cut(domain - nmm.rectangle(0.05, 0.55, 0.2, 0.6), nmm.lattice(cells=8))
    _, edge = ghost_faces(manifold)
    middle = manifold.grid.node_units(manifold.grid.edge_nodes(edge))[..., 1]
    assert len(edge) and not (middle == 4).all(1).any()


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_patch_test_is_exact(shape):
    manifold = nmm.cut(HOLE, nmm.lattice(cells=9, shape=shape, angle=11))
    exact = ("0.3*x - 0.2*y + 1", "0.5*x + 0.1*y")
    terms = [nmm.fixed("outline", exact), nmm.fixed("holes", exact)]
    problem = nmm.problem(manifold, nmm.elasticity(2.0, 0.3), terms, ghost=0.25)
    errors = nmm.forward(problem)().errors(exact)
    assert errors["l2"] < 1e-10 and errors["h1"] < 1e-10


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_condition_number_does_not_know_the_sliver(shape):
    def condition(beyond, ghost):
        side = 1 + beyond / 8
        manifold = nmm.cut(nmm.rectangle(0, 0, side, side), nmm.lattice(cell=1 / 8, shape=shape))
        problem = nmm.problem(manifold, nmm.poisson(1.0), [nmm.value("x == 0", 0)], ghost=ghost)
        active = np.asarray(manifold.active)
        return np.linalg.cond(assemble(problem, {}).matrix.toarray()[active][:, active])

    assert condition(1e-10, 0.25) < 3 * condition(0.5, 0.25)
    assert condition(1e-10, None) > 1e8 * condition(0.5, None)


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_orders_of_convergence_stay(shape):
    exact = "sin(2*x + 1)*cos(3*y)"
    domain = nmm.disk((0.013, 0.027), 1.0)

    def errors(cells):
        manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape))
        model = nmm.poisson(1.0, source=f"13*{exact}")
        return nmm.forward(nmm.problem(manifold, model, [nmm.value("outline", exact)], ghost=0.25))().errors(
            exact
        )

    coarse, fine = errors(32), errors(64)
    assert np.log2(coarse["l2"] / fine["l2"]) == pytest.approx(2.0, abs=0.15)
    assert np.log2(coarse["h1"] / fine["h1"]) == pytest.approx(1.0, abs=0.1)


def test_multigrid_carries_it_down():
    problem = elastic(cells=24)
    direct = nmm.forward(problem)({"E": 2.0})
    u = nmm.forward(problem, nmm.Multigrid(1e-11))({"E": 2.0})
    assert u.iterations <= 25
    points = np.array([[0.1, 0.5], [0.9, 0.9], [0.95, 0.1]])
    assert u.at(points) == pytest.approx(direct.at(points), rel=1e-7)


def test_taylor_remainders_fall_with_the_square():
    forward = nmm.forward(elastic(), nmm.Multigrid(1e-12))

    def energy(young):
        return forward({"E": young}).energy

    both = jax.jit(jax.value_and_grad(energy))
    value, slope = both(2.0)
    rest = [abs(both(2.0 + h)[0] - value - h * slope) for h in (0.25, 0.125, 0.0625)]
    slopes = np.log2(rest[0] / rest[1]), np.log2(rest[1] / rest[2])
    assert slopes == pytest.approx((2.0, 2.0), abs=0.25)


@pytest.mark.parametrize("ghost", [-1.0, float("nan"), float("inf")])
def test_a_factor_that_makes_no_sense_is_refused(ghost):
    with pytest.raises(nmm.InputError, match="ghost must be a number ≥ 0, found"):
        elastic(ghost=ghost)


def test_another_cut_has_arrays_of_the_same_shapes():
    lattice = nmm.lattice(cells=16)
    first = nmm.cut(SQUARE - nmm.disk((0.5, 0.5), 0.2), lattice)
    other = nmm.cut(SQUARE - nmm.disk((0.44, 0.53), 0.21), lattice, capacity=first)
    problem = nmm.problem(first, nmm.poisson(1.0), [nmm.value("outline", 0)], ghost=0.25)
    both = [jax.tree.map(np.shape, make_arrays(problem.on(manifold))) for manifold in (first, other)]
    assert both[0] == both[1]
    assert len(ghost_faces(first)[1]) != len(ghost_faces(other)[1])


def test_zero_is_the_same_as_none():
    problem = elastic(ghost=0.0)
    assert abs(penalty(problem, {"E": 2.0})).max() == 0
    assert ghost_elements(elastic(ghost=None), {"E": 2.0}) is None
