"""GeoJSON in, domains, cracks and regions out; errors name the file and the feature."""

import json

import numpy as np
import pytest
from noded import assert_noded, lengths

from nmm.domain import disk, read_cracks, read_domain, read_regions
from nmm.errors import InputError

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
WINDOW = [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4], [0.2, 0.4], [0.2, 0.2]]
BESIDE = [[2, 0], [3, 0], [3, 1], [2, 1], [2, 0]]


def write(path, *geometries, properties=()):
    features = [
        {"type": "Feature", "properties": properties[i] if properties else None, "geometry": geometry}
        for i, geometry in enumerate(geometries)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def of(kind, coordinates):
    return {"type": kind, "coordinates": coordinates}


def test_polygons_and_interior_rings(tmp_path):
    path = write(tmp_path / "area.geojson", of("MultiPolygon", [[SQUARE, WINDOW], [BESIDE]]))
    geometry = read_domain(path).geometry(0.1)
    assert_noded(geometry)
    assert geometry.area == pytest.approx(1.96, rel=1e-14)
    assert lengths(geometry) == pytest.approx({"outline": 8, "hole 0": 0.8})


def test_interior_rings_are_numbered_after_other_holes(tmp_path):
    path = write(tmp_path / "area.geojson", of("Polygon", [SQUARE, WINDOW]))
    geometry = read_domain(path).with_hole(disk((0.7, 0.7), 0.1), name="tunnel").geometry(0.01)
    found = lengths(geometry)
    assert found["hole 0 (tunnel)"] == pytest.approx(0.2 * np.pi, rel=1e-4)
    assert found["hole 1"] == pytest.approx(0.8)


@pytest.mark.parametrize("wrap", [lambda g: g, lambda g: {"type": "Feature", "geometry": g}])
def test_a_bare_geometry_or_feature_is_enough(tmp_path, wrap):
    path = tmp_path / "area.json"
    path.write_text(json.dumps(wrap(of("Polygon", [SQUARE]))))
    assert read_domain(path).geometry(0.1).area == 1


def test_lines_are_numbered_in_the_order_of_the_file(tmp_path):
    path = write(
        tmp_path / "traces.geojson",
        of("LineString", [[0, 0, 5], [1, 1, 6]]),
        of("MultiLineString", [[[0, 1], [1, 0]], [[0.5, 0], [0.5, 1]]]),
        properties=[{"Name": "main fault"}, {"name": None}],
    )
    cracks = read_cracks(path)
    assert [crack.name for crack in cracks] == ["main fault", None, None]
    lines = [[[0, 0], [1, 1]], [[0, 1], [1, 0]], [[0.5, 0], [0.5, 1]]]
    assert [crack.points.tolist() for crack in cracks] == lines
    assert not any(crack.inline for crack in cracks)


def test_regions_take_their_names_from_a_field(tmp_path):
    path = write(
        tmp_path / "units.geojson",
        of("Polygon", [SQUARE]),
        of("Polygon", [BESIDE]),
        properties=[{"unit": "granite"}, {"unit": 7}],
    )
    assert [name for name, _ in read_regions(path, name_field="unit")] == ["granite", "7"]
    with pytest.raises(InputError, match="feature 0: has no property 'name'") as error:
        read_regions(path)
    assert "unit" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: is empty"),
        ('{"type": "FeatureCollection",\n "features": [', "line 2: is not valid JSON"),
        ("[1, 2]", "not GeoJSON"),
        ('{"type": "FeatureCollection", "features": []}', "has no features"),
        ('{"type": "FeatureCollection", "features": 3}', '"features" is not a list'),
        ('{"type": "FeatureCollection", "features": [3]}', "feature 0: found no geometry type"),
        (json.dumps({"type": "Feature", "geometry": None}), "feature 0: has no geometry"),
        (json.dumps(of("Polygon", [])), "without coordinates"),
        (json.dumps(of("Polygon", [[[0, 0], [1, 0], "a"]])), "not pairs of numbers"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [1, NaN], [1, 1]]]}', "vertex 1 is (1.0, nan)"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [1e999, 0], [1, 1]]]}', "vertex 1 is (inf, 0.0)"),
        (json.dumps(of("Polygon", [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]])), "crosses or retraces itself"),
        (json.dumps(of("Polygon", [SQUARE, [[0.1, 0.1]]])), "interior ring 0"),
        (json.dumps(of("LineString", [[0, 0], [1, 1]])), "found LineString, expected polygons"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_malformed_areas_name_file_and_place(tmp_path, text, message):
    path = tmp_path / "area.geojson"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_domain(path)
    assert "area.geojson" in str(error.value)
    assert message in str(error.value)


def test_malformed_traces_name_file_and_feature(tmp_path):
    path = write(tmp_path / "traces.geojson", of("LineString", [[0, 0], [1, 1]]), of("Polygon", [SQUARE]))
    with pytest.raises(InputError, match=r"traces\.geojson, feature 1: found Polygon, expected lines"):
        read_cracks(path)
    write(path, of("LineString", [[0, 0]]))
    with pytest.raises(InputError, match="feature 0: 1 point; a line has at least two"):
        read_cracks(path)


def test_a_missing_file_lists_the_ones_that_are_there(tmp_path):
    write(tmp_path / "area.geojson", of("Polygon", [SQUARE]))
    with pytest.raises(InputError, match="no such file") as error:
        read_domain(tmp_path / "aera.geojson")
    assert "area.geojson" in error.value.hint


def test_unusable_paths_are_refused(tmp_path):
    with pytest.raises(InputError, match="folder"):
        (tmp_path / "x.geojson").mkdir()
        read_domain(tmp_path / "x.geojson")
    with pytest.raises(InputError, match="ending"):
        read_domain(tmp_path / "area.shp")
    path = write(tmp_path / "area.geojson", of("Polygon", [SQUARE]))
    with pytest.raises(InputError, match="layers are for"):
        read_domain(path, layer="A")
    (tmp_path / "binary.geojson").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not a text file"):
        read_domain(tmp_path / "binary.geojson")
