"""The study as a benchmark: a row for each threshold, and a table of them."""

from benchmarks import figures, study, tables


def test_an_experiment_becomes_rows_and_is_not_run_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = study.run(True, lambda line: None, "stack-error")
    assert [row["limit"] for row in made["rows"]] == [0.05, 0.15]
    written = tmp_path / "results" / "study" / "stack-error.json"
    before = written.stat().st_mtime_ns
    assert study.run(True, lambda line: None, "stack-error")["rows"] == made["rows"]
    assert written.stat().st_mtime_ns == before
    assert "rate at c = 1.25" in tables.write(made, tmp_path).read_text(encoding="utf-8")
    assert figures.write(made, tmp_path) == []
