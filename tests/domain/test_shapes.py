"""Areas, lengths, bounds and labels of shapes and their Boolean combinations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from noded import assert_noded, lengths

from nmm.domain import disk, polygon, rectangle
from nmm.errors import CapacityError, GeometryError, InputError


@pytest.mark.parametrize("far", [0.0, 1e6])
@pytest.mark.parametrize(("radius", "cell"), [(1.0, 0.5), (1.0, 0.05), (0.3, 0.05), (20.0, 1.0)])
def test_disk_chords_keep_the_promised_sagitta(radius, cell, far):
    geometry = disk((far, -far), radius).geometry(cell)
    assert_noded(geometry)
    center = np.array([far, -far]) - geometry.shift
    ends = geometry.vertices[geometry.boundary]
    assert np.abs(np.hypot(*(geometry.vertices - center).T) - radius).max() <= 1e-15 * max(radius, far)
    sagitta = radius - np.hypot(*(ends.mean(axis=1) - center).T)
    promised = 1e-3 * cell**2 / (2 * radius)
    rounding = 1e-15 * max(radius, far)
    assert sagitta.max() <= promised + rounding
    assert len(ends) >= 64
    # A segment of a circle is two thirds of chord times sagitta.
    missing = np.pi * radius**2 - geometry.area
    assert 0 <= missing + rounding * radius
    assert missing <= 2 / 3 * promised * 2 * np.pi * radius * (1 + 1e-3) + 10 * rounding * radius


def test_bounds_of_arcs_are_exact():
    assert disk((1.4, 0.6), 0.15).bounds == (1.4 - 0.15, 0.6 - 0.15, 1.4 + 0.15, 0.6 + 0.15)
    assert (rectangle(0, 0, 2, 1) - disk((2, 0.5), 0.2)).bounds == (0, 0, 2, 1)
    assert (rectangle(0, 0, 2, 1) | disk((2, 0.5), 0.2)).bounds == (0, 0, 2.2, 1)
    assert (rectangle(0, 0, 2, 1) & disk((2, 0.5), 0.2)).bounds == (1.8, 0.3, 2, 0.7)


def test_boolean_operations_have_the_areas_of_sets():
    a, b = rectangle(0, 0, 2, 1), rectangle(1, 0.5, 3, 2)
    union, common, less = (a | b), (a & b), (a - b)
    for domain, area in ((union, 2 + 3 - 0.5), (common, 0.5), (less, 1.5)):
        geometry = domain.geometry(0.1)
        assert_noded(geometry)
        assert geometry.area == pytest.approx(area, rel=1e-14)
    assert union.geometry(0.1).length == pytest.approx(2 * (3 + 2), rel=1e-14)


def test_boundary_is_labelled_by_the_ring_it_comes_from():
    domain = rectangle(0, 0, 2, 1) - disk((1.4, 0.6), 0.15, name="tunnel") - disk((0, 0.5), 0.1)
    geometry = domain.geometry(0.01)
    assert_noded(geometry)
    found = lengths(geometry)
    assert set(found) == {"outline", "hole 0 (tunnel)", "hole 1"}
    assert found["outline"] == pytest.approx(6 - 0.2, rel=1e-12)
    assert found["hole 0 (tunnel)"] == pytest.approx(2 * np.pi * 0.15, rel=1e-5)
    # It opens onto the outline, and is a hole all the same.
    assert found["hole 1"] == pytest.approx(np.pi * 0.1, rel=1e-5)


def test_subtracting_a_union_makes_one_hole_of_each_member():
    holes = disk((0.5, 0.5), 0.1, name="left") | disk((1.5, 0.5), 0.1, name="right")
    domain = rectangle(0, 0, 2, 1) - holes
    assert [hole.name for hole in domain.holes] == ["left", "right"]
    assert domain.geometry(0.1).area == pytest.approx(2 - 2 * np.pi * 0.01, rel=1e-3)


def test_holes_that_overlap_become_one_opening_with_two_labels():
    domain = rectangle(0, 0, 2, 1) - rectangle(0.2, 0.2, 0.6, 0.6) - rectangle(0.4, 0.4, 0.8, 0.8)
    geometry = domain.geometry(0.1)
    assert_noded(geometry)
    assert geometry.area == pytest.approx(2 - 2 * 0.16 + 0.04, rel=1e-14)
    assert lengths(geometry) == pytest.approx({"outline": 6, "hole 0": 1.2, "hole 1": 1.2})


def test_interior_rings_of_a_polygon_are_holes():
    square = [(0.2, 0.2), (0.4, 0.2), (0.4, 0.4), (0.2, 0.4)]
    geometry = polygon([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], holes=[square]).geometry(0.1)
    assert_noded(geometry)
    assert lengths(geometry) == pytest.approx({"outline": 4, "hole 0": 0.8})


def test_direction_of_the_points_does_not_matter():
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    for order in (corners, corners[::-1]):
        geometry = polygon(order).geometry(0.1)
        assert_noded(geometry)
        assert geometry.area == 1


def test_an_outline_may_touch_itself_at_points():
    # Two triangles joined at (1, 0), walked around without crossing over.
    geometry = polygon([(0, -1), (1, 0), (2, -1), (2, 1), (1, 0), (0, 1)]).geometry(0.1)
    assert_noded(geometry)
    assert geometry.area == pytest.approx(2, rel=1e-14)
    # An outline whose vertex touches its own edge.
    geometry = polygon([(0, 0), (4, 0), (4, 3), (2, 0), (0, 3)]).geometry(0.1)
    assert_noded(geometry)
    assert geometry.area == pytest.approx(6, rel=1e-14)
    # A hole that touches the outline at a point.
    geometry = (rectangle(0, 0, 2, 2) - polygon([(0, 1), (1, 0.5), (1, 1.5)])).geometry(0.1)
    assert_noded(geometry)
    assert geometry.area == pytest.approx(3.5, rel=1e-14)


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0), (1, 1), (1, 0), (0, 1)],
        [(0, 0), (0.5, 0.5), (1, 1), (1, 0), (0.5, 0.5), (0, 1)],
        [(0, 0), (2, 0), (2, 2), (1, 2), (1, -1), (0, -1)],
    ],
)
def test_an_outline_that_crosses_itself_is_refused_with_the_place(points):
    with pytest.raises(GeometryError, match=r"crosses or retraces itself at \("):
        polygon(points)


def test_an_outline_that_retraces_itself_is_refused():
    with pytest.raises(GeometryError, match="retraces"):
        polygon([(0, 0), (1, 0), (1, 1), (2, 1), (1, 1), (0, 1)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rectangle(1, 0, 0, 1), "xmin = 1 is not below xmax = 0"),
        (lambda: rectangle(0, 1, 1, 1), "ymin = 1 is not below ymax = 1"),
        (lambda: rectangle(0, 0, float("nan"), 1), "finite"),
        (lambda: disk((0, 0), 0), "radius"),
        (lambda: disk((0, 0), -1), "radius"),
        (lambda: disk((0, float("inf")), 1), "finite"),
        (lambda: polygon([(0, 0), (1, 0)]), "three"),
        (lambda: polygon([(0, 0), (1, 0), (2, 0)]), "no area"),
        (lambda: polygon([(0, 0), (1, 0), (1, float("nan"))]), "vertex 2"),
        (lambda: polygon("abc"), "list of points"),
        (lambda: (rectangle(0, 0, 1, 1) - rectangle(-1, -1, 2, 2)).geometry(0.1), "nothing is left"),
        (lambda: (rectangle(0, 0, 1, 1) - disk((5, 5), 1)).geometry(0.1), "hole 0: lies wholly outside"),
        (lambda: (rectangle(0, 0, 1, 1) & disk((5, 5), 1)).geometry(0.1), "empty"),
        (lambda: rectangle(0, 0, 1, 1).with_region("ore", disk((5, 5), 1)).geometry(0.1), "region ore"),
        (lambda: rectangle(0, 0, 1, 1).with_region("", disk((0, 0), 1)), "name"),
        (lambda: rectangle(0, 0, 1, 1).with_snap(-1), "snap"),
        (lambda: rectangle(0, 0, 1, 1).with_snap(float("nan")), "snap"),
        (lambda: rectangle(0, 0, 1, 1).geometry(0), "positive"),
        (lambda: rectangle(0, 0, 1, 1).with_cracks([[(0.5, 0.5)]]), "crack 0: 1 point"),
        (lambda: rectangle(0, 0, 1, 1).with_cracks([[(0.5, 0.5), (0.5, 0.5)]]), "no length"),
        (lambda: rectangle(0, 0, 1, 1).with_cracks([[(0.5, 0.5), (0.5, float("nan"))]]), "crack 0: vertex 1"),
        (lambda: rectangle(0, 0, 1, 1).with_cracks([[(0, 0), (1, 1)]], names=["a", "b"]), "2 names"),
    ],
)
def test_wrong_shapes_are_refused_by_name(make, message):
    with pytest.raises(InputError) as error:
        make()
    assert message in str(error.value)


def test_an_absurd_number_of_chords_is_refused():
    with pytest.raises(CapacityError, match="chords"):
        disk((0, 0), 1).geometry(1e-7)


def test_region_borders_inside_the_domain_become_interfaces_unless_another_region_covers_them():
    domain = rectangle(0, 0, 2, 1).with_region("left", rectangle(0, 0, 1, 1))
    geometry = domain.with_region("ore", rectangle(0.5, 0.4, 1.5, 0.6)).geometry(0.1)
    assert_noded(geometry)
    ends = geometry.vertices[geometry.interfaces]
    assert np.hypot(*(ends[:, 1] - ends[:, 0]).T).sum() == pytest.approx(0.8 + 2.4, rel=1e-12)
    left, right = geometry.interface_regions.T
    assert (left != right).all() and set(left) | set(right) == {-1, 0, 1}
    assert [name for name, _ in geometry.regions] == ["left", "ore"]
    assert geometry.length == pytest.approx(6, rel=1e-14)


def test_a_crack_along_a_region_border_takes_the_place_of_the_interface():
    domain = rectangle(0, 0, 2, 1).with_region("left", rectangle(0, 0, 1, 1))
    geometry = domain.with_cracks([[(1, 0.2), (1, 0.7)]]).geometry(0.1)
    assert_noded(geometry)
    assert lengths(geometry)["crack 0"] == pytest.approx(0.5)
    ends = geometry.vertices[geometry.interfaces]
    assert np.hypot(*(ends[:, 1] - ends[:, 0]).T).sum() == pytest.approx(0.5)


def test_a_region_that_shares_its_circle_with_a_hole_has_no_border():
    ring = disk((1, 0.5), 0.2)
    geometry = (
        (rectangle(0, 0, 2, 1) - ring).with_region("lining", ring | disk((0.2, 0.5), 0.1)).geometry(0.1)
    )
    assert_noded(geometry)
    ends = geometry.vertices[geometry.interfaces]
    assert np.hypot(*(ends[:, 1] - ends[:, 0]).T).sum() == pytest.approx(0.2 * np.pi, rel=1e-3)


def test_large_coordinates_are_shifted_and_small_ones_are_not():
    near = rectangle(3, 4, 5, 5).geometry(0.1)
    assert np.array_equal(near.shift, (0, 0))
    far = rectangle(4.7e5 + 0.25, 6.7e6, 4.7e5 + 2.25, 6.7e6 + 1).geometry(0.1)
    assert np.abs(far.vertices).max() < 10
    assert far.bounds == (4.7e5 + 0.25, 6.7e6, 4.7e5 + 2.25, 6.7e6 + 1)
    assert (far.vertices + far.shift).min(axis=0).tolist() == [4.7e5 + 0.25, 6.7e6]
    assert far.area == 2


coordinate = st.floats(-1, 1).map(lambda x: round(x, 3))


@given(
    st.lists(
        st.tuples(coordinate, coordinate, st.floats(0.05, 0.6), st.sampled_from("|-&")),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([0.0, 1e6]),
)
def test_any_combination_of_disks_and_rectangles_is_noded(parts, far):
    domain = rectangle(far - 1, far - 1, far + 1, far + 1)
    for x, y, r, operation in parts:
        other = disk((far + x, far + y), r)
        domain = (
            domain | other if operation == "|" else domain - other if operation == "-" else domain & other
        )
    try:
        geometry = domain.geometry(0.2)
    except GeometryError:
        return
    assert_noded(geometry, resolution=0)


def test_a_thousand_holes_and_a_thousand_parts_are_no_deeper_than_one():
    plate, disks = rectangle(0, 0, 50, 20), disk((0.5, 0.5), 0.3)
    for x, y in np.ndindex(50, 20):
        plate = plate - disk((x + 0.5, y + 0.5), 0.3)
        disks = disks | disk((x + 0.5, y + 0.5), 0.3)
    assert len(plate.holes) == 1000
    with_holes, alone = plate.geometry(1), disks.geometry(1)
    assert with_holes.area + alone.area == pytest.approx(1000, rel=1e-12)
    assert np.array_equal(np.unique(with_holes.boundary_entity), np.arange(1001))
