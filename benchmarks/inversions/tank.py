"""A water tank with sixteen electrodes and two inclusions: conductivity from changes of voltages.

The unit disk with water of conductivity 1. Voltages come from the complete electrode model on a cover that is
finer than that of the reconstructions, shifted and turned. Both methods get the same differences against the
empty tank, and their images are compared on the same pixels.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import nmm
from nmm.inversion.electrodes import Electrodes, electrodes, on_circle

COUNT = 16
IMPEDANCE = 0.01
INCLUSIONS = (((0.45, 0.1), 0.22, 3.0), ((-0.35, 0.35), 0.25, 0.3))
"""Centre, radius and conductivity."""
STRENGTHS = tuple(10.0**power for power in range(-3, 4))
"""The sweep of the regularisation: factors of each method's fixed default."""
Image = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Protocol:
    """Pairs of electrodes: `drive` (n, 2), in and out; for each of them `read` (n, m, 2), plus and minus."""

    drive: np.ndarray
    read: np.ndarray

    @property
    def currents(self) -> np.ndarray:
        """(electrodes, n)."""
        return pattern(self.drive)

    def of(self, voltages: np.ndarray) -> np.ndarray:
        """Readings (n m, ...) of voltages (electrodes, n, ...)."""
        number = np.arange(len(self.drive))[:, None]
        found = voltages[self.read[..., 0], number] - voltages[self.read[..., 1], number]
        return found.reshape(-1, *found.shape[2:])


def pattern(pairs: np.ndarray) -> np.ndarray:
    """(electrodes, n): 1 at the first and -1 at the second of each pair."""
    one = np.eye(COUNT)
    return one[:, pairs[:, 0]] - one[:, pairs[:, 1]]


def protocol(apart: int) -> Protocol:
    """Currents between electrodes `apart`, voltages between neighbours that carry no current."""
    first = np.arange(COUNT)
    drive = np.stack([first, (first + apart) % COUNT], -1)
    pairs = np.stack([(first + 1) % COUNT, first], -1)
    read = [[pair for pair in pairs if not set(pair) & set(ends)] for ends in drive]
    return Protocol(drive, np.array(read))


@dataclass(frozen=True, eq=False)
class Measured:
    """Readings of the empty tank and of the one with inclusions, and their standard deviation."""

    protocol: Protocol
    empty: np.ndarray
    full: np.ndarray
    noise: float


def measured(apart: int, level: float, cells: int = 96, seed: int = 0) -> Measured:
    """Readings with noise of `level` times the mean reading."""
    cover = nmm.lattice(cell=2 / cells, angle=17.0, origin=(0.0137, 0.0071))
    model = electrodes(nmm.cut(nmm.disk((0, 0), 1), cover), on_circle(COUNT))
    steps = protocol(apart)
    sigma = 1 + change(centres(model).reshape(-1, 2)).reshape(model.shape)
    both = [steps.of(model.solve(values, IMPEDANCE).voltages(steps.currents)) for values in (1.0, sigma)]
    noise = level * float(np.abs(both[0]).mean())
    rng = np.random.default_rng(seed)
    empty, full = (values + noise * rng.standard_normal(len(values)) for values in both)
    return Measured(steps, empty, full, noise)


def centres(model: Electrodes) -> np.ndarray:
    """Positions (rows, columns, 2) of the middles of the squares."""
    grid = model.manifold.grid
    y, x = np.mgrid[: grid.ny, : grid.nx] + 0.5
    return grid.shift + grid.origin + np.stack([x, y], -1) @ grid.rotation.T * grid.h


def change(points: np.ndarray) -> np.ndarray:
    """The true change of the conductivity (n,) at points (n, 2)."""
    made = np.zeros(len(points))
    for centre, radius, value in INCLUSIONS:
        made[np.hypot(*(points - centre).T) < radius] = value - 1
    return made


def pixels(count: int = 64) -> np.ndarray:
    """Points (n, 2) in the tank."""
    x, y = np.meshgrid(*[(np.arange(count) + 0.5) * 2 / count - 1] * 2)
    at = np.stack([x.ravel(), y.ravel()], -1)
    return at[np.hypot(*at.T) < 1]


@dataclass(frozen=True)
class Score:
    """`error`: relative, in L2, after the best scalar scaling; `places`: how far off the centres are."""

    error: float
    places: tuple[float, ...]


def score(image: Image) -> Score:
    """The image of a change of conductivity against the true one.

    The centre of an inclusion is that of the pixels beyond half the image's extreme of its sign.
    """
    at = pixels()
    seen, truth = image(at), change(at)
    size = float(seen @ seen)
    scaled = seen * (seen @ truth / size) if size > 0 else seen
    error = float(np.linalg.norm(scaled - truth) / np.linalg.norm(truth))
    places = []
    for centre, _, value in INCLUSIONS:
        signed = seen * math.copysign(1.0, value - 1)
        part = signed > signed.max() / 2
        there = signed.max() > 0
        found = np.average(at[part], axis=0, weights=signed[part]) if there else np.full(2, math.inf)
        places.append(float(np.hypot(*(found - centre))))
    return Score(error, tuple(places))


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """One method: `image(strength)` solves with `strength` times its default regularisation.

    `first` and `setup`: seconds of what every image shares, when it is made first and once more; `unknowns`,
    the values of the conductivity.
    """

    method: str
    library: str
    first: float
    setup: float
    unknowns: int
    image: Callable[[float], Image]


def sweep(made: Reconstruction) -> dict:
    """Scores and seconds at the default regularisation and at the best of the sweep."""
    scores, seconds = [], []
    for strength in STRENGTHS:
        begin = time.perf_counter()
        image = made.image(strength)
        seconds.append(time.perf_counter() - begin)
        scores.append(score(image))
    best = int(np.argmin([one.error for one in scores]))
    plain = scores[STRENGTHS.index(1.0)]
    return {
        "library": made.library, "method": made.method, "unknowns": made.unknowns,
        "error": scores[best].error, "best": STRENGTHS[best], "places": list(scores[best].places),
        "plain_error": plain.error, "plain_places": list(plain.places),
        "errors": [one.error for one in scores], "first": made.first, "setup": made.setup,
        "image": float(np.median(seconds)), "seconds": made.setup + float(np.median(seconds)),
    }  # fmt: skip


def twice(make: Callable[[], Any]) -> tuple[Any, float, float]:
    """What is made, and the seconds of the first and of the second time."""
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        made = make()
        times.append(time.perf_counter() - begin)
    return made, *times
