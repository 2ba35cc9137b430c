"""Real fracture traces: nothing is lost, nothing moves further than it may."""

from pathlib import Path

import pytest
from noded import assert_noded, traces

from nmm.domain import read_cracks, read_domain

ROOT = Path(__file__).parents[2]
OUTCROPS = {
    "KB7": (ROOT / "nmm/data/kb7", 240, 461, 535),
    "KB11": (ROOT / "benchmarks/data/kb11", 707, 1593, 1238),
}


@pytest.fixture(params=OUTCROPS)
def outcrop(request):
    folder, *figures = OUTCROPS[request.param]
    area = folder / f"{request.param}_area.geojson"
    return read_domain(area), read_cracks(folder / f"{request.param}_traces.geojson"), figures


@pytest.mark.parametrize("snap", [1e-9, 1e-4])
def test_real_traces_are_kept_and_moved_by_at_most_snap(outcrop, snap):
    domain, cracks, (count, length, area) = outcrop
    geometry = domain.with_cracks(cracks).with_snap(snap).geometry(0.1)
    assert_noded(geometry)
    report = geometry.report
    assert len(cracks) == count
    assert report.length_total == pytest.approx(length, abs=1)
    assert geometry.area == pytest.approx(area, abs=1)
    assert report.length_kept >= 0.99 * report.length_inside
    assert report.moved_max <= snap * geometry.diagonal
    assert geometry.area == pytest.approx(domain.geometry(0.1).area, rel=1e-14)
    # Loose ends become junctions, junctions do not become loose ends.
    assert report.junctions_after["I"] <= report.junctions_before["I"]
    assert report.junctions_after["Y"] >= report.junctions_before["Y"]


def test_cleaning_clean_outcrops_changes_nothing(outcrop):
    domain, cracks, _ = outcrop
    once = domain.with_cracks(cracks).geometry(0.1)
    twice = domain.with_cracks(traces(once)).geometry(0.1)
    assert set(twice.report.counts) <= {"clipped"}
    assert len(twice.cracks) == len(once.cracks)
    assert twice.report.length_kept == pytest.approx(once.report.length_kept, rel=1e-9)
    assert twice.report.junctions_after == once.report.junctions_after
