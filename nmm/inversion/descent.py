"""L-BFGS for what is not least squares: one adjoint solve for a gradient, memory of a few steps."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nmm.inversion.model import Model
from nmm.inversion.noise import Whitener, misfit, weights
from nmm.inversion.search import Found, Linearised, Options, Regulariser, State, entry, notes
from nmm.inversion.strength import Spectrum, spectrum

MEMORY, QUIET = 20, 2
"""Steps that the inverse Hessian is made from; successive steps without a decrease that end the search."""


def descend(
    model: Model,
    target: np.ndarray,
    whiten: Whitener,
    priors: Regulariser,
    state: State,
    options: Options,
    told: Callable[[State], None],
) -> Found:
    """`search` by L-BFGS with a zoom line search (Nocedal and Wright 2006, 7.2 and 3.5) for a given strength.

    The total variation and other energies are minimised as they are. A checkpoint keeps the point, not the
    memory.
    """
    solver = optax.lbfgs(memory_size=MEMORY)
    value = partial(total, model, target, whiten, priors, options.loss, state.strength)
    step = stepping(solver, value)
    z = jnp.asarray(state.z)
    memory, now = solver.init(z), float(jax.jit(value)(z))
    model.count += 1
    if not np.isfinite(now):
        raise FloatingPointError(
            "the forward solve at the start did not converge, or its data are not finite"
        )
    if not state.history:
        state.history.append(entry(state, now, whiten(target - model(state.z))))
    converged, quiet = False, 0
    message = "not converged: the largest number of iterations was reached; allow more"
    while not converged and state.iteration < options.limit:
        trial, memory, tries = step(z, memory)
        model.count, model.products = model.count + int(tries), model.products + int(tries)
        fresh = float(optax.tree.get(memory, "value"))
        state.iteration += 1
        gain = (now - fresh) / max(abs(now), 1e-300)
        quiet = quiet + 1 if not gain > options.tolerance else 0
        if np.isfinite(fresh) and fresh < now:
            z, now = trial, fresh
            state.z = np.asarray(z)
            residual = whiten(target - model(state.z))
            state.history.append(entry(state, now, residual))
            told(state)
        if quiet >= QUIET:
            converged, message = True, "converged: the objective no longer falls"
    data = model(state.z)
    found = about(model, whiten, priors, state, whiten(target - data), options.loss)
    return Found(state, data, found, None, converged, message, notes(found, None, state, options, priors))


def total(model: Model, target, whiten: Whitener, priors: Regulariser, loss: str, strength: float, z):
    """The objective at z, traced; infinite where the solver did not converge."""
    data, good = model.plain(z)
    value = misfit(loss, whiten.traced(target - data), jnp) + priors.energy(z, strength)
    return jnp.where(good, value, jnp.inf)


def stepping(solver, value):
    """A compiled step: (point, memory) -> (point, memory, evaluations of the line search)."""
    slope = optax.value_and_grad_from_state(value)

    @jax.jit
    def step(z, memory):
        now, down = slope(z, state=memory)
        move, memory = solver.update(down, memory, z, value=now, grad=down, value_fn=value)
        return z + move, memory, optax.tree.get(memory, "info").num_linesearch_steps

    return step


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
