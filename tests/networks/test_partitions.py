"""Learned covers are partitions of unity, whatever their arrays are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmm
from networks import covers, lattice_cover

LINE, PLANE = (-1.0, 2.0), (-1.0, 0.5, 2.0, 1.5)
COVERS = {
    "hats": covers.splines(PLANE, (4, 2)),
    "splines": covers.splines(LINE, 4, 3),
    "windows": covers.windows(LINE, 5, 0.3),
    "radial": covers.radial(PLANE, 3),
    "softmax": covers.softmax(2, 6),
}


def moved(cover, seed, size=2.0):
    """The cover with random numbers added to its arrays."""
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda a: a + size * random.normal(size=a.shape), cover)


def points(box, count=50):
    """Corners of the box and random points in it."""
    low, high = np.reshape(box, (2, -1))
    inside = np.random.default_rng(0).uniform(low, high, (count, len(low)))
    return np.concatenate([low[None], high[None], inside])


@pytest.mark.parametrize("kind", COVERS)
def test_weights_are_a_partition_of_unity_whose_derivatives_are_right(kind):
    start = COVERS[kind]
    x = points(PLANE if start.nodes.shape[1] == 2 else LINE)
    assert start.nodes.shape == start.sizes.shape
    for seed in range(20):
        weights = np.asarray(moved(start, seed)(x))
        assert weights.shape == (52, start.patches) and weights.min() >= 0
        np.testing.assert_allclose(weights.sum(1), 1, rtol=0, atol=1e-14)
    cover, way = moved(start, 0, 0.3), moved(jax.tree.map(jnp.zeros_like, start), 1)

    @jax.jit
    def along(cover, way):
        return jax.jvp(lambda c: c(x), (cover,), (way,))[1]

    ahead, behind = (jax.tree.map(lambda a, b, s=s: a + s * b, cover, way) for s in (1e-6, -1e-6))
    difference = (ahead(x) - behind(x)) / 2e-6
    slope = along(cover, way)
    assert np.abs(slope).max() > 0.1
    np.testing.assert_allclose(slope, difference, rtol=0, atol=1e-6)


@given(st.lists(st.floats(-50, 50), min_size=6, max_size=6))
def test_knots_increase_and_come_back(gaps):
    knots = np.asarray(covers.positions(jnp.array(gaps), *LINE))
    assert knots[0] == LINE[0] and knots[-1] == LINE[1]
    assert np.diff(knots).min() > 0.99 * covers.SMALLEST * 3 / len(gaps)


def test_given_knots_are_kept():
    knots = [0.0, 0.1, 0.5, 0.55, 2.0]
    np.testing.assert_allclose(covers.Splines(*covers.gaps_of(knots)).knots, knots, rtol=0, atol=1e-15)
    for wrong in ([0.0, 1.0, 1.0], [0.0, 1e-9, 1.0], [1.0]):
        with pytest.raises(nmm.InputError, match="knots"):
            covers.gaps_of(wrong)


@pytest.mark.parametrize("degree", [1, 3])
def test_splines_reproduce_the_point_and_are_smooth(degree):
    cover = moved(covers.splines(LINE, 5, degree), 1, 0.5)
    x = points(LINE)
    np.testing.assert_allclose(cover(x) @ cover.nodes, x, rtol=0, atol=1e-14)
    knot = float(cover.knots[2])
    step = 1e-3
    rows = np.asarray(cover(knot + step * np.arange(-3.0, 4)[:, None]))
    jumps = np.abs(np.diff(rows, 2, axis=0)).max(1) / step  # second differences: of order 1 at a bend
    assert (jumps[2] > 0.1) == (degree == 1) and jumps[[0, 4]].max() < 0.05


def test_hats_have_their_own_slope_on_the_ends():
    slope = jax.jit(jax.vmap(jax.jacfwd(lambda x: covers.splines((0, 1), 2)(x[None])[0])))(
        jnp.array([[0.0], [1.0]])
    )
    np.testing.assert_allclose(slope[..., 0], [[-2, 2, 0], [0, -2, 2]])


def test_windows_vanish_outside_their_subdomain():
    cover = covers.windows((0, 4), 4, overlap=0.25)
    assert np.asarray(cover(np.array([[0.5], [2.0]])) > 0).tolist() == [
        [1, 0, 0, 0],
        [0, 1, 1, 0],
    ]
    np.testing.assert_allclose(cover.sizes, 0.625)


@pytest.mark.parametrize(("shape", "degree"), [("triangle", 1), ("quad", 2)])
def test_weights_of_a_lattice_belong_to_physical_patches(shape, degree):
    kind = "hat" if degree == 1 else "bspline"
    domain = (nmm.disk((0, 0), 0.5) - nmm.disk((0.2, 0.0), 0.1)).with_cracks([[(-0.5, -0.05), (0.12, 0.0)]])
    cover = nmm.lattice(cells=7, shape=shape, weights=kind, degree=degree, angle=10.0)
    manifold = nmm.cut(domain, cover)
    made = lattice_cover(manifold)
    x = np.array([[-0.15, -0.01], [-0.15, -0.035], [0.0, 0.3], [0.31, 0.0]])
    weights = np.asarray(made(x))
    np.testing.assert_allclose(weights.sum(1), 1, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(made.number, np.flatnonzero(manifold.active))
    np.testing.assert_allclose(made.nodes, manifold.patch_points()[manifold.active], rtol=0, atol=1e-14)
    assert ((weights[0] > 0) & (weights[1] > 0)).sum() < (weights[0] > 0).sum()
    with pytest.raises(nmm.InputError, match="outside the domain"):
        made([[2.0, 0.0]])


def test_open_splines_on_equal_gaps_are_those_of_a_lattice():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=4, weights="bspline", degree=3))
    x = np.random.default_rng(0).uniform(0, 1, (30, 2))
    mine = covers.splines((0, 0, 1, 1), 4, 3, clamped=False)(x)
    np.testing.assert_allclose(mine, lattice_cover(manifold)(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "make",
    [
        lambda: covers.splines((0, 1), 0),
        lambda: covers.splines((1, 0), 3),
        lambda: covers.splines((0, 1, 2), 3),
        lambda: covers.splines((0, 1), 3, 0),
        lambda: covers.windows((0, 1), 3, 0.0),
    ],
)
def test_covers_without_a_size_are_refused(make):
    with pytest.raises(nmm.InputError, match="expected"):
        make()


def test_enriched_tips_are_refused():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.51), (0.5, 0.51)]])
    with pytest.raises(nmm.InputError, match="enriched"):
        lattice_cover(nmm.cut(domain, nmm.lattice(cells=8, tips="enriched", tip_radius=0)))
