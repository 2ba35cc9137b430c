"""The rules of the clean-up, one by one."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from noded import assert_noded, lengths, traces

from nmm.domain import Crack, disk, polygon, rectangle
from nmm.errors import GeometryError

PLATE = rectangle(0, 0, 2, 1)


def cleaned(cracks, snap=1e-9, domain=PLATE, inline=True):
    geometry = domain.with_cracks(cracks, inline=inline).with_snap(snap / np.sqrt(5)).geometry(0.1)
    assert_noded(geometry)
    plain = domain.geometry(0.1)
    assert geometry.area == pytest.approx(plain.area, rel=1e-14)
    assert geometry.length == pytest.approx(plain.length, rel=1e-14)
    assert set(map(tuple, plain.vertices)) <= set(map(tuple, geometry.vertices))
    report = geometry.report
    assert report.moved_max <= snap * (1 + 1e-9)
    assert sum(report.counts.values()) == len(report.items)
    assert report.length_inside + report.length_outside == pytest.approx(report.length_total, rel=1e-12)
    assert report.length_kept == pytest.approx(
        sum(size for name, size in lengths(geometry).items() if name.startswith("crack"))
    )
    return geometry


def test_a_clean_crack_stays_as_it_is():
    geometry = cleaned([[(0.5, 0.2), (0.7, 0.4), (0.9, 0.4)]])
    assert geometry.report.counts == {}
    assert geometry.vertices[geometry.cracks].tolist() == [[[0.5, 0.2], [0.7, 0.4]], [[0.7, 0.4], [0.9, 0.4]]]
    assert geometry.report.junctions_after == {"I": 2, "Y": 0, "X": 0}


def test_repeated_vertices_are_dropped_and_counted():
    geometry = cleaned([[(0.5, 0.2), (0.5, 0.2), (0.7, 0.4), (0.7, 0.4)]])
    assert geometry.report.counts == {"repeated vertex": 2}
    assert len(geometry.cracks) == 1


def test_a_repeated_trace_is_merged_with_the_lower_number():
    trace = [(0.5, 0.2), (0.7, 0.4)]
    for second in (trace, trace[::-1]):
        geometry = cleaned([trace, second])
        assert geometry.report.counts == {"overlap": 1}
        assert geometry.report.items[0].crack == 1
        assert geometry.report.items[0].length == pytest.approx(np.hypot(0.2, 0.2))
        assert list(lengths(geometry)) == ["outline", "crack 0"]


def test_a_partial_overlap_is_merged_and_the_rest_kept():
    geometry = cleaned([[(0.2, 0.5), (1.0, 0.5)], [(0.6, 0.5), (1.4, 0.5)]])
    assert lengths(geometry) == pytest.approx({"outline": 6, "crack 0": 0.8, "crack 1": 0.4})
    assert geometry.report.counts == {"overlap": 1}


def test_a_trace_that_turns_back_on_itself_is_merged_with_itself():
    geometry = cleaned([[(0.2, 0.5), (1.0, 0.5), (0.6, 0.5)]])
    assert lengths(geometry)["crack 0"] == pytest.approx(0.8)
    assert geometry.report.items[0].text.endswith("repeats the trace itself and is merged with it")


def test_a_gap_of_a_millimetre_is_closed_by_a_larger_snap_only():
    cracks = [[(0.2, 0.5), (1.8, 0.5)], [(1.0, 0.1), (1.0, 0.499)]]
    small = cleaned(cracks, snap=1e-4)
    assert small.report.counts == {}
    assert small.report.junctions_after == {"I": 4, "Y": 0, "X": 0}
    large = cleaned(cracks, snap=2e-3)
    assert large.report.counts == {"gap": 1}
    (item,) = large.report.items
    assert (item.crack, item.x, item.y) == (1, 1.0, 0.5)
    assert item.moved == pytest.approx(1e-3)
    assert large.report.moved_max == pytest.approx(1e-3)
    assert large.report.junctions_before == {"I": 4, "Y": 0, "X": 0}
    assert large.report.junctions_after == {"I": 3, "Y": 1, "X": 0}
    # The trace that is met stays straight.
    assert lengths(large)["crack 0"] == pytest.approx(1.6, rel=1e-15)


def test_an_end_that_runs_over_by_less_than_snap_becomes_a_junction():
    geometry = cleaned([[(0.2, 0.5), (1.8, 0.5)], [(1.0, 0.1), (1.0, 0.501)]], snap=2e-3)
    assert geometry.report.counts == {"gap": 1}
    assert geometry.report.junctions_before == {"I": 4, "Y": 0, "X": 1}
    assert geometry.report.junctions_after == {"I": 3, "Y": 1, "X": 0}


def test_ends_close_to_one_another_are_joined():
    geometry = cleaned([[(0.2, 0.5), (1.0, 0.5)], [(1.0, 0.501), (1.8, 0.6)]], snap=2e-3)
    assert geometry.report.counts == {"gap": 1}
    assert geometry.report.items[0].crack == 1
    assert geometry.report.junctions_after == {"I": 2, "Y": 0, "X": 0}


@pytest.mark.parametrize("y", [0.001, -0.001, 0.0])
def test_an_end_close_to_the_outline_is_moved_onto_it(y):
    geometry = cleaned([[(1.0, 0.5), (1.0, y)]], snap=2e-3)
    assert geometry.report.counts == ({"gap": 1} if y else {})
    assert [1.0, 0.0] in geometry.vertices.tolist()
    assert geometry.report.junctions_after == {"I": 1, "Y": 0, "X": 0}
    assert (geometry.boundary_entity == 0).all()


def test_an_end_close_to_a_corner_is_moved_onto_it():
    geometry = cleaned([[(1.0, 0.5), (0.001, 0.001)]], snap=2e-3)
    assert geometry.report.counts == {"gap": 1}
    assert len(geometry.boundary) == 4


def test_crossing_cracks_get_a_common_vertex():
    geometry = cleaned([[(0.2, 0.5), (1.8, 0.5)], [(1.0, 0.1), (1.0, 0.9)]])
    assert geometry.report.counts == {"crossing": 1}
    assert len(geometry.cracks) == 4
    assert geometry.report.junctions_after == {"I": 4, "Y": 0, "X": 1}


def test_a_trace_that_crosses_itself_is_noded():
    geometry = cleaned([[(0.2, 0.2), (1.0, 0.8), (1.0, 0.2), (0.2, 0.8)]])
    assert geometry.report.counts == {"crossing": 1}
    assert geometry.report.junctions_after == {"I": 2, "Y": 0, "X": 1}


def test_a_closed_trace_cuts_a_block_loose():
    geometry = cleaned([[(0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6), (0.2, 0.2)]])
    assert geometry.report.counts == {}
    assert len(geometry.cracks) == 4
    assert geometry.report.junctions_after == {"I": 0, "Y": 0, "X": 0}


def test_what_leaves_the_domain_is_clipped_and_its_length_reported():
    domain = PLATE - disk((1.0, 0.5), 0.2)
    geometry = cleaned([[(-0.5, 0.5), (2.5, 0.5)]], domain=domain)
    assert geometry.report.counts == {"clipped": 1}
    assert geometry.report.items[0].length == pytest.approx(1.4, rel=1e-3)
    assert geometry.report.length_outside == pytest.approx(1.4, rel=1e-3)
    assert lengths(geometry)["crack 0"] == pytest.approx(1.6, rel=1e-3)
    assert geometry.report.junctions_after == {"I": 0, "Y": 0, "X": 0}


def test_an_inline_crack_wholly_outside_is_refused_by_number_and_name():
    with pytest.raises(GeometryError, match=r"crack 1 \(far\): lies wholly outside"):
        PLATE.with_cracks([[(0.5, 0.5), (1, 0.5)], [(3, 3), (4, 4)]], names=[None, "far"]).geometry(0.1)


def test_a_trace_of_a_file_wholly_outside_is_reported_and_keeps_its_number_unused():
    geometry = cleaned([[(3, 3), (4, 4)], [(0.5, 0.5), (1, 0.5)]], inline=False)
    assert geometry.report.counts == {"outside": 1}
    assert [str(entity) for entity in geometry.entities] == ["outline", "crack 1"]


def test_a_file_with_nothing_inside_suggests_another_coordinate_system():
    traces = [Crack(np.array([(4.7e5, 6.7e6), (4.7e5 + 1, 6.7e6)]), None, False, "joints.dxf")]
    with pytest.raises(GeometryError, match="coordinate systems") as error:
        PLATE.with_cracks(traces).geometry(0.1)
    assert str(error.value).startswith("joints.dxf: none of its 1 traces")


def test_a_crack_along_the_outline_is_dropped_and_reported():
    geometry = cleaned([[(0.5, 0.0), (1.5, 0.0)], [(0.5, 0.5), (1.5, 0.0), (2.0, 0.0), (2.0, 0.5)]])
    assert geometry.report.counts == {"along outline": 2}
    assert [item.length for item in geometry.report.items] == pytest.approx([1.0, 1.0])
    assert lengths(geometry) == pytest.approx({"outline": 6, "crack 1": np.hypot(1.0, 0.5)})


def test_pieces_shorter_than_snap_are_dropped():
    geometry = cleaned([[(0.5, 0.5), (0.501, 0.5)], [(1.0, 0.5), (1.5, 0.5)]], snap=2e-3, inline=False)
    assert list(lengths(geometry)) == ["outline", "crack 1"]
    assert sum(geometry.report.counts.values()) == 1


def test_a_trace_without_length_from_a_file_is_dropped_and_reported():
    geometry = cleaned([[(0.5, 0.5), (0.5, 0.5)], [(1.0, 0.5), (1.5, 0.5)]], inline=False)
    assert geometry.report.counts == {"repeated vertex": 1, "short piece": 1}


def test_cracks_through_one_point_share_one_vertex():
    angles = np.linspace(0, np.pi, 6)[:-1]
    star = [[(1 - 0.4 * np.cos(a), 0.5 - 0.4 * np.sin(a)), (1 + 0.4 * np.cos(a), 0.5 + 0.4 * np.sin(a))]
            for a in angles]  # fmt: skip
    geometry = cleaned(star)
    assert geometry.report.junctions_after == {"I": 10, "Y": 0, "X": 1}
    assert len(geometry.vertices) == 4 + 10 + 1


def test_names_and_numbers_go_on_with_further_cracks():
    domain = PLATE.with_cracks([[(0.2, 0.2), (0.4, 0.2)]], names=["fault"])
    domain = domain.with_cracks([[(0.2, 0.4), (0.4, 0.4)]])
    assert [str(e) for e in domain.geometry(0.1).entities] == ["outline", "crack 0 (fault)", "crack 1"]


@pytest.mark.parametrize("far", [1e3, 1e6, 1e7])
def test_clean_up_does_not_depend_on_where_the_domain_lies(far):
    cracks = np.array(
        [[(0.25, 0.5), (1.75, 0.5)], [(1.0, 0.125), (1.0, 0.4990234375)], [(0.5, 0.0), (1.5, 0.75)]]
    )
    near = cleaned(list(cracks), snap=2e-3)
    domain = (
        rectangle(far, far, far + 2, far + 1).with_cracks(list(cracks + far)).with_snap(2e-3 / np.sqrt(5))
    )
    moved = domain.geometry(0.1)
    assert_noded(moved)
    assert moved.report.counts == near.report.counts
    assert moved.report.junctions_after == near.report.junctions_after
    assert moved.report.length_kept == pytest.approx(near.report.length_kept, rel=1e-12)


def test_cleaning_what_is_clean_changes_nothing():
    cracks = [
        [(0.2, 0.5), (1.8, 0.5)],
        [(1.0, 0.1), (1.0, 0.499)],
        [(0.3, -0.1), (1.5, 0.9)],
        [(0.3, 0.9), (0.3, 0.9985)],
        [(0.6, 0.5), (1.9, 0.501)],
    ]
    once = cleaned(cracks, snap=2e-3)
    twice = cleaned(traces(once), snap=2e-3)
    assert twice.report.counts == {}
    assert twice.report.moved_max == 0
    assert np.array_equal(
        np.unique(once.vertices[once.cracks].reshape(-1, 2), axis=0),
        np.unique(twice.vertices[twice.cracks].reshape(-1, 2), axis=0),
    )


def test_many_chords_cost_no_loop_over_them():
    angle = np.linspace(0, 2 * np.pi, 50_001)[:-1]
    flower = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + 0.1 * np.sin(50 * angle))[:, None]
    domain = polygon(flower).with_cracks([[(0, 0), (2, a)] for a in np.linspace(-1, 1, 20)])
    geometry = domain.geometry(0.01)
    assert len(geometry.boundary) == 50_000 + 20
    assert geometry.report.counts == {"clipped": 20}


grid = st.integers(-1, 17).map(lambda k: k / 8)
noise = st.sampled_from([0.0, 1e-13, 1e-9, 1e-4])
vertex = st.tuples(grid, grid, noise)


@given(
    st.lists(st.lists(vertex, min_size=2, max_size=4), min_size=1, max_size=8),
    st.sampled_from([0.0, 1e-9, 1e-3, 2e-2]),
    st.booleans(),
    st.sampled_from([0.0, 1e6]),
)
def test_any_network_is_noded_within_snap(network, snap, hole, far):
    domain = rectangle(far, far, far + 2, far + 1)
    if hole:
        domain = domain - disk((far + 1, far + 0.5), 0.25)
        domain = domain.with_region("left", rectangle(far, far, far + 1, far + 1))
    cracks = [np.array([(x + e, y / 2 - e) for x, y, e in trace]) + far for trace in network]
    try:
        geometry = domain.with_cracks(cracks, inline=False).with_snap(snap).geometry(0.2)
    except GeometryError:
        return
    assert_noded(geometry)
    tolerance = snap * geometry.diagonal
    assert geometry.report.moved_max <= tolerance * (1 + 1e-9)
    plain = domain.geometry(0.2)
    assert geometry.area == pytest.approx(plain.area, rel=1e-13)
    assert geometry.length == pytest.approx(plain.length, rel=1e-13)
    if len(geometry.cracks):
        raw = shapely.union_all([shapely.LineString(crack - geometry.shift) for crack in cracks])
        ends = geometry.vertices[geometry.cracks]
        samples = np.concatenate([ends.reshape(-1, 2), ends.mean(axis=1)])
        rounding = 1e-15 * (1 + far) + 1e-11 * (1 if far == 0 else 100)
        assert shapely.distance(shapely.points(samples), raw).max() <= tolerance * (1 + 1e-9) + rounding
