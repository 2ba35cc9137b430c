"""DXF drawings made here, read back: layers, arcs, loops, broken files."""

import sys

import numpy as np
import pytest
from noded import assert_noded, lengths

from nmm.domain import read_cracks, read_domain, read_regions
from nmm.errors import InputError

ezdxf = pytest.importorskip("ezdxf")


@pytest.fixture
def drawing(tmp_path):
    document = ezdxf.new()
    space = document.modelspace()
    path = tmp_path / "section.dxf"

    def save():
        document.saveas(path)
        return path

    return space, save


def test_lines_and_arcs_are_linked_to_an_outline(drawing):
    space, save = drawing
    space.add_line((1, 1), (0, 1))
    space.add_line((0, 0), (1, 0))
    space.add_line((0, 0), (0, 1))
    space.add_arc((1, 0.5), 0.5, -90, 90)
    domain = read_domain(save())
    assert domain.bounds == pytest.approx((0, 0, 1.5, 1), rel=1e-15)
    geometry = domain.geometry(0.01)
    assert_noded(geometry)
    assert geometry.area == pytest.approx(1 + np.pi / 8, rel=1e-6)


def test_a_bulge_is_an_arc_in_either_direction(drawing):
    space, save = drawing
    space.add_lwpolyline([(0, 0, 0), (2, 0, 1), (2, 1, 0), (0, 1, -1)], format="xyb", close=True)
    geometry = read_domain(save()).geometry(0.01)
    assert_noded(geometry)
    # A half disk is added on the right and one taken away on the left.
    assert geometry.area == pytest.approx(2, rel=1e-5)
    assert geometry.length == pytest.approx(4 + np.pi, rel=1e-5)


def test_curves_inside_others_are_holes_and_islands(drawing):
    space, save = drawing
    space.add_polyline2d([(0, 0), (4, 0), (4, 2), (0, 2)], close=True)
    space.add_circle((1, 1), 0.5)
    space.add_circle((1, 1), 0.25)
    space.add_circle((3, 1), 0.5)
    geometry = read_domain(save()).geometry(0.01)
    assert_noded(geometry)
    assert geometry.area == pytest.approx(8 - np.pi * (0.25 + 0.25 - 0.0625), rel=1e-5)
    assert set(lengths(geometry)) == {"outline", "hole 0", "hole 1"}


def test_layers_separate_outline_and_joints(drawing):
    space, save = drawing
    space.add_lwpolyline([(0, 0), (4, 0), (4, 2), (0, 2)], close=True, dxfattribs={"layer": "Section"})
    space.add_line((1, 0.5), (3, 1.5), dxfattribs={"layer": "J1"})
    space.add_lwpolyline([(1, 1.5), (2, 1.5), (3, 0.5)], dxfattribs={"layer": "J2"})
    space.add_text("north")
    path = save()
    assert read_domain(path, layer="section").geometry(0.1).area == 8
    assert len(read_cracks(path, layer=["J1", "J2"])) == 2
    (only,) = read_cracks(path, layer="J2")
    assert only.points.tolist() == [[1, 1.5], [2, 1.5], [3, 0.5]]
    with pytest.raises(InputError, match="no layer 'J3'") as error:
        read_cracks(path, layer="J3")
    assert "J1, J2, Section" in error.value.hint


def test_curved_cracks_become_chords_on_the_curve(drawing):
    space, save = drawing
    space.add_arc((0, 0), 1, 30, 150)
    space.add_circle((0, 0), 0.5)
    space.add_spline([(0, 0), (1, 1), (2, 0), (3, 1)])
    space.add_ellipse((0, 0), (2, 0), 0.5)
    arc, circle, spline, ellipse = [crack.points for crack in read_cracks(save())]
    assert np.hypot(*arc.T) == pytest.approx(1, rel=1e-14)
    assert arc[[0, -1]] == pytest.approx(np.array([(np.sqrt(0.75), 0.5), (-np.sqrt(0.75), 0.5)]))
    assert len(circle) == 257
    assert circle[0].tolist() == circle[-1].tolist()
    assert spline[[0, -1]] == pytest.approx(np.array([(0, 0), (3, 1)]))
    assert np.hypot(ellipse[:, 0] / 2, ellipse[:, 1]) == pytest.approx(1, rel=1e-12)


def test_a_drawing_seen_from_below_and_a_block_are_placed_right(drawing):
    space, save = drawing
    space.add_lwpolyline(
        [(-1, 0, 1), (-1, 2, 0)], format="xyb", dxfattribs={"extrusion": (0, 0, -1), "layer": "mirrored"}
    )
    block = space.doc.blocks.new("joint")
    block.add_line((0, 0), (1, 0))
    space.add_blockref("joint", (5, 5), dxfattribs={"layer": "blocks"})
    mirrored, line = [crack.points for crack in read_cracks(save())]
    assert mirrored[[0, -1]] == pytest.approx(np.array([(1, 0), (1, 2)]))
    assert mirrored[:, 0].min() == pytest.approx(0, abs=1e-12)
    assert line.tolist() == [[5, 5], [6, 5]]


def test_regions_are_named_after_layers(drawing):
    space, save = drawing
    space.add_circle((0, 0), 1, dxfattribs={"layer": "ore"})
    space.add_circle((3, 0), 1, dxfattribs={"layer": "waste"})
    assert [name for name, _ in read_regions(save())] == ["ore", "waste"]


def test_an_open_outline_names_the_gap(drawing):
    space, save = drawing
    space.add_lwpolyline([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0.001)])
    with pytest.raises(InputError, match=r"not closed.*0\.001 away"):
        read_domain(save())


def test_lines_that_branch_are_not_an_outline(drawing):
    space, save = drawing
    for end in ((1, 0), (0, 1), (-1, 0)):
        space.add_line((0, 0), end)
        space.add_line(end, (5, 5))
    with pytest.raises(InputError, match="3 lines meet at"):
        read_domain(save())


def test_a_drawing_without_curves_says_what_it_has(drawing):
    space, save = drawing
    space.add_text("north")
    with pytest.raises(InputError, match="found 1 TEXT"):
        read_domain(save())


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_named(drawing, keep):
    space, save = drawing
    for k in range(50):
        space.add_lwpolyline([(0, k), (1, k), (1, k + 1)])
    path = save()
    text = path.read_text()
    path.write_text(text[: int(keep * len(text))])
    with pytest.raises(InputError) as error:
        read_cracks(path)
    assert "section.dxf" in str(error.value)


def test_without_ezdxf_the_error_says_what_to_install(drawing, monkeypatch):
    space, save = drawing
    space.add_line((0, 0), (1, 0))
    path = save()
    monkeypatch.setitem(sys.modules, "ezdxf", None)
    with pytest.raises(InputError, match=r"nmm-jax\[io\]"):
        read_cracks(path)
