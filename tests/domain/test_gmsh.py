"""gmsh meshes of both versions: areas of triangles, line loops, physical groups."""

import numpy as np
import pytest
from noded import assert_noded, lengths

from nmm.domain import read_cracks, read_domain, read_regions
from nmm.errors import InputError

pytest.importorskip("meshio")

# A square ring: outer corners 1..4, inner corners 5..8.
CORNERS = [(0, 0), (3, 0), (3, 3), (0, 3), (1, 1), (2, 1), (2, 2), (1, 2)]
TRIANGLES = [(1, 2, 6), (1, 6, 5), (2, 3, 7), (2, 7, 6), (3, 4, 8), (3, 8, 7), (4, 1, 5), (4, 5, 8)]
LOOPS = [(1, 2), (2, 3), (3, 4), (4, 1), (5, 6), (6, 7), (7, 8), (8, 5)]


def version_2(path, elements, names=""):
    """`elements`: (gmsh type, physical group, node numbers)."""
    nodes = "\n".join(f"{i + 1} {x} {y} 0" for i, (x, y) in enumerate(CORNERS))
    rows = "\n".join(
        f"{i + 1} {kind} 2 {group} 1 {' '.join(map(str, numbers))}"
        for i, (kind, group, numbers) in enumerate(elements)
    )
    path.write_text(
        f"$MeshFormat\n2.2 0 8\n$EndMeshFormat\n{names}$Nodes\n{len(CORNERS)}\n{nodes}\n$EndNodes\n"
        f"$Elements\n{len(elements)}\n{rows}\n$EndElements\n"
    )
    return path


def version_4(path, triangles):
    numbers = "\n".join(str(i + 1) for i in range(len(CORNERS)))
    nodes = "\n".join(f"{x} {y} 0" for x, y in CORNERS)
    rows = "\n".join(f"{i + 1} {' '.join(map(str, nodes))}" for i, nodes in enumerate(triangles))
    n, m = len(CORNERS), len(triangles)
    path.write_text(
        "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$Entities\n0 0 1 0\n1 0 0 0 3 3 0 0 0\n$EndEntities\n"
        f"$Nodes\n1 {n} 1 {n}\n2 1 0 {n}\n{numbers}\n{nodes}\n$EndNodes\n"
        f"$Elements\n1 {m} 1 {m}\n2 1 2 {m}\n{rows}\n$EndElements\n"
    )
    return path


def test_triangles_give_outline_and_holes(tmp_path):
    for path in (
        version_2(tmp_path / "two.msh", [(2, 1, t) for t in TRIANGLES]),
        version_4(tmp_path / "four.msh", TRIANGLES),
    ):
        geometry = read_domain(path).geometry(0.1)
        assert_noded(geometry)
        assert geometry.area == pytest.approx(8, rel=1e-14)
        assert lengths(geometry) == pytest.approx({"outline": 12, "hole 0": 4})


def test_line_loops_give_outline_and_holes(tmp_path):
    path = version_2(tmp_path / "lines.msh", [(1, 1, t) for t in LOOPS])
    assert read_domain(path).geometry(0.1).area == pytest.approx(8, rel=1e-14)


def test_physical_groups_give_regions_and_cracks(tmp_path):
    names = '$PhysicalNames\n3\n1 5 "fault"\n2 1 "lower"\n2 2 "upper"\n$EndPhysicalNames\n'
    elements = [(2, 1 + (i >= 4), t) for i, t in enumerate(TRIANGLES)] + [(1, 5, (5, 6)), (1, 5, (6, 7))]
    path = version_2(tmp_path / "groups.msh", elements, names)
    regions = read_regions(path)
    assert [name for name, _ in regions] == ["lower", "upper"]
    assert sum(region.geometry(0.1).area for _, region in regions) == pytest.approx(8)
    (fault,) = read_cracks(path, layer="fault")
    assert np.array_equal(fault.points, [(1, 1), (2, 1), (2, 2)])
    with pytest.raises(InputError, match="no physical group 'joint'") as error:
        read_cracks(path, layer="joint")
    assert "fault" in error.value.hint


@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 0.9])
def test_a_truncated_mesh_is_named(tmp_path, keep):
    path = version_2(tmp_path / "cut.msh", [(2, 1, t) for t in TRIANGLES])
    text = path.read_text()
    path.write_text(text[: int(keep * len(text))])
    with pytest.raises(InputError) as error:
        read_domain(path)
    assert "cut.msh" in str(error.value)


def test_a_mesh_without_surfaces_or_lines_is_refused(tmp_path):
    path = version_2(tmp_path / "points.msh", [(15, 1, (1,))])
    with pytest.raises(InputError, match="no lines and no triangles"):
        read_domain(path)
    with pytest.raises(InputError, match="no named physical surface"):
        read_regions(path)
