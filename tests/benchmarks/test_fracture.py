"""The plates of the fracture benchmark: far fields, geometry, tables and figures."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import nmm
from benchmarks import figures, tables
from benchmarks.fracture.cases import (
    EIGHT,
    STIFFNESS,
    all_cases,
    bent_beam,
    between,
    border_crack,
    edge_crack,
    eight_cracks,
    inclined_crack,
)
from benchmarks.fracture.equations import solve_arms
from benchmarks.fracture.infinite import BorderCrack, Opening, StraightCrack, edge_tractions
from benchmarks.fracture.solve import solve
from benchmarks.fracture.sweep import over_lattices, refined, verdict
from benchmarks.problems import LARGEST, PROBLEMS
from benchmarks.record import record
from nmm.cli import main
from nmm.domain.tips import find_tips


def test_the_opening_of_a_straight_crack_gives_its_closed_form():
    far, angle = (0.3, 1.0, -0.2), 0.5
    n = np.array([-np.sin(angle), np.cos(angle)])
    t = np.array([np.cos(angle), np.sin(angle)])
    load = np.array([[far[0], far[2]], [far[2], far[1]]]) @ n
    turn = np.exp(1j * angle)
    theta = (np.arange(200) + 0.5) / 200 * np.pi
    place, along = -np.cos(theta), np.sin(theta) * np.pi / 200
    jump = (load @ t + 1j * (load @ n)) * np.sqrt(1 - place**2) / (2 * STIFFNESS)
    opening = Opening(far, place * turn, along * turn, jump * turn, STIFFNESS)
    points = np.array([[3.0, 1.0], [2.0, -2.0], [-0.5, 3.0]])
    exact = StraightCrack(1.0, angle, far)(points)
    assert np.abs(exact - far).max() > 0.05
    assert opening(points) == pytest.approx(exact, abs=1e-12)


def test_the_field_of_a_straight_crack_is_in_equilibrium_and_leaves_its_faces_free():
    field = StraightCrack(1.0, 0.4, (0.1, 1.0, 0.3))
    point, step = np.array([1.3, -0.8]), 1e-5
    by = [(field((point + d)[None])[0] - field((point - d)[None])[0]) / (2 * step) for d in step * np.eye(2)]
    assert by[0][0] + by[1][2] == pytest.approx(0, abs=1e-8)
    assert by[0][2] + by[1][1] == pytest.approx(0, abs=1e-8)
    n, t = np.array([-np.sin(0.4), np.cos(0.4)]), np.array([np.cos(0.4), np.sin(0.4)])
    xx, yy, xy = field((0.3 * t + 1e-9 * n)[None])[0]
    assert np.array([[xx, xy], [xy, yy]]) @ n == pytest.approx([0, 0], abs=1e-6)


def test_arms_in_an_infinite_plane_have_the_factors_of_the_integral_equation():
    """Also a check of the equation: those of the stars and of Chen and Hasebe's branches are published."""
    cases = [case for case in all_cases() if case.edge == "own"]
    assert len(cases) == 9
    for case in cases:
        meet = case.cracks[0][-1 if case.name.startswith("branched") else 1 if "kink" in case.name else 0]
        ends = {(crack, n): trace[-n] for crack, trace in enumerate(case.cracks) for n in (0, 1)}
        ends = {place: complex(*end) - complex(*meet) for place, end in ends.items()}
        ends = {place: end for place, end in ends.items() if abs(end) > 1e-9}
        found = solve_arms(list(ends.values()), case.far, 60).factors
        factors = {
            place: dict(zip(("KI", "KII"), k, strict=True)) for place, k in zip(ends, found, strict=True)
        }
        for factor in case.factors:
            value = factors[factor.crack, factor.end][factor.key]
            assert value == pytest.approx(factor.value, abs=1e-4 * case.unit), (case.name, factor)


@pytest.mark.parametrize(
    ("degrees", "functions"),
    [(30, [[0.90174, 0.24025], [-0.72984, 0.79716]]), (45, [[0.79090, 0.32328], [-0.99820, 0.57290]])],
)
def test_a_tiny_kink_has_the_factors_of_amestoy_and_leblond(degrees, functions):
    """Int. J. Solids Struct. 29 (1992) 465-501: F₁₁ and F₂₁, F₁₂ and F₂₂; the next term grows like √b."""
    kink = np.exp(1j * np.deg2rad(degrees))
    for far, known in zip([(0, 1, 0), (0, 0, 1)], functions, strict=True):
        small, large = (solve_arms([-1, b * kink], far).factors[1] for b in (1e-5, 1e-4))
        limit = (small * np.sqrt(10) - large) / (np.sqrt(10) - 1) / np.sqrt(np.pi / 2)
        assert limit == pytest.approx(known, abs=1e-4)


def test_the_dipole_of_arms_is_the_field_far_away():
    arms = solve_arms([np.exp(0.5j), -np.exp(0.5j)], (0.3, 1.0, -0.2))
    one, two = arms.dipole
    z = 40 * np.exp(1j * np.array([0.3, 2.0, 4.0]))
    half, rest = 2 * np.real(one / z**2), np.conj(z) * -2 * one / z**3 + 2 * two / z**2
    found = np.stack([half - rest.real, half + rest.real, rest.imag], -1) + (0.3, 1.0, -0.2)
    exact = StraightCrack(1.0, 0.5, (0.3, 1.0, -0.2))(np.stack([z.real, z.imag], -1))
    assert found == pytest.approx(exact, abs=2e-6)


def test_a_border_between_equal_materials_is_no_border():
    points = np.array([[3.0, 1.0], [2.0, -2.0], [-0.5, 3.0]])
    field = BorderCrack(1.0, (2.0, 0.3), (2.0, 0.3), (0.3, 1.0, -0.2))
    assert field(points) == pytest.approx(StraightCrack(1.0, 0.0, (0.3, 1.0, -0.2))(points))
    assert field.factor == pytest.approx((1.0 - 0.2j) * np.sqrt(np.pi))
    assert field.release == pytest.approx(np.pi * 1.04 * 0.91 / 2.0)


def test_the_field_of_a_crack_between_two_materials():
    field, tiny, e = between(), 1e-9, between().epsilon
    ahead = field(np.array([[1 + 1e-6, 1e-13]]))[0]
    traction = field.factor * 1e-6 ** (1j * e) / np.sqrt(2e-6 * np.pi)
    assert ahead[1] + 1j * ahead[2] == pytest.approx(traction, rel=1e-4)
    above, below = (field(np.array([[1.7, s * tiny], [-2.0, s * tiny], [0.3, s * tiny]])) for s in (1, -1))
    assert above[:, 1:] == pytest.approx(below[:, 1:], abs=1e-7)
    assert above[2, 1:] == pytest.approx([0, 0], abs=1e-7)
    stretch = [
        ((1 - nu**2) * s[:, 0] - nu * (1 + nu) * s[:, 1]) / young
        for s, (young, nu) in ((above, field.above), (below, field.below))
    ]
    assert stretch[0][:2] == pytest.approx(stretch[1][:2], abs=1e-7)
    for point in ([1.3, -0.8], [-0.4, 0.9]):
        step = 1e-5 * np.eye(2)
        by = [(field((point + d)[None])[0] - field((point - d)[None])[0]) / 2e-5 for d in step]
        assert (by[0][0] + by[1][2], by[0][2] + by[1][1]) == pytest.approx((0, 0), abs=1e-8)


def test_plain_tips_between_two_materials_are_within_a_per_cent():
    case = border_crack()
    answer = solve(case, 10, "plain")
    for factor in case.factors:
        found = answer.factors[factor.crack, factor.end]
        assert found[factor.key] == pytest.approx(factor.value, abs=0.01 * case.unit)
        assert found["G"] == pytest.approx(between().release, rel=0.02)
    assert [abs(tip["epsilon"]) for tip in answer.factors.values()] == pytest.approx([-between().epsilon] * 2)


def test_graded_quadratic_elements_give_the_reference_of_the_bent_beam():
    pytest.importorskip("skfem")
    factor = bent_factor(0.5, rows=8, levels=12)
    assert bent_beam().factors[0].value == pytest.approx(factor, rel=3e-4)
    r = 0.5
    formula = 4 * 3 * r**0.5 * (1.99 - r * (1 - r) * (2.15 - 3.93 * r + 2.7 * r**2))
    formula /= 2 * (1 + 2 * r) * (1 - r) ** 1.5
    assert formula == pytest.approx(10.65) and factor == pytest.approx(formula, rel=0.01)


def bent_factor(ratio, rows, levels):
    """K_I of half a beam with supports at ±2 by its energy release rate, the mesh halved around the tip."""
    import skfem
    from skfem.helpers import ddot, sym_grad, trace

    nu = 0.3
    lame, shear = nu / ((1 + nu) * (1 - 2 * nu)), 1 / (2 * (1 + nu))
    mesh = skfem.MeshTri.init_tensor(
        np.linspace(0, 2.25, round(2.25 * rows) + 1), np.linspace(0, 1, rows + 1)
    )
    tip = np.array([0.0, ratio])
    for level in range(levels):
        away = np.linalg.norm(mesh.p[:, mesh.t].mean(1) - tip[:, None], axis=0)
        mesh = mesh.refined(np.flatnonzero(away < 0.4 * 0.5**level))
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementTriP2()), intorder=6)

    def node(x, y):
        return int(np.hypot(mesh.p[0] - x, mesh.p[1] - y).argmin())

    def energy(u, v, _):
        one, two = sym_grad(u), sym_grad(v)
        return lame * trace(one) * trace(two) + 2 * shear * ddot(one, two)

    load = np.zeros(basis.N)
    load[basis.nodal_dofs[1, node(0, 1)]] = -0.5
    middle = mesh.facets_satisfying(lambda x: (np.abs(x[0]) < 1e-12) & (x[1] > ratio - 1e-12))
    held = [basis.get_dofs(middle).all(["u^1"]), [basis.nodal_dofs[1, node(2, 0)]]]
    matrix = skfem.BilinearForm(energy).assemble(basis)
    u = basis.interpolate(skfem.solve(*skfem.condense(matrix, load, D=np.concatenate(held))))
    slope = np.asarray(u.grad)
    strain = (slope + slope.swapaxes(0, 1)) / 2
    stress = 2 * shear * strain + lame * (strain[0, 0] + strain[1, 1]) * np.eye(2)[:, :, None, None]
    offset = np.asarray(basis.global_coordinates()) - tip[:, None, None]
    distance = np.hypot(*offset)
    s = np.clip((distance - 0.1) / 0.3, 0, 1)
    weight = -6 * s * (1 - s) / 0.3 * offset / distance
    release = np.einsum("ijep,iep,jep->ep", stress, slope[:, 1], weight)
    release -= np.einsum("ijep,ijep->ep", stress, strain) / 2 * weight[1]
    return float(np.sqrt(2 * np.sum(release * basis.dx) / (1 - nu**2)))


def test_tractions_of_a_uniform_stress():
    terms = edge_tractions((0.0, 0.0, 2.0, 1.0), lambda p: np.tile([1.0, 2.0, 3.0], (len(p), 1)))
    found = [[float(v(np.zeros((1, 2)))[0]) for v in term.values] for term in terms]
    assert found == [[-1, -3], [1, 3], [-3, -2], [3, 2]]


def test_every_reference_belongs_to_a_tip():
    for case in all_cases():
        geometry = nmm.rectangle(*case.box).with_cracks(case.cracks).geometry(0.1)
        tips = {(tip.crack, tip.end) for tip in find_tips(geometry)}
        assert {(f.crack, f.end) for f in case.factors} == tips, case.name
    assert len(eight_cracks().factors) == 2 * len(EIGHT)


def test_the_smallest_plates_and_what_is_made_of_them(tmp_path):
    case = replace(inclined_crack(45), cells=(5, 10))
    rows = list(refined(case, case.cells, "plain"))
    edge = edge_crack(0.5, 2.0, 2.8254)
    rows += list(refined(edge, (5, 10), "plain"))
    assert all(abs(row["error"]) < 0.4 for row in rows)
    checks = [verdict(case, "plain", [row for row in rows if row["case"] == case.name], False)]
    assert checks[0]["passed"]
    spread = over_lattices(case, "plain", 2)
    assert 0 < spread["deviation"] <= 2 * spread["largest"] < 0.1
    known = {c.name: {"title": c.title, "reference": c.about} for c in (case, edge)}
    result = record(
        "fracture", rows, checks, quick=True, about="a", problems=known, lattices=[spread], skipped=[]
    )
    assert "K_II" in tables.write(result, tmp_path).read_text(encoding="utf-8")
    assert figures.write(result, tmp_path)[0].stat().st_size > 10_000


def test_the_field_of_the_own_opening_makes_the_plane_infinite():
    """Half the width of the plate, the same factors."""
    case = next(c for c in all_cases() if c.name == "star, 2 arms")
    small, large = (
        solve(replace(case, box=(-r, -r, r, r)), 10, "plain", node=(0.0, 0.5), repeats=n).factors[0, 1]["KI"]
        for r, n in ((2.0, 8), (4.0, 4))
    )
    assert small == pytest.approx(large, rel=5e-4)
    assert small == pytest.approx(np.sqrt(np.pi), rel=0.05)


FILES = {problem.name: problem for problem in PROBLEMS if problem.plate}
DISCS = {"star_four": 0, "star_six": 0, "inclined_crack": None, "branched_crack": -1, "kinked_crack": 1}
"""Cases that are cut out of an infinite plane: which point of the first crack its arms run out from."""
COARSE = {
    "edge_crack": (40, 0.008),
    "edge_crack_shear": (48, 0.006),
    "centre_crack": (40, 0.003),
    "notched_beam": (90, 0.009),
    "inclined_crack": (48, 0.003),
    "branched_crack": (60, 0.003),
    "kinked_crack": (60, 0.005),
    "interface_crack": (48, 0.02),
}
"""Cells, and the largest error of K that is allowed; stars and the eight cracks take too long for a test."""


@pytest.mark.parametrize("name", FILES)
def test_case_files_have_the_tips_of_the_plates(name):
    plate = FILES[name].plate
    domain = nmm.rectangle(*plate.box).with_cracks(plate.cracks)
    in_file = find_tips(FILES[name].case().domain().geometry(0.1))
    for found, wanted in zip(in_file, find_tips(domain.geometry(0.1)), strict=True):
        assert (found.crack, found.end) == (wanted.crack, wanted.end)
        # Some files have a larger plate, whose local coordinates have another origin.
        assert found.direction == pytest.approx(wanted.direction)


@pytest.mark.parametrize("name", DISCS)
def test_the_edge_of_a_disc_carries_the_dipole_of_its_cracks(name):
    plate, given, number = FILES[name].plate, FILES[name].case().parameters, DISCS[name]
    meet = 0 if number is None else complex(*plate.cracks[0][number])
    ends = [complex(*trace[n]) - meet for trace in plate.cracks for n in (0, -1)]
    one, two = solve_arms([end for end in ends if abs(end) > 1e-9], plate.far).dipole
    found = (given.get("A1", 0), given.get("A2", 0), given["N"])
    assert found == pytest.approx((one.real, one.imag, two), abs=1e-7)


def test_the_edge_of_the_interface_crack_carries_its_field():
    field, given = between(), FILES["interface_crack"].case().parameters
    steep = np.exp(-np.pi * field.epsilon)
    spread = np.cosh(np.pi * field.epsilon)
    found = (given["B"], given["g"], given["c"], given["sideways"])
    wanted = ((1 + 4 * field.epsilon**2) / (4 * spread), steep, spread, field.sideways[0])
    assert found == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("name", COARSE)
def test_case_files_give_their_factors(name):
    cells, limit = COARSE[name]
    case = FILES[name].case(f"cover.cells={cells}")
    problem = case.problem()
    solution = nmm.forward(problem, case.solver())(case.values(problem))
    assert FILES[name].measure(SimpleNamespace(tips=solution.tips))[LARGEST] <= limit


def test_the_command_line_gives_the_factors_of_a_crack_between_two_materials(tmp_path):
    problem, folder = FILES["interface_crack"], tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        main(["solve", str(problem.path), "-q", "-o", str(folder), "--set", "cover.cells=24"])
    assert not end.value.code
    tips = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["tips"]
    assert problem.measure(SimpleNamespace(tips=tips))[LARGEST] <= 0.04
    assert "index of the materials" in (folder / "report.html").read_text(encoding="utf-8")
