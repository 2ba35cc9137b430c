"""Malformed unknowns and measurements: code 2, the place and the remedy, before anything is compiled."""

import re

import pytest
from plate import nmm

CASE = """\
[domain]
outline = { rectangle = [0, 0, 1, 1] }

[cover]
cells = 4

[parameters]
k = 1.0
idle = 2.0

[physics]
model = "poisson"
conductivity = "k"

[[boundary]]
on = "x == xmin"
value = 0

[[boundary]]
on = "x == xmax"
flux = 1

[inverse.unknown.k]
bounds = [0, inf]

[[data]]
kind = "potential"
file = "u.csv"
noise = 0.01
"""
DATA = "x,y,value\n0.5,0.5,0.25\n1,0.5,0.5\n"
SMOOTH = 'bounds = [0, inf]\nprior = "smooth"\nlength = 0.5'

IN_THE_CASE = {
    # name: (what is replaced, by what, words of the message)
    "no table of unknowns": ("[inverse.unknown.k]\nbounds = [0, inf]", "", ["no table", r"\[inverse"]),
    "nothing unknown": ("[inverse.unknown.k]\nbounds = [0, inf]", "[inverse]", ["line 23", "unknown.NAME"]),
    "no parameter": ("unknown.k]", "unknown.kk]", ["line 23", "inverse.unknown.kk", 'mean "k"|known: k']),
    "an idle parameter": ("unknown.k]", "unknown.idle]", ["inverse.unknown.idle", "nothing in the problem"]),
    "a misspelt key": ("bounds", "bound", ["line 24", "unknown.k.bound:", 'mean "bounds"']),
    "crossed bounds": ("[0, inf]", "[2, 1]", ["line 24", "unknown.k.bounds", "low < high"]),
    "one bound": ("[0, inf]", "0", ["unknown.k.bounds", r"\[low, high\]"]),
    "only an upper bound": ("[0, inf]", "[-inf, 5]", ["unknown.k.bounds", "lower bound"]),
    "a start out of bounds": ("[0, inf]", "[2, 3]", ["unknown.k", "starts at 1", "between 2 and 3"]),
    "an unknown prior": ("[0, inf]", '[0, inf]\nprior = "smoth"', ["unknown.k.prior", 'mean "smooth"']),
    "no length": ("[0, inf]", '[0, inf]\nprior = "smooth"', ["unknown.k", '"length" is missing']),
    "a length without a field": ("[0, inf]", "[0, inf]\nlength = 1", ["line 25", "k.length", '"smooth"']),
    "a gaussian without std": ("[0, inf]", '[0, inf]\nprior = "gaussian"', ['"std" is missing']),
    "an infinite value": ("[0, inf]", "[0, nan]", ["unknown.k.bounds", "finite"]),
    "nodes too far apart": (
        "bounds = [0, inf]",
        SMOOTH + "\ncell = -1",
        ["unknown.k.cell", "greater than 0"],
    ),
    "an unknown rule": (
        "[inverse.unknown.k]\nbounds = [0, inf]",
        f'[inverse]\nstrength = "lcurve"\n[inverse.unknown.k]\n{SMOOTH}',
        ["inverse.strength", 'mean "l-curve"'],
    ),
    "a strength without a prior": (
        "[inverse.unknown.k]",
        "[inverse]\nstrength = 1.0\n[inverse.unknown.k]",
        ["inverse.strength", "no prior"],
    ),
    "an unknown loss": (
        "[inverse.unknown.k]",
        '[inverse]\nloss = "l1"\n[inverse.unknown.k]',
        ["inverse.loss"],
    ),
    "a tolerance of 1": (
        "[inverse.unknown.k]",
        "[inverse]\ntolerance = 1\n[inverse.unknown.k]",
        ["tolerance"],
    ),
    "a truth with an unknown name": ("[0, inf]", '[0, inf]\ntruth = "a*x"', ["unknown.k.truth", '"a"']),
    "no data": (CASE[CASE.index("[[data]]") :], "", ["no data", r"\[\[data\]\]"]),
    "a missing file": ("u.csv", "v.csv", [r"\[\[data\]\] 0: file", 'mean "u.csv"']),
    "a kind of another model": ('"potential"', '"strain"', [r"\[\[data\]\] 0: kind", "elasticity", "flux"]),
    "no noise": ("noise = 0.01", "", [r"\[\[data\]\] 0", "u.csv, line 1", "std", "noise"]),
    "a noise of zero": ("noise = 0.01", "noise = 0", [r"\[\[data\]\] 0: noise", "greater than 0"]),
}
IN_THE_DATA = {
    # name: (the file, words of the message)
    "an empty file": ("\n", ["empty", "x,y,value"]),
    "only a header": ("x,y,value\n", ["no measurements"]),
    "no header": (DATA.split("\n", 1)[1], ["line 1", "column", "x,y,value"]),
    "a column of another kind": ("x,y,ux\n0,0,1\n", ["line 1", '"ux"', "x,y,value"]),
    "a missing column": ("x,value\n0,1\n", ["line 1", '"y" is missing']),
    "a column twice": ("x,y,value,value\n0,0,1,1\n", ["line 1", "twice"]),
    "a decimal comma": (DATA + "0,5,0,5,0,25\n", ["line 4", "found 6 entries, expected 3", "decimals"]),
    "a text": (DATA + "0.5,half,1\n", ["line 4", "column y", '"half"', "number"]),
    "a gap": (DATA + "0.5,0.5,\n", ["line 4", "column value", "leave out"]),
    "nan": (DATA + "0.5,0.5,nan\n", ["line 4", "column value", "finite"]),
    "a point outside": (DATA + "\n# far\n3,0.5,1\n", ["line 6", r"\(3, 0.5\)", "outside", "0 ≤ x ≤ 1"]),
    "two points outside": (DATA + "3,0.5,1\n4,1,2\n", ["line 4", "1 more"]),
    "noise twice": ("x,y,value,std\n0.5,0.5,1,0.1\n", ["line 1", '"std"', "one of them"]),
    "another encoding": (b"x,y,value\n\xff\xfe,1,2\n", ["UTF-8"]),
}


def refused(capsys, words):
    code = nmm("invert", "case.toml")
    message = capsys.readouterr().err
    assert code == 2, message
    assert message.startswith("nmm: case.toml") and "Traceback" not in message
    assert re.search("->|expected", message), message
    for word in words:
        assert re.search(word, message), f"{word!r} is not in\n{message}"


@pytest.mark.parametrize("name", IN_THE_CASE)
def test_a_malformed_case_names_its_place_and_its_remedy(folder, capsys, name):
    old, new, words = IN_THE_CASE[name]
    assert old in CASE
    (folder / "case.toml").write_text(CASE.replace(old, new, 1))
    (folder / "u.csv").write_text(DATA)
    refused(capsys, words)
    assert not (folder / "results").exists()


@pytest.mark.parametrize("name", IN_THE_DATA)
def test_malformed_measurements_name_file_line_and_column(folder, capsys, name):
    content, words = IN_THE_DATA[name]
    (folder / "case.toml").write_text(CASE)
    (folder / "u.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(capsys, ["u.csv", *words])
    assert nmm("check", "case.toml", "-q") == 2


def test_a_negative_std_is_refused(folder, capsys):
    (folder / "case.toml").write_text(CASE.replace("noise = 0.01\n", ""))
    (folder / "u.csv").write_text("x,y,value,std\n0.5,0.5,1,0.1\n1,1,1,-0.1\n")
    refused(capsys, ["u.csv, line 3, column std", "greater than 0"])


def test_a_checkpoint_of_other_data_is_refused(folder, capsys):
    (folder / "case.toml").write_text(CASE)
    (folder / "u.csv").write_text(DATA)
    (folder / "results" / "case").mkdir(parents=True)
    (folder / "results" / "case" / "checkpoint.npz").write_text("not an archive")
    code = nmm("invert", "case.toml", "--resume")
    message = capsys.readouterr().err
    assert code == 2 and "checkpoint.npz" in message and "->" in message


def test_solve_takes_the_parameters_as_they_are(folder):
    (folder / "case.toml").write_text(CASE)
    assert nmm("solve", "case.toml", "-q") == 0


def test_a_forward_problem_without_a_solution_is_code_1(folder, capsys):
    (folder / "case.toml").write_text(
        CASE.replace("cells = 4", "cells = 16") + "[solve]\nmax_iterations = 1\n"
    )
    (folder / "u.csv").write_text(DATA)
    assert nmm("invert", "case.toml", "-q", "--set", 'solve.method="cg"') == 1
    assert "start did not converge" in capsys.readouterr().err
    assert '"failed"' in (folder / "results" / "case" / "summary.json").read_text()
