"""The profile counts each second once, and is drawn from the record alone."""

import time

import pytest

import nmm
from benchmarks import core, figures, record, tables
from benchmarks.profile import HOST_STAGES, Clock, plate, visits_of


def test_seconds_are_counted_once():
    clock = Clock()
    inner = clock.timed(lambda: time.sleep(0.05), "levels")

    def both():
        time.sleep(0.02)
        inner()

    clock.timed(both, "discretisation")()
    assert clock.seconds["levels"] >= 0.05
    assert 0.02 <= clock.seconds["discretisation"] < clock.seconds["levels"] + 0.02


def test_a_run_is_timed_and_everything_is_put_back():
    clock, cut = Clock(), nmm.cut
    with clock():
        nmm.cut(plate(), nmm.lattice(cells=12))
    assert nmm.cut is cut
    assert all(seconds > 0 for stage, seconds in clock.seconds.items() if stage.startswith("cut"))


def test_a_w_cycle_visits_each_level_twice_as_often_but_the_bottom():
    assert visits_of(5, 2) == [1, 2, 4, 8, 8]
    assert visits_of(4, 1) == [1, 1, 1, 1]


def test_table_and_figure_are_drawn_from_the_record(tmp_path):
    places = [*((stage, "host") for stage in HOST_STAGES), ("smoothers", "set-up"), ("vectors", "iterations")]
    row = {
        "problem": "poisson", "unknowns": 1000, "iterations": 7, "pieces": 10, "total": 1.0, "program": 0.5,
        "first": 9.0, "bandwidth": 1e9, "peak_gib": 0.5, "load": 1.0, "operator": {"share": 0.4},
        "vectors": {"share": 0.6}, "levels": [{"visits": 1, "operator": 1e-3, "smoother": 2e-3}],
        "stages": [{"stage": stage, "where": where, "seconds": 0.1} for stage, where in places],
        "arrays": [{"family": "levels", "bytes": 2**20}],
    }  # fmt: skip
    made = record.record("profile", [row, row | {"problem": "elasticity"}], [], quick=False, about="a plate")
    assert "| smoothers | set-up | 0.1 | 0.1 |" in tables.write(made, tmp_path).read_text(encoding="utf-8")
    assert figures.write(made, tmp_path)[0].stat().st_size > 10_000


def test_an_unknown_measurement_of_the_core_is_refused():
    with pytest.raises(nmm.InputError, match="no measurement has"):
        core.run(True, print, "no such thing")
