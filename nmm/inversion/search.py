"""Least squares in the unbounded numbers: Levenberg-Marquardt on whitened residuals of data and priors."""

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array

from nmm.inversion.low_rank import FORCING, LowRank
from nmm.inversion.model import Model
from nmm.inversion.noise import Whitener, misfit, weights
from nmm.inversion.precision import colours_of, precision, sparse_jacobian
from nmm.inversion.prior import Prior
from nmm.inversion.strength import Spectrum, spectrum
from nmm.inversion.transforms import Unknowns

FIRST, MOST = 1e-3, 1e8
"""Damping at the start, and where the search gives up: relative to the strength of the prior, or without one
to the largest eigenvalue. With the prior of total variation the latter is huge, and means nothing."""


class Regulariser:
    """The priors together: residuals of those with a known strength, and of those without."""

    def __init__(self, priors: Sequence[Prior], unknowns: Unknowns):
        self.start, self.unknowns = jnp.zeros(unknowns.size), unknowns
        least = [p for p in priors if p.residual is not None]
        self.parts = [p for p in least if p.known], [p for p in least if not p.known]
        self.energies = [p for p in priors if p.residual is None]
        self._curvature = jax.jit(jax.hessian(self._of_energies))
        self._known, self._free = (jax.jit(partial(self._residual, which)) for which in (0, 1))
        self._slopes = [jax.jit(jax.jacfwd(partial(self._residual, which))) for which in (0, 1)]
        self._pushes = [jax.jit(partial(self._push, which)) for which in (0, 1)]

    def about(self, origin: np.ndarray) -> "Regulariser":
        """The same, compiled once, about another start."""
        moved = copy(self)
        moved.start = jnp.asarray(origin)
        return moved

    def __bool__(self) -> bool:
        return any(self.parts) or bool(self.energies)

    @property
    def is_open(self) -> bool:
        """Whether a strength is to be chosen."""
        return bool(self.parts[1])

    def energy(self, z, strength: float):
        """What all of them add to the objective, traced."""
        take = self.unknowns.unravel
        now, origin = take(z), take(self.start)
        firm, free = (sum(p.energy(now, origin) for p in part) for part in self.parts)
        return firm + self._of_energies(z) + strength * free

    def _of_energies(self, z):
        return sum((p.energy(self.unknowns.unravel(z), None) for p in self.energies), jnp.zeros(()))

    def curvature(self, z) -> np.ndarray:
        """Hessian (n, n) of those that are no least squares."""
        return np.asarray(self._curvature(jnp.asarray(z)))

    def _residual(self, which: int, z, start, lagged):
        if not self.parts[which]:
            return jnp.zeros(0)
        take = self.unknowns.unravel
        now, origin, before = take(z), take(start), take(lagged)
        return jnp.concatenate([p.residual(now, origin, before) for p in self.parts[which] if p.residual])

    def known(self, z, lagged) -> np.ndarray:
        """Residuals of those with a known strength, with weights from `lagged`."""
        return np.asarray(self._known(jnp.asarray(z), self.start, jnp.asarray(lagged)))

    def free(self, z, lagged) -> np.ndarray:
        """Residuals of the others."""
        return np.asarray(self._free(jnp.asarray(z), self.start, jnp.asarray(lagged)))

    def slopes(self, z, which: int) -> np.ndarray:
        """Jacobian of either, with weights from z."""
        return np.asarray(self._slopes[which](jnp.asarray(z), self.start, jnp.asarray(z)))

    def _push(self, which: int, z, start, directions):
        """Jacobian times `directions` (k, n), with weights from z."""
        one = lambda v: jax.jvp(lambda x: self._residual(which, x, start, z), (z,), (v,))[1]  # noqa: E731
        return jax.vmap(one)(directions)

    def sparse(self, z, which: int) -> csr_array:
        """The same as `slopes`, sparse."""
        if not self.parts[which]:
            return csr_array((0, len(z)))
        reach, colours = [prior.reach for prior in self.parts[which]], None
        if None not in reach:
            colours = colours_of(self.unknowns.unravel(self.start), max(r for r in reach if r is not None))
        push = partial(self._pushes[which], jnp.asarray(z), self.start)
        return sparse_jacobian(push, colours, len(z))


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
    linearised = Linearised(model, whiten, priors, len(target), len(z))
    data = model(z)
    if not np.isfinite(data).all():
        raise FloatingPointError(
            "the forward solve at the start did not converge, or its data are not finite"
        )
    chosen, curve = isinstance(options.rule, str) and priors.is_open, None
    converged, message = False, "not converged: the largest number of iterations was reached; allow more"
    while True:
        residual = whiten(target - data)
        known, free = priors.known(z, z), priors.free(z, z)
        found = linearised(z, residual, weights(loss, residual), known, free)
        if chosen and state.iteration < 8:
            found = linearised.explored(found, lambda now: now.choose(str(options.rule))[0])
            wanted, curve = found.choose(str(options.rule))
            if state.iteration:  # the linearised problem is far from the true one at first: go down slowly
                wanted = float(np.clip(wanted, state.strength / 30, state.strength * 30))
            state.strength = wanted
        value = objective(loss, residual, known, free, state.strength)
        if not state.history:
            state.history.append(entry(state, value, residual))
        if converged or state.iteration >= options.limit:
            break
        weight = found.weight(state.strength)
        top = max(found.top, weight)
        if not top > 0:
            message = "stagnated: the data do not depend on the unknowns at all"
            break
        moved, stuck, size = False, False, weight or top
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
    found = linearised.explored(found, lambda now: state.strength)
    return Found(state, data, found, curve, converged, message, notes(found, curve, state, options, priors))


DENSE = 1500
"""Unknowns beyond which no dense array of them is made where there is a prior."""


class Linearised:
    """The least squares that a point gives: a whole spectrum, or with many unknowns a `LowRank` one."""

    def __init__(self, model: Model, whiten: Whitener, priors: Regulariser, data: int, unknowns: int):
        self.model, self.whiten, self.priors, self.count = model, whiten, priors, data
        self.by_products = model.how(data, unknowns) == "products" and bool(priors)
        self.low_rank = self.by_products or (unknowns > DENSE and bool(priors))
        self.rows, self.residual, self.before = data, np.zeros(0), 0.0

    def __call__(self, z, residual, scale, known, free) -> Spectrum:
        """About z, with weighted residuals of the data (d,) in standard deviations and of the priors."""
        if self.low_rank:
            return self._low_rank(z, residual, scale, known, free)
        priors = self.priors
        slope, firm = scale[:, None] * self.whiten(self.model.jacobian(z, self.count)), priors.slopes(z, 0)
        return spectrum(
            np.concatenate([slope, firm]) if len(known) else slope,
            np.concatenate([scale * residual, -known]),
            priors.slopes(z, 1) if len(free) else np.zeros((0, len(z))),
            free,
            firm,
        )

    def _low_rank(self, z, residual, scale, known, free) -> LowRank:
        push, pull = self._products(z)
        whiten, is_open = self.whiten, self.priors.is_open
        down = pull(whiten.back(scale**2 * residual))
        firm, other = self.priors.sparse(z, 0), self.priors.sparse(z, 1)
        root, slope = (other, other.T @ free) if is_open else (firm, firm.T @ known)
        beside = firm if is_open else firm[:0]
        if is_open:
            down = down - firm.T @ known
            self.residual = np.concatenate([scale * residual, -known])
        else:
            self.residual = scale * residual
        self.rows = len(self.residual)

        def hessian(v):
            return pull(whiten.back(scale**2 * whiten(push(v)))) + beside.T @ (beside @ v)

        q = precision(root)
        size = float(np.sqrt(max(down @ q.solve(down), 0.0)))
        ratio = size / self.before if self.before else 1.0
        self.before = size
        forcing = float(np.clip(0.9 * ratio**2, 1e-6, FORCING))  # Eisenstat and Walker 1996
        none = np.zeros((0,)), np.zeros((len(z), 0)), np.zeros(0), np.zeros(0)
        base = 0.0 if is_open else 1.0
        return LowRank(*none, 0.0, self.rows, hessian, q, np.stack([down, slope]), base, forcing)

    def _products(self, z):
        if self.by_products:
            return self.model.linear(z, self.count)
        slope = self.model.jacobian(z, self.count)
        return (lambda v: slope @ v), (lambda w: slope.T @ w)

    def explored(self, found: Spectrum, wanted: Callable[[Spectrum], float]) -> Spectrum:
        """`found` with the eigenpairs that matter to the strength that is `wanted`."""
        return found.explored(wanted, self.rows, self.residual) if isinstance(found, LowRank) else found


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
    unseen = int((found.values <= 1e-12 * found.top).sum())
    if unseen and not priors:
        made.append(
            f"the data leave {unseen} of {len(found.values)} combinations of the unknowns open, and no prior "
            f"speaks of them: add one"
        )
    return tuple(made)


def objective(loss: str, residual, known, free, strength: float) -> float:
    """½‖data‖² + ½‖known priors‖² + ½ λ ‖others‖²."""
    return float(misfit(loss, residual)) + 0.5 * float(known @ known) + 0.5 * strength * float(free @ free)
