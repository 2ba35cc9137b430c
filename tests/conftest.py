"""Switches for every test: double precision, figures without a screen, repeatable random cases.

Tests ask for values, not for speed, and spend their time in compilation: XLA is told not to optimise, and to
emit its kernels in the older and quicker way where it is known to have both.
"""

import os
from importlib.metadata import version
from pathlib import Path

os.environ["XLA_FLAGS"] = " ".join(
    (
        os.environ.get("XLA_FLAGS", ""),
        "--xla_backend_optimization_level=0",
        # XLA ends a process for a flag that it does not know.
        "--xla_cpu_use_fusion_emitters=false" if version("jaxlib").startswith("0.10.") else "",
    )
)

import jax
import matplotlib
import numpy as np
import pytest
from hypothesis import settings
from plate import LINE

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parent.parent / ".pytest_cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
matplotlib.use("Agg")

settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("repeatable")


SLOW = (Path(__file__).parent / "slow.txt").read_text().splitlines()


def pytest_collection_modifyitems(items):
    """Mark what `slow.txt` lists: `make test` leaves it out, `make test-all` runs it."""
    listed = set(SLOW)
    for item in items:
        if item.nodeid in listed:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def room_for_programs():
    """Each compiled program maps memory many times; where Linux would refuse more, compilation crashes."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 30_000:
        jax.clear_caches()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with files of every kind that a case may name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traces.geojson").write_text(LINE % ("0.2, 0.5", "0.8, 0.5"))
    (tmp_path / "far.geojson").write_text(LINE % ("466010, 6692100", "466020, 6692110"))
    (tmp_path / "nan.geojson").write_text(LINE % ("0.2, NaN", "0.8, 0.5"))
    (tmp_path / "bad.geojson").write_text('{"type": "FeatureCollection", "features": [{')
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "cut.dxf").write_text("0\nSECTION\n2\nENTITIES\n0\nLINE\n8\nJ1\n10\n0.1\n20\n0.5\n11\n")
    line = "0\nLINE\n8\nJ1\n10\n0.1\n20\n0.5\n11\n0.4\n21\n0.5\n"
    (tmp_path / "joints.dxf").write_text(f"0\nSECTION\n2\nENTITIES\n{line}0\nENDSEC\n0\nEOF\n")
    np.save(tmp_path / "k.npy", np.ones((2, 2, 2)))
    return tmp_path
