"""Records survive the disk, and tables and figures are drawn from them alone."""

import math

import pytest

from benchmarks import figures, record, tables
from benchmarks.__main__ import main
from benchmarks.registry import BENCHMARKS

ROWS = [
    {
        "problem": "disk_poisson",
        "method": method,
        "cover": "quad",
        "cells": cells,
        "unknowns": cells**2,
        "l2": 1 / cells**2,
        "h1": 1 / cells,
        "seconds": {"wall": 0.1},
    }
    for method in ("nmm", "other")
    for cells in (8, 16)
]
CHECK = {
    "problem": "disk_poisson",
    "method": "nmm",
    "cover": "quad",
    "check": "rate l2",
    "value": 2.0,
    "expected": "2 ± 0.1",
    "passed": True,
}


@pytest.fixture
def result():
    problems = {"disk_poisson": {"title": "a disk", "reference": "manufactured"}}
    skipped = [
        {"method": "absent", "reason": "absent is not installed"},
        {"method": "other", "problem": "disk_poisson", "cover": "quad", "reason": "no mesh"},
        {"method": "other", "problem": "disk_poisson", "cover": "triangle", "reason": "no mesh"},
    ]
    return record.record(
        "verification",
        ROWS,
        [CHECK],
        quick=False,
        problems=problems,
        methods={"other": "1.2.3"},
        skipped=skipped,
    )


def test_a_record_says_when_where_and_with_what(result):
    assert result["date"].endswith("+00:00")
    assert {"python", "nmm", "jax", "numpy", "scipy", "shapely"} <= set(result["versions"])
    assert result["hardware"]["cores"] >= 1 and result["hardware"]["processor"]


def test_a_record_survives_the_disk_with_null_for_what_is_not_finite(result, tmp_path):
    result["rows"][0]["l2"] = math.nan
    found = record.read(record.write(result, tmp_path))
    assert found["rows"][0]["l2"] is None
    assert found["rows"][1:] == result["rows"][1:]
    assert found["checks"] == result["checks"]


def test_tables_and_figures_are_drawn_from_the_file_alone(result, tmp_path, capsys):
    record.write(result, tmp_path)
    assert main(["verification", "--tables", "-o", str(tmp_path)]) == 0
    text = (tmp_path / "verification.md").read_text(encoding="utf-8")
    assert "| disk_poisson | nmm | quad | 256 | 3.91e-03 | 0.0625 | 2 | 1 |" in text
    assert "| absent | absent is not installed | all |" in text
    assert "| other | no mesh | disk_poisson (quad), disk_poisson (triangle) |" in text
    assert "other 1.2.3" in text
    assert (tmp_path / "verification.png").stat().st_size > 10_000


def test_a_check_that_failed_ends_with_exit_code_1_for_nmm_but_not_for_a_peer(result, tmp_path):
    result["checks"].append({**CHECK, "method": "other", "passed": False})
    record.write(result, tmp_path)
    assert main(["verification", "--tables", "-o", str(tmp_path)]) == 0
    result["checks"].append({**CHECK, "passed": False})
    record.write(result, tmp_path)
    assert main(["verification", "--tables", "-o", str(tmp_path)]) == 1
    assert "**no**" in (tmp_path / "verification.md").read_text(encoding="utf-8")


def test_an_outcrop_is_drawn_with_its_limit(tmp_path):
    rows = [
        {
            "cells": cells,
            "cell": 32 / cells,
            "unknowns": cells**2,
            "modulus": 0.5 + 1 / cells,
            "permeability": 0.6 + 1 / cells,
            "pieces": 10,
            "patches": 20,
            "parts": 1,
            "held": 0,
            "length_cut": 400.0,
            "length_lost": 10.0,
            "overlap": 0.0,
            "seconds": {"total": 1.0},
        }
        for cells in (8, 16, 32)
    ]
    from benchmarks.outcrops import limit

    convergence = {key: limit(rows, key) for key in ("modulus", "permeability")}
    made = record.record(
        "kb7", rows, [], quick=False, about="an outcrop", convergence=convergence, cleanup={"crossing": 3}
    )
    assert tables.write(made, tmp_path).read_text(encoding="utf-8").count("| modulus | 0.5 | 1 |") == 1
    assert figures.write(made, tmp_path)[0].exists()


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(capsys):
    assert main(["verifcation"]) == 2
    message = capsys.readouterr().err
    assert "verifcation" in message
    assert all(name in message for name in BENCHMARKS)


def test_rows_measured_alone_join_the_others(result, tmp_path):
    row = {"problem": "bar", "iterations": 3}
    check = {"check": "iterations, bar", "value": 3, "expected": "≤ 4", "passed": True}
    first = result | {"rows": [{"problem": "disk", "iterations": 5}, row], "checks": [check]}
    again = record.record("multigrid", [row | {"iterations": 7}], [check | {"value": 7}], quick=False)
    joined = record.merged(first, again, "problem")
    assert [r["iterations"] for r in joined["rows"]] == [5, 7]
    assert [c["value"] for c in joined["checks"]] == [7]
    assert joined["date"] == first["date"] and joined["later"][0]["rows"] == ["bar"]
    assert len(record.merged(joined, again, "problem")["later"]) == 1
    assert "bar." in tables.provenance(joined)
    other = record.record("multigrid", [row | {"problem": "plate"}], [], quick=False)
    assert [run["rows"] for run in record.merged(joined, other, "problem")["later"]] == [["bar", "plate"]]


def test_problems_measured_alone_bring_their_checks_and_what_was_skipped(result):
    row = {**result["rows"][0], "problem": "crack"}
    check = {**CHECK, "problem": "crack"}
    skipped = [{"method": "other", "problem": "crack", "cover": "quad", "reason": "no mesh"}]
    again = record.record(
        "verification", [row], [check], quick=False, problems={"crack": {}}, skipped=skipped
    )
    joined = record.merged(record.merged(result, again, "problem"), again, "problem")
    assert joined["checks"] == [*result["checks"], check]
    assert joined["skipped"] == [*result["skipped"], *skipped]
    assert joined["problems"] == result["problems"] | {"crack": {}}
    assert joined["rows"] == [*result["rows"], row]


def test_rows_are_chosen_only_where_they_have_names(tmp_path, capsys):
    assert main(["forward", "--only", "disk", "-o", str(tmp_path)]) == 2
    assert "--only does not go with forward" in capsys.readouterr().err
    for name, kind in (("verification", "problem"), ("fracture", "plate")):
        assert main([name, "--only", "no such name", "-o", str(tmp_path)]) == 2
        assert f'no {kind} has "no such name"' in capsys.readouterr().err
    assert main(["multigrid", "--only", "no such family", "-o", str(tmp_path)]) == 2
    assert 'no family has "no such family"' in capsys.readouterr().err
