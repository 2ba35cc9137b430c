"""What the challenge's files say: currents, voltages, and which of them a level of difficulty keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from nmm.errors import InputError

RADIUS = 0.115
"""Radius of the tank, metres."""
PIXELS = 256
"""Pixels of an image each way, over the square around the tank."""
LEVELS = range(1, 8)


@dataclass(frozen=True, eq=False)
class Readings:
    """`voltages` (31, 76) V, nan where missing, at `currents` (32, 76) mA through the `pattern` (32, 31)."""

    voltages: np.ndarray
    currents: np.ndarray
    pattern: np.ndarray


def read(path: Path, level: int = 1) -> Readings:
    """The readings of one file, as far as `level` keeps them.

    **Raises:** `InputError` for a file that is not of the challenge's kind, or a level that is not 1 to 7.
    """
    if level not in LEVELS:
        raise InputError(f"found the level {level}, expected 1 to 7")
    try:
        given = loadmat(path)
    except (OSError, ValueError, NotImplementedError) as error:  # the last is SciPy's answer to version 7.3
        raise InputError(f"{path}: {error}", hint="the challenge's files are MATLAB's, version 5") from error
    suffix = "ref" if "Uelref" in given else ""
    currents, pattern = named(given, f"Inj{suffix}", path), named(given, "Mpat", path)
    voltages = named(given, f"Uel{suffix}", path)
    if voltages.size != currents.shape[1] * pattern.shape[1]:
        raise InputError(
            f"{path}: found {voltages.size} voltages, expected {pattern.shape[1]} for each of"
            f" {currents.shape[1]} injections"
        )
    voltages = voltages.reshape(currents.shape[1], pattern.shape[1]).T
    return Readings(np.where(kept(currents, level), voltages, np.nan), currents, pattern)


def named(given: Mapping[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    if name not in given:
        raise InputError(f"{path}: found no {name}")
    return np.asarray(given[name], float)


def kept(currents: np.ndarray, level: int) -> np.ndarray:
    """(31, 76): whether a voltage is kept: levels drop the first 2 (level - 1) electrodes."""
    gone = 2 * (level - 1)
    driven = (currents[:gone] == 0).all(0)
    return (np.arange(len(currents) - 1) >= gone)[:, None] & driven


def read_truth(path: Path) -> np.ndarray:
    """(256, 256): 0 water, 1 resistive, 2 conductive; row 0 is the top."""
    return np.asarray(loadmat(path)["truth"], int)
