import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from nmm.errors import InputError
from nmm.results.files import plain, replacing, save_json, save_npz, save_text, staging


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    save_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_written_files_can_be_read_by_others(tmp_path):
    mask = os.umask(0o022)
    try:
        save_text(tmp_path / "a.txt", "text")
    finally:
        os.umask(mask)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_json_has_null_for_what_is_not_finite_and_plain_numbers_for_numpy(tmp_path):
    data = {"a": np.float32(0.5), "b": [np.nan, np.inf, np.int64(3)], "c": np.array([[1.0, np.nan]]), 4: True}
    save_json(tmp_path / "a.json", data)
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "a": 0.5,
        "b": [None, None, 3],
        "c": [[1.0, None]],
        "4": True,
    }
    assert plain(np.float64("nan")) is None
    assert plain(np.bool_(True)) is True


def test_archives_load_without_pickle(tmp_path):
    save_npz(tmp_path / "a.npz", {"x": np.arange(3), "names": np.array(["é"])})
    with np.load(tmp_path / "a.npz") as found:
        assert found["x"].tolist() == [0, 1, 2]
        assert found["names"].tolist() == ["é"]
    with pytest.raises(TypeError):
        save_npz(tmp_path / "b.npz", {"x": [object()]})


def test_a_rerun_replaces_its_own_files_only(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "figure_of_mine.png").write_text("mine too")
    for drawn in (["figure_a.png", "figure_b.png"], ["figure_b.png"]):
        with staging(tmp_path) as stage:
            for name in (*drawn, "summary.json", "solution.vtu"):
                save_text(stage / name, "new")
            save_json(stage / "report.json", {"figures": [{"file": name} for name in drawn]})
    found = sorted(os.listdir(tmp_path))
    own = ["figure_b.png", "report.json", "solution.vtu", "summary.json"]
    assert found == sorted([*own, "figure_of_mine.png", "notes.txt"])


def test_files_outside_the_directory_are_never_removed(tmp_path):
    (tmp_path / "figure_x.png").write_text("precious")
    inner = tmp_path / "results"
    inner.mkdir()
    (inner / "report.json").write_text(json.dumps({"figures": [{"file": "../figure_x.png"}]}))
    with staging(inner) as stage:
        save_text(stage / "summary.json", "{}")
    assert (tmp_path / "figure_x.png").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_run_leaves_the_earlier_result_whole_and_the_next_run_sweeps(tmp_path):
    with staging(tmp_path) as stage:
        save_text(stage / "summary.json", "first")
        save_text(stage / "solution.vtu", "first")
    program = f"""
        import sys, time
        from nmm.results.files import save_text, staging
        with staging({str(tmp_path)!r}) as stage:
            save_text(stage / "solution.vtu", "second")
            print("ready", flush=True)
            time.sleep(60)
    """
    run = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE)
    assert run.stdout is not None
    run.stdout.readline()
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    for name in ("summary.json", "solution.vtu"):
        assert (tmp_path / name).read_text() == "first"
    with staging(tmp_path) as stage:
        save_text(stage / "summary.json", "third")
    assert os.listdir(tmp_path) == ["summary.json"]


def test_a_place_that_cannot_be_written_is_an_input_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"), staging(tmp_path / "file" / "results"):
        pass
    with pytest.raises(InputError, match="nowhere"):
        save_text(tmp_path / "nowhere" / "a.txt", "text")
