import meshio
import numpy as np
import pytest
import pyvista
import shapely
import shapely.affinity
from stand_in import Manifold, mesh_of, squares

from nmm.results.polygons import irregular
from nmm.results.vtu import write_vtu


def star(count, seed=0):
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = 1 + 0.5 * np.random.default_rng(seed).random(count)
    return shapely.Polygon(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))


def with_hole():
    return shapely.box(3, 0, 7, 4) - shapely.Point(5, 2).buffer(1.0)


@pytest.fixture
def written(tmp_path):
    polygons = [shapely.box(-5, 0, -4, 1), star(7), with_hole(), shapely.affinity.translate(star(300), 0, 5)]
    mesh = mesh_of(polygons, part=np.array([0, 1, 2, 2]))
    rng = np.random.default_rng(1)
    fields = {
        "potential": rng.standard_normal(len(mesh.points)),
        "displacement": rng.standard_normal((len(mesh.points), 2)) * 1e-300,
        "stress": rng.standard_normal((len(mesh.points), 3)),
        "strain": rng.standard_normal((len(mesh.points), 4)),
        "gradient": rng.standard_normal((len(mesh.points), 2, 2)),
    }
    path = tmp_path / "a.vtu"
    write_vtu(path, mesh, fields, {"color": np.arange(4.0)})
    return mesh, polygons, fields, path


def check_point_data(data, points, fields, mesh):
    assert np.array_equal(points[:, :2], mesh.points)
    assert np.array_equal(data["potential"], fields["potential"])
    assert np.array_equal(data["displacement"][:, :2], fields["displacement"])
    assert not data["displacement"][:, 2].any()
    assert np.array_equal(data["stress"][:, [0, 1, 3]], fields["stress"])
    assert np.array_equal(data["strain"][:, [0, 1, 3, 2]], fields["strain"])
    assert np.array_equal(data["gradient"].reshape(-1, 3, 3)[:, :2, :2], fields["gradient"])


def test_pyvista_reads_every_bit_back(written):
    mesh, _, fields, path = written
    grid = pyvista.read(path)
    check_point_data(grid.point_data, np.asarray(grid.points), fields, mesh)
    assert grid.cell_data["element"].tolist()[:3] == [0, 1, 3]
    assert set(grid.cell_data["element"].tolist()[3:]) == {2}
    assert np.array_equal(grid.cell_data["color"], grid.cell_data["element"].astype(float))
    assert np.array_equal(grid.cell_data["part"], mesh.part[grid.cell_data["element"]])


def test_meshio_reads_every_bit_back(written):
    mesh, _, fields, path = written
    found = meshio.read(path)
    check_point_data(found.point_data, found.points, fields, mesh)
    assert sorted(len(block.data[0]) for block in found.cells if block.type == "polygon") == [4, 7, 300]


def test_areas_are_right_as_stored_and_as_drawn(written):
    _, polygons, _, path = written
    grid = pyvista.read(path)
    drawn = grid.triangulate().compute_cell_sizes()
    for element, polygon in enumerate(polygons):
        stored = grid.cell_data["area"][grid.cell_data["element"] == element].sum()
        seen = np.abs(drawn.cell_data["Area"][drawn.cell_data["element"] == element]).sum()
        assert stored == pytest.approx(polygon.area, rel=1e-13)
        assert seen == pytest.approx(polygon.area, rel=1e-12)


def test_only_elements_that_are_no_simple_polygon_become_triangles(written):
    mesh, _, _, path = written
    assert irregular(mesh).tolist() == [False, False, True, False]
    types = pyvista.read(path).celltypes
    assert types[:3].tolist() == [7, 7, 7]
    assert set(types[3:].tolist()) == {5}


def test_fields_jump_across_a_crack(tmp_path):
    mesh = Manifold().mesh()
    side = np.repeat(
        [p.mean() for p in np.split(mesh.points[:, 1], mesh.offsets[1:-1])], np.diff(mesh.offsets)
    )
    write_vtu(tmp_path / "a.vtu", mesh, {"side": (side > 0.37).astype(float)}, {})
    grid = pyvista.read(tmp_path / "a.vtu")
    on_crack = (np.abs(grid.points[:, 1] - 0.37) < 1e-12) & (grid.points[:, 0] < 0.4)
    assert set(grid.point_data["side"][on_crack]) == {0.0, 1.0}


def test_arrays_of_many_blocks_and_exactly_one_block(tmp_path):
    # 131072 float64 are one block of a megabyte exactly.
    for nx, ny in ((256, 128), (300, 200)):
        mesh = squares(nx, ny)
        values = np.random.default_rng(0).standard_normal(len(mesh.points))
        write_vtu(tmp_path / "a.vtu", mesh, {"v": values})
        assert np.array_equal(pyvista.read(tmp_path / "a.vtu").point_data["v"], values)
        assert np.array_equal(meshio.read(tmp_path / "a.vtu").point_data["v"], values)


def test_names_are_escaped(tmp_path):
    write_vtu(tmp_path / "a.vtu", squares(1, 1), {'a "<b>" & c': np.arange(4.0)})
    assert pyvista.read(tmp_path / "a.vtu").point_data.keys() == ['a "<b>" & c']


def test_a_field_of_the_wrong_length_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="'v' has 3 rows"):
        write_vtu(tmp_path / "a.vtu", squares(2, 2), {"v": np.zeros(3)})
    assert not (tmp_path / "a.vtu").exists()
