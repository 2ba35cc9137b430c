"""The cut: sums, physical patches against an independent count, and the places where unfitted codes break."""

import jax
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

import nmm
from nmm.cover import Weights
from nmm.domain.domain import Crack
from nmm.manifold.locate import locate

SHAPES = ("quad", "triangle")


def star_crack(n, length=0.5, centre=(0.013, -0.021), turn=0.1):
    angles = turn + 2 * np.pi * np.arange(n) / n
    c = np.array(centre)
    return [[tuple(c), tuple(c + length * np.array([np.cos(a), np.sin(a)]))] for a in angles]


def count_patches(manifold):
    """Physical patches counted with shapely alone: each node's star, polygonised with cracks and borders."""
    grid, geometry = manifold.grid, manifold.geometry
    points = geometry.vertices
    ends = points[np.concatenate([geometry.cracks, geometry.interfaces]).astype(int)]
    cracks = shapely.linestrings(ends) if len(ends) else np.zeros(0, object)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    halves = [np.array([[0, 0], [1, 0], [1, 1]], float), np.array([[0, 0], [1, 1], [0, 1]], float)]
    cells = {}
    for cell in range(grid.cells):
        corners = square if grid.shape == "quad" else halves[cell % 2]
        shape = shapely.Polygon(grid.to_local(grid.corner(np.array([cell])) + corners))
        for node in grid.cell_nodes(np.array([cell]))[0]:
            cells.setdefault(int(node), []).append(shape)
    total = 0
    tree = shapely.STRtree(cracks) if len(cracks) else None
    for shapes in cells.values():
        around = shapely.intersection(shapely.union_all(shapes), geometry.polygon)
        parts = [p for p in shapely.get_parts(around) if p.geom_type == "Polygon" and p.area > 1e-10]
        near = cracks[tree.query(around)] if tree is not None else []
        for part in parts:
            lines = [part.boundary, *near]
            noded = shapely.union_all(lines, grid_size=1e-11)
            faces = shapely.get_parts(shapely.polygonize(list(shapely.get_parts(noded))))
            total += sum(part.contains(f.representative_point()) and f.area > 1e-10 for f in faces)
    return total


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("arms", [2, 4, 6])
def test_star_cracks_have_the_right_number_of_physical_patches(shape, arms):
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks(star_crack(arms))
    manifold = nmm.cut(domain, nmm.lattice(cells=12, shape=shape))
    assert manifold.stats["patches"] == count_patches(manifold)
    assert manifold.stats["parts"] == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(6))
def test_patch_count_holds_under_rotation_and_shift_of_the_lattice(shape, seed):
    rng = np.random.default_rng(seed)
    arms = int(rng.choice([2, 4, 6]))
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks(star_crack(arms, turn=rng.uniform(0, 6)))
    lattice = nmm.lattice(
        cell=1 / 6, shape=shape, angle=rng.uniform(0, 90), origin=tuple(rng.uniform(-1, 0, 2))
    )
    manifold = nmm.cut(domain, lattice)
    assert manifold.stats["patches"] == count_patches(manifold)
    assert manifold.stats["area"] == pytest.approx(4.0, rel=1e-12)
    assert manifold.stats["boundary_length"] == pytest.approx(8.0, rel=1e-12)


def test_a_star_crack_splits_the_weight_at_its_centre_once_per_arm():
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks(star_crack(6, 0.9, (0.0, 0.0), 0.05))
    manifold = nmm.cut(domain, nmm.lattice(cells=8))
    node = 4 * 9 + 4
    assert 1 + (manifold.host.patch_node == node).sum() == 6


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_area_and_boundary_length_are_those_of_the_outline(shape, seed):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    r = 0.7 + 0.2 * np.cos(5 * t)
    domain = nmm.polygon(np.stack([r * np.cos(t), r * np.sin(t)], -1)) - nmm.disk((0.1, 0.05), 0.21)
    domain = domain - nmm.disk((-0.2, 0.3), 0.004)
    manifold = nmm.cut(domain, nmm.lattice(cell=0.07, shape=shape, angle=rng.uniform(0, 90)))
    geometry = manifold.geometry
    assert manifold.stats["area"] == pytest.approx(geometry.polygon.area, rel=1e-12)
    assert manifold.stats["boundary_length"] == pytest.approx(geometry.polygon.length, rel=1e-12)


@pytest.mark.parametrize("h", [0.2, 0.05, 0.0125])
def test_a_disk_has_the_promised_sagitta(h):
    radius = 1.5
    manifold = nmm.cut(nmm.disk((0.3, -0.2), radius), nmm.lattice(cell=h))
    sagitta = 1e-3 * h**2 / (2 * radius)
    exact = np.pi * radius**2
    assert 0 < exact - manifold.stats["area"] <= 2 * np.pi * radius * sagitta


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_sum_to_one_and_patches_cover_every_point(shape):
    domain = nmm.rectangle(-1, -1, 1, 1) - nmm.disk((0.5, 0.5), 0.3)
    domain = domain.with_cracks(star_crack(4))
    manifold = nmm.cut(domain, nmm.lattice(cell=0.11, shape=shape, angle=23.0))
    points = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    element, xi = locate(manifold, points)
    inside = np.linalg.norm(points - 0.5, axis=1) > 0.3
    assert ((element >= 0) == inside).all()
    cell = manifold.element_cells()[element[inside]]
    w = Weights(shape).values(xi[inside], cell % 2 == 1)
    assert np.abs(w.sum(1) - 1).max() <= 1e-14
    assert manifold.active[manifold.element_patches()[element[inside]]].all()


def test_interface_on_a_lattice_line_gives_regions_without_slivers():
    domain = nmm.rectangle(0, 0, 1, 1).with_region("right", nmm.rectangle(0.5, 0, 1, 1))
    manifold = nmm.cut(domain, nmm.lattice(cells=4))
    area = np.bincount(manifold.element_regions() + 1, manifold.element_areas())
    assert area == pytest.approx([0.5, 0.5], abs=1e-14)
    assert manifold.stats["elements"] == 16
    assert manifold.stats["patches"] == 25 + 5


def test_interface_inside_cells_splits_elements_and_patches_but_not_parts():
    domain = nmm.rectangle(0, 0, 1, 1).with_region("right", nmm.rectangle(0.4, 0, 1, 1))
    manifold = nmm.cut(domain, nmm.lattice(cells=4))
    assert manifold.stats["elements"] == 20
    assert manifold.stats["patches"] == 25 + 10
    assert manifold.stats["parts"] == 1
    area = np.bincount(manifold.element_regions() + 1, manifold.element_areas())
    assert area == pytest.approx([0.4, 0.6], abs=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("offset", [0.0, 1e-12, 1e-10, -1e-10, 1e-3])
def test_a_crack_on_or_beside_a_lattice_line_splits_the_same_weights(shape, offset):
    y = 0.5 + offset / 8
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, y), (1.0, y)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=8, shape=shape))
    assert manifold.stats["parts"] == 2
    assert manifold.stats["crack_length_cut"] == pytest.approx(1.0)
    if offset == 0.0:
        assert manifold.stats["patches"] == 81 + 9


def test_a_crack_through_lattice_nodes_separates_the_parts():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.0), (1.0, 1.0)]])
    for shape in SHAPES:
        manifold = nmm.cut(domain, nmm.lattice(cells=8, shape=shape))
        assert manifold.stats["parts"] == 2
        assert manifold.stats["patches"] == count_patches(manifold)


def test_a_crack_that_ends_on_a_lattice_line_has_full_effect():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.55), (0.5, 0.55)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=8))
    assert manifold.stats["crack_length_lost"] == 0
    assert manifold.stats["patches"] == count_patches(manifold)


def test_a_crack_that_ends_inside_a_cell_loses_the_last_stretch():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.55), (0.55, 0.55)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=8))
    assert manifold.stats["crack_length_lost"] == pytest.approx(0.05, abs=1e-12)
    assert manifold.stats["crack_lost"] == [(0, pytest.approx(0.05, abs=1e-12))]


def test_a_crack_inside_one_cell_has_no_effect_and_says_so():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.53, 0.53), (0.58, 0.6)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=8))
    assert manifold.stats["crack_length_cut"] == 0
    assert manifold.stats["crack_length_lost"] == pytest.approx(np.hypot(0.05, 0.07))
    assert manifold.stats["patches"] == 81


def test_a_crack_across_one_cell_only_has_no_effect_and_says_so():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.45, 0.56), (0.7, 0.56)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=8))
    assert manifold.stats["patches"] == 81
    assert manifold.stats["crack_length_cut"] == 0
    assert manifold.stats["crack_length_lost"] == pytest.approx(0.25)


def test_a_crack_that_ends_on_another_and_on_the_outline():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.52), (1.0, 0.52)], [(0.53, 0.0), (0.53, 0.52)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=7))
    assert manifold.stats["parts"] == 3
    assert manifold.stats["crack_length_lost"] == 0
    assert manifold.stats["patches"] == count_patches(manifold)


def test_two_boundaries_in_one_cell():
    domain = (
        nmm.rectangle(0, 0, 1, 1) - nmm.rectangle(0.1, 0.50, 0.9, 0.51) - nmm.rectangle(0.1, 0.55, 0.9, 0.56)
    )
    manifold = nmm.cut(domain, nmm.lattice(cells=5))
    assert manifold.stats["area"] == pytest.approx(1 - 2 * 0.8 * 0.01, rel=1e-12)
    assert manifold.stats["patches"] == count_patches(manifold)


def test_a_hole_smaller_than_a_cell_is_integrated():
    domain = nmm.rectangle(0, 0, 1, 1) - nmm.disk((0.55, 0.55), 0.02)
    manifold = nmm.cut(domain, nmm.lattice(cells=5))
    assert manifold.stats["area"] == pytest.approx(manifold.geometry.polygon.area, rel=1e-12)
    assert manifold.stats["elements"] == 25
    mesh = manifold.mesh()
    ring = mesh.points[mesh.offsets[-2] : mesh.offsets[-1]] if mesh.cut[-1] else None
    assert ring is not None and shapely.Polygon(ring).buffer(0).area < 0.04


def test_a_domain_that_touches_itself_in_a_point_stays_two_patches_there():
    bow = nmm.polygon([(0, 0), (1, 0), (0.5, 0.5), (1, 1), (0, 1), (0.5, 0.5)])
    manifold = nmm.cut(bow, nmm.lattice(cell=1 / 7))
    assert manifold.stats["area"] == pytest.approx(0.5, rel=1e-12)
    assert manifold.stats["parts"] == 2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("thickness", [1e-12, 1e-10, 1e-6, 1e-2])
def test_a_sliver_keeps_its_area(shape, thickness):
    h = 1 / 16
    manifold = nmm.cut(nmm.rectangle(0, 0, 1 + thickness * h, 1), nmm.lattice(cell=h, shape=shape))
    assert manifold.stats["area"] == pytest.approx(1 + thickness * h, rel=1e-12)
    assert manifold.stats["boundary_length"] == pytest.approx(4 + 2 * thickness * h, rel=1e-12)
    assert manifold.stats["smallest_piece"] <= thickness * 1.01


def test_coordinates_of_a_million_give_the_same_cut():
    def make(dx, dy):
        domain = nmm.rectangle(dx, dy, dx + 1, dy + 1) - nmm.disk((dx + 0.6, dy + 0.6), 0.2)
        return nmm.cut(domain.with_cracks([[(dx, dy + 0.3), (dx + 0.4, dy + 0.3)]]), nmm.lattice(cells=9))

    near, far = make(0, 0), make(467000.0, 6692000.0)
    for key in ("cells", "elements", "patches", "split", "parts"):
        assert near.stats[key] == far.stats[key]
    assert far.stats["area"] == pytest.approx(near.stats["area"], rel=1e-8)
    assert far.mesh().points.min(0) == pytest.approx([467000.0, 6692000.0])


@given(st.integers(0, 10_000))
def test_random_cracks_and_lattices_cut_without_contradiction(seed):
    rng = np.random.default_rng(seed)
    cracks = [rng.uniform(-0.2, 1.2, (rng.integers(2, 5), 2)) for _ in range(rng.integers(1, 6))]
    inside = [c for c in cracks if shapely.LineString(c).intersects(shapely.box(0.01, 0.01, 0.99, 0.99))]
    domain = nmm.rectangle(0, 0, 1, 1)
    if inside:
        domain = domain.with_cracks(inside)
    shape = SHAPES[seed % 2]
    manifold = nmm.cut(
        domain, nmm.lattice(cell=rng.uniform(0.08, 0.3), shape=shape, angle=rng.uniform(0, 90))
    )
    assert manifold.stats["area"] == pytest.approx(1.0, rel=1e-12)
    assert manifold.stats["patches"] == count_patches(manifold)


@given(st.integers(0, 10_000))
def test_cracks_through_nodes_and_along_lattice_lines_split_what_they_should(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 8))
    halves = [rng.integers(0, 2 * n + 1, (rng.integers(2, 4), 2)) for _ in range(rng.integers(1, 6))]
    cracks = [Crack(c / (2 * n), inline=False) for c in halves if np.ptp(c, axis=0).any()]
    cracks.append(Crack(np.array([[0.0, 0.31], [0.7, 0.77]])))
    domain = nmm.rectangle(0, 0, 1, 1).with_region("a", nmm.rectangle(1 / n, 0, 1, 2 / n)).with_cracks(cracks)
    manifold = nmm.cut(domain, nmm.lattice(cells=n, shape=SHAPES[seed % 2]))
    assert manifold.stats["patches"] == count_patches(manifold)


def test_a_crack_that_meets_a_corner_beside_a_node_does_not_contradict_the_outline():
    edge = -1e-13 / 3
    domain = nmm.rectangle(edge, edge, 1, 1 - edge).with_cracks([[(1e-7 / 3, 1 / 3), (edge, 1 - edge)]])
    for shape in SHAPES:
        manifold = nmm.cut(domain, nmm.lattice(cell=1 / 3, shape=shape, origin=(0, 0)))
        assert manifold.stats["area"] == pytest.approx(1.0, rel=1e-12)


def test_a_line_that_passes_a_node_by_less_than_the_tolerance_of_the_diagonals():
    x = 0.5 - 5e-15
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(x, 0.1), (x, 0.9)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=4, shape="triangle"))
    assert manifold.grid.tolerance < (0.5 - x) * 4 < 2 * manifold.grid.tolerance
    assert manifold.stats["crack_length_cut"] == pytest.approx(0.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_crack_that_ends_on_a_lattice_line_has_full_effect_at_coordinates_of_a_million(shape):
    x, y = 467000.3, 6692000.7
    domain = nmm.rectangle(x, y, x + 1, y + 1).with_cracks([[(x, y + 0.55), (x + 0.6, y + 0.55)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 40, shape=shape))
    assert manifold.stats["crack_length_lost"] == 0
    assert manifold.stats["crack_length_cut"] == pytest.approx(0.6)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mesh_covers_the_domain_once(shape):
    domain = nmm.rectangle(0, 0, 2, 1) - nmm.disk((1.4, 0.6), 0.15)
    manifold = nmm.cut(domain.with_cracks([[(0.5, 0.0), (0.5, 0.3)]]), nmm.lattice(cell=0.13, shape=shape))
    mesh = manifold.mesh()
    rings = [mesh.points[a:b] for a, b in zip(mesh.offsets[:-1], mesh.offsets[1:], strict=True)]
    areas = np.array([shapely.Polygon(r).area for r in rings])
    assert areas.sum() == pytest.approx(manifold.stats["area"], rel=1e-12)
    assert areas == pytest.approx(manifold.element_areas(), rel=1e-9)
    corners = mesh.points[mesh.triangles]
    edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    triangle = np.abs(edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0]) / 2
    assert np.bincount(mesh.element_of_triangle, triangle) == pytest.approx(areas, rel=1e-9)
    assert (mesh.element_of_point[mesh.triangles] == mesh.element_of_triangle[:, None]).all()


def test_single_precision_must_be_asked_for():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(nmm.PrecisionError, match="jax_enable_x64"):
            nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=4))
        assert nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=4), dtype="float32").stats["cells"] == 16
    finally:
        jax.config.update("jax_enable_x64", True)
