"""Cracks along the border of two materials: the fields of the pair, and what the integral finds with them."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from tip_fields import with_gradient

import nmm
from nmm.fracture.fields import tip_fields

YOUNG, NU = np.array([2.5, 0.4]), np.array([0.3, 0.2])
MU, KAPPA = YOUNG / (2 + 2 * NU), 3 - 4 * NU
PLANE = YOUNG / (1 - NU**2)
SHARE = PLANE / PLANE.mean()
PAIR = (KAPPA[0] / MU[0] + 1 / MU[1]) / (KAPPA[1] / MU[1] + 1 / MU[0])
EPSILON = float(np.log(PAIR)) / (2 * np.pi)


def pair_fields(offset):
    """The three fields of the pair at offsets (n, 2): stress, its slope and the gradient, (3, n, 2, 2)."""
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    side = (angle < 0).astype(int)
    found = tip_fields(np.hypot(*offset.T), angle, EPSILON, SHARE[side])
    kappa, mu = KAPPA[side][:, None, None], MU[side][:, None, None]
    return found.stress, found.slope, (found.rigid + kappa * found.kolosov) / (2 * mu)


def test_the_traction_ahead_is_that_of_the_definition():
    r = np.array([0.3, 1.0, 2.0])
    stress, _, _ = pair_fields(np.stack([r, 0 * r], -1))
    for mode, factor in ((0, 1.0), (1, 1j)):
        wanted = factor * r ** (1j * EPSILON) / np.sqrt(2 * np.pi * r)
        assert stress[mode, :, 1, 1] + 1j * stress[mode, :, 0, 1] == pytest.approx(wanted)


def test_tractions_and_stretches_pass_the_border_and_faces_are_free():
    r, tiny = np.array([0.3, 1.7]), 1e-13
    above, below = (pair_fields(np.stack([r, 0 * r + s * tiny], -1)) for s in (1, -1))
    assert above[0][..., 1] == pytest.approx(below[0][..., 1])
    assert above[2][..., 0] == pytest.approx(below[2][..., 0])
    for s in (1, -1):
        assert pair_fields(np.stack([-r, 0 * r + s * tiny], -1))[0][..., 1] == pytest.approx(0, abs=1e-11)


def test_each_side_is_in_equilibrium_and_obeys_its_own_law():
    for place, side in (([0.4, 0.7], 0), ([-0.5, -0.3], 1)):
        step = 1e-5
        moves = np.array([[0, 0], [step, 0], [-step, 0], [0, step], [0, -step]])
        stress, slope, gradient = pair_fields(place + moves)
        by_x, by_y = ((stress[:, n] - stress[:, n + 1]) / (2 * step) for n in (1, 3))
        assert by_x[..., 0] + by_y[..., 1] == pytest.approx(0, abs=1e-7)
        assert slope[:, 0] == pytest.approx(by_x, abs=1e-7)
        strain = (gradient + gradient.swapaxes(2, 3)) / 2
        mean = 2 * MU[side] * NU[side] / (1 - 2 * NU[side]) * np.trace(strain, axis1=2, axis2=3)
        assert stress == pytest.approx(2 * MU[side] * strain + mean[..., None, None] * np.eye(2))


def test_the_force_at_the_tip_is_one():
    angle = (np.arange(2000) + 0.5) / 2000 * 2 * np.pi - np.pi
    normal = np.stack([np.cos(angle), np.sin(angle)], -1)
    stress = pair_fields(0.7 * normal)[0][2]
    force = np.einsum("nij,nj->i", stress, normal) * 0.7 * 2 * np.pi / 2000
    assert force == pytest.approx([-1, 0], abs=1e-5)


def cracked(angle=0.0, young=tuple(YOUNG), terms=(), **cover):
    """A square whose border and crack lie at `angle` through the tip (0.03, −0.02)."""
    tip, turn = (
        np.array([0.03, -0.02]),
        np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]),
    )
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks([[tuple(tip - 0.5 * turn[0]), tuple(tip)]])
    corners = np.array([[-4, 0], [-4, -4], [4, -4], [4, 0]]) @ turn + tip
    domain = domain.with_region("right", nmm.polygon(corners))
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 16, origin=(0.013, 0.021), **cover))
    model = nmm.elasticity(young[0], NU[0]).in_region("right", young=young[1], poisson=NU[1])
    return nmm.problem(manifold, model, [nmm.fixed("outline"), *terms]), tip, turn


@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_the_fields_of_the_pair_give_back_their_factors(angle):
    problem, tip, turn = cracked(angle)
    given = np.array([1.3, -0.7, 0.4 / PLANE[0]])

    def gradient(points):
        offset = (points - tip) @ turn.T
        right = offset[:, 1] < 0
        modes = pair_fields(offset)[2]
        # The third: a uniform stretch along the border, whose stress differs from side to side.
        modes[2] = (
            np.eye(2)
            * np.stack([np.ones(len(points)), -np.where(right, *(NU / (1 - NU))[::-1])], -1)[:, None]
        )
        return turn.T @ np.einsum("m,mnij->nij", given, modes) @ turn

    u = with_gradient(nmm.forward(problem)({}), gradient)
    for radius in (0.2, 0.4):
        found = next(t for t in nmm.stress_intensity(u, radius) if t["end"] == 1)
        assert (found["KI"], found["KII"], found["T"]) == pytest.approx((1.3, -0.7, 0.4), abs=4e-5)
        assert found["epsilon"] == pytest.approx(EPSILON)
        release = (1.3**2 + 0.7**2) * (1 / PLANE).mean() / np.cosh(np.pi * EPSILON) ** 2
        assert found["G"] == pytest.approx(release, rel=1e-4)


def pulled(young, border=True, tips="plain"):
    ends = [nmm.fixed("y == -1"), nmm.traction("y == 1", (0.2, 1.0))]
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks([[(-1.0, 0.01), (0.03, 0.01)]])
    model = nmm.elasticity(1.0, 0.3)
    if border:
        domain = domain.with_region("below", nmm.rectangle(-1, -1, 1, 0.01))
        model = model.in_region("below", young=young)
    return nmm.forward(nmm.problem(nmm.cut(domain, nmm.lattice(cell=1 / 12, tips=tips)), model, ends))


def test_factors_and_energy_agree():
    u = pulled(0.2)({})
    (tip,), (release,) = nmm.stress_intensity(u), nmm.energy_release(u)
    assert release["G"] == pytest.approx(tip["G"], rel=0.04)
    assert u.tips == [tip] and u.tips_left_out == []


def test_factors_of_given_unknowns_are_differentiable_by_the_modulus_of_one_side():
    u = pulled("E")({"E": 0.2})

    def factor(E):
        return nmm.stress_intensity(replace(u, params={"E": E}))[0]["KII"]

    value, slope = jax.jit(jax.value_and_grad(factor))(0.2)
    assert value == pytest.approx(factor(0.2))
    assert slope == pytest.approx((factor(0.2001) - factor(0.1999)) / 2e-4, rel=1e-5)


def test_one_material_on_both_sides_has_no_index_and_the_factors_of_one():
    (tip,) = pulled(1.0)({}).tips
    (whole,) = pulled(1.0, border=False, tips="enriched")({}).tips
    assert tip["epsilon"] == 0 and "epsilon" not in whole
    assert tip["KI"] == pytest.approx(whole["KI"], rel=0.06)
    assert tip["KII"] == pytest.approx(whole["KII"], abs=0.01 * whole["KI"])


def test_enriched_tips_on_a_border_are_an_error():
    with pytest.raises(nmm.InputError, match="border of a region"):
        cracked(tips="enriched")


def test_a_border_with_an_elastic_bond_leaves_no_room():
    problem, _, _ = cracked(terms=[nmm.bond("right", normal=1.0, tangential=1.0)])
    reasons = [tip["reason"] for tip in nmm.tips_left_out(nmm.forward(problem)({}))]
    assert len(reasons) == 2 and all("elastic bond is 0 cells away" in reason for reason in reasons)
