"""The tank: its electrode model, the water fitted to the empty tank, and data as solves want them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import nmm
from benchmarks.ktc2023.readings import RADIUS, Readings
from nmm.inversion.electrodes import Electrodes, electrodes, on_circle


@dataclass(frozen=True, eq=False)
class Tank:
    """The model, the conductivity of its water (mS/m, times the depth) and contact impedances (32,)."""

    model: Electrodes
    water: float
    impedance: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Numbers of the squares that meet the tank."""
        return np.flatnonzero(self.model.inside)

    def conductivity(self, logs: np.ndarray) -> np.ndarray:
        """σ on all squares from log(σ/water) on those inside."""
        sigma = np.full(self.model.shape, self.water)
        sigma.flat[self.inside] *= np.exp(logs)
        return sigma


def model(cells: int = 64) -> Electrodes:
    """The tank with 32 electrodes, the first one at the top, on a lattice of `cells` squares across."""
    return electrodes(nmm.cut(nmm.disk((0, 0), RADIUS), nmm.lattice(cells=cells)), on_circle(32))


def calibrate(model: Electrodes, empty: Readings, prior: float = 0.02, steps: int = 10) -> Tank:
    """The water's conductivity and the contact impedances that reproduce the empty tank.

    Gauss-Newton on their logarithms, with `prior`, the volts that one unit in the logarithm of an impedance
    is worth.
    """
    seen = np.isfinite(empty.voltages)
    logs = np.concatenate([[0.0], np.full(len(model.lengths), np.log(1e-4))])
    loose = np.diag(np.concatenate([[0.0], np.full(len(logs) - 1, prior)]))
    start = logs.copy()
    for _ in range(steps):
        values, slopes = empty_tank(model, logs, empty)
        left, rows = (empty.voltages - values)[seen], slopes[seen]
        matrix = np.concatenate([rows, loose])
        step = np.linalg.lstsq(matrix, np.concatenate([left, loose @ (start - logs)]), rcond=None)[0]
        logs = logs + np.clip(step, -1, 1)
    return Tank(model, float(np.exp(logs[0])), np.exp(logs[1:]))


def empty_tank(model: Electrodes, logs: np.ndarray, readings: Readings):
    """Voltages (31, 76) of uniform water, and their derivatives (31, 76, 33) by the logarithms `logs`."""
    water, z = np.exp(logs[0]), np.exp(logs[1:])
    found = model.solve(water, z)
    read, driven = readings.pattern.T @ found.inverse, found.inverse @ readings.currents
    values = readings.pattern.T @ driven
    by_z = np.einsum("mk,jkl,ln->mnj", read, found.by_conductance() / z[:, None, None], driven, optimize=True)
    by_water = by_z.sum(-1) - values  # the voltages are those of 1 and z σ, over σ
    return values, np.concatenate([by_water[..., None], by_z], -1)


@dataclass(frozen=True, eq=False)
class Differences:
    """Changes of the voltages from the empty tank to the target, whitened and without repetition.

    The injections that are left span r directions `drive` (electrodes, r): the voltages of all of them are
    linear in those of these. What the noise lets through of measurement m is `mix[m]` (r, r) times the
    voltages of the directions; `data` (m, r) are the changes in the same form.
    """

    drive: np.ndarray
    pattern: np.ndarray
    mix: np.ndarray
    data: np.ndarray

    def whitened(self, values: np.ndarray) -> np.ndarray:
        """Voltages (m, r, ...) of the directions in the form of `data`."""
        return np.einsum("mij,mj...->mi...", self.mix, values, optimize=True)


def differences(empty: Readings, target: Readings, share: float, floor: float) -> Differences:
    """What changed from `empty` to `target`.

    **Arguments:** the noise's standard deviation as a `share` of each voltage, and its `floor` as a share of
    the largest.
    """
    change = target.voltages - empty.voltages
    rows, columns = np.isfinite(change).any(1), np.isfinite(change).any(0)
    change, currents = change[rows][:, columns], target.currents[:, columns]
    volts = np.abs(target.voltages[rows][:, columns])
    deviation = share * volts + floor * np.nanmax(volts)
    weight = np.where(np.isfinite(change), deviation**-2.0, 0.0)
    left, size, right = np.linalg.svd(currents, full_matrices=False)
    rank = int((size > 1e-8 * size[0]).sum())
    drive, by_drive = left[:, :rank], size[:rank, None] * right[:rank]
    normal = np.einsum("in,mn,jn->mij", by_drive, weight, by_drive)
    lower = np.linalg.cholesky(normal)
    moments = np.einsum("in,mn->mi", by_drive, weight * np.nan_to_num(change))
    data = np.linalg.solve(lower, moments[..., None])[..., 0]
    return Differences(drive, target.pattern[:, rows], np.swapaxes(lower, 1, 2), data)


def predicted(tank: Tank, logs: np.ndarray, data: Differences):
    """Whitened voltages (m r,) at log(σ/water) `logs`, and their derivatives (m r, squares inside)."""
    found = tank.model.solve(tank.conductivity(logs), tank.impedance)
    values = data.whitened(data.pattern.T @ found.voltages(data.drive))
    slopes = found.by_conductivity(data.drive, data.pattern)[..., tank.inside]
    slopes = data.whitened(slopes * (tank.water * np.exp(logs)))
    return values.ravel(), slopes.reshape(values.size, -1)
