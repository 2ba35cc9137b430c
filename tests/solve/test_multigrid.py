"""Multigrid on physical covers: exactly nested spaces, and iterations that neither cells nor cuts change."""

from functools import partial
from importlib.resources import files

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nmm
from nmm.cover import Weights
from nmm.manifold.locate import locate
from nmm.solve.assemble import assemble
from nmm.solve.covers import coarsen, finest, parents_of
from nmm.solve.cycle import preconditioner
from nmm.solve.discretise import discretise
from nmm.solve.form import form_of
from nmm.solve.galerkin import prolong
from nmm.solve.levels import slots_of, step_of
from nmm.solve.smoother import inverse_cells
from nmm.solve.stencil import cell_matrices
from nmm.solve.system import system_of
from nmm.solve.traced import arrays_of

SHAPES = ("quad", "triangle")
PLATE = nmm.rectangle(-1.003, -1.001, 1.002, 1.004)
HOLE = PLATE - nmm.disk((0.1, 0.05), 0.4)
CRACK = PLATE.with_cracks([[(-0.5, -0.3), (0.4, 0.25)]])
FIVE = PLATE.with_cracks(
    [
        [(-0.6, 0.1), (0.2, 0.5)], [(-0.2, 0.7), (0.1, -0.4)], [(0.3, -0.7), (0.7, 0.2)],
        [(-0.7, -0.6), (0.5, -0.5)], [(0.2, 0.35), (0.8, 0.4)],
    ]
)  # fmt: skip


def elastic(domain, cells, shape="quad", nu=0.3):
    manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape))
    return nmm.problem(manifold, nmm.elasticity(1.0, nu, body_force=(0.0, -1.0)), [nmm.fixed("x == xmin")])


def potential(domain, cells, shape="quad"):
    manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape))
    return nmm.problem(manifold, nmm.poisson(1.0, source=1.0), [nmm.value("outline", 0)])


@pytest.mark.parametrize("weights", [*map(Weights, SHAPES), Weights("quad", 2), Weights("quad", 3)])
@pytest.mark.parametrize("domain", [HOLE, FIVE], ids=["hole", "cracks"])
def test_every_coarse_function_lies_in_the_finer_space(weights, domain):
    splines = {"weights": "bspline" if weights.degree > 1 else "hat", "degree": weights.degree}
    manifold = nmm.cut(domain, nmm.lattice(cells=61, shape=weights.shape, angle=12.0, **splines))
    points = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    element, xi = locate(manifold, points)
    element, xi = element[element >= 0], xi[element >= 0]
    units = xi + manifold.grid.corner(manifold.element_cells()[element])
    numbers = np.concatenate([manifold.whole_list, manifold.grid.cells + np.arange(manifold.pieces)])
    cover, factor, home, room = finest(manifold), 1, numbers[element], manifold.room
    for _ in range(2):
        coarse, candidates, parent = coarsen(cover, room)
        step, _ = step_of(cover, coarse, candidates, parent, {}, room)
        up = partial(prolong, step, lines=cover.grid.lines, count=cover.count, weights=weights)
        active = slots_of(cover, [], room).active
        assert np.abs(up(jnp.ones((1, coarse.count)))[0][active] - 1).max() < 1e-14
        values = np.random.default_rng(1).standard_normal(coarse.count)
        fine = np.asarray(up(jnp.asarray(values)[None]))[0]
        parents = parents_of(cover, parent, home)
        above = evaluate(coarse, values, parents, units / factor / 2)
        assert np.abs(above - evaluate(cover, fine, home, units / factor)).max() < 1e-12
        cover, factor, home = coarse, 2 * factor, parents


def evaluate(cover, values, element, units):
    square, kind = cover.square(cover.cell_of(element))
    weights = cover.grid.weights.values(units - square, kind == 1)
    return (weights * values[cover.patches_of(element)]).sum(1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cycle", ["V", "W"])
def test_multigrid_and_factorisation_agree(shape, cycle):
    problem = elastic(FIVE, 24, shape)
    direct = nmm.forward(problem, nmm.Direct())()
    grid = nmm.forward(problem, nmm.Multigrid(1e-11, cycle=cycle))()
    assert grid.dofs == pytest.approx(direct.dofs, abs=1e-8 * np.abs(direct.dofs).max())


LIMITS = [
    (potential, nmm.disk((0.01, 0.02), 1.0), {"quad": 8, "triangle": 10}),
    (elastic, HOLE, {"quad": 12, "triangle": 18}),
    (elastic, CRACK, {"quad": 17, "triangle": 20}),
    (elastic, FIVE, {"quad": 20, "triangle": 22}),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", LIMITS, ids=["disk", "hole", "crack", "five cracks"])
def test_iterations_stay_few_on_many_cells(case, shape):
    make, domain, limit = case
    solution = nmm.forward(make(domain, 96 if shape == "quad" else 64, shape), nmm.Multigrid())()
    assert solution.stats.iterations <= limit[shape]


@pytest.mark.parametrize("sliver", [1e-2, 1e-6, 1e-10])
def test_iterations_do_not_depend_on_slivers(sliver):
    domain = nmm.rectangle(0, 0, 1 + sliver / 32, 1 + sliver / 32)
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 32))
    problem = nmm.problem(manifold, nmm.elasticity(1.0, 0.3, body_force=(0.0, -1.0)), [nmm.fixed("outline")])
    assert nmm.forward(problem, nmm.Multigrid())().stats.iterations <= 12


def test_parts_that_nothing_holds_float():
    block = [[(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]]
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1).with_cracks(block), nmm.lattice(cells=33))
    terms = [
        nmm.fixed("x == 0"),
        nmm.traction("x == 1", (1.0, 0.0)),
        nmm.traction("crack 0 left and x < 0.31", (-1.0, 0.0)),
        nmm.traction("crack 0 left and x > 0.69", (1.0, 0.0)),
    ]
    problem = nmm.problem(manifold, nmm.elasticity(1.0, 0.3), terms)
    direct = nmm.forward(problem, nmm.Direct())()
    grid = nmm.forward(problem, nmm.Multigrid(1e-10))()
    assert len(grid.held) == 1
    assert np.abs(grid.at([[0.5, 0.5], [0.35, 0.4]])).max() > 1e-3
    assert grid.dofs == pytest.approx(direct.dofs, abs=1e-7 * np.abs(direct.dofs).max())


def test_a_limit_on_iterations_is_reported():
    solution = nmm.forward(elastic(FIVE, 24), nmm.Multigrid(max_iterations=2), throw=False)()
    assert not solution.result.converged
    assert solution.stats.iterations == 2


def test_an_outcrop_with_loose_blocks_of_every_size_converges():
    folder = files("nmm") / "data" / "kb7"
    area, traces = (str(folder / f"KB7_{name}.geojson") for name in ("area", "traces"))
    domain = nmm.read_domain(area).with_cracks(nmm.read_cracks(traces))
    manifold = nmm.cut(domain, nmm.lattice(cells=64))
    problem = nmm.problem(manifold, nmm.elasticity(1.0, 0.25), [nmm.fixed("outline", ("x - xc", 0))])
    direct = nmm.forward(problem, nmm.Direct())()
    grid = nmm.forward(problem, nmm.Multigrid(1e-10))()
    assert len(grid.held) == 18 and grid.stats.iterations <= 40
    assert grid.dofs == pytest.approx(direct.dofs, abs=1e-6 * np.abs(direct.dofs).max())


def test_blocks_on_all_elements_solve_nearly_incompressible_material():
    problem = elastic(HOLE, 32, nu=0.49)
    exact = nmm.forward(problem, nmm.Direct())()
    few = nmm.forward(problem, nmm.Multigrid(1e-10, blocks="all"))()
    many = nmm.forward(problem, nmm.Multigrid(1e-10))()
    assert few.dofs == pytest.approx(exact.dofs, abs=1e-7 * np.abs(exact.dofs).max())
    assert few.stats.iterations <= 0.7 * many.stats.iterations


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_of_whole_cells_are_inverses_of_the_assembled_matrix(shape):
    problem = elastic(CRACK, 12, shape)
    manifold, wanted = problem.manifold, assemble(problem, {}).matrix.toarray()
    form, data = form_of(problem, {})
    found = inverse_cells(system_of(form, data, {}, discretise(problem)))
    cover = finest(manifold)
    cells = np.flatnonzero(cover.whole)
    nodes = cover.cell_nodes(cells)
    dofs = (nodes[:, :, None] * 2 + np.arange(2)).reshape(len(cells), -1)
    inverses = cell_matrices(found, jnp.asarray(cover.lattice(cells)), dofs.shape[1])
    for cell in range(0, len(cells), 7):
        block = wanted[np.ix_(dofs[cell], dofs[cell])]
        assert np.asarray(inverses[cell]) == pytest.approx(np.linalg.inv(block), rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("domain", [HOLE, FIVE], ids=["hole", "cracks"])
def test_a_cycle_in_single_precision_costs_no_iterations(domain):
    problem = elastic(domain, 32)
    double = nmm.forward(problem, nmm.Multigrid(1e-10))()
    single = nmm.forward(problem, nmm.Multigrid(1e-10, precision="float32"))()
    assert single.result.converged and single.stats.iterations <= double.stats.iterations + 1
    assert single.dofs == pytest.approx(double.dofs, abs=1e-7 * np.abs(double.dofs).max())


def test_a_cycle_is_the_same_on_every_device(monkeypatch):
    problem = elastic(CRACK, 24)
    form, data = form_of(problem, {})
    discretisation, levels, steps, _ = arrays_of(problem)
    system = system_of(form, data, {}, discretisation)
    results = []
    for device in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda device=device: device)
        cycle = preconditioner(system, levels, steps, 3, 2, False)
        results.append(jax.jit(cycle)(system.load))
    np.testing.assert_allclose(*results, rtol=0, atol=1e-12 * float(jnp.abs(results[0]).max()))


@pytest.mark.parametrize("wrong", [{"degree": 5}, {"cycle": "F"}, {"blocks": "some"}, {"precision": "half"}])
def test_options_that_do_not_exist_are_errors(wrong):
    with pytest.raises(nmm.InputError, match=next(iter(wrong))):
        nmm.Multigrid(**wrong)
