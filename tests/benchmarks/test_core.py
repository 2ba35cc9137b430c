"""The benchmark of the compiled core measures what it says."""

from benchmarks import speed_tables
from benchmarks.core import batches, cut_list, figure, precision, verdict


def test_figures_are_judged_by_their_limits():
    rows = [
        figure("share", 0.4, "of", 0.3, least=True),
        figure("ratio", 2.0, "of", 1.5),
        figure("seen", 1.0, "of"),
    ]
    assert [verdict(row, quick=False).passed for row in rows] == [True, False, None]
    checks = [vars(verdict(row, quick=True)) for row in rows]
    assert all(check["passed"] is None for check in checks)
    assert "| share |" in speed_tables.core({"about": "about", "rows": rows, "checks": checks})[1]


def test_the_core_is_measured_on_small_lattices():
    rows = [*cut_list(48, 1), *batches(12, 1, count=2), *precision(16, 1)]
    assert len(rows) == 5 and all(row["value"] > 0 for row in rows)
