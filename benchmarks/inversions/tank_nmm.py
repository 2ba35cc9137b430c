"""The tank in nmm: one linear step, and Gauss-Newton steps on log σ, with a smooth prior."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

import nmm
from benchmarks.inversions.tank import (
    COUNT,
    IMPEDANCE,
    Image,
    Measured,
    Reconstruction,
    centres,
    pattern,
    twice,
)
from nmm.inversion.electrodes import Electrodes, electrodes, on_circle

DEVIATION, LENGTH, STEPS = 0.5, 0.15, 6
"""Of the prior of log σ: standard deviation and correlation length; steps of Gauss-Newton."""


class Tank:
    """The model and what it says of the empty tank."""

    def __init__(self, data: Measured, cells: int):
        self.data = data
        lattice = nmm.lattice(cells=cells)
        self.model: Electrodes = electrodes(nmm.cut(nmm.disk((0, 0), 1), lattice), on_circle(COUNT))
        self.inside = self.model.inside.ravel()
        at = centres(self.model).reshape(-1, 2)[self.inside]
        self.prior = DEVIATION**2 * np.exp(-cdist(at, at, "sqeuclidean") / (2 * LENGTH**2))
        self.empty, self.slopes = self.linearised(np.zeros(len(at)))

    def linearised(self, logs: np.ndarray):
        """Readings and their derivatives by log σ on the squares inside."""
        steps, sigma = self.data.protocol, np.ones(self.model.shape)
        sigma.flat[self.inside] = np.exp(logs)
        found = self.model.solve(sigma, IMPEDANCE)
        first = np.arange(COUNT)
        pairs = np.stack([(first + 1) % COUNT, first], -1)
        slopes = found.by_conductivity(steps.currents, pattern(pairs))[..., self.inside] * np.exp(logs)
        number = np.arange(len(steps.drive))[:, None]
        kept = slopes[steps.read[..., 1], number]  # a pair is numbered by its second electrode
        return steps.of(found.voltages(steps.currents)), kept.reshape(-1, len(logs))

    def step(self, slopes: np.ndarray, left: np.ndarray, strength: float) -> np.ndarray:
        """The logs that minimise what `left` (n,) minus slopes logs and the prior say."""
        gain = self.prior @ slopes.T
        noise = 2 * self.data.noise**2 * strength  # of a difference
        return gain @ np.linalg.solve(slopes @ gain + noise * np.eye(len(slopes)), left)

    def linear(self, strength: float) -> Image:
        return self.image(self.step(self.slopes, self.data.full - self.data.empty, strength))

    def gauss_newton(self, strength: float) -> Image:
        logs, predicted, slopes = np.zeros(self.inside.sum()), self.empty, self.slopes
        target = self.empty + self.data.full - self.data.empty
        for number in range(STEPS):
            logs = np.clip(self.step(slopes, target - predicted + slopes @ logs, strength), -4, 4)
            if number < STEPS - 1:
                predicted, slopes = self.linearised(logs)
        return self.image(np.exp(logs) - 1)

    def image(self, values: np.ndarray) -> Image:
        """Values on the squares inside as a function of points."""
        grid, whole = self.model.manifold.grid, np.zeros(self.model.shape)
        whole.flat[self.inside] = values

        def at(points):
            units = (points - grid.shift - grid.origin) @ grid.rotation / grid.h
            column, row = units.astype(int).T
            return whole[np.clip(row, 0, grid.ny - 1), np.clip(column, 0, grid.nx - 1)]

        return at


def reconstructions(data: Measured, cells: int) -> Iterator[Reconstruction]:
    tank, *times = twice(lambda: Tank(data, cells))
    facts = *times, int(tank.inside.sum())
    yield Reconstruction("nmm, one linear step", "nmm", *facts, tank.linear)
    yield Reconstruction(f"nmm, {STEPS} Gauss-Newton steps", "nmm", *facts, tank.gauss_newton)
