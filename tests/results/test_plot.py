import numpy as np
import pytest
from matplotlib import image
from stand_in import Manifold, Solution, squares

from nmm.results.axes import chains, frame
from nmm.results.plot import (
    automatic_scale,
    color_limits,
    deformed_figure,
    field_figure,
    history_figure,
    save_figure,
)
from nmm.results.polygons import edges, free_edges
from nmm.results.quantities import quantities


def pixels(figure, tmp_path):
    save_figure(figure, tmp_path / "a.png")
    return image.imread(tmp_path / "a.png")


def test_a_spike_does_not_take_the_colours_and_is_stated():
    values = np.linspace(0, 1, 10_001)
    values[-1] = 1e6
    limits = color_limits(values, np.ones(10_001))
    assert limits.high == pytest.approx(0.995, abs=1e-3)
    assert limits.low == 0.0
    assert limits.extend == "max"
    assert "10^{6}" in limits.note


def test_a_smooth_field_keeps_its_extremes():
    limits = color_limits(np.linspace(-1, 3, 1000), np.ones(1000), signed=True)
    assert (limits.low, limits.high, limits.extend, limits.note) == (-1.0, 3.0, "neither", "")


def test_percentiles_count_area_and_not_points():
    values = np.concatenate([np.linspace(0, 1, 1000), np.full(1000, 50.0)])
    weights = np.concatenate([np.ones(1000), np.full(1000, 1e-6)])
    assert color_limits(values, weights).high < 1.1


def test_zero_is_the_middle_of_the_colours_of_a_signed_field():
    limits = color_limits(np.linspace(-1, 3, 1000), np.ones(1000), signed=True)
    assert limits.centred
    red, _, blue, _ = limits.colormap((0 - limits.low) / (limits.high - limits.low))
    assert red == pytest.approx(blue, abs=0.03)
    assert not color_limits(np.linspace(1, 3, 1000), np.ones(1000), signed=True).centred


@pytest.mark.parametrize("value", [0.0, 1e-12, -7e9])
def test_a_constant_field_has_a_scale(value):
    limits = color_limits(np.full(10, value), np.ones(10), signed=True)
    assert limits.low < value < limits.high


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_fields_without_finite_values_are_drawn_empty(value, tmp_path):
    mesh = squares(2, 2)
    pixels(field_figure(mesh, np.full(16, value), label="u"), tmp_path)


def test_values_of_points_and_of_elements_are_drawn_and_others_refused(tmp_path):
    mesh = squares(3, 2)
    for count in (6, 24):
        assert pixels(field_figure(mesh, np.arange(float(count))), tmp_path).size
    with pytest.raises(ValueError, match=r"24 \(points\) or 6 \(elements\)"):
        field_figure(mesh, np.zeros(7))


def test_a_jump_is_drawn_as_a_jump(tmp_path):
    manifold = Manifold(n=4)
    mesh = manifold.mesh()
    middle = np.array([p.mean() for p in np.split(mesh.points[:, 1], mesh.offsets[1:-1])])
    figure = field_figure(mesh, (middle > 0.37).astype(float), limits=(0, 1))
    found = pixels(figure, tmp_path)[..., :3]
    ends = np.array([[0.267, 0.005, 0.329], [0.993, 0.906, 0.144]])
    column = found[:, int(0.2 * found.shape[1])]
    distance = np.abs(column[:, None] - ends).max(axis=2).min(axis=1)
    painted = np.ptp(column, axis=1) > 0.1
    assert painted.sum() > 100
    # The boundary of the two colours takes one or two pixels, not a cell.
    assert (distance[painted] > 0.05).sum() <= 3


def test_large_coordinates_get_an_offset_that_the_label_states():
    canvas = frame((296_003.0, 6_700_012.0, 296_041.0, 6_700_030.0), "m")
    assert canvas.offset.tolist() == [296_000.0, 6_700_010.0]
    assert "296\u202f000 (m)" in canvas.axes.get_xlabel()
    canvas = frame((-1.0, 0.0, 2.0, 1.0))
    assert canvas.offset.tolist() == [0.0, 0.0]
    assert canvas.axes.get_xlabel() == "$x$"


def test_axes_have_equal_scale_for_every_aspect():
    for box in ((0, 0, 100, 1), (0, 0, 1, 100), (0, 0, 1e-9, 1e-9)):
        canvas = frame(box)
        place, size = canvas.axes.get_position(), canvas.figure.get_size_inches()
        (left, right), (bottom, top) = canvas.axes.get_xlim(), canvas.axes.get_ylim()
        assert canvas.axes.get_aspect() == 1
        assert (right - left) > 0 and (top - bottom) > 0
        assert max(size) < 12
        assert min(place.width * size[0], place.height * size[1]) > 0.1


def test_the_scale_of_deformation_is_round_and_stated():
    points = np.array([[0.0, 0.0], [3.0, 4.0]])
    for largest in (1e-9, 0.013, 7.0, 4e8):
        scale = automatic_scale(points, np.array([[0.0, 0.0], [largest, 0.0]]))
        assert 0.02 <= scale * largest / 5.0 <= 0.05 * (1 + 1e-9)
        assert f"{scale:.0e}"[0] in "125"
    assert automatic_scale(points, np.zeros((2, 2))) == 1.0
    mesh = squares(2, 2)
    figure = deformed_figure(mesh, mesh.points * 1e-6, title="pull")
    assert figure.axes[0].get_title(loc="left").endswith("displacement × $5\\times 10^{4}$")


def test_sides_of_the_deformed_shape_are_the_boundary_and_the_open_crack():
    manifold = Manifold(origin=(466_010.0, 6_692_100.0))
    mesh = manifold.mesh()
    assert len(free_edges(mesh, np.zeros_like(mesh.points))) < len(edges(mesh)) / 3
    closed = free_edges(mesh, np.zeros_like(mesh.points))
    length = np.linalg.norm(np.diff(mesh.points[closed], axis=1), axis=2).sum()
    assert length == pytest.approx(manifold.stats["boundary_length"], rel=1e-8)
    opened = free_edges(mesh, Solution(manifold).fields()["displacement"])
    more = np.linalg.norm(np.diff(mesh.points[opened], axis=1), axis=2).sum() - length
    assert more == pytest.approx(2 * manifold.tip, rel=1e-8)


def test_segments_that_meet_become_one_chain_so_that_dashes_run_through():
    segments = np.array([[[0, 0], [1, 0]], [[1, 0], [2, 1]], [[5, 5], [5, 5]], [[7, 7], [8, 8]]], float)
    assert sorted(len(chain) for chain in chains(segments)) == [2, 3]
    assert chains(np.zeros((0, 2, 2))) == []


@pytest.mark.parametrize("history", [[], [1.0], [1.0, 0.0, np.nan, 1e-3], np.geomspace(1, 1e-12, 500)])
def test_every_history_can_be_drawn(history, tmp_path):
    assert pixels(history_figure(history, 1e-8), tmp_path).size


def test_tensors_are_drawn_by_component_and_vectors_by_length():
    units = {"length": "m", "stress": "Pa"}
    stress = quantities("stress", np.array([[1.0, 2.0, 3.0]]), units)
    assert [q.name for q in stress] == ["stress_xx", "stress_yy", "stress_xy"]
    assert all(q.signed and q.unit == "Pa" for q in stress)
    (moved,) = quantities("displacement", np.array([[3.0, 4.0]]), units)
    assert (moved.values.tolist(), moved.label) == ([5.0], "$|u|$ (m)")
    (head,) = quantities("potential", np.array([1.0]), {"potential": "m of water"})
    assert head.label == "$u$ (m of water)"


def test_pyplot_is_never_touched(tmp_path):
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    pixels(field_figure(squares(2, 2), np.arange(4.0)), tmp_path)
    assert pyplot.get_fignums() == before


def test_tips_are_marked_and_numbered_where_they_are_few():
    solution = Solution()
    mesh, values = solution.manifold.mesh(), solution.fields(["von_mises"])["von_mises"]
    few = field_figure(mesh, values, tips=np.array([[0.5, 0.37], [0.2, 0.9]]))
    assert [text.get_text() for text in few.axes[0].texts] == ["0", "1"]
    many = field_figure(mesh, values, tips=np.random.default_rng(0).uniform(size=(300, 2)))
    assert not many.axes[0].texts
