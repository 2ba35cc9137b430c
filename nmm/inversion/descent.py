"""L-BFGS for what is not least squares: one adjoint solve for a gradient, memory of a few steps."""

import warnings
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.optimize import line_search

from nmm.inversion.model import Model
from nmm.inversion.noise import Whitener, misfit, weights
from nmm.inversion.search import Found, Linearised, Options, Regulariser, State, entry, notes
from nmm.inversion.strength import Spectrum, spectrum

MEMORY, QUIET, TRIES = 20, 2, 12
"""Steps that the inverse Hessian is made from; successive steps without a decrease that end the search;
points of a line search."""


def descend(
    model: Model,
    target: np.ndarray,
    whiten: Whitener,
    priors: Regulariser,
    state: State,
    options: Options,
    told: Callable[[State], None],
) -> Found:
    """`search` by L-BFGS with Wolfe's conditions (Nocedal and Wright 2006, 7.2 and 3.5) for a given strength.

    The line search is on the host: one program with the forward solve is compiled, and one with the adjoint.
    The total variation and other energies are minimised as they are. A checkpoint keeps the point, not the
    memory.
    """
    objective = Objective(model, target, whiten, priors, options.loss, state.strength)
    solver, z = optax.scale_by_lbfgs(memory_size=MEMORY), state.z
    memory, step = solver.init(jnp.asarray(z)), jax.jit(solver.update)
    now, slope = objective(z)
    if not np.isfinite(now):
        raise FloatingPointError(
            "the forward solve at the start did not converge, or its data are not finite"
        )
    if not state.history:
        state.history.append(entry(state, now, objective.residual))
    quiet, message = 0, "not converged: the largest number of iterations was reached; allow more"
    while quiet < QUIET and state.iteration < options.limit:
        towards, memory = step(jnp.asarray(slope), memory, jnp.asarray(z))
        length = wolfe(objective, z, -np.asarray(towards), now, slope)
        state.iteration += 1
        if length is None:  # not even the steepest descent of a fresh memory leads further
            if quiet == QUIET - 1:
                break
            memory, quiet = solver.init(jnp.asarray(z)), QUIET - 1
            continue
        z = z - length * np.asarray(towards)
        fresh, slope = objective(z)
        gain, now = (now - fresh) / max(abs(now), 1e-300), fresh
        quiet = quiet + 1 if gain <= options.tolerance else 0
        state.z = z
        state.history.append(entry(state, now, objective.residual))
        told(state)
    converged = state.iteration < options.limit or quiet >= QUIET
    if converged:
        message = "converged: the objective no longer falls"
    data = model(state.z)
    found = about(model, whiten, priors, state, whiten(target - data), options.loss)
    return Found(state, data, found, None, converged, message, notes(found, None, state, options, priors))


class Objective:
    """z -> (value, gradient) by a forward and an adjoint solve; infinite where the solver did not converge.

    `residual` of the data in standard deviations is that of the last point, which is not computed twice.
    """

    def __init__(
        self, model: Model, target, whiten: Whitener, priors: Regulariser, loss: str, strength: float
    ):
        self.model, self.target, self.whiten, self.loss = model, target, whiten, loss
        self.prior = jax.jit(jax.value_and_grad(partial(priors.energy, strength=strength)))
        self.residual, self._last = np.zeros(0), (np.zeros(0), np.inf, np.zeros(0))

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        if np.array_equal(z, self._last[0]):
            return self._last[1:]
        self._last = z, *self._fresh(z)
        return self._last[1:]

    def _fresh(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        residual = self.whiten(self.target - self.model(z))
        beside, slope = map(np.asarray, self.prior(jnp.asarray(z)))
        if not (np.isfinite(residual).all() and np.isfinite(beside)):
            return np.inf, np.zeros_like(slope)
        self.residual = residual
        _, pull = self.model.linear(z, len(residual))
        downhill = pull(self.whiten.back(weights(self.loss, residual) ** 2 * residual))
        return float(misfit(self.loss, residual) + beside), slope - downhill


def wolfe(objective: Objective, z: np.ndarray, towards: np.ndarray, now: float, slope) -> float | None:
    """A step length that fulfils Wolfe's conditions, or at least a decrease; None if there is none."""
    value, gradient = (lambda x: objective(x)[0]), (lambda x: objective(x)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a search that found no length, which is seen by it
        length, *_ = line_search(value, gradient, z, towards, slope, now, maxiter=TRIES)
    for halving in range(TRIES) if length is None else ():
        if value(z + 0.5**halving * towards) < now:
            return 0.5**halving
    return length


def about(model: Model, whiten: Whitener, priors: Regulariser, state: State, residual, loss: str) -> Spectrum:
    """The spectrum at the end: of energies the convex part of their Hessian."""
    z, scale = state.z, weights(loss, residual)
    known, free = priors.known(z, z), priors.free(z, z)
    if not priors.energies:
        linearised = Linearised(model, whiten, priors, len(residual), len(z))
        found = linearised(z, residual, scale, known, free)
        return linearised.explored(found, lambda now: state.strength)
    values, vectors = np.linalg.eigh(priors.curvature(z))
    more = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    slope = scale[:, None] * whiten(model.jacobian(z, len(residual)))
    firm = np.concatenate([priors.slopes(z, 0), more])
    slopes = priors.slopes(z, 1) if len(free) else np.zeros((0, len(z)))
    left = np.concatenate([scale * residual, -known, np.zeros(len(z))])
    return spectrum(np.concatenate([slope, firm]), left, slopes, free)
