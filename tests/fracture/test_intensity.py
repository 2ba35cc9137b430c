"""Stress intensity factors of solutions on plain covers."""

import jax
import numpy as np
import pytest

import nmm

EDGE = 2.8254
"""K_I / σ√(πa) of an edge crack of half the width in a plate twice as long as wide."""


def pulled(cells, tips="plain", load="tension", shift=0.0):
    """A plate 1 x 2 with an edge crack, under tension at both ends or pressure on the crack's faces."""
    domain = nmm.rectangle(0, 0, 1, 2).with_cracks([[(0.0, 1.0), (0.5, 1.0)]])
    lattice = nmm.lattice(cell=1 / cells, tips=tips, origin=(shift / cells, 0.37 / cells))
    ends = [nmm.traction("y == 2", (0.0, 1.0)), nmm.traction("y == 0", (0.0, -1.0))]
    terms = ends if load == "tension" else nmm.pressure("crack 0", 1.0)
    return nmm.problem(nmm.cut(domain, lattice), nmm.elasticity(1.0, 0.3), terms)


def leaning(cells, angle=0.0, mirror=False, backwards=False, young=1.0, load=1.0, **more):
    """A plate 1 x 1 with an inclined crack, held below, pulled and sheared above; turned or mirrored."""
    c, s = np.cos(angle), np.sin(angle)
    axes = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if mirror else 1.0, 1.0])
    corners = [tuple(axes @ np.array(p)) for p in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))]
    crack = [tuple(axes @ np.array(p)) for p in ((0.3, 0.42), (0.7, 0.61))]
    domain = nmm.polygon(corners).with_cracks([crack[::-1] if backwards else crack])
    lattice = nmm.lattice(cell=1 / cells, origin=(0.0, 0.0), angle=float(np.rad2deg(angle)))
    up, pull = axes @ [0.0, 1.0], axes @ [0.4, 1.0]
    along = f"nx*({float(up[0])!r}) + ny*({float(up[1])!r})"
    terms = [
        nmm.fixed(f"{along} < -0.9"),
        nmm.traction(f"{along} > 0.9", [f"({load})*({float(v)!r})" for v in pull]),
    ]
    return nmm.problem(nmm.cut(domain, lattice), nmm.elasticity(young, 0.3), [*terms, *more.get("terms", ())])


def found(problem, params=None, **options):
    return nmm.stress_intensity(nmm.forward(problem)(params or {}), **options)


def table(tips):
    return np.array([[tip[key] for key in ("KI", "KII", "G", "T")] for tip in tips])


def test_an_edge_crack_within_a_few_percent_and_of_first_order():
    errors = []
    for cells in (16, 32):
        (tip,) = found(pulled(cells))
        errors.append(tip["KI"] / (EDGE * np.sqrt(0.5 * np.pi)) - 1)
        assert abs(tip["KII"]) < 3e-3 * tip["KI"]
        assert tip["G"] == pytest.approx(0.91 * (tip["KI"] ** 2 + tip["KII"] ** 2))
    assert abs(errors[1]) < 0.05
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.2)


def test_the_radius_hardly_matters():
    u = nmm.forward(pulled(32))({})
    values = [nmm.stress_intensity(u, radius=r)[0]["KI"] for r in (0.1, 0.2, 0.3, 0.45)]
    assert np.ptp(values) < 3e-3 * values[0]


@pytest.mark.parametrize("angle", [0.4, 2.0])
def test_turning_everything_changes_nothing(angle):
    assert table(found(leaning(20, angle))) == pytest.approx(table(found(leaning(20))), abs=1e-7)


def test_a_mirror_changes_the_sign_of_shear_only():
    straight, mirrored = table(found(leaning(20))), table(found(leaning(20, mirror=True)))
    assert straight[0, 1] * straight[1, 1] != 0
    assert mirrored == pytest.approx(straight * [1, -1, 1, 1], abs=1e-4)


def test_the_direction_of_a_trace_does_not_matter():
    forwards, backwards = found(leaning(20)), found(leaning(20, backwards=True))
    assert table(backwards) == pytest.approx(table(forwards)[::-1], abs=1e-9)
    assert [t["end"] for t in backwards] == [0, 1]
    assert backwards[0]["x"] == pytest.approx(forwards[1]["x"])


@pytest.mark.parametrize("tips, tolerance", [("plain", 1e-5), ("enriched", 1e-4)])
def test_pressure_on_the_faces_is_as_good_as_tension_far_away(tips, tolerance):
    """Superposition: the same factors from σ at the ends and from the pressure σ on the faces."""
    (pull,), (press,) = (found(pulled(30, tips, load, 0.38)) for load in ("tension", "pressure"))
    assert press["KI"] == pytest.approx(pull["KI"], rel=tolerance)
    assert press["T"] == pytest.approx(pull["T"], abs=2e-4)


@pytest.mark.parametrize("shift", [0.0, 0.31, 0.77])
def test_enriched_tips_are_within_a_per_cent_wherever_the_lattice_lies(shift):
    (tip,) = found(pulled(30, "enriched", shift=shift))
    assert tip["KI"] == pytest.approx(EDGE * np.sqrt(0.5 * np.pi), rel=0.008)
    assert abs(tip["KII"]) < 1e-4 * tip["KI"]


def test_the_weight_falls_outside_of_the_zone_where_singular_patches_end():
    """There the integral would depend on the radius by up to one per cent."""
    u = nmm.forward(pulled(40, "enriched", shift=0.38))({})
    inside, *outside = (nmm.stress_intensity(u, radius=r / 40)[0]["KI"] for r in (5, 9, 11, 14))
    assert np.ptp(outside) < 3e-4 * outside[0]
    assert inside == pytest.approx(outside[0], rel=2e-3)


def test_derivatives_by_load_and_modulus_and_values_inside_jit():
    forward = nmm.forward(leaning(10, young="E", load="p"))

    def measure(params):
        tip = nmm.stress_intensity(forward(params))[1]
        return tip["KI"] + 0.5 * tip["KII"] + 0.3 * tip["G"] + 0.1 * tip["T"]

    params = {"E": 2.0, "p": 0.7}
    value, slope = jax.jit(jax.value_and_grad(measure))(params)
    assert float(value) == pytest.approx(measure(params), rel=1e-6)
    for key in params:
        more, less = (measure({**params, key: params[key] + d}) for d in (1e-4, -1e-4))
        assert float(slope[key]) == pytest.approx((more - less) / 2e-4, rel=1e-5, abs=1e-8)


def test_a_region_of_the_same_material_changes_nothing():
    """The terms of materials that vary vanish, and the seam changes little."""
    domain = nmm.rectangle(0, 0, 1, 2).with_cracks([[(0.0, 1.0), (0.5, 1.0)]])
    domain = domain.with_region("right", nmm.rectangle(0.58, 0, 1, 2))
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 32, origin=(0.0, 0.37 / 32)))
    model = nmm.elasticity(1.0, 0.3).in_region("right", young=1.0)
    ends = [nmm.traction("y == 2", (0.0, 1.0)), nmm.traction("y == 0", (0.0, -1.0))]
    both = nmm.problem(manifold, model, ends)
    assert table(found(both)) == pytest.approx(table(found(pulled(32))), rel=1e-3, abs=1e-4)


def test_the_border_of_a_stiffer_region_may_cross_the_disc():
    domain = nmm.rectangle(0, 0, 1, 2).with_cracks([[(0.0, 1.0), (0.5, 1.0)]])
    domain = domain.with_region("right", nmm.rectangle(0.62, 0, 1, 2))
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 50, origin=(0.0, 0.0074)))
    model = nmm.elasticity(1.0, 0.3).in_region("right", young=4.0)
    ends = [nmm.traction("y == 2", (0.0, 1.0)), nmm.traction("y == 0", (0.0, -1.0))]
    u = nmm.forward(nmm.problem(manifold, model, ends))({})
    within, across = (nmm.stress_intensity(u, radius=r)[0]["KI"] for r in (0.11, 0.3))
    assert across == pytest.approx(within, rel=0.01)


def test_a_tip_on_a_border_is_left_out():
    domain = nmm.rectangle(0, 0, 1, 2).with_cracks([[(0.0, 1.0), (0.5, 1.0)]])
    domain = domain.with_region("right", nmm.rectangle(0.5, 0, 1, 2))
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 32))
    ends = [nmm.traction("y == 2", (0.0, 1.0)), nmm.traction("y == 0", (0.0, -1.0))]
    u = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), ends))({})
    assert nmm.stress_intensity(u) == []
    assert "border" in nmm.tips_left_out(u)[0]["reason"]


def test_solutions_list_the_tips_of_enriched_covers_only():
    plain, enriched = (nmm.forward(pulled(16, tips))({}) for tips in ("plain", "enriched"))
    assert plain.tips == [] and plain.tips_left_out == []
    assert enriched.tips == nmm.stress_intensity(enriched)
    assert set(enriched.tips[0]) == {"crack", "end", "x", "y", "KI", "KII", "G", "T", "radius"}
