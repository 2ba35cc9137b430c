"""The benchmark of derivatives measures what it says."""

from benchmarks import speed_tables
from benchmarks.core import verdict
from benchmarks.inverse import injections


def test_derivatives_are_measured_on_a_small_tank():
    rows = list(injections(10, 1))
    assert len(rows) == 4 and all(row["value"] > 0 for row in rows)
    checks = [vars(verdict(row, quick=True)) for row in rows]
    assert "| tank, 31" in speed_tables.core({"about": "about", "rows": rows, "checks": checks})[1]
