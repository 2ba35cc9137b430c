"""ReLU networks are manifolds: cells, node covers and affine functions, exactly."""

import numpy as np
import pytest

import networks
import nmm
from networks import ReLU, to_manifold
from networks.bounds import one_layer

TENT = [[2.0, -4.0], [2.0, -4.0]]


def tents(depth):
    """The tent map of [0, 1] to itself, composed with itself: two neurons a layer (Telgarsky 2015)."""
    weights = [[[1.0], [1.0]], *[TENT] * (depth - 1), TENT[:1]]
    return ReLU.of(weights, [*[[0.0, -0.5]] * depth, [0.0]])


def check_watertight(cells, box):
    """One disk of convex cells that cover the box, each side with a cell on either side of it."""
    low, high = np.reshape(box, (2, 2))
    assert cells.euler == 1
    assert (cells.areas > 0).all()
    assert cells.areas.sum() == pytest.approx(np.prod(high - low), rel=1e-13)
    _, count = np.unique(cells.sides, axis=0, return_counts=True)
    assert (count == 1).all()
    first, second = (cells.vertices[cells.boundary[:, k]] for k in (0, 1))
    np.testing.assert_array_equal(((first == second) & ((first == low) | (first == high))).any(1), True)
    assert np.linalg.norm(first - second, axis=1).sum() == pytest.approx(2 * (high - low).sum())
    assert len(cells.neighbours) + len(cells.boundary) == len(cells.edges)


@pytest.mark.parametrize("seed", range(100))
def test_random_networks_are_watertight(seed):
    sizes = [(2, 9, 1), (2, 5, 5, 2), (2, 3, 8, 3, 1), (2, 4, 4, 4, 4, 1), (2, 2, 12, 1)][seed % 5]
    box = [(-1, -1, 1, 1), (-100, -50, 30, 100), (2, 0, 2.5, 4)][seed % 3]
    network = ReLU.random(sizes, seed)
    cells = to_manifold(network, box)
    check_watertight(cells, box)
    size = 1 + np.abs(cells.values).max()
    assert cells.jump < 1e-12 * size
    points = np.random.default_rng(seed).uniform(box[:2], box[2:], (20, 2))
    np.testing.assert_allclose(cells(points), network(points), rtol=0, atol=1e-12 * size)


@pytest.mark.parametrize(("neurons", "regions"), [(8, 37), (16, 137), (32, 529), (64, 2081)])
def test_one_layer_has_the_regions_of_zaslavsky(neurons, regions):
    cells = to_manifold(ReLU.random((2, neurons, 1), 1), (-1e4, -1e4, 1e4, 1e4))
    assert len(cells) == regions == one_layer(neurons, 2)
    assert len(np.unique(cells.active, axis=0)) == regions


@pytest.mark.parametrize("depth", range(1, 9))
def test_composed_tents_have_two_to_the_depth_pieces(depth):
    pieces = to_manifold(tents(depth), (0, 1))
    assert len(pieces) == 2**depth
    np.testing.assert_array_equal(np.abs(pieces.slopes), 2.0**depth)
    np.testing.assert_array_equal(pieces.nodes, np.linspace(0, 1, 2**depth + 1))


@pytest.mark.parametrize(
    ("depth", "mean", "error"), [(1, 1166, 2), (2, 1222, 28), (3, 1157, 62), (4, 1189, 72)]
)
def test_regions_of_random_planes_do_not_grow_with_depth(depth, mean, error):
    """About N²/2 = 1152 at every depth (Hanin, Rolnick 2019): 48 neurons, He weights, biases N(0, 1).

    Means of 12 seeds of another program and their standard errors; 4 seeds here, at 4 standard errors.
    """
    sizes = (2, *[48 // depth] * depth, 1)
    counts = [len(to_manifold(ReLU.random(sizes, seed), (-100, -100, 100, 100))) for seed in range(4)]
    assert abs(np.mean(counts) - mean) < 4 * error * np.sqrt(1 + 12 / 4)
    assert max(counts) <= networks.region_bounds(2, sizes[1:-1]).serra_upper


@pytest.mark.parametrize("sizes", [(1, 64, 1), (1, 32, 32, 1), (1, 16, 16, 16, 16, 1)])
def test_a_random_line_has_as_many_bends_as_neurons(sizes):
    """He weights, biases N(0, 1): N + o(N) bends (Kogan, Jananthan, Kepner 2025)."""
    bends = [len(to_manifold(ReLU.random(sizes, seed), (-1e5, 1e5))) - 1 for seed in range(20)]
    assert np.mean(bends) == pytest.approx(64, abs=8)


GOLDEN = {
    (1, (4, 4, 4)): (80, 125, 125, 125, 13),
    (2, (6, 6)): (198, 352, 484, 484, 79),
    (2, (6, 6, 6)): (1782, 5632, 10648, 10648, 172),
    (2, (8, 8, 8)): (9472, 23125, 50653, 50653, 301),
    (2, (32, 32)): (135424, 152881, 279841, 279841, 2081),
    (2, (16, 16, 16, 16)): (35913728, 72807417, 352275361, 352275361, 2081),
    (8, (4, 4, 4)): (None, None, 1634, 4096, 3797),
    (2, (2, 6, 6)): (198, None, 583, 1936, 106),
    (2, (6, 6, 2)): (324, None, 1936, 1936, 106),
}


@pytest.mark.parametrize("case", GOLDEN, ids=str)
def test_bounds_of_regions_are_those_of_the_literature(case):
    found = networks.region_bounds(*case)
    assert (
        found.montufar_lower,
        found.serra_lower,
        found.serra_upper,
        found.montufar_upper,
        found.shallow,
    ) == GOLDEN[case]


def test_bounds_want_layers():
    with pytest.raises(nmm.InputError, match="expected positive numbers"):
        networks.region_bounds(2, ())


def test_a_line_of_256_elements_goes_to_a_network_and_back():
    nodes = np.linspace(0, 1, 257)
    values = np.sin(7 * nodes) * nodes
    pieces = to_manifold(networks.from_nodes(nodes, values), (0, 1))
    np.testing.assert_allclose(pieces.nodes, nodes, rtol=0, atol=1e-12)
    np.testing.assert_allclose(pieces.values[:, 0], values, rtol=0, atol=1e-12)
    again = pieces.to_network()
    x = np.random.default_rng(0).uniform(0, 1, (500, 1))
    np.testing.assert_allclose(again(x), pieces(x), rtol=0, atol=1e-12)
    np.testing.assert_allclose(again.gradient(x), pieces.gradient(x), rtol=0, atol=1e-11)
    assert np.isnan(pieces([[1.5]])).all() and np.isnan(pieces.gradient([[-1.0]])).all()


def test_a_cut_disk_goes_to_a_network_and_back():
    manifold = nmm.cut(nmm.disk((0.1, -0.2), 0.5), nmm.lattice(cell=1 / 16, shape="triangle"))
    model, held = nmm.poisson(1.0, source="1 + x*y"), nmm.value("outline", "sin(3*x)*y")
    solution = nmm.forward(nmm.problem(manifold, model, held))()
    box = (-0.4, -0.7, 0.6, 0.3)
    cells = to_manifold(networks.from_solution(solution), box)
    check_watertight(cells, box)
    points = np.random.default_rng(0).uniform(box[:2], box[2:], (2000, 2))
    inside = ~np.isnan(solution.at(points))
    for found, expected in (
        (cells(points), solution.at(points)),
        (cells.gradient(points), solution.gradient(points)),
    ):
        np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-12)
    np.testing.assert_allclose(networks.to_dofs(cells, manifold), solution.dofs, rtol=0, atol=1e-12)
    distance = np.abs(cells.vertices[:, None] - manifold.patch_points()[manifold.active]).sum(-1)
    assert distance.min(0).max() < 1e-12  # every node is a vertex, and cells are the triangles of the lattice
    assert cells.areas[cells.locate(points[inside])] == pytest.approx(manifold.grid.cell_area)


def test_hats_of_the_vertices_are_the_p1_form_of_a_network():
    network = ReLU.random((2, 8, 6, 2), 3)
    cells = to_manifold(network, (-1, -2, 3, 2))
    corners = cells.vertices[cells.triangles]
    (a, b), (c, d) = np.moveaxis(corners[:, 1:] - corners[:, :1], 0, -1)
    assert (a * d - b * c).sum() / 2 == pytest.approx(16)
    share = np.random.default_rng(0).dirichlet(np.ones(3), len(corners))
    points = np.einsum("nk,nki->ni", share, corners)
    sums = np.einsum("nk,nkc->nc", share, cells.values[cells.triangles])
    np.testing.assert_allclose(sums, network(points), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(cells.covers.sum(0), np.diff(cells.starts))
    assert cells.covers.sum(1).min() >= 1


def test_a_slice_of_many_inputs_is_a_manifold():
    network = ReLU.random((5, 7, 7, 1), 2)
    origin, axes = np.arange(5.0) / 5, np.random.default_rng(2).normal(size=(2, 5))
    cells = to_manifold(network.on(origin, axes), (-1, -1, 1, 1))
    check_watertight(cells, (-1, -1, 1, 1))
    s = np.random.default_rng(3).uniform(-1, 1, (100, 2))
    np.testing.assert_allclose(cells(s), network(origin + s @ axes), rtol=0, atol=1e-12)
    with pytest.raises(nmm.InputError, match=r"network\.on\(origin, axes\)"):
        to_manifold(network, (-1, -1, 1, 1))


def test_no_hidden_layer_is_one_cell():
    cells = to_manifold(ReLU.of([[[1.0, 2.0]]], [[3.0]]), (0, 0, 1, 1))
    assert len(cells) == 1 and cells.euler == 1
    np.testing.assert_allclose(cells([[0.5, 0.5], [2.0, 0.0]]), [4.5, np.nan])
    assert np.isnan(cells.gradient([[2.0, 0.0]])).all()


@pytest.mark.parametrize("box", [(0, 0, 1), (0, 0, 0, 1), (0, 1), (0, 0, np.nan, 1)])
def test_a_box_has_a_size(box):
    with pytest.raises(nmm.InputError, match="expected 2 lower"):
        to_manifold(ReLU.random((2, 3, 1)), box)


def test_lines_through_one_point_and_equal_lines_are_exact():
    turn = np.linspace(0, np.pi, 7)[:-1]
    lines = np.stack([np.cos(turn), np.sin(turn)], -1)
    network = ReLU.of([np.concatenate([lines, lines, -3 * lines]), np.ones((1, 18))], [np.zeros(18), [0.0]])
    cells = to_manifold(network, (-1, -1, 1, 1))
    check_watertight(cells, (-1, -1, 1, 1))
    assert len(cells) == 12
