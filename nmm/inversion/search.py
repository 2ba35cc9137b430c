"""Least squares in the unbounded numbers: Levenberg-Marquardt on whitened residuals of data and priors."""

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.inversion.noise import Whitener, misfit, weights
from nmm.inversion.prior import Prior
from nmm.inversion.strength import Spectrum, spectrum
from nmm.inversion.transforms import Unknowns

FIRST, MOST = 1e-3, 1e8
"""Damping at the start, and where the search gives up: relative to the strength of the prior, or without one
to the largest eigenvalue. With the prior of total variation the latter is huge, and means nothing."""


class Model:
    """The data as a function of the unbounded numbers z, and its Jacobian; compiled once."""

    def __init__(self, predict: Callable[[Any], tuple[Any, Any]], by_rows: bool | None):
        self.predict, self.by_rows = jax.jit(predict), by_rows
        self._rows, self._columns = jax.jit(partial(rows, predict)), jax.jit(partial(columns, predict))
        self.count = 0

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Data (d,), nan where the solver did not converge."""
        self.count += 1
        data, good = self.predict(jnp.asarray(z))
        return np.where(good, np.asarray(data), np.nan)

    def jacobian(self, z: np.ndarray, data: int) -> np.ndarray:
        """Jacobian (d, n): a solve for each datum or for each unknown, whatever is less."""
        by_rows = data < len(z) if self.by_rows is None else self.by_rows
        return np.asarray((self._rows if by_rows else self._columns)(jnp.asarray(z)))


def rows(predict, z):
    """Jacobian (d, n) by adjoint solves, one for each datum."""
    data, pull, _ = jax.vjp(predict, z, has_aux=True)
    return jax.lax.map(lambda one: pull(one)[0], jnp.eye(len(data), dtype=data.dtype))


def columns(predict, z):
    """Jacobian (d, n) by tangent solves, one for each unknown."""
    push = lambda one: jax.jvp(lambda v: predict(v)[0], (z,), (one,))[1]  # noqa: E731
    return jax.lax.map(push, jnp.eye(len(z), dtype=z.dtype)).T


class Regulariser:
    """The priors together: residuals of those with a known strength, and of those without."""

    def __init__(self, priors: Sequence[Prior], unknowns: Unknowns):
        self.start, self.unknowns = jnp.zeros(unknowns.size), unknowns
        self.parts = [p for p in priors if p.known], [p for p in priors if not p.known]
        self._known, self._free = (jax.jit(partial(self._residual, which)) for which in (0, 1))
        self._slopes = [jax.jit(jax.jacfwd(partial(self._residual, which))) for which in (0, 1)]

    def about(self, origin: np.ndarray) -> "Regulariser":
        """The same, compiled once, about another start."""
        moved = copy(self)
        moved.start = jnp.asarray(origin)
        return moved

    def __bool__(self) -> bool:
        return any(self.parts)

    @property
    def is_open(self) -> bool:
        """Whether a strength is to be chosen."""
        return bool(self.parts[1])

    def _residual(self, which: int, z, start, lagged):
        if not self.parts[which]:
            return jnp.zeros(0)
        take = self.unknowns.unravel
        now, origin, before = take(z), take(start), take(lagged)
        return jnp.concatenate([p.residual(now, origin, before) for p in self.parts[which]])

    def known(self, z, lagged) -> np.ndarray:
        """Residuals of those with a known strength, with weights from `lagged`."""
        return np.asarray(self._known(jnp.asarray(z), self.start, jnp.asarray(lagged)))

    def free(self, z, lagged) -> np.ndarray:
        """Residuals of the others."""
        return np.asarray(self._free(jnp.asarray(z), self.start, jnp.asarray(lagged)))

    def slopes(self, z, which: int) -> np.ndarray:
        """Jacobian of either, with weights from z."""
        return np.asarray(self._slopes[which](jnp.asarray(z), self.start, jnp.asarray(z)))


@dataclass
class State:
    """Where a search stands: what a checkpoint keeps."""

    z: np.ndarray
    strength: float
    damping: float = FIRST
    iteration: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """The end of a search."""

    state: State
    data: np.ndarray
    spectrum: Spectrum
    curve: dict[str, np.ndarray] | None
    converged: bool
    message: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """How long to search: the relative decrease of the objective, and the steps, at which it ends."""

    tolerance: float
    limit: int
    loss: str
    rule: str | float


def search(
    model: Model,
    target: np.ndarray,
    whiten: Whitener,
    priors: Regulariser,
    state: State,
    options: Options,
    told: Callable[[State], None],
) -> Found:
    """Levenberg-Marquardt from `state`; `told` hears of every step."""
    z, loss = state.z, options.loss
    data = model(z)
    if not np.isfinite(data).all():
        raise FloatingPointError(
            "the forward solve at the start did not converge, or its data are not finite"
        )
    chosen, curve = isinstance(options.rule, str) and priors.is_open, None
    converged, message = False, "not converged: the largest number of iterations was reached; allow more"
    while True:
        residual = whiten(target - data)
        scale = weights(loss, residual)
        slope = scale[:, None] * whiten(model.jacobian(z, len(target)))
        known, free = priors.known(z, z), priors.free(z, z)
        found = spectrum(
            np.concatenate([slope, priors.slopes(z, 0)]) if len(known) else slope,
            np.concatenate([scale * residual, -known]),
            priors.slopes(z, 1) if len(free) else np.zeros((0, len(z))),
            free,
        )
        if chosen and state.iteration < 8:
            wanted, curve = found.choose(str(options.rule))
            if state.iteration:  # the linearised problem is far from the true one at first: go down slowly
                wanted = float(np.clip(wanted, state.strength / 30, state.strength * 30))
            state.strength = wanted
        value = objective(loss, residual, known, free, state.strength)
        if not state.history:
            state.history.append(entry(state, value, residual))
        if converged or state.iteration >= options.limit:
            break
        top = max(found.values.max(initial=0.0), state.strength)
        if not top > 0:
            message = "stagnated: the data do not depend on the unknowns at all"
            break
        moved, stuck, size = False, False, state.strength or top
        while not moved and not stuck:
            step = found.step(state.strength, state.damping * size)
            trial = z + step
            prediction = model(trial)
            if np.isfinite(prediction).all():
                fresh = objective(
                    loss,
                    whiten(target - prediction),
                    priors.known(trial, z),
                    priors.free(trial, z),
                    state.strength,
                )
                moved = fresh < value
            if not moved:
                small = np.abs(step).max() <= 1e-9 * (1 + np.abs(z).max())
                state.damping *= 5
                stuck = small or state.damping * size > MOST * top
        state.iteration += 1
        if moved:
            gain = (value - fresh) / max(abs(value), 1e-300)
            z, data = trial, prediction
            state.z = z
            state.damping = max(state.damping / 5, 1e-12)
            state.history.append(entry(state, fresh, whiten(target - data)))
            told(state)
            converged = gain <= options.tolerance and not (chosen and state.iteration < 4)
        else:
            converged = True
        if converged:
            message = "converged: the objective no longer falls"
    return Found(state, data, found, curve, converged, message, notes(found, curve, state, options, priors))


def entry(state: State, value: float, residual: np.ndarray) -> dict[str, float]:
    """A line of the history; `residual` in standard deviations."""
    return {
        "objective": float(value),
        "misfit": float(np.mean(residual**2)),
        "strength": float(state.strength),
        "damping": float(state.damping),
        "time": time.time(),
    }


def notes(found: Spectrum, curve, state: State, options: Options, priors: "Regulariser") -> tuple[str, ...]:
    """Sentences on what a search that may well have converged leaves to be wished for."""
    made = []
    if curve is not None and options.rule == "discrepancy" and curve["misfit"].min() > found.count:
        least = curve["misfit"].min() / found.count
        made.append(
            f"no strength of the prior fits the data to their noise (mean square of the residuals at least "
            f"{least:.3g} to first order): doubt the noise, the model or the cover"
        )
    unseen = int((found.values <= 1e-12 * found.values.max(initial=0.0)).sum())
    if unseen and not priors:
        made.append(
            f"the data leave {unseen} of {len(found.values)} combinations of the unknowns open, and no prior "
            f"speaks of them: add one"
        )
    return tuple(made)


def objective(loss: str, residual, known, free, strength: float) -> float:
    """½‖data‖² + ½‖known priors‖² + ½ λ ‖others‖²."""
    return misfit(loss, residual) + 0.5 * float(known @ known) + 0.5 * strength * float(free @ free)
