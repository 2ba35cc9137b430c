"""The demonstration: without fractures the effective values are those of the rock, exactly."""

import json

import pytest
from rich.console import Console

from nmm.demo import run_demo
from nmm.progress import Stages

COARSE = "cover.cell=2"


@pytest.fixture
def stages():
    return Stages(Console(stderr=True), quiet=True)


def test_intact_rock_has_its_own_stiffness_and_conductivity(tmp_path, stages):
    demo = run_demo(tmp_path, [COARSE, "domain.cracks=[]"], stages)
    assert demo.stiffness == pytest.approx(demo.intact_stiffness, rel=1e-10)
    assert demo.conductivity == pytest.approx(demo.intact_conductivity, rel=1e-10)


def test_fractures_make_the_rock_softer_and_tighter(tmp_path, stages):
    demo = run_demo(tmp_path, [COARSE], stages)
    assert demo.converged
    assert 0 < demo.stiffness < 0.9 * demo.intact_stiffness
    assert 0 < demo.conductivity < 0.9 * demo.intact_conductivity
    assert json.loads((tmp_path / "effective.json").read_text())["effective_stiffness"] == demo.stiffness
    for name in ("pull", "drain"):
        assert (tmp_path / name / "report.html").stat().st_size > 0
    console = Console(record=True, width=100)
    console.print(demo.table())
    assert "stiffness, horizontal" in console.export_text()
