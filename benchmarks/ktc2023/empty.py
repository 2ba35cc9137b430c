"""The readings of the empty tank: how well the model reproduces them, and how well any model could."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from benchmarks.ktc2023.readings import Readings
from benchmarks.ktc2023.tank import Tank, empty_tank


def reproduced(tank: Tank, empty: Readings) -> dict[str, float]:
    """Misfits of the empty tank by the largest voltage, and what bounds them from below."""
    values, _ = empty_tank(tank.model, np.log([tank.water, *tank.impedance]), empty)
    largest = np.abs(empty.voltages).max()
    alone = empty.voltages - empty.voltages @ np.linalg.pinv(empty.currents) @ empty.currents
    found = {}
    for name, left in (
        ("", values - empty.voltages),
        ("with offsets and gains of the instrument, ", with_instrument(tank, empty)),
        ("not additive, ", alone),
    ):
        found[f"{name}largest"] = float(np.abs(left).max() / largest)
        found[f"{name}rms"] = float(np.sqrt(np.mean(left**2)) / largest)
    found["any linear model, at least"] = float(least(empty.currents, empty.voltages) / largest)
    shifted = np.concatenate([empty.currents, np.ones((1, empty.currents.shape[1]))])
    found["any linear model and an offset of each reading, at least"] = (
        least(shifted, empty.voltages) / largest
    )
    found["injections made twice differ by"] = float(repetition(empty) / largest)
    return found


def least(drive: np.ndarray, voltages: np.ndarray) -> float:
    """The smallest possible largest misfit of voltages (m, n) that are linear in `drive` (k, n).

    No conductor, of whatever shape, conductivity and electrodes, has a smaller one. By linear programs:
    least t with -t ≤ v - cᵀ drive ≤ t for each row v.
    """
    basis = np.linalg.svd(drive, full_matrices=False)
    spanned = basis.Vh[: np.linalg.matrix_rank(drive)].T
    ones = np.ones((len(spanned), 1))
    sides = np.block([[spanned, -ones], [-spanned, -ones]])
    cost = np.append(np.zeros(spanned.shape[1]), 1.0)
    bounds = [*((None, None),) * spanned.shape[1], (0, None)]
    found = [linprog(cost, sides, np.concatenate([v, -v]), bounds=bounds).fun for v in voltages]
    return float(max(found))


def repetition(readings: Readings) -> float:
    """The largest difference between the voltages of injections that were made twice."""
    currents, voltages = readings.currents, readings.voltages
    count = currents.shape[1]
    twice = [
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if np.array_equal(currents[:, i], currents[:, j])
    ]
    return max(float(np.nanmax(np.abs(voltages[:, i] - voltages[:, j]))) for i, j in twice)


def with_instrument(tank: Tank, empty: Readings, prior: float = 0.02, steps: int = 10) -> np.ndarray:
    """What is left (31, 76) when each voltage may have an offset and each source of current a gain as well.

    `prior`: see `calibrate`; gains are free but for their mean, which the water's conductivity has.
    """
    sources = empty.currents.argmax(0)
    used, place = np.unique(sources, return_inverse=True)
    rows, count = empty.voltages.shape
    number = len(tank.impedance)
    start = np.log([tank.water, *tank.impedance])
    logs, offsets, gains = start.copy(), np.zeros(rows), np.zeros(len(used))
    loose = np.zeros((number + 1, 1 + number + rows + len(used)))
    loose[np.arange(number), 1 + np.arange(number)] = prior
    loose[-1, -len(used) :] = 10.0
    for step in range(steps + 1):
        values, slopes = empty_tank(tank.model, logs, empty)
        scale = np.exp(gains[place])
        left = empty.voltages - values * scale - offsets[:, None]
        if step == steps:
            break
        by_offset = np.broadcast_to(np.eye(rows)[:, None], (rows, count, rows))
        by_gain = (values * scale)[..., None] * np.eye(len(used))[place]
        matrix = np.concatenate([slopes * scale[:, None], by_offset, by_gain], -1)
        held = np.append(prior * (start - logs)[1:], -10.0 * gains.sum())
        known = np.concatenate([left.ravel(), held])
        move = np.linalg.lstsq(np.concatenate([matrix.reshape(rows * count, -1), loose]), known, rcond=None)[
            0
        ]
        logs = logs + np.clip(move[: 1 + number], -1, 1)
        offsets, gains = offsets + move[1 + number :][:rows], gains + move[-len(used) :]
    return left
