import numpy as np
import pytest

from nmm.domain import disk, rectangle
from nmm.physics.select import Facets, select
from nmm.physics.straight import straight_of, straight_runs

CIRCLE = "(x - 1)**2 + (y - 0.5)**2"


def facets_of(geometry, pieces=3):
    """Every boundary segment cut into pieces, as lattice lines would."""
    vertices = geometry.vertices + geometry.shift
    a, b = vertices[geometry.boundary[:, 0]], vertices[geometry.boundary[:, 1]]
    s = np.linspace(0, 1, pieces + 1)[:, None, None]
    points = (1 - s) * a + s * b
    ends = np.stack([points[:-1], points[1:]], axis=2).reshape(-1, 2, 2)
    along = (ends[:, 1] - ends[:, 0]) / np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)[:, None]
    entity = np.tile(geometry.boundary_entity, pieces)
    segment = np.tile(np.arange(len(geometry.boundary)), pieces)
    side = np.zeros(len(ends), dtype=int)
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1)
    return Facets(ends, normal, entity, side, straight_of(ends, segment, geometry))


@pytest.fixture(params=[0.0, 1e5], ids=["near", "far"])
def plate(request):
    far = request.param
    domain = rectangle(far, 0, far + 2, 1) - disk((far + 1, 0.5), 0.2)
    # The first crack ends in the middle of a chord or near it, the second on the lower side.
    angle = 0.123
    rim = (far + 1 + 0.2 * np.cos(angle), 0.5 + 0.2 * np.sin(angle))
    domain = domain.with_cracks([[rim, (far + 1.5, 0.7)], [(far + 0.5, 0.0), (far + 0.5, 0.3)]])
    return domain.geometry(0.1), (far, 0.0, far + 2, 1.0)


def length(on, facets, geometry, box):
    on = on.replace("x", f"(x - {box[0]!r})")  # in the plate's own frame, wherever it lies
    selection = select(on, facets, geometry.entities, box)
    return facets.length[selection.facet] @ np.ptp(selection.interval, axis=1)


def test_a_stretch_goes_on_beyond_the_vertex_of_a_crack(plate):
    geometry, (xmin, _, xmax, _) = plate
    runs = straight_runs(geometry)
    lower = (runs[:, :, 1] == 0).all(axis=1)
    assert lower.sum() == 2
    np.testing.assert_allclose(runs[lower][:, :, 0], [[xmin, xmax]] * 2, rtol=1e-15)


def test_equality_finds_a_circle_whose_chords_are_cut(plate):
    geometry, box = plate
    facets = facets_of(geometry)
    rim = facets.length[facets.entity == 1].sum()
    assert length(f"{CIRCLE} == 0.2**2", facets, geometry, box) == pytest.approx(rim, rel=1e-12)
    assert length(f"sqrt({CIRCLE}) == 0.2 and y > 0.5", facets, geometry, box) == pytest.approx(
        rim / 2, rel=1e-3
    )
    assert length(f"sqrt({CIRCLE}) <= 0.2", facets, geometry, box) == pytest.approx(rim, rel=1e-12)
    assert length(f"sqrt({CIRCLE}) > 0.2", facets, geometry, box) == pytest.approx(6, rel=1e-12)


@pytest.mark.parametrize("on", ["abs(x - 1) == 1", "x*(2 - x) == 0", "x == 0 or x == 2"])
def test_equality_at_the_ends_of_a_side_alone_does_not_select_it(plate, on):
    geometry, box = plate
    assert length(on, facets_of(geometry), geometry, box) == pytest.approx(2, rel=1e-12)
