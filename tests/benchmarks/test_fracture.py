"""The plates of the fracture benchmark: far fields, geometry, tables and figures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nmm
from benchmarks import figures, tables
from benchmarks.fracture.cases import EIGHT, STIFFNESS, all_cases, edge_crack, eight_cracks, inclined_crack
from benchmarks.fracture.infinite import Opening, StraightCrack, edge_tractions
from benchmarks.fracture.solve import solve
from benchmarks.fracture.sweep import over_lattices, refined, verdict
from benchmarks.record import record
from nmm.case import read_case
from nmm.domain.tips import find_tips

CASES = Path(__file__).parents[2] / "benchmarks" / "cases"


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


@pytest.mark.parametrize(
    "name, plate",
    [
        ("edge_crack", edge_crack(0.5, 2.0, 2.8254)),
        ("inclined_crack", inclined_crack(45)),
        ("eight_cracks", eight_cracks()),
    ],
)
def test_case_files_have_the_tips_of_the_plates(name, plate):
    domain = nmm.rectangle(*plate.box).with_cracks(plate.cracks)
    in_file = find_tips(read_case(CASES / f"{name}.toml", []).domain().geometry(0.1))
    for found, wanted in zip(in_file, find_tips(domain.geometry(0.1)), strict=True):
        assert (found.crack, found.end) == (wanted.crack, wanted.end)
        # The inclined crack's file has a larger plate, whose local coordinates have another origin.
        assert found.direction == pytest.approx(wanted.direction)
