"""Cracks with singular patches against Williams' exact fields, and the compiled solve of them."""

import jax
import numpy as np
import pytest
from systems import same_system
from williams import NU, E, field

import nmm

MODEL = nmm.elasticity(young=E, poisson=NU, plane="strain")


def problem_of(
    cells, tips="enriched", radius=3.0, shape="quad", tip=(0.03, 0.02), exact=None, young=E, order=0
):
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks([[(-1, tip[1]), tip]])
    origin = (-1 + 0.013 / cells, -1 + 0.027 / cells)
    cover = {"shape": shape, "tips": tips, "tip_radius": radius, "order": order}
    lattice = nmm.lattice(cell=2 / cells, origin=origin, **cover)
    exact = exact or field(tip=tip)
    model = nmm.elasticity(young=young, poisson=NU, plane="strain")
    return nmm.problem(nmm.cut(domain, lattice), model, [nmm.fixed("outline", exact)]), exact


def h1(cells, **options):
    problem, exact = problem_of(cells, **options)
    return nmm.forward(problem)().errors(exact)["h1"]


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_fixed_radius_restores_the_optimal_rate(shape):
    coarse, fine = h1(16, radius=2.5, shape=shape), h1(32, radius=5.0, shape=shape)
    assert np.log2(coarse / fine) == pytest.approx(1.0, abs=0.15)
    assert fine < 0.2 * h1(32, tips="plain", shape=shape)


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_local_functions_of_order_one_have_their_rate_at_tips_too(shape):
    errors = []
    for cells, radius in ((8, 1.5), (16, 3.0)):
        problem, exact = problem_of(cells, radius=radius, shape=shape, order=1)
        u = nmm.forward(problem)()
        errors.append(u.errors(exact)["h1"])
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.15)
    (tip,) = u.tips
    assert (tip["KI"], tip["KII"]) == pytest.approx((1.0, 0.5), rel=1e-4)


def test_tips_of_order_one_are_the_same_compiled_with_loads_on_the_faces():
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks([[(-0.33, 0.02), (0.3, 0.11)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=8, shape="triangle", tips="enriched", tip_radius=0, order=1))
    problem = nmm.problem(manifold, MODEL, [nmm.fixed("x == -1"), nmm.pressure("cracks", 1.0)])
    same_system(problem, {})


@pytest.mark.parametrize("tip", [(0.0, 0.02), (0.0, 0.0), (0.03, 0.0), (0.03, 0.02)])
def test_error_does_not_depend_on_where_the_tip_lies_in_its_cell(tip):
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks([[(-1, tip[1]), tip]])
    exact = field(tip=tip)
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 12, tips="enriched"))
    u = nmm.forward(nmm.problem(manifold, MODEL, [nmm.fixed("outline", exact)]))()
    assert u.errors(exact)["h1"] < 0.055


def test_kinked_path_is_followed_by_the_branch_functions():
    """A crack that bends gently close to its tip is nearly the straight one."""
    tip = (0.03, 0.02)
    results = []
    for bend in (0.02, 0.021):
        domain = nmm.rectangle(-1, -1, 1, 1).with_cracks([[(-1, 0.02), (-0.13, bend), tip]])
        manifold = nmm.cut(domain, nmm.lattice(cell=1 / 12, tips="enriched"))
        u = nmm.forward(nmm.problem(manifold, MODEL, [nmm.fixed("outline", field(tip=tip))]))()
        results.append(u.energy)
    assert results[0] == pytest.approx(results[1], rel=2e-3)


def test_compiled_solve_equals_the_direct_one_in_few_iterations():
    problem, _ = problem_of(32)
    direct = nmm.forward(problem)()
    u = nmm.forward(problem, nmm.Multigrid(tolerance=1e-11))()
    assert u.iterations <= 14
    points = np.array([[0.3, 0.4], [0.05, 0.03], [-0.5, 0.2], [0.0, 0.01]])
    assert u.at(points) == pytest.approx(direct.at(points), rel=1e-7)
    assert u.energy == pytest.approx(direct.energy, rel=1e-9)


def test_energy_is_differentiable_through_the_compiled_solve():
    problem, _ = problem_of(16, young="E")
    forward = nmm.forward(problem, nmm.Multigrid(tolerance=1e-12))

    def energy(young):
        return forward({"E": young}).energy

    value, slope = jax.jit(jax.value_and_grad(energy))(2.0)
    assert float(slope) == pytest.approx(
        float(value) / 2.0, rel=1e-8
    )  # fixed displacements: the energy is linear in E


def test_two_tips_in_one_patch_and_a_pressurised_crack():
    """Sneddon 1946: the opening of a crack under pressure in an infinite plane.

    The crack ends inside cells: its stretches there carry pressure too.
    """
    half, pressure, size, shift = 0.5, 1e-3, 10.0, 0.03
    domain = nmm.rectangle(-size, -size, size, size)
    domain = domain.with_cracks([[(-half - shift, 0.01), (half - shift, 0.01)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=0.1, tips="enriched", tip_radius=5.5))
    assert manifold.stats["crack_length_lost"] == 0
    assert manifold.stats["crack_length_cut"] == pytest.approx(2 * half, rel=1e-9)
    assert manifold.host.tips.which.shape[1] == 2
    u = nmm.forward(nmm.problem(manifold, MODEL, [nmm.pressure("cracks", pressure)]))()
    x = np.array([0.0, 0.8, 0.98]) * half - shift  # the last one lies in the cell of a tip
    points = np.stack([x, np.full(3, 0.01)], -1)
    opening = u.at(points, side=1)[:, 1] - u.at(points, side=-1)[:, 1]
    exact = 4 * (1 - NU**2) * pressure / E * np.sqrt(half**2 - (x + shift) ** 2)
    assert opening == pytest.approx(exact, rel=0.03)


def test_a_held_boundary_in_the_singular_patches_is_refused():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.5), (0.9, 0.5)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 16, tips="enriched"))
    with pytest.raises(nmm.InputError, match=r"held.*singular patches"):
        nmm.problem(manifold, MODEL, [nmm.fixed("x == 1", name="held")])
    nmm.problem(manifold, MODEL, [nmm.fixed("x == 0")])


def test_batch_of_enriched_cracks_equals_the_loop():
    """Stress intensity against crack length, compiled once."""
    manifolds = []
    for length in (0.41, 0.52, 0.63):
        domain = nmm.rectangle(0, 0, 1, 2).with_cracks([[(0.0, 1.01), (length, 1.03)]])
        manifolds.append(nmm.cut(domain, nmm.lattice(cell=1 / 10, tips="enriched", tip_radius=1.0)))
    stacked = nmm.stack(manifolds)
    terms = [nmm.fixed("y == 0"), nmm.traction("y == 2", (0.0, 1.0))]
    problem = nmm.problem(stacked[0], MODEL, terms)
    forward = nmm.forward(problem, nmm.Multigrid(tolerance=1e-11))
    together = nmm.batch(forward, stacked)
    for manifold, u in zip(stacked, together, strict=True):
        alone = nmm.forward(problem.on(manifold))()
        assert u.energy == pytest.approx(alone.energy, rel=1e-8)
        assert u.tips[0]["KI"] == pytest.approx(alone.tips[0]["KI"], rel=1e-6)


@pytest.mark.parametrize(("order", "cells", "error"), [(0, 20, 5e-3), (1, 6, 5e-4)])
def test_stress_intensity_converges_to_the_reference(order, cells, error):
    """Edge crack in tension, a / W = 1/2, L / W = 2: F = 2.8254 (graded finite elements, collocation)."""
    length = 0.5
    domain = nmm.rectangle(0, -1, 1, 1).with_cracks([[(0.0, 0.0), (length, 0.0)]])
    lattice = nmm.lattice(cell=length / cells, tips="enriched", order=order, origin=(-0.013, -1.017))
    terms = [nmm.traction("y == 1", (0.0, 1.0)), nmm.traction("y == -1", (0.0, -1.0), name="below")]
    u = nmm.forward(nmm.problem(nmm.cut(domain, lattice), MODEL, terms))()
    (tip,) = u.tips
    assert tip["KI"] / np.sqrt(np.pi * length) == pytest.approx(2.8254, rel=error)
    assert abs(tip["KII"]) < error * tip["KI"]
    assert tip["G"] == pytest.approx((tip["KI"] ** 2 + tip["KII"] ** 2) * (1 - NU**2) / E, rel=1e-12)
