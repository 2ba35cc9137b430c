"""One layer on the patches of a lattice is the classical method; more of them are stacked manifolds."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import nmm
from networks import ManifoldLayer, ManifoldNet, covers, functional, lattice_cover, minimise
from networks.manifold_net import Fixed, powers

CRACKED = (nmm.disk((0, 0), 0.5) - nmm.disk((0.2, 0.1), 0.15)).with_cracks([[(-0.4, -0.2), (0.0, 0.05)]])
ROBIN = [nmm.robin("outline", 2.0, "x"), nmm.flux("hole 0", "q*y")]
LOADED = [
    nmm.fixed("x < 0 and outline", ("free", 0.01)),
    nmm.fixed("x >= 0 and outline", normal=0.0),
    nmm.pressure("hole 0", 0.3),
    nmm.traction("crack 0 left", (0.1, 0.2)),
    nmm.point_load((0.0, 0.3), (0.1, 0.1)),
]
POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2))
CLASSICAL = {
    "triangles": (dict(shape="triangle"), nmm.poisson("k", source="1 + x*y"), ROBIN, {"k": 1.5, "q": 2.0}),
    "splines": (dict(weights="bspline", degree=2), nmm.poisson("k"), ROBIN, {"k": 1.5, "q": 2.0}),
    "order 1": (dict(order=1), nmm.poisson([[2.0, 0.5], [0.5, 1.0]]), ROBIN, {"q": 2.0}),
    "elasticity": (dict(angle=10.0), nmm.elasticity(1.0, 0.3, body_force=(0.0, "x")), LOADED, {}),
}


HELD = [nmm.value("outline", "x"), nmm.flux("hole 0", "q*y")]


@pytest.mark.parametrize("dirichlet", ["penalty", "nitsche"])
@pytest.mark.parametrize("case", CLASSICAL)
def test_one_layer_on_a_lattice_is_the_classical_method(case, dirichlet):
    lattice, model, terms, params = CLASSICAL[case]
    if dirichlet == "nitsche" and terms is ROBIN:
        terms = HELD
    manifold = nmm.cut(CRACKED, nmm.lattice(cells=5, **lattice))
    problem = nmm.problem(manifold, model, terms, dirichlet=dirichlet)
    solution = nmm.forward(problem)(params)
    energy = functional(problem, params, dirichlet)
    cover = lattice_cover(manifold)
    start = ManifoldNet.on([cover], model.components, lattice.get("order", 0), learn=False)
    expected = solution.at(POINTS).reshape(len(POINTS), -1)
    inside = ~np.isnan(expected[:, 0])
    x, expected, element = POINTS[inside], expected[inside], cover.elements(POINTS[inside])

    @nnx.jit
    def measure(net):
        return net(x, element), energy(net)

    found, least = measure(minimise(start, energy))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    stored = solution.dofs[manifold.active].reshape(*start.layers[0].unknowns.get_value().shape)
    found, energy_of_solution = measure(with_unknowns(start, stored))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    assert least == pytest.approx(float(energy_of_solution), rel=1e-12)


def with_unknowns(net, values):
    """The net of one layer with given unknowns."""
    graph, state = nnx.split(net)
    state["layers"][0]["unknowns"].set_value(jnp.asarray(values))
    return nnx.merge(graph, state)


def test_sides_of_a_crack_are_told_by_their_elements():
    manifold = nmm.cut(CRACKED, nmm.lattice(cells=7))
    cover = lattice_cover(manifold)
    on = np.linspace((-0.35, -0.2 + 0.05 * 0.625), (-0.25, -0.2 + 0.15 * 0.625), 4)
    net = ManifoldNet.on([cover], noise=1.0)
    left, right = (net(on, cover.elements(on, side)) for side in (1, -1))
    assert np.abs(left - right).min() > 1e-3
    with pytest.raises(nmm.InputError, match="traced points"):
        jax.eval_shape(net, on)


def test_layers_compose_and_begin_as_the_identity():
    plane = (-1.0, 0.0, 1.0, 2.0)
    last = covers.windows(plane, 3)
    hidden = [covers.splines(plane, 4)]
    deep = ManifoldNet.on([*hidden, last], order=1, noise=0.0)
    values = np.random.default_rng(0).normal(size=(9, 3, 1))
    deep.layers[1].unknowns.set_value(jnp.asarray(values))
    x = np.random.default_rng(1).uniform(plane[:2], plane[2:], (40, 2))
    shallow = ManifoldNet([ManifoldLayer(last, values, order=1)])
    np.testing.assert_allclose(deep(x), shallow(x), rtol=0, atol=1e-13)


def test_hats_of_order_p_reproduce_polynomials_and_compose_their_degrees():
    """Two layers that are x² on every patch are x⁴: degree p^L (claim C12)."""
    cover = covers.splines((0.0, 1.0), 3)
    nodes, h = np.asarray(cover.nodes)[:, 0], 1 / 3
    square = np.stack([nodes**2, 2 * nodes * h, np.full(4, h * h)], -1)[..., None]
    net = ManifoldNet([ManifoldLayer(cover, square, order=2)] * 2)
    x = np.linspace(0, 1, 31)[:, None]
    np.testing.assert_allclose(net(x), x**4, rtol=0, atol=1e-14)


def test_covers_and_unknowns_learn_together():
    """Free knots fit the root of x better than the best unknowns on equal ones."""
    x = (jnp.arange(200) + 0.5)[:, None] / 200

    def misfit(u):
        return jnp.mean((u(x, None) - jnp.sqrt(x)) ** 2)

    cover = covers.splines((0.0, 1.0), 5)
    best = minimise(ManifoldNet.on([cover], learn=False), misfit)
    free = ManifoldNet([ManifoldLayer(cover, best.layers[0].unknowns.get_value())])
    graph, start = nnx.split(free)
    adam = optax.adam(1e-2)

    def step(_, carry):
        state, memory = carry
        slope = jax.grad(lambda s: misfit(nnx.merge(graph, s)))(state)
        change, memory = adam.update(slope, memory)
        return optax.apply_updates(state, change), memory

    state, _ = jax.jit(lambda s: jax.lax.fori_loop(0, 200, step, (s, adam.init(s))))(start)
    free = nnx.merge(graph, state)
    assert misfit(free) < misfit(best) / 4
    gaps = np.diff(free.layers[0].cover.knots)
    assert gaps.min() > 0 and gaps[0] < 0.1 < gaps[-1]


def test_an_optimiser_of_flax_moves_every_array():
    net = ManifoldNet.on([covers.radial((0.0, 1.0), 2)], order=1)
    before = jax.tree.leaves(nnx.state(net, nnx.Param))
    optimiser = nnx.Optimizer(net, optax.sgd(1e-2), wrt=nnx.Param)
    optimiser.update(net, nnx.grad(lambda n: jnp.sum(n(jnp.array([[0.3], [0.8]])) ** 2))(net))
    after = jax.tree.leaves(nnx.state(net, nnx.Param))
    assert len(before) == 3 and all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))


def test_fixed_covers_are_no_parameters():
    cover = covers.radial((0.0, 1.0), 4)
    fixed, free = (ManifoldNet.on([cover], learn=learn) for learn in (False, True))
    count = [len(jax.tree.leaves(nnx.state(net, nnx.Param))) for net in (fixed, free)]
    assert count == [1, 3] and len(jax.tree.leaves(nnx.state(fixed, Fixed))) == 2


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_powers_are_those_up_to_the_order(inputs):
    found = powers(inputs, 2)
    assert len(found) == {1: 3, 2: 6, 3: 10}[inputs] and found.sum(1).max() == 2
    if inputs == 2:
        lattice = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=1, order=2))
        assert tuple(map(tuple, found.tolist())) == lattice.functions.powers


def test_what_does_not_fit_is_refused():
    line, plane = covers.splines((0.0, 1.0), 2), covers.splines((0.0, 0.0, 1.0, 1.0), 2)
    with pytest.raises(nmm.InputError, match="found 1 outputs, and the next layer has 2 inputs"):
        ManifoldNet([ManifoldLayer(line, np.zeros((3, 1, 1))), ManifoldLayer(plane, np.zeros((9, 1, 1)))])
    with pytest.raises(nmm.InputError, match=r"expected \(3, 1, 'outputs'\)"):
        ManifoldLayer(line, np.zeros((3, 2, 1)))
    with pytest.raises(nmm.InputError, match="an order ≥ 0 for each cover"):
        ManifoldNet.on([line, line], order=[1])
    with pytest.raises(nmm.InputError, match="found 2 layers"):
        minimise(ManifoldNet.on([line, line]), None)


def test_energies_that_are_no_sum_over_points_are_refused():
    manifold = nmm.cut(CRACKED, nmm.lattice(cells=5))
    model = nmm.elasticity(1.0, 0.3, dilatation="mean")
    with pytest.raises(nmm.InputError, match="found mean dilatation, a ghost penalty"):
        functional(nmm.problem(manifold, model, [nmm.fixed("outline")], ghost=0.25))
    with pytest.raises(nmm.ParameterError):
        functional(nmm.problem(manifold, nmm.poisson("k"), ROBIN))
