"""Several experiments on one body: in Python, in case files, and what is wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest
from forward_maps import SENSORS, SQUARE, heads
from plate import nmm as command
from test_invert_malformed import CASE

import nmm
from nmm.case import read_case
from nmm.case.question import question

CASES = Path(__file__).parents[2] / "benchmarks" / "cases" / "inverse"
LOADS = [{"q": 1.0, "p": 0.0}, {"q": 0.0, "p": 2.0}]


def cracked():
    domain = SQUARE.with_cracks([[(0.0, 0.5), (0.43, 0.52)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=8, tips="enriched", tip_radius=1.2))
    terms = [nmm.fixed("y == 0"), nmm.traction("y == 1", ("p", "q"))]
    return nmm.forward(nmm.problem(manifold, nmm.elasticity("E", 0.3), terms))


def test_each_experiment_is_what_the_forward_map_says_of_it():
    forward = cracked()
    several = nmm.experiments(forward, LOADS)({"E": 3.0})
    for u, load in zip(several, LOADS, strict=True):
        assert np.allclose(u.dofs, forward({"E": 3.0, **load}).dofs, rtol=0, atol=1e-14)
    both = nmm.observe.each(nmm.observe.displacement(SENSORS), nmm.observe.displacement(SENSORS[:2], 1))
    assert len(both(several)) == 2 * len(SENSORS) + 2
    material = nmm.experiments(forward, [{"E": 1.0}, {"E": 2.0}])({"q": 1.0, "p": 0.0})
    assert np.allclose(material[0].dofs, 2 * material[1].dofs)


def test_experiments_that_make_no_sense_are_refused():
    forward = heads(cells=4)
    with pytest.raises(nmm.ParameterError, match="experiment 1 sets q"):
        nmm.experiments(forward, [{"h": 1.0}, {"q": 1.0}])
    with pytest.raises(nmm.InputError, match="at least one experiment"):
        nmm.experiments(forward, [])
    solutions = nmm.experiments(forward, [{"h": 1.0}, {"h": 2.0}])({"k": 1.0})
    sensors = nmm.observe.potential(SENSORS)
    with pytest.raises(nmm.InputError, match="found 3 observations, expected one for each of 2"):
        nmm.observe.each(sensors, sensors, sensors)(solutions)


TWO = CASE.replace("k = 1.0", "k = 2.0\nq = 1.0").replace("flux = 1", 'flux = "q"')  # u = q x / k
TWO += "\n[inverse.experiment]\nweak = {}\nstrong = { q = 4.0 }\n"
DATA = "experiment,x,y,value\nstrong,0.5,0.5,1\nweak,0.25,0.5,0.125\nstrong,0.25,0.5,0.5\n"


def test_data_of_experiments_are_predicted_in_their_order(folder):
    (folder / "case.toml").write_text(TWO)
    (folder / "u.csv").write_text(DATA)
    case = read_case(folder / "case.toml")
    problem = case.problem()
    asked = question(case, problem)
    assert asked.data.tolist() == [0.125, 1.0, 0.5] and asked.known == {}
    solve = asked.forward(nmm.forward(problem))
    assert np.allclose(asked.observe(solve({"k": 2.0})), asked.data, atol=1e-9)
    assert [each.experiment for each in asked.measured] == ["weak", "strong"]


def test_a_core_is_found_from_three_currents_and_a_closed_form(tmp_path):
    settings = ("output.fields=[]", "cover.cells=12", "inverse.tolerance=1e-2")
    given = [part for each in settings for part in ("--set", each)]
    assert command("invert", CASES / "core.toml", "-o", tmp_path, "-q", *given) == 0
    found = json.loads((tmp_path / "summary.json").read_text())
    for name, truth in (("cx", 0.0), ("cy", 0.0), ("r", 0.6), ("k", 4.0)):
        assert abs(found["params"][name] - truth) < 4 * found["std"][name] + 0.02 * truth


WRONG = {
    # name: (what is replaced in the case, by what, in the data, by what, words of the message)
    "no parameter": ("q = 4.0", "p = 4.0", "", "", ["inverse.experiment.strong.p", "no such parameter"]),
    "an unknown": ("q = 4.0", "k = 4.0", "", "", ["inverse.experiment.strong.k", "is unknown"]),
    "an idle one": ("q = 4.0", "idle = 4.0", "", "", ["experiment.strong.idle", "nothing in the problem"]),
    "the shape": ("[0, 0, 1, 1]", '[0, 0, "q", 1]', "", "", ["strong.q", "domain depends"]),
    "no data": ("weak = {}", "weak = {}\nnone = {}", "", "", ["inverse.experiment.none", "no data"]),
    "another experiment": ("", "", "weak,0.25", "week,0.25", ["u.csv, line 3", '"week"', 'mean "weak"']),
    "no column": ("", "", DATA, "x,y,value\n0.5,0.5,1\n", ["u.csv", "do not say which experiment"]),
    "twice": ("noise =", 'experiment = "weak"\nnoise =', "", "", ["u.csv", "one of them"]),
    "none in the case": (TWO[TWO.index("[inverse.experiment]") :], "", "", "", ["the case has none"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_experiments_that_do_not_fit_their_data_name_the_place(folder, name):
    old, new, before, after, words = WRONG[name]
    (folder / "case.toml").write_text(TWO.replace(old, new, 1))
    (folder / "u.csv").write_text(DATA.replace(before, after, 1) if before else DATA)
    with pytest.raises(nmm.InputError) as error:
        case = read_case(folder / "case.toml")
        question(case, case.problem())
    for word in words:
        assert word in str(error.value), str(error.value)
