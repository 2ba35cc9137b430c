"""Gauss-Newton for piecewise constant conductivity: smoothed total variation of its logarithm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.linalg import splu

from benchmarks.ktc2023.tank import Differences, Tank, predicted


@dataclass(frozen=True)
class Settings:
    """`weight` of the variation, its smoothing `corner`, the pull to water `damping`, `steps` and `bound`."""

    weight: float = 5.0
    corner: float = 0.02
    damping: float = 0.01
    steps: int = 10
    bound: float = 3.0


def jumps(tank: Tank) -> tuple[csr_array, csr_array]:
    """Differences to the right and upward neighbour of each square inside; rows of zeros at the rim."""
    rows, columns = tank.model.shape
    number = np.full((rows + 1, columns + 1), -1)
    number[:-1, :-1][tank.model.inside] = np.arange(len(tank.inside))
    here = number[:-1, :-1][tank.model.inside]
    made = []
    for there in (number[:-1, 1:], number[1:, :-1]):
        other = there[tank.model.inside]
        both = other >= 0
        values = np.concatenate([-np.ones(both.sum()), np.ones(both.sum())])
        at = (np.tile(here[both], 2), np.concatenate([here[both], other[both]]))
        made.append(csr_array((values, at), (len(here), len(here))))
    return made[0], made[1]


def by_variation(tank: Tank, data: Differences, start: np.ndarray, settings: Settings) -> np.ndarray:
    """log(σ/water) on the squares inside, from `start`.

    Minimises ½ |data - F(x) + F(0)|² + weight Σ sqrt(|grad x|² + corner²) + ½ damping |x|², where grad are
    differences of neighbours, with lagged diffusivity (Vogel and Oman 1996); each step solves in the space of
    the data, and is halved until the objective falls.
    """
    across, up = jumps(tank)
    empty, _ = predicted(tank, np.zeros(len(start)), data)
    wanted = data.data.ravel() + empty

    def size(x):
        return np.sqrt((across @ x) ** 2 + (up @ x) ** 2 + settings.corner**2)

    def objective(x, values):
        left = wanted - values
        return left @ left / 2 + settings.weight * size(x).sum() + settings.damping * (x @ x) / 2

    x = np.clip(start, -settings.bound, settings.bound)
    values, slopes = predicted(tank, x, data)
    now = objective(x, values)
    for _ in range(settings.steps):
        w = diags_array(settings.weight / size(x))
        prior = across.T @ w @ across + up.T @ w @ up + settings.damping * eye_array(len(x))
        factors = splu(prior.tocsc(), "MMD_AT_PLUS_A", 0.0, options={"SymmetricMode": True})
        gain = factors.solve(slopes.T)
        target = wanted - values + slopes @ x
        step = gain @ np.linalg.solve(slopes @ gain + np.eye(len(slopes)), target) - x
        for halving in range(5):
            trial = np.clip(x + step / 2**halving, -settings.bound, settings.bound)
            trial_values, trial_slopes = predicted(tank, trial, data)
            if (then := objective(trial, trial_values)) < now:
                break
        else:
            return x
        x, values, slopes, done = trial, trial_values, trial_slopes, now - then < 1e-3 * now
        now = then
        if done:
            break
    return x
