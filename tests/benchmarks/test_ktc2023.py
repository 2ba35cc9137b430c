"""The Kuopio challenge: its score, its levels, segmentation, and the way from folder to folder."""

import numpy as np
import pytest
from scipy.io import loadmat

import nmm
from benchmarks.ktc2023 import __main__ as program
from benchmarks.ktc2023 import pages, reconstruct, sweep
from benchmarks.ktc2023.empty import least
from benchmarks.ktc2023.readings import PIXELS, kept, read, read_truth
from benchmarks.ktc2023.score import REACH, WIDTH, score, similarity
from benchmarks.ktc2023.segment import by_otsu, by_peaks, pixels
from benchmarks.ktc2023.tank import Tank, differences, empty_tank, model, predicted
from benchmarks.ktc2023.variation import jumps

DATA = sweep.DATA


@pytest.fixture(scope="module")
def tank():
    return Tank(model(16), 0.7, np.full(32, 1e-3))


@pytest.fixture(scope="module")
def empty():
    return read(DATA / "ref.mat")


@pytest.mark.parametrize("target", [1, 4])
def test_the_truth_scores_one_and_an_empty_image_half_for_each_kind_that_is_not_there(target):
    truth = read_truth(DATA / f"true{target}.mat")
    assert score(truth, truth) == pytest.approx(1, abs=1e-12)
    missing = sum((truth == kind).any() for kind in (1, 2))
    assert score(truth, np.zeros_like(truth)) == pytest.approx(1 - missing / 2, abs=0.05)


def test_similarity_is_the_sum_over_the_window_written_out():
    first, second = np.random.default_rng(0).random((2, 5, 7)) < 0.5
    rows, columns = np.mgrid[:5, :7]
    total = 0.0
    for i, j in np.ndindex(first.shape):
        assert REACH > 7
        w = np.exp(-((rows - i) ** 2 + (columns - j) ** 2) / (2 * WIDTH**2))
        w /= w.sum()
        mx, my = (w * first).sum(), (w * second).sum()
        vx, vy = (w * (first - mx) ** 2).sum(), (w * (second - my) ** 2).sum()
        both = (w * (first - mx) * (second - my)).sum()
        total += (2 * mx * my + 1e-4) * (2 * both + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    assert similarity(first, second) == pytest.approx(total / 35, rel=1e-10)


def test_levels_drop_the_voltages_and_injections_of_the_first_electrodes(empty):
    assert kept(empty.currents, 1).all()
    seen = kept(empty.currents, 3)
    assert not seen[:4].any() and not seen[:, (empty.currents[:4] != 0).any(0)].any()
    assert seen[4:, (empty.currents[:4] == 0).all(0)].all()
    np.testing.assert_array_equal(np.isfinite(read(DATA / "data1.mat", 3).voltages), seen)
    with pytest.raises(nmm.InputError, match="expected 1 to 7"):
        read(DATA / "data1.mat", 8)


def test_whitened_differences_keep_the_misfit_of_all_injections(tank, empty):
    target = read(DATA / "data1.mat", 5)
    data = differences(empty, target, 0.01, 0.001)
    logs = 0.1 * np.random.default_rng(1).standard_normal((2, len(tank.inside)))
    change = target.voltages - empty.voltages
    seen = np.isfinite(change)
    volts = np.abs(target.voltages)
    deviation = 0.01 * volts + 0.001 * np.nanmax(volts)

    def direct(x):
        made = tank.model.solve(tank.conductivity(x), tank.impedance).voltages(target.currents)
        return np.sum((((change - target.pattern.T @ made) / deviation)[seen]) ** 2)

    def short(x):
        return np.sum((data.data.ravel() - predicted(tank, x, data)[0]) ** 2)

    assert direct(logs[0]) - direct(logs[1]) == pytest.approx(short(logs[0]) - short(logs[1]), rel=1e-8)


def test_derivatives_by_water_and_impedances_are_those_of_differences(tank, empty):
    logs, way = np.log([tank.water, *tank.impedance]), np.random.default_rng(2).standard_normal(33)
    _, slopes = empty_tank(tank.model, logs, empty)
    ends = [empty_tank(tank.model, logs + s * way, empty)[0] for s in (1e-5, -1e-5)]
    np.testing.assert_allclose(slopes @ way, (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-8)


def test_no_linear_model_comes_nearer_to_readings_than_their_bound():
    """Of 1 and 3 at the same current 2 is the best; an offset explains what is odd of it."""
    currents = np.array([[1.0, 1.0, -1.0]])
    assert least(currents, np.array([[1.0, 3.0, -2.0]])) == pytest.approx(1.0)
    assert least(currents, np.array([[3.0, 3.0, 1.0]])) == pytest.approx(2.0)
    shifted = np.concatenate([currents, np.ones((1, 3))])
    assert least(shifted, np.array([[3.0, 3.0, 1.0]])) == pytest.approx(0.0, abs=1e-12)


def test_jumps_of_a_constant_vanish_and_of_a_slope_do_not(tank):
    columns = tank.inside % tank.model.shape[1]
    across, up = jumps(tank)
    assert abs(across @ np.ones(len(columns))).max() == 0
    assert set(across @ columns.astype(float)) == {0.0, 1.0} and abs(up @ columns).max() == 0


def test_images_have_the_top_of_the_tank_in_row_zero(tank):
    rows = tank.inside // tank.model.shape[1]
    image = pixels(tank, rows.astype(float))
    assert image.shape == (PIXELS, PIXELS) and np.isnan(image[0, 0])
    assert image[10, 128] > 14 and image[-10, 128] < 1


def test_segmentations_find_both_kinds():
    image = np.zeros((60, 60))
    image[10:20, 10:20], image[40:50, 30:50] = -2.0, 1.0
    wanted = np.where(image < 0, 1, np.where(image > 0, 2, 0))
    np.testing.assert_array_equal(by_otsu(image), wanted)
    np.testing.assert_array_equal(by_peaks(image, 0.3, 0.6, 50), wanted)
    image[9, 10:20] = -1.0
    np.testing.assert_array_equal(by_peaks(image, 0.3, 0.6, 50), wanted)
    np.testing.assert_array_equal(by_peaks(image, 0.3, 0.6, 150), np.where(wanted == 2, 2, 0))
    assert not by_peaks(0.1 * image, 0.3, 0.6).any()


def test_images_survive_the_record():
    truth = read_truth(DATA / "true2.mat")
    np.testing.assert_array_equal(sweep.image_of(sweep.runs(truth)), truth)


def test_settings_are_held_out():
    good, bad = reconstruct.Method(1.0), reconstruct.Method(2.0)
    scores = {good: {(1, 1): 0.0, (2, 1): 0.9}, bad: {(1, 1): 1.0, (2, 1): 0.8}}
    assert sweep.held_out(scores, 1) == good and sweep.held_out(scores, 2) == bad


def test_the_program_goes_from_folder_to_folder(tmp_path):
    for name in ("ref", "data3"):
        (tmp_path / f"{name}.mat").write_bytes((DATA / f"{name}.mat").read_bytes())
    assert program.main([str(tmp_path), str(tmp_path / "out"), "1"]) == 0
    image = loadmat(tmp_path / "out" / "1.mat")["reconstruction"]
    assert image.shape == (PIXELS, PIXELS)
    assert score(read_truth(DATA / "true3.mat"), image) > 0.75
    assert program.main([str(tmp_path / "out"), str(tmp_path / "none"), "1"]) == 2


def test_a_quick_run_makes_a_page_and_a_picture(monkeypatch):
    monkeypatch.setattr(sweep, "WEIGHTS", (5.0,))
    monkeypatch.setattr(sweep, "GRID", (reconstruct.Method(5.0), reconstruct.Method(5.0, 0.5)))
    result = sweep.run(True, lambda line: None)
    assert len(result["rows"]) == 8 and all(-1 <= row["score"] <= 1 for row in result["rows"])
    page = "\n".join(pages.page(result))
    assert "| 7 |" in page and "organisers' linear difference method" in page
    assert len(pages.picture(result).axes) == 12
