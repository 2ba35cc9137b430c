"""The multigrid benchmark measures what it says."""

from benchmarks import figures, speed_tables
from benchmarks.multigrid import families, judged, measure


def test_a_row_has_iterations_and_judges_them(tmp_path):
    family = next(families())
    rows = [measure(family, shape, 32, peer=False) for shape in ("quad", "triangle")]
    assert all(row["converged"] and row["iterations"] <= 10 for row in rows)
    verdict = next(judged(rows))
    assert verdict.passed and verdict.value == rows[0]["iterations"]
    assert "PyAMG" in speed_tables.multigrid({"about": "about", "rows": rows, "checks": [vars(verdict)]})[1]
    assert figures.multigrid({"rows": rows}).axes
