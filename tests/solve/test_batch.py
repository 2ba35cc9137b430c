"""Geometry as data: one compiled program for many cuts of one lattice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nmm
from nmm.errors import GeometryError
from nmm.solve.traced import _solve, _solve_stack, arrays_of

EXACT = nmm.Multigrid(1e-12)
SQUARE = nmm.rectangle(0, 0, 1, 1)
LATTICE = nmm.lattice(cells=24)
TERMS = [nmm.fixed("x == 0"), nmm.traction("x == 1", ("q", 0.2))]


def plate(k: int):
    """A plate whose hole wanders and whose crack grows."""
    hole = nmm.disk((0.507 + 0.02 * k, 0.613 - 0.01 * k), 0.15 + 0.01 * k)
    return (SQUARE - hole).with_cracks([[(0.2, 0.15), (0.52 + 0.04 * k, 0.23)]])


def floating():
    loop = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]
    return SQUARE.with_cracks([loop])


def cuts(count=4):
    return [nmm.cut(plate(k), LATTICE) for k in range(count)]


def forward_on(manifold, solver=EXACT):
    model = nmm.elasticity("E", 0.3, body_force=(0, -1.0))
    return nmm.forward(nmm.problem(manifold, model, TERMS), solver)


PARAMS = {"E": 2.0, "q": 0.3}


def test_a_batch_of_geometries_is_the_loop_and_compiles_once():
    manifolds = cuts()
    forward = forward_on(manifolds[0])
    pile = nmm.stack(manifolds)
    before = _solve_stack._cache_size()
    batch = nmm.batch(forward, pile, PARAMS)
    assert _solve_stack._cache_size() == before + 1
    for manifold, u in zip(manifolds, batch, strict=True):
        alone = forward_on(manifold, nmm.Direct())(PARAMS)
        points = np.random.default_rng(0).uniform(0.05, 0.95, (40, 2))
        found, wanted = u.at(points), alone.at(points)
        assert np.array_equal(np.isnan(found), np.isnan(wanted))
        assert np.nanmax(np.abs(found - wanted)) < 1e-10 * np.nanmax(np.abs(wanted))
        assert u.result.converged and u.energy == pytest.approx(alone.energy, rel=1e-10)
        assert u.balance["residual"] < 1e-10
    nmm.batch(forward, nmm.stack(cuts()), {"E": 5.0, "q": 0.1})
    assert _solve_stack._cache_size() == before + 1


def test_vmap_over_a_stack_is_the_batch():
    pile = nmm.stack(cuts(3))
    forward = forward_on(pile[0])
    batch = nmm.batch(forward, pile, PARAMS)
    mapped = jax.jit(jax.vmap(lambda manifold: forward(PARAMS, manifold)))(pile)
    with pytest.raises(nmm.InputError, match="split"):
        mapped.at([[0.1, 0.1]])
    for u, v in zip(mapped.split(), batch, strict=True):
        assert u.at([[0.1, 0.1]]) == pytest.approx(v.at([[0.1, 0.1]]), rel=1e-9)


def test_derivatives_go_through_a_batch():
    pile = nmm.stack(cuts(3))
    forward = forward_on(pile[0])

    def misfit(p):
        return sum(jnp.sum(u.at([[0.9, 0.9]]) ** 2) for u in nmm.batch(forward, pile, p))

    params = {k: jnp.asarray(v) for k, v in PARAMS.items()}
    both = jax.jit(jax.value_and_grad(misfit))
    _, gradient = both(params)
    for name in params:
        h = 1e-5 * float(params[name])
        up, down = (both({**params, name: params[name] + s * h})[0] for s in (1, -1))
        assert float(gradient[name]) == pytest.approx(float(up - down) / (2 * h), rel=1e-6)


def test_a_stack_takes_parts_that_float_in_some_members_only():
    manifolds = [nmm.cut(SQUARE, LATTICE), nmm.cut(floating(), LATTICE), nmm.cut(plate(1), LATTICE)]
    model = nmm.elasticity(1.0, 0.3, initial_stress=(0.1, 0.2, 0.3))
    forward = nmm.forward(nmm.problem(manifolds[0], model, TERMS), EXACT)
    found = nmm.batch(forward, manifolds, {"q": 1.0})
    assert [len(u.held) for u in found] == [0, 1, 0]
    direct = nmm.forward(forward.problem, nmm.Direct())
    for u, manifold in zip(found, manifolds, strict=True):
        wanted = direct({"q": 1.0}, manifold)
        points = [[0.1, 0.1], [0.4, 0.35], [0.9, 0.2]]
        assert u.at(points) == pytest.approx(wanted.at(points), abs=1e-9)


@pytest.mark.parametrize("form", ["list", "arrays"])
def test_a_batch_of_parameters_is_the_loop(form):
    forward = forward_on(cuts(1)[0])
    sets = [{"E": 1.0 + k, "q": 0.1 * k} for k in range(3)]
    given = sets if form == "list" else {"E": np.array([1.0, 2, 3]), "q": np.array([0.0, 0.1, 0.2])}
    for u, params in zip(nmm.batch(forward, given), sets, strict=True):
        wanted = forward(params)
        assert float(u.params["E"]) == params["E"]
        assert u.at([[0.9, 0.9]]) == pytest.approx(wanted.at([[0.9, 0.9]]), rel=1e-9)


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_capacity_keeps_the_compiled_program(shape):
    lattice = nmm.lattice(cells=24, shape=shape)
    largest = nmm.cut(plate(4), lattice)
    forward = forward_on(largest, nmm.Multigrid(1e-10))
    forward(PARAMS)
    before = _solve._cache_size()
    for k in range(3):
        smaller = nmm.cut(plate(k), lattice, capacity=largest)
        u = forward(PARAMS, smaller)
        alone = forward_on(nmm.cut(plate(k), lattice), nmm.Direct())(PARAMS)
        assert u.at([[0.9, 0.9]]) == pytest.approx(alone.at([[0.9, 0.9]]), rel=1e-7)
        shapes = [np.shape(leaf) for leaf in jax.tree.leaves(arrays_of(u.problem))]
        assert shapes == [np.shape(leaf) for leaf in jax.tree.leaves(arrays_of(forward.problem))]
    assert _solve._cache_size() == before


def test_what_does_not_fit_is_an_error():
    small = nmm.cut(nmm.disk((0.5, 0.5), 0.1), nmm.lattice(cell=1 / 24))
    with pytest.raises(nmm.CapacityError, match=r"rows of patches.*\n.*nmm.stack"):
        nmm.cut(plate(0), nmm.lattice(cell=1 / 200), capacity=small)


def test_moved_vertices_are_another_cut_of_the_same_topology():
    manifold = nmm.cut(plate(0), LATTICE)
    forward = forward_on(manifold)
    forward(PARAMS)
    before = _solve._cache_size()
    rng = np.random.default_rng(3)
    inside = (np.abs(manifold.vertices - 0.5) < 0.499).all(1)[:, None]
    moved = manifold.move(manifold.vertices + 1e-5 * inside * rng.standard_normal(manifold.vertices.shape))
    assert moved.stats["area"] != manifold.stats["area"]
    assert np.array_equal(moved.piece_patches, manifold.piece_patches)
    points = [[0.9, 0.9], [0.3, 0.4]]
    one, two = forward(PARAMS).at(points), forward(PARAMS, moved).at(points)
    assert 0 < np.abs(one - two).max() < 1e-3 * np.abs(one).max()
    assert _solve._cache_size() == before


def test_a_move_that_changes_the_cut_is_refused():
    manifold = nmm.cut(plate(0), LATTICE)
    with pytest.raises(GeometryError, match="topology: the cell at"):
        manifold.move(manifold.vertices + 0.03 * (np.abs(manifold.vertices - 0.5) < 0.3).all(1)[:, None])
    with pytest.raises(GeometryError, match=r"manifold\.vertices"):
        manifold.move(manifold.vertices[:-1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: nmm.stack([]), "at least one"),
        (lambda f: nmm.stack([*cuts(1), nmm.cut(plate(0), nmm.lattice(cells=20))]), "20 x 20"),
        (lambda f: nmm.batch(f, []), "not empty"),
        (lambda f: f(PARAMS, nmm.stack(cuts(2))), "one is wanted"),
        (lambda f: nmm.batch(f, {"E": np.ones(3), "q": 1.0}), "leading axis"),
        (lambda f: nmm.batch(f, [{"E": 1.0}]), "q"),
    ],
)
def test_batches_that_make_no_sense_are_errors(make, message):
    with pytest.raises(nmm.InputError, match=message):
        make(forward_on(cuts(1)[0]))
