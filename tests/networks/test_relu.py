"""P1 solutions are ReLU networks, with the same values and gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import networks
import nmm
from networks import ReLU

INSIDE = np.random.default_rng(0).uniform(-0.6, 0.6, (2000, 2))
HOLED = nmm.disk((0.05, -0.02), 0.5) - nmm.disk((0.2, 0.1), 0.15)


def potential(domain, h=1 / 16, angle=0.0, shape="triangle"):
    manifold = nmm.cut(domain, nmm.lattice(cell=h, shape=shape, angle=angle))
    model, held = nmm.poisson(1.0, source="1 + x*y"), nmm.value("outline", "sin(3*x)*y")
    return nmm.forward(nmm.problem(manifold, model, held))()


def differences(solution, network):
    """Largest differences of values and gradients at points inside, each over the largest value."""
    value, slope = solution.at(INSIDE), solution.gradient(INSIDE)
    inside = ~np.isnan(value.reshape(len(value), -1)[:, 0])
    assert inside.sum() > 500
    pairs = ((value, network(INSIDE)), (slope, network.gradient(INSIDE)))
    return [np.abs(a - b)[inside].max() / np.abs(a[inside]).max() for a, b in pairs]


@pytest.mark.parametrize("angle", [0.0, 17.0])
def test_a_cut_domain_with_a_hole_is_one_network_of_two_hidden_layers(angle):
    solution = potential(HOLED, angle=angle)
    network = networks.from_solution(solution)
    assert len(network.sizes) == 4
    assert network.sizes[2] == solution.manifold.active.sum()
    assert max(differences(solution, network)) < 1e-13


def test_a_hole_that_divides_a_patch_costs_a_neuron_for_each_side():
    solution = potential(nmm.rectangle(-0.5, -0.5, 0.5, 0.5) - nmm.rectangle(-0.26, -0.03, 0.24, 0.04), 1 / 8)
    divided = len(solution.manifold.host.patch_node)
    network = networks.from_solution(solution)
    assert divided > 0
    assert network.sizes[1] == 9 + 9 + 17 + 2 * divided
    assert max(differences(solution, network)) < 1e-13


def test_displacements_are_a_network_with_two_outputs():
    manifold = nmm.cut(nmm.disk((0, 0), 0.5), nmm.lattice(cell=1 / 8, shape="triangle"))
    held = nmm.fixed("outline", ("x*y", "sin(x)"))
    solution = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), held))()
    assert max(differences(solution, networks.from_solution(solution))) < 1e-13


def test_the_sides_of_cracks_are_sheets():
    cracks = [[(-0.3, -0.2), (0.0, 0.15)], [(0.1, -0.3), (0.4, -0.35)], [(-0.15, 0.0), (-0.4, 0.25)]]
    manifold = nmm.cut(HOLED.with_cracks(cracks), nmm.lattice(cell=1 / 16, shape="triangle"))
    model, held = nmm.elasticity(1.0, 0.3), nmm.fixed("outline", ("sin(3*x)*y", "x*y"))
    solution = nmm.forward(nmm.problem(manifold, model, held))()
    sheets = networks.sheets(solution)
    assert len(sheets.networks) > 1
    assert max(differences(solution, sheets)) < 1e-13
    on = np.linspace((-0.29, -0.19), (-0.21, -0.1), 5)
    for side in (-1, 1):
        np.testing.assert_allclose(sheets(on, side), solution.at(on, side), rtol=0, atol=1e-13)
    outside = np.array([[3.0, 0.0]])
    assert np.isnan(sheets(outside)).all() and np.isnan(sheets.gradient(outside)).all()


def test_a_crack_is_no_single_network():
    solution = potential(nmm.disk((0, 0), 0.5).with_cracks([[(-0.2, -0.1), (0.2, 0.15)]]), 1 / 8)
    with pytest.raises(nmm.InputError, match=r"networks\.sheets"):
        networks.from_solution(solution)


def test_squares_are_no_network():
    solution = potential(nmm.disk((0, 0), 0.5), 1 / 4, shape="quad")
    for make in (networks.from_solution, networks.sheets):
        with pytest.raises(nmm.InputError, match='found shape "quad"'):
            make(solution)


def test_unknowns_come_back_from_the_network():
    solution = potential(nmm.disk((0, 0), 0.5))
    dofs = networks.to_dofs(networks.from_solution(solution), solution.manifold)
    np.testing.assert_allclose(dofs, solution.dofs, rtol=0, atol=1e-13)


def test_one_dimension_needs_one_hidden_layer():
    nodes = np.linspace(-1, 2, 257) + 1e-3 * np.sin(np.arange(257))
    values = np.stack([np.exp(-(nodes**2)), np.sin(5 * nodes)], -1)
    network = networks.from_nodes(nodes, values)
    x = np.random.default_rng(1).uniform(-1, 2, 1000)
    expected = np.stack([np.interp(x, nodes, column) for column in values.T], -1)
    interval = np.searchsorted(nodes, x) - 1
    slope = (np.diff(values, axis=0) / np.diff(nodes)[:, None])[interval]
    assert network.sizes == (1, 256, 2)
    np.testing.assert_allclose(network(x[:, None]), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(network.gradient(x[:, None])[..., 0], slope, rtol=0, atol=1e-12)


@pytest.mark.parametrize("nodes", [[0.0, 0.0, 1.0], [1.0], [0.0, 1.0]])
def test_nodes_increase_and_have_values(nodes):
    with pytest.raises(nmm.InputError, match="increasing nodes"):
        networks.from_nodes(nodes, np.zeros(3))


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(0, 99))
def test_gradients_are_differences_where_no_neuron_bends(sizes, seed):
    network = ReLU.random(sizes, seed)
    x = np.random.default_rng(seed).normal(size=(7, sizes[0]))
    slope, constant = network.affine(network.pattern(x))
    straight = (
        np.einsum("nci,ni->nc", slope[: len(x)] if len(sizes) > 2 else slope.repeat(7, 0), x) + constant
    )
    np.testing.assert_allclose(straight.reshape(7, -1), network(x).reshape(7, -1), rtol=0, atol=1e-11)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(nmm.InputError, match=r"layer 1: found a matrix \(1, 3\)"):
        ReLU.of([np.ones((2, 1)), np.ones((1, 3))], [np.ones(2), np.ones(1)])
    with pytest.raises(nmm.InputError, match=r"array \(n, 2\)"):
        ReLU.random((2, 3, 1))(np.ones(2))
    with pytest.raises(nmm.InputError, match="found 1 matrices and 2 vectors"):
        ReLU.of([np.ones((2, 1))], [np.ones(2), np.ones(1)])


def test_names_are_lazy_and_listed():
    assert dir(networks) == sorted(networks.__all__)
    assert all(getattr(networks, name) for name in networks.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = networks.nothing
