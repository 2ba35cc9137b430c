"""Interaction integrals of exact fields: they must give back the factors of the field."""

import jax
import numpy as np
import pytest
from tip_fields import NU, YOUNG, cracked, williams, with_gradient

import nmm
from nmm.manifold.locate import locate

TIP = np.array([0.03, -0.02])
CELL = 1 / 16


def at_end(found, end=1):
    return next(tip for tip in found if tip["end"] == end)


def factors(tip):
    return np.array([tip["KI"], tip["KII"], tip["T"]])


def behind(angle, length=0.5):
    return [tuple(TIP - length * np.array([np.cos(angle), np.sin(angle)])), tuple(TIP)]


@pytest.mark.parametrize("plane", ["strain", "stress"])
@pytest.mark.parametrize("angle", [0.0, 0.7, 2.5, -1.9])
def test_williams_fields_give_back_their_factors_on_every_radius(plane, angle):
    given = (1.3, -0.7, 0.4)
    u = with_gradient(cracked(behind(angle), CELL, plane), williams(TIP, angle, *given, plane))
    for cells in (2, 3, 6, 7):
        tip = at_end(nmm.stress_intensity(u, cells * CELL))
        assert factors(tip)[:2] == pytest.approx(given[:2], abs=2e-5)
        # A plain cover has the last stretch of the crack uncut, which counts on a small radius.
        assert tip["T"] == pytest.approx(given[2], abs=5e-4 if cells == 2 else 4e-5)
        modulus = YOUNG / (1 - NU**2) if plane == "strain" else YOUNG
        assert tip["G"] == pytest.approx((tip["KI"] ** 2 + tip["KII"] ** 2) / modulus)


def test_the_same_field_seen_from_a_crack_given_backwards():
    given = (1.3, -0.7, 0.4)
    u = with_gradient(cracked(behind(0.7)[::-1], CELL), williams(TIP, 0.7, *given))
    tip = at_end(nmm.stress_intensity(u), 0)
    assert factors(tip) == pytest.approx(given, abs=2e-5)
    assert (tip["x"], tip["y"]) == pytest.approx(tuple(TIP))


def test_shear_is_positive_when_the_left_face_moves_forward():
    """Faces that slide: u₁ = ±√(−x) on the left and right; any such field has K_II > 0."""
    u = with_gradient(cracked(behind(0.0), CELL), williams(TIP, 0.0, 0.0, 1.0, 0.0))
    above, below = TIP + [-0.2, 1e-3], TIP + [-0.2, -1e-3]
    slope = u._gradients(*locate(u.manifold, np.stack([above, below])), False)
    # ∂₁u₁ falls towards the tip on the left face, where the displacement is positive.
    assert slope[0, 0, 0] < 0 < slope[1, 0, 0]
    assert at_end(nmm.stress_intensity(u))["KII"] > 0


def test_pressure_on_the_faces():
    # The tip lies on a lattice line, so that the cover feels the crack up to it.
    tip, p = np.array([0.013, -0.02]), 0.8
    crack = [tuple(tip - [0.5, 0]), tuple(tip)]
    u = cracked(crack, CELL, terms=[nmm.pressure("crack 0", p)])
    field, strain = williams(tip, 0.0, 1.3, -0.7, 0.4), uniform(0.0, -p, 0.0)
    with_gradient(u, lambda points: field(points) + strain)
    assert factors(at_end(nmm.stress_intensity(u))) == pytest.approx([1.3, -0.7, 0.4], abs=2e-5)


def uniform(xx, yy, xy):
    """Strain of a uniform stress in plane strain."""
    mean = NU * (xx + yy)
    return (1 + NU) / YOUNG * np.array([[xx - mean, xy], [xy, yy - mean]])


def test_initial_stress_counts_in_full():
    """The total stress is that of the field; the strain is that of what is added to the initial stress."""
    initial = (0.3, -0.9, 0.5)
    u = cracked(behind(0.7), CELL, initial_stress=initial)
    field = williams(TIP, 0.7, 1.3, -0.7, 0.4)
    with_gradient(u, lambda points: field(points) - uniform(*initial))
    assert factors(at_end(nmm.stress_intensity(u))) == pytest.approx([1.3, -0.7, 0.4], abs=2e-5)


def test_body_force():
    """σ_yy = g (y − y₀) leaves the faces free."""
    g = 3.0
    u = cracked(behind(0.0), CELL, body_force=(0.0, -g))
    field = williams(TIP, 0.0, 1.3, -0.7, 0.4)
    uniaxial = YOUNG * (1 - NU) / ((1 + NU) * (1 - 2 * NU))

    def slope(points):
        own = np.zeros((len(points), 2, 2))
        own[:, 1, 1] = g * (points[:, 1] - TIP[1]) / uniaxial
        return field(points) + own

    with_gradient(u, slope)
    assert factors(at_end(nmm.stress_intensity(u))) == pytest.approx([1.3, -0.7, 0.4], abs=5e-4)


def test_material_that_varies():
    """Uniform tension σ_xx along the crack is compatible when 1/E is linear across it; K = 0."""
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks([behind(0.0)])
    manifold = nmm.cut(domain, nmm.lattice(cell=CELL, origin=(0.013, 0.021)))
    model = nmm.elasticity(lambda points: YOUNG / (1 + 0.8 * (points[:, 1] - TIP[1])), NU, "stress")
    u = nmm.forward(nmm.problem(manifold, model, nmm.fixed("outline")))({})

    def slope(points):
        x, y = (points - TIP).T
        stretch = (1 + 0.8 * y) / YOUNG
        rows = [[stretch, 0.8 * x / YOUNG], [-0.8 * x / YOUNG, -NU * stretch]]
        return np.moveaxis(np.array(rows), -1, 0)

    with_gradient(u, slope)
    assert factors(at_end(nmm.stress_intensity(u))) == pytest.approx([0, 0, 1], abs=1e-3)


def test_tips_without_room_say_why():
    domain = nmm.rectangle(0, 0, 2, 1).with_cracks(
        [[(0.0, 0.5), (0.7, 0.5)], [(0.8, 0.3), (0.8, 0.7)], [(1.2, 0.5), (1.4, 0.5), (1.5, 0.6)]]
    )
    manifold = nmm.cut(domain, nmm.lattice(cell=0.07))
    problem = nmm.problem(manifold, nmm.elasticity(1.0, 0.3), nmm.fixed("x == 0"))
    u = nmm.forward(problem)({})
    reasons = {(t["crack"], t["end"]): t["reason"] for t in nmm.tips_left_out(u)}
    assert "another crack" in reasons[0, 1]
    assert "another crack is 2 cells away" in reasons[2, 1]
    measured = {(t["crack"], t["end"]) for t in nmm.stress_intensity(u)}
    assert measured == {(1, 0), (1, 1), (2, 0)}


def test_what_is_near_shortens_the_radius():
    domain = nmm.rectangle(0, 0, 2, 1).with_cracks([[(0.0, 0.5), (0.7, 0.5)], [(1.0, 0.3), (1.0, 0.7)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 40))
    given = [nmm.fixed("x == 0"), nmm.point_load((0.7, 0.6), (0.0, 1.0))]
    u = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), given))({})
    tip = nmm.stress_intensity(u, radius=0.4)[0]
    assert tip["radius"] == pytest.approx(0.95 * 0.1)


def test_wrong_input():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.5), (0.5, 0.5)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=10))
    flow = nmm.forward(nmm.problem(manifold, nmm.poisson(), nmm.value("x == 0", 1.0)))({})
    with pytest.raises(nmm.InputError, match="elasticity"):
        nmm.stress_intensity(flow)
    solid = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), nmm.fixed("x == 0")))({})
    with pytest.raises(nmm.InputError, match="positive length"):
        nmm.stress_intensity(solid, radius=-1.0)
    assert jax.tree.leaves(solid.tips) == []
