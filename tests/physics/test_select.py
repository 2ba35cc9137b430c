import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmm.domain.geometry import Entity
from nmm.errors import ExpressionError, SelectionError
from nmm.physics.select import Facets, conflicts, select

BOX = (0.0, 0.0, 2.0, 1.0)
ENTITIES = (
    Entity("outline", 0),
    Entity("hole", 0, "tunnel"),
    Entity("hole", 1),
    Entity("crack", 0),
    Entity("crack", 2, "old mine-shaft"),
    Entity("crack", 3, "old"),
    Entity("crack", 4, "river left"),
)


def ring(points, pieces):
    points = np.array(points, dtype=float)
    s = np.linspace(0, 1, pieces + 1)[:, None]
    sides = [(1 - s) * a + s * b for a, b in zip(points, np.roll(points, -1, axis=0), strict=True)]
    return np.concatenate([np.stack([side[:-1], side[1:]], axis=1) for side in sides])


def plate(pieces=7, shift=(0.0, 0.0)):
    """The plate 2 x 1 with two square holes (perimeters 1 and 0.4) and four cracks of length 0.25."""
    parts = [(ring([(0, 0), (2, 0), (2, 1), (0, 1)], pieces), 0, 0)]
    for entity, (x, y, size) in {1: (1.0, 0.25, 0.25), 2: (1.5, 0.5, 0.1)}.items():
        corners = [(x, y), (x, y + size), (x + size, y + size), (x + size, y)]
        parts.append((ring(corners, pieces), entity, 0))
    for entity in (3, 4, 5, 6):
        s = np.linspace(0, 1, pieces + 1)[:, None]
        line = np.array([0.1 * entity, 0.5]) + s * np.array([0.0, 0.25])
        forward = np.stack([line[:-1], line[1:]], axis=1)
        # The trace runs upwards: the body on its left sees it forwards, the body on its right backwards.
        parts += [(forward[:, ::-1], entity, 1), (forward, entity, -1)]
    ends = np.concatenate([part for part, _, _ in parts]) + np.array(shift)
    along = ends[:, 1] - ends[:, 0]
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.linalg.norm(along, axis=1)[:, None]
    entity = np.concatenate([np.full(len(part), e) for part, e, _ in parts])
    side = np.concatenate([np.full(len(part), s) for part, _, s in parts])
    return Facets(ends, normal, entity, side)


PLATE = plate()


def pieces(on, facets=PLATE, box=BOX):
    selection = select(on, facets, ENTITIES, box, "case.toml: boundary[0].on")
    return selection.facet, selection.interval


def length(on, facets=PLATE, box=BOX):
    facet, interval = pieces(on, facets, box)
    return float(np.sum(facets.length[facet] * (interval[:, 1] - interval[:, 0])))


def failure(on, kind=SelectionError):
    with pytest.raises(kind) as caught:
        pieces(on)
    assert str(caught.value).startswith("case.toml: boundary[0].on: ")
    return str(caught.value)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("outline", 6.0),
        ("holes", 1.4),
        ("hole 0", 1.0),
        ("hole  1", 0.4),
        ("tunnel", 1.0),
        ("crack 0", 0.5),
        ("crack 0 left", 0.25),
        ("crack 2 right", 0.25),
        ("cracks", 2.0),
        ("cracks left", 1.0),
        ("old", 0.5),
        ("old left", 0.25),
        ("old mine-shaft", 0.5),
        ("old  mine-shaft right", 0.25),
        ("river left", 0.5),
        ("river left left", 0.25),
        ("tunnel or hole 1", 1.4),
        ("old or old mine-shaft", 1.0),
        ("holes and not tunnel", 0.4),
        ("not holes", 6.0),
        ("not (holes or x == 0)", 5.0),
        ("(tunnel)or(x==0)", 2.0),
    ],
)
def test_names_select_their_entities(on, expected):
    assert length(on) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("x == 0", 1.0),
        ("x == xmax or y == ymin", 3.0),
        ("x == 1", 0.25),
        ("outline and x != 0", 5.0),
        ("outline and y > yc", 3.0),
        ("outline and y > 0.61", 2 + 2 * 0.39),
        ("outline and not y > 0.61", 2 + 2 * 0.61),
        ("outline and 0.3 < x <= 0.31", 0.02),
        ("outline and (x < 0.3 or x > 1.9) and y == 0", 0.4),
        ("y == 0 and abs(x - 1) < 1e-3", 2e-3),
        ("y == 0 and (x - 1)**2 > 0.01", 1.8),
        ("ny > 0.5 and outline", 2.0),
        ("nx == -1 and outline", 1.0),
        ("outline and nx < 0", 1.0),
        ("hole 0 and nx < 0", 0.25),
        ("holes and y > 0.55", 0.1 + 2 * 0.05),
        ("x == 2*xc and sin(pi*y) >= sqrt(0.5)", 0.5),
        ("1 < 2", 7.4),
        ("outline and sqrt(x - 1.5) >= 0", 0.5 * 2 + 1),
    ],
)
def test_expressions_select_by_place_and_normal(on, expected):
    assert length(on) == pytest.approx(expected, rel=1e-11)


def test_the_outward_normal_of_a_hole_points_into_the_hole():
    facet, _ = pieces("hole 0 and nx == 1")
    np.testing.assert_allclose(PLATE.ends[facet][:, :, 0], 1.0)


@pytest.mark.parametrize(
    "on", ["x == 0.3 or x == 0", "abs(x - 0.3) < 0.1 or x == 0", "not tunnel", "y > 0.5"]
)
def test_crack_faces_are_never_selected_without_a_name(on):
    facet, _ = pieces(on)
    assert np.all(PLATE.side[facet] == 0)


@pytest.mark.parametrize(
    ("on", "entities", "sides"),
    [
        ("crack 0 or y > 0.6", {3}, {1, -1}),
        ("crack 0 left or y > 0.6", {3}, {1}),
        ("cracks and not crack 0", {4, 5, 6}, {1, -1}),
        ("cracks and not crack 0 and y > 0.6", {4, 5, 6}, {1, -1}),
        ("not crack 0", set(), set()),
        ("not crack 0 left", set(), set()),
        ("old right or river left left or outline", {5, 6}, {1, -1}),
    ],
)
def test_only_named_crack_faces_are_selected(on, entities, sides):
    facet, _ = pieces(on)
    faces = PLATE.side[facet] != 0
    assert set(PLATE.entity[facet][faces]) == entities
    assert set(PLATE.side[facet][faces]) == sides


def test_expressions_cut_crack_faces_that_are_named():
    assert length("crack 0 left and y < 0.6") == pytest.approx(0.1)
    assert length("(cracks and y < 0.6) or x == 0") == pytest.approx(1 + 8 * 0.1)


@given(st.floats(0.01, 0.99), st.integers(1, 40))
def test_an_inequality_and_its_negation_share_the_boundary_exactly(limit, count):
    facets = plate(count)
    for low, high in [("<", ">="), ("<=", ">")]:
        lower, upper = (select(f"y {op} {limit!r}", facets, ENTITIES, BOX) for op in (low, high))
        facet = np.concatenate([lower.facet, upper.facet])
        interval = np.concatenate([lower.interval, upper.interval])
        assert facets.length[facet] @ (interval[:, 1] - interval[:, 0]) == pytest.approx(7.4, rel=1e-12)
        assert not len(conflicts([("low", lower, [True]), ("high", upper, [True])]))
        ends = facets.ends[lower.facet]
        y = ends[:, 0, 1:] + lower.interval * (ends[:, 1, 1:] - ends[:, 0, 1:])
        assert y.max() == pytest.approx(limit, abs=1e-12)


def test_several_intervals_of_one_facet_are_several_rows():
    one = plate(1)
    facet, interval = pieces("y == 0 and (x < 0.5 or 0.75 <= x < 1 or x > 1.5)", one)
    assert facet.tolist() == [0, 0, 0]
    np.testing.assert_allclose(interval, [[0, 0.25], [0.375, 0.5], [0.75, 1]], atol=1e-15)


def test_intervals_that_touch_are_one():
    facet, interval = pieces("y == 0 and (x <= 0.5 or x > 0.5 or x > 1)", plate(1))
    assert facet.tolist() == [0] and interval.tolist() == [[0.0, 1.0]]


def test_the_second_crossing_in_a_facet_is_found():
    facet, interval = pieces("y == 0 and abs(x - 0.7) < 0.3", plate(1))
    assert facet.tolist() == [0]
    np.testing.assert_allclose(interval, [[0.2, 0.5]], atol=1e-14)


@pytest.mark.parametrize("limit", [np.nextafter(1, 0), 1.0, np.nextafter(1, 2)])
def test_no_slivers_where_the_limit_is_a_facet_end(limit):
    facets, limit = plate(4), float(limit)
    for on in (f"y == 0 and x > {limit!r}", f"y == 0 and x <= {limit!r}"):
        _, interval = pieces(on, facets)
        assert interval.tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("operator", "expected"), [("<=", 2.0), (">=", 6.0), ("<", 0.0), (">", 4.0), ("==", 2.0)]
)
def test_a_facet_on_the_limit_counts_as_equal_whatever_rounding_says(operator, expected):
    rng = np.random.default_rng(1)
    ends = PLATE.ends + 1e-14 * rng.normal(size=PLATE.ends.shape)
    noisy = Facets(ends, PLATE.normal, PLATE.entity, PLATE.side)
    on = f"outline and y {operator} 0"
    if expected:
        assert length(on, noisy) == pytest.approx(expected, rel=1e-10)
    else:
        with pytest.raises(SelectionError):
            pieces(on, noisy)


def test_equality_uses_the_tolerance_of_the_bounding_box():
    diagonal = 5**0.5
    assert length(f"x == {0.9e-9 * diagonal!r} and outline") == pytest.approx(1.0)
    failure(f"x == {1.1e-9 * diagonal!r} and outline")


def test_equality_needs_both_ends():
    failure("x == 0.001 and y == 0")
    assert length("x == 0 and y != 0") == pytest.approx(1.0)


def test_coordinates_far_from_the_origin():
    shift = (1e6, -3e6)
    box = (1e6, -3e6, 1e6 + 2, -3e6 + 1)
    facets = plate(shift=shift)
    assert length("x == xmin", facets, box) == pytest.approx(1.0, rel=1e-8)
    assert length("x == xmax and y > yc", facets, box) == pytest.approx(0.5, rel=1e-8)


@pytest.mark.parametrize(
    ("on", "parts"),
    [
        (
            "x == 3",
            ["selects nothing", "outline: x 0 to 2, y 0 to 1", "hole 0 (tunnel): x 1 to 1.25", "by name"],
        ),
        ("crack 0 and y > 5", ["selects nothing", "crack 0: x 0.3 to 0.3, y 0.5 to 0.75"]),
        ("outline and holes", ["selects nothing"]),
    ],
)
def test_selecting_nothing_lists_the_entities_and_their_extents(on, parts):
    message = failure(on)
    assert all(part in message for part in parts)


def test_an_entity_without_facets_is_said_to_have_no_length():
    with pytest.raises(SelectionError, match="crack 9: no length in the cut"):
        select("crack 9", PLATE, (*ENTITIES, Entity("crack", 9)), BOX, "on")


@pytest.mark.parametrize(
    ("on", "parts"),
    [
        ("x == 0 or hole 7", ["no `hole 7`", "column 11", "hole 0 (tunnel), hole 1"]),
        ("crack 1 left", ["no `crack 1 left`", "crack 0, crack 2 (old mine-shaft)"]),
        ("E > 3", ["unknown name `E`", "known: x, y,"]),
        ("x == 0 and oultine", ["unknown name `oultine`", "column 12", "did you mean `outline`"]),
        ("hole", ["unknown name `hole`", "did you mean `holes`"]),
        ("tunel", ["did you mean `tunnel`"]),
        ("crack2", ["did you mean `crack 2`"]),
        ("xmni == x", ["did you mean `xmin`"]),
        ("t > 1", ["cannot depend on t"]),
        ("x", ["a number, not a condition", "x == 0"]),
        ("hole 0 left", ["only cracks", "column 8"]),
    ],
)
def test_wrong_names_are_errors_that_suggest(on, parts):
    message = failure(on)
    assert all(part in message for part in parts), message


def test_groups_that_are_empty_are_errors():
    with pytest.raises(SelectionError, match="no cracks"):
        select("cracks", PLATE, ENTITIES[:1], BOX, "on")


@pytest.mark.parametrize(
    ("on", "column"),
    [
        ("tunnel x", 8),
        ("tunnel (x > 1)", 8),
        ("old mine-shaft left and open(1)", 25),
        ("crack 0 left and x ^ 2 > 1", 20),
        ("outline and", 12),
        ("x == 0 and y", 12),
        ("x = 0", 3),
    ],
)
def test_positions_are_those_of_the_text(on, column):
    message = failure(on, ExpressionError)
    text, pointer = message.split("\n")[1:3]
    assert text.strip() == on and pointer.index("^") - 4 == column - 1 and f"column {column}" in message


def test_words_of_the_language_are_not_entity_names():
    entities = (*ENTITIES[:1], Entity("hole", 0, "x"), Entity("hole", 1, "2"), Entity("hole", 2, "and"))
    selection = select("x == 2 and y > 0.5", PLATE, (*entities, *ENTITIES[4:]), BOX, "on")
    assert PLATE.length[selection.facet] @ np.ptp(selection.interval, axis=1) == pytest.approx(0.5)


def test_a_name_that_several_entities_share_means_all_of_them():
    entities = (*ENTITIES[:1], Entity("hole", 0, "well"), Entity("hole", 1, "well"), *ENTITIES[3:])
    selection = select("well", PLATE, entities, BOX, "on")
    assert set(PLATE.entity[selection.facet]) == {1, 2}


def test_conflicts_are_pieces_of_positive_length_with_a_shared_component():
    one = plate(1)
    entries = [
        ("bottom", select("y == 0", one, ENTITIES, BOX), (True, False)),
        ("middle", select("y == 0 and 0.5 < x < 1", one, ENTITIES, BOX), (True, True)),
        ("end", select("y == 0 and x >= 1", one, ENTITIES, BOX), (True, True)),
        ("lift", select("y == 0", one, ENTITIES, BOX), (False, True)),
        ("left", select("x == 0", one, ENTITIES, BOX), (True, True)),
    ]
    rows = [(facet, tuple(np.round(part, 12)), {a, b}) for facet, part, a, b in conflicts(entries)]
    half, rest = (0.25, 0.5), (0.5, 1.0)
    expected = [
        (0, half, {"bottom", "middle"}),
        (0, half, {"middle", "lift"}),
        (0, rest, {"bottom", "end"}),
        (0, rest, {"end", "lift"}),
    ]
    assert len(rows) == len(expected) and all(row in rows for row in expected)


def test_conflicts_ignore_pieces_not_longer_than_the_tolerance():
    one = plate(1)
    entries = [
        (str(on), select(on, one, ENTITIES, BOX), (True,))
        for on in ("y == 0 and x < 1", "y == 0 and x > 0.9")
    ]
    assert len(conflicts(entries, one, 0.05)) == 1
    assert len(conflicts(entries, one, 0.15)) == 0
    assert len(conflicts([])) == 0
