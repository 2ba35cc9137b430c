"""Measurements: read in the order in which the observation predicts them, and made as their recipes say."""

import re
from dataclasses import replace

import numpy as np
import pytest
from test_invert_malformed import CASE

import nmm
from benchmarks.synthetic import CASES, RECIPES
from nmm.case import read_case
from nmm.case.measured import read_measured
from nmm.case.question import question

FLOW = CASE.replace("k = 1.0", "k = 3.0").replace("flux = 1", "flux = 1.5")  # u = x/2, k du/dx = 3/2
ELASTIC = """\
[domain]
outline = { rectangle = [0, 0, 1, 1] }

[cover]
cells = 3

[parameters]
E = 2.0

[physics]
model = "elasticity"
young = "E"
poisson = 0.3

[[boundary]]
on = "outline"
displacement = ["0.1*x + 0.3*y", "0.2*x - 0.4*y"]

[inverse.unknown.E]
bounds = [0, inf]

"""
POINTS = ((0.25, 0.5), (0.75, 0.125))
U = [(0.1 * x + 0.3 * y, 0.2 * x - 0.4 * y) for x, y in POINTS]


def table(head, *columns):
    rows = [",".join(f"{float(v)!r}" for v in (*p, *c)) for p, c in zip(POINTS, columns, strict=True)]
    return "\n".join(["# a remark", head, "", *rows]) + "\n"


KINDS = {
    "potential": (FLOW, table("x,y,value", (0.125,), (0.375,))),
    "flux": (FLOW, table("x,y,qx,qy", (1.5, 0.0), (1.5, 0.0))),
    "displacement": (ELASTIC, table("x,y,ux,uy", *U)),
    "displacement, one component": (ELASTIC, table("x,y,uy", *(u[1:] for u in U))),
    "displacement, other order": (ELASTIC, table("x,y,uy,ux", *(u[::-1] for u in U))),
    "strain": (ELASTIC, table("x,y,exx,eyy,exy", (0.1, -0.4, 0.25), (0.1, -0.4, 0.25))),
}


@pytest.mark.parametrize("name", KINDS)
def test_data_stand_in_the_order_in_which_they_are_predicted(folder, name):
    text, data = KINDS[name]
    entry = f'[[data]]\nkind = "{name.split(",")[0]}"\nfile = "d.csv"\nnoise = 0.5\n'
    (folder / "d.csv").write_text(data)
    (folder / "case.toml").write_text(text[: (text + "[[data]]").index("[[data]]")] + entry + entry)
    case = read_case(folder / "case.toml")
    problem = case.problem()
    asked = question(case, problem)
    predicted = asked.observe(nmm.forward(problem)(case.values(problem)))
    assert np.allclose(predicted, asked.data, atol=1e-9)
    assert np.all(asked.noise == 0.5) and len(asked.noise) == len(asked.data)


def test_a_column_of_standard_deviations_belongs_to_all_components(folder):
    (folder / "d.csv").write_text("std,ux,x,y,uy\n0.1,1,2,3,4\n0.2,5,6,7,8\n")
    found = read_measured(folder / "d.csv", "displacement", None)
    assert found.points.tolist() == [[2, 3], [6, 7]] and found.values.tolist() == [[1, 4], [5, 8]]
    assert found.std.tolist() == [[0.1, 0.1], [0.2, 0.2]] and found.lines == (2, 3)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.case)
def test_synthetic_data_are_those_of_their_recipe(recipe):
    case = read_case(CASES / recipe.case)
    (entry,) = case.spec.data
    found = read_measured(CASES / recipe.file, entry.kind, entry.noise)
    count = max(1, len(case.spec.inverse.experiment))
    assert np.allclose(found.points, np.tile(recipe.points, (count, 1)), atol=1e-5)
    remark = (CASES / recipe.file).read_text().splitlines()[0]
    noise = [float(each) for each in re.search(r"noise ([\d.e and-]+),", remark)[1].split(" and ")]
    assert remark.startswith(f"# {recipe.made_by};") and remark.endswith(f"seed {recipe.seed}")
    assert (
        sorted(set(found.std.ravel())) == sorted(noise) and (recipe.cells or 999) >= 3 * case.spec.cover.cells
    )


def test_a_recipe_makes_its_file():
    """On a coarser cover the data differ by its error, and that is less than their noise."""
    recipe = RECIPES[0]
    lines = replace(recipe, cells=20).make().splitlines()
    made = np.loadtxt(lines[2:], delimiter=",")
    kept = np.loadtxt(CASES / recipe.file, delimiter=",", skiprows=2)
    noise = recipe.noise * np.abs(kept[:, 2]).max()
    assert lines[1] == recipe.header and np.sqrt(np.mean((made - kept)[:, 2] ** 2)) < noise
