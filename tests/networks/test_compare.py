"""`nmm compare`: the same problem by nmm and by networks, in one table."""

import json

import numpy as np
import pytest

from networks.comparison.measure import as_exact, verdict
from networks.comparison.row import Row
from nmm import cli

CASE = """
title = "a membrane"
[domain]
outline = { rectangle = [0, 0, 1, 1] }
[cover]
cells = 8
[physics]
model = "poisson"
conductivity = "k"
source = "5*pi**2*sin(pi*x)*sin(2*pi*y)"
[parameters]
k = 1.0
[[boundary]]
on = "outline"
value = 0
[exact]
solution = "sin(pi*x)*sin(2*pi*y)"
[compare]
methods = ["nmm", "manifold", "extreme"]
seeds = 2
seconds = 0.5
"""


def compare(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(["compare", *arguments])
    return ended.value.code


def test_a_case_is_compared_and_the_answer_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "membrane.toml").write_text(CASE)
    assert compare("membrane.toml") == 0
    said = capsys.readouterr().out
    assert "nmm, cell 0.125" in said and "manifold network, moving cover" in said
    found = json.loads((tmp_path / "results/membrane/compare.json").read_text())
    rows = {row["title"]: row for row in found["rows"]}
    methods = [row["method"] for row in found["rows"]]
    assert methods == ["nmm"] * 3 + ["cubic splines"] * 2 + ["manifold", "extreme"]
    errors = [rows[f"nmm, cell {cell}"]["gradient"][0] for cell in (0.5, 0.25, 0.125)]
    assert errors[0] > errors[1] > errors[2] and errors[2] == pytest.approx(0.25, abs=0.06)
    assert rows["extreme learning on windows"]["l2"][0] < 0.05
    assert rows["manifold network, moving cover"]["seeds"] == 2 and found["verdict"]
    assert rows["nmm, cell 0.5"]["nmm_as_exact"] is None
    assert (tmp_path / "results/membrane/compare.png").stat().st_size > 10_000


def test_an_unknown_method_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "membrane.toml").write_text(CASE.replace("extreme", "quantum"))
    assert compare("membrane.toml") == 2
    assert 'found the method "quantum"' in capsys.readouterr().err


def row(method, error, train, evaluate, title="it"):
    return Row(method, title, 10, (error,) * 3, 1.0, train, evaluate, 1, "done", gradient=(error,) * 3)


def test_the_verdict_says_who_won_and_when_a_network_pays():
    classical = [row("nmm", 0.1, 0.01, 2e-3, "coarse"), row("nmm", 0.01, 0.1, 2e-3, "fine")]
    slow = verdict([*classical, row("ritz", 0.05, 10.0, 1e-3)])
    assert "nmm wins: fine" in slow and "100 times faster" in slow
    assert "pays from 10,900 evaluations" in slow
    assert "does not matter" in verdict([*classical, row("ritz", 0.05, 10.0, 3e-3)])
    assert "10 times less error" in verdict([*classical, row("ritz", 0.001, 10.0, 3e-3)])
    quick = verdict([*classical, row("ritz", 0.05, 0.05, 3e-3)])
    assert "At its own accuracy" in quick and "2 times faster" in quick and "most exact is fine" in quick
    assert as_exact(classical, row("ritz", 0.05, 10.0, 1e-3)) == 0.1
    assert as_exact(classical, row("ritz", 0.001, 10.0, 1e-3)) is None
    assert "No network" in verdict([*classical, row("ritz", np.nan, 0.0, 0.0)])
