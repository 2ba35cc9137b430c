"""The wheel works away from the checkout and holds what the licences ask for."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout with the build backend of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--quiet", "--wheel-dir", folder, ROOT], check=True)
    (path,) = folder.glob("nmm_jax-*.whl")
    return path


@pytest.fixture(scope="module")
def away(wheel, tmp_path_factory):
    """A function that runs python in a folder far from the checkout, on the installed wheel."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*command, "--target", target, wheel], check=True)
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*arguments):
        # PYTHONPATH goes before an editable installation of the checkout.
        environment = {**os.environ, "PYTHONPATH": str(target)}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=elsewhere, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.target = target
    return run


def test_wheel_holds_the_outcrop_and_its_licence(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("KB7_area.geojson", "KB7_traces.geojson", "LICENSE"):
        assert f"nmm/data/kb7/{name}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)
    for package in ("nmm", "networks", "benchmarks"):
        assert f"{package}/py.typed" in names


def test_wheel_leaves_larger_data_and_results_out(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "kb11" in name.lower() and not name.endswith((".py", ".toml"))]
    assert not [name for name in names if name.startswith("benchmarks/results")]
    assert wheel.stat().st_size < 1_000_000


def test_all_three_packages_import_from_the_wheel(away):
    program = "import nmm, networks, benchmarks; print(nmm.__file__, networks.__file__, benchmarks.__file__)"
    files = away("-c", program).split()
    assert [Path(file).parents[1] for file in files] == [away.target] * 3


def test_command_line_answers_from_the_wheel(away):
    import nmm

    assert nmm.__version__ in away("-m", "nmm.cli", "--version")
    assert "verification" in away("-m", "benchmarks", "--help")
