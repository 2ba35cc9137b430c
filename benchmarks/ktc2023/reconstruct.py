"""From readings to images: the two methods, and the challenge's folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import savemat

from benchmarks.ktc2023.linear import linear
from benchmarks.ktc2023.readings import Readings, read
from benchmarks.ktc2023.segment import by_otsu, by_peaks, pixels
from benchmarks.ktc2023.tank import Tank, calibrate, differences, model
from benchmarks.ktc2023.variation import Settings, by_variation
from nmm.errors import InputError

CELLS = 48
NOISE, LINEAR_NOISE = (0.01, 0.001), (0.005, 0.003)
"""Standard deviation of the noise as a share of each voltage, and its floor as a share of the largest.

A linear step has errors of its own to allow for, which grow with the change of the voltages, not with them.
"""


@dataclass(frozen=True)
class Method:
    """The weight of the total variation, and the thresholds of `segment.by_peaks`."""

    weight: float = 3.0
    least: float = 0.4
    share: float = 0.6


def fields(tank: Tank, empty: Readings, target: Readings, weights: tuple[float, ...]) -> list[np.ndarray]:
    """Images (256, 256) of log(σ/water): the linear one, then one for each weight of the total variation."""
    start = linear(tank, differences(empty, target, *LINEAR_NOISE))
    data = differences(empty, target, *NOISE)
    found = [by_variation(tank, data, start, Settings(weight)) for weight in weights]
    return [pixels(tank, values) for values in (start, *found)]


def baseline(field: np.ndarray) -> np.ndarray:
    """The organisers' kind of segmentation of a linear image."""
    return by_otsu(field)


def reconstruct(tank: Tank, empty: Readings, target: Readings, method: Method) -> np.ndarray:
    """The image (256, 256) of classes 0, 1 and 2, by physics alone."""
    return by_peaks(fields(tank, empty, target, (method.weight,))[1], method.least, method.share)


def tank_of(empty: Readings, cells: int = CELLS) -> Tank:
    return calibrate(model(cells), empty)


def folder_to_folder(source: Path, target: Path, level: int, report: Callable[[str], None]) -> list[Path]:
    """The challenge's own interface: `ref.mat` and `data*.mat` become `1.mat`, `2.mat`, ...

    **Raises:** `InputError` for a folder without them.
    """
    given = sorted(source.glob("data*.mat"), key=lambda path: (len(path.stem), path.stem))
    if not given:
        raise InputError(f"{source}: found no data*.mat")
    empty = read(source / "ref.mat", level)
    tank = tank_of(read(source / "ref.mat"))
    target.mkdir(parents=True, exist_ok=True)
    made = []
    for number, path in enumerate(given, 1):
        image = reconstruct(tank, empty, read(path, level), Method())
        made.append(target / f"{number}.mat")
        savemat(made[-1], {"reconstruction": image.astype(float)}, do_compression=True)
        report(f"{path.name} -> {made[-1]}")
    return made
