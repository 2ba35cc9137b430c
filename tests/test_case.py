"""Case files: what they build, where their mistakes are, what may be overridden."""

import tomllib

import numpy as np
import pytest

import nmm
from nmm.case import read_case
from nmm.case.positions import line_of, positions
from nmm.errors import CaseError, ExpressionError, InputError, NotYet

PLATE = """\
title = "plate"

[domain]
outline = { rectangle = [0, 0, 2, 1] }
holes = [{ circle = [1.4, 0.6, 0.15], name = "tunnel" }]
cracks = [
  [[0.5, 0.0], [0.5, 0.3]], # a comment with "quotes and [brackets
  { points = [[0.7, 0.5], [0.9, 0.7]], name = "fault" },
]

[[domain.region]]
name = "inclusion"
shape = { circle = [1.0, 0.3, 0.1] }

[cover]
cells = 16

[parameters]
E = 210e9

[physics]
model = "elasticity"
young = "E"
poisson = 0.3

[physics.in.inclusion]
young = 70e9

[[boundary]]
on = "x == 0"
displacement = [0, "free"]

[[boundary]]
name = "pulled"
on = "x == 2"
traction = [1e6, 0]

[[point_load]]
at = [1.0, 1.0]
force = [0, -1e3]
"""

FLOW = """\
[domain]
outline = { rectangle = [0, 0, 1, 1] }

[cover]
cell = 0.25

[physics]
model = "poisson"
conductivity = 2

[[boundary]]
on = "x == 0"
value = 1
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="plate.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_case_builds_the_domain_that_it_describes(written):
    domain = read_case(written(PLATE)).domain()
    assert domain.bounds == (0, 0, 2, 1)
    assert [hole.name for hole in domain.holes] == ["tunnel"]
    assert [crack.name for crack in domain.cracks] == [None, "fault"]
    assert [name for name, _ in domain.regions] == ["inclusion"]


def test_every_kind_of_shape_has_its_area(written):
    shapes = {
        "{ circle = [0, 0, 1] }": np.pi,
        "{ polygon = [[0, 0], [2, 0], [0, 2]] }": 2,
        "{ union = [{ rectangle = [0, 0, 1, 1] }, { rectangle = [1, 0, 3, 1] }] }": 3,
        "{ difference = [{ rectangle = [0, 0, 2, 1] }, { rectangle = [1, 0, 3, 1] }] }": 1,
        "{ intersection = [{ rectangle = [0, 0, 2, 1] }, { rectangle = [1.5, 0, 3, 1] }] }": 0.5,
    }
    for shape, area in shapes.items():
        text = FLOW.replace("{ rectangle = [0, 0, 1, 1] }", shape)
        geometry = read_case(written(text)).domain().geometry(0.25)
        assert geometry.area == pytest.approx(area, rel=1e-3), shape


def test_the_line_of_every_key_is_found_in_a_text_with_everything():
    text = (
        'a = 1\n"b c".d = """x\n[no]\n""" # ]\n[t.u]\nv = [\n  1,\n  { w = 2 }]\n[[t.s]]\nq=1\n[[t.s]]\nq=2\n'
    )
    tomllib.loads(text)
    found = positions(text)
    assert found[("a",)] == 1
    assert found[("b c", "d")] == 2
    assert found[("t", "u", "v", 1, "w")] == 8
    assert found[("t", "s", 0, "q")] == 10
    assert found[("t", "s", 1, "q")] == 12
    assert line_of(found, ("t", "u", "missing", 3)) == 5
    assert line_of(found, ("nowhere",)) is None


def test_a_message_names_file_line_key_and_the_nearest_known_key(written):
    with pytest.raises(CaseError) as caught:
        read_case(written(PLATE.replace("cells = 16", "cels = 16")))
    assert caught.value.where == "plate.toml, line 16: cover.cels"
    assert 'did you mean "cells"?' in caught.value.hint


def test_all_mistakes_are_listed_and_the_first_in_the_file_leads(written):
    text = PLATE.replace("cells = 16", "cells = -1").replace("poisson = 0.3", "poisson = true")
    with pytest.raises(CaseError) as caught:
        read_case(written(text))
    assert "line 16: cover.cells" in caught.value.where
    assert "line 24: physics.poisson" in caught.value.hint


def test_overrides_replace_and_create_entries_and_are_noted_in_the_copy(written):
    settings = ["cover.cell=0.05", "boundary.1.traction=[2e6, 0]", 'solve.method="cg"', "domain.cracks=[]"]
    case = read_case(written(PLATE), settings)
    assert (case.spec.cover.cell, case.spec.cover.cells) == (0.05, None)
    assert case.spec.boundary[1].traction == (2e6, 0)
    assert case.spec.solve.method == "cg"
    assert case.domain().cracks == ()
    assert case.text.endswith(PLATE)
    assert all(f"# --set {item}" in case.text for item in settings)
    assert tomllib.loads(case.text) == tomllib.loads(PLATE)


def test_without_overrides_the_copy_is_verbatim(written):
    assert read_case(written(PLATE)).text == PLATE


def test_a_wrong_override_is_the_place_of_the_message(written):
    with pytest.raises(CaseError, match=r"--set physics\.in\.inclusion\.young"):
        read_case(written(PLATE), ["physics.in.inclusion.young=-1"])
    with pytest.raises(CaseError, match=r"--set cover\.cel: unknown key"):
        read_case(written(PLATE), ["cover.cel=1"])


@pytest.mark.parametrize(
    "setting", ["cover.cell", "cover.cell=", "cover.cell=a b", "boundary.9.value=1", "cover.cells.x=1", "=1"]
)
def test_an_override_that_cannot_be_read_says_how_it_should_look(written, setting):
    with pytest.raises(CaseError) as caught:
        read_case(written(PLATE), [setting])
    assert caught.value.where == f"--set {setting}" and caught.value.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[parameters]", "[time]\nend = 1\n[parameters]"),
        ("[parameters]", "[[stage]]\n[parameters]"),
        ("[parameters]", "[[joint_set]]\n[parameters]"),
    ],
)
def test_what_is_reserved_answers_not_yet(written, old, new):
    with pytest.raises(NotYet, match="not yet") as caught:
        read_case(written(PLATE.replace(old, new, 1)))
    assert "unknown key" not in str(caught.value)
    assert "plate.toml, line" in caught.value.where


def test_a_case_may_say_what_is_compared(written):
    text = PLATE + '[compare]\nmethods = ["nmm", "ritz"]\n'
    assert read_case(written(text)).spec.compare.methods == ("nmm", "ritz")


def test_an_expression_is_checked_when_the_case_is_read(written):
    for expression in ('"open(1)"', '"x^2"', '"(1 + x"'):
        with pytest.raises(ExpressionError, match=r"line 23: physics\.young"):
            read_case(written(PLATE.replace('"E"', expression)))
    with pytest.raises(CaseError, match="neither a parameter nor known"):
        read_case(written(PLATE.replace('"E"', '"E*(1 + alpha*x)"')))


@pytest.mark.parametrize("name", ["x", "pi", "sin", "t"])
def test_a_parameter_cannot_hide_what_expressions_know(written, name):
    with pytest.raises(CaseError, match=f"parameters.{name}"):
        read_case(written(PLATE.replace("E = 210e9", f"E = 210e9\n{name} = 1")))


@pytest.mark.parametrize(("plane", "value"), [("strain", 0.5), ("strain", -1.0), ("stress", 0.51)])
def test_the_range_of_poisson_depends_on_the_plane(written, plane, value):
    text = PLATE.replace("poisson = 0.3", f'plane = "{plane}"\npoisson = {value}')
    with pytest.raises(CaseError, match=rf"physics\.poisson: found .* in plane {plane}"):
        read_case(written(text))


def test_half_is_a_valid_poisson_ratio_in_plane_stress(written):
    text = PLATE.replace("poisson = 0.3", 'plane = "stress"\npoisson = 0.5')
    assert read_case(written(text)).spec.physics.poisson == 0.5


@pytest.mark.parametrize(
    "tensor", ["[[1, 2], [2, 1]]", "[[1, 0.1], [0.2, 1]]", "[[1, 0, 0], [0, 1, 0]]", "[1, 2]", "-1", "0"]
)
def test_a_conductivity_has_to_be_symmetric_and_positive(written, tensor):
    with pytest.raises(CaseError, match=r"physics\.conductivity"):
        read_case(written(FLOW.replace("conductivity = 2", f"conductivity = {tensor}")))


def test_a_region_may_have_a_density_of_its_own(written):
    path = written(
        PLATE.replace("poisson = 0.3", 'poisson = 0.3\ndensity = "2*rho"\ngravity = [0, -10]')
        .replace("young = 70e9", "young = 70e9\ndensity = 5")
        .replace("E = 210e9", "E = 210e9\nrho = 1")
        .replace('[0, "free"]', "[0, 0]")
    )
    case = read_case(path)
    load = nmm.forward(case.problem())(case.parameters).loads["body force"]
    domain = case.domain().geometry(0.125)
    inclusion = np.pi * 0.1**2
    assert load[1] == pytest.approx(-20 * domain.area - 30 * inclusion, rel=1e-3)


def test_a_region_that_does_not_exist_suggests_one_that_does(written):
    case = read_case(written(PLATE.replace("[physics.in.inclusion]", "[physics.in.inclusoin]")))
    with pytest.raises(CaseError) as caught:
        case.model()
    assert 'did you mean "inclusion"' in str(caught.value) and "line 26" in str(caught.value)


def test_a_grid_of_values_keeps_its_first_row_on_top(written, tmp_path):
    np.savetxt(tmp_path / "k.csv", [[3.0, 4.0], [1.0, 2.0]], delimiter=",")
    text = FLOW.replace(
        "conductivity = 2", 'conductivity = { grid = "k.csv", box = [0, 0, 1, 1], interpolation = "nearest" }'
    )
    case = read_case(written(text))
    grid = case._grid(case.spec.physics.conductivity, "physics", "conductivity")
    corners = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]])
    np.testing.assert_array_equal(np.asarray(grid(corners)), [1, 2, 3, 4])
    case.model()


@pytest.mark.parametrize("content", ["1,2\n3\n", "1,two\n", "1,nan\n3,4\n", "1,2\n", ""])
def test_a_grid_that_is_no_table_of_numbers_is_refused_with_its_place(written, tmp_path, content):
    (tmp_path / "k.csv").write_text(content)
    text = FLOW.replace("conductivity = 2", 'conductivity = { grid = "k.csv", box = [0, 0, 1, 1] }')
    with pytest.raises(CaseError, match=r"plate.toml, line 9: physics\.conductivity.*k\.csv"):
        read_case(written(text)).model()


def test_file_names_are_relative_to_the_case_file(written, tmp_path, monkeypatch):
    (tmp_path / "traces.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": '
        '{"type": "LineString", "coordinates": [[0.2, 0.5], [0.8, 0.5]]}}]}'
    )
    text = FLOW.replace("1, 1] }", '1, 1] }\ncracks = "traces.geojson"')
    monkeypatch.chdir("/")
    assert len(read_case(written(text)).domain().cracks) == 1


def test_a_missing_file_names_the_key_and_files_that_are_there(written, tmp_path):
    (tmp_path / "traces.geojson").write_text("{}")
    text = FLOW.replace("1, 1] }", '1, 1] }\ncracks = "trace.geojson"')
    with pytest.raises(CaseError) as caught:
        read_case(written(text)).domain()
    assert "plate.toml, line 3: domain.cracks.0" in str(caught.value)
    assert 'did you mean "traces.geojson"' in caught.value.hint


def test_a_geometric_mistake_has_the_place_of_its_shape(written):
    text = PLATE.replace("rectangle = [0, 0, 2, 1]", "rectangle = [2, 0, 0, 1]")
    with pytest.raises(InputError, match=r"plate\.toml, line 4: domain\.outline\.rectangle"):
        read_case(written(text)).domain()


def test_the_terms_keep_the_order_of_the_file(written):
    terms = read_case(written(PLATE)).boundary()
    assert [term.name for term in terms][1] == "pulled"
    assert len(terms) == 3


def test_a_lattice_is_described_by_every_key_of_the_cover(written):
    text = PLATE.replace("cells = 16", 'cell = 0.1\nshape = "triangle"\norigin = [0.5, 0]\nangle = 30')
    assert read_case(written(text)).lattice() == nmm.lattice(
        cell=0.1, shape="triangle", origin=(0.5, 0.0), angle=30.0
    )


def test_the_example_of_nmm_new_is_a_valid_case():
    from importlib.resources import as_file, files

    with as_file(files("nmm") / "data" / "new.toml") as path:
        case = read_case(path)
        assert case.domain().cracks and case.model() and case.boundary()
