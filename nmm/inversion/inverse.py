"""The inverse map: data -> parameters, the mirror image of `nmm.forward`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError, NotConverged
from nmm.forward_map import Forward
from nmm.inversion.checkpoint import fingerprint, load, save, sounded
from nmm.inversion.descent import descend
from nmm.inversion.model import Model
from nmm.inversion.noise import Whitener, misfit
from nmm.inversion.posterior import Posterior
from nmm.inversion.prior import Prior
from nmm.inversion.recut import Differences, Recut, refuse
from nmm.inversion.search import Options, Regulariser, State, search
from nmm.inversion.strength import RULES, Spectrum
from nmm.inversion.transforms import Unknowns, unknowns_of
from nmm.nonlinear_map import Nonlinear
from nmm.several_experiments import Experiments
from nmm.solve.linear import Result


@dataclass(frozen=True)
class InverseStats:
    """How a search went.

    `derivative_solves`, tangent and adjoint ones. `misfit` is the mean square of the residuals in standard
    deviations (1: the data are fitted as well as their noise allows); `strength` of the prior and the `curve`
    it was chosen from, if it was; `seen`, how many combinations of the unknowns the data determine better
    than the prior, of how many; `history`, the start and each step; `notes`, sentences on what data, noise
    and prior leave to be wished for.
    """

    iterations: int
    forward_solves: int
    derivative_solves: int
    misfit: float
    strength: float
    seen: tuple[int, int]
    history: list[dict[str, float]]
    curve: dict[str, np.ndarray] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parameters that explain the data, and how well they are known.

    `params` by name, as `forward` takes them; `data`, what they predict; `posterior`, see `Posterior`;
    `spectrum`, the eigenvalues of the data's Hessian relative to the prior's and their directions.
    """

    params: dict[str, Any]
    data: np.ndarray
    posterior: Posterior
    stats: InverseStats
    result: Result
    spectrum: Spectrum
    z: np.ndarray


@dataclass(frozen=True, eq=False)
class Inverse:
    """The map from data to an estimate; see `inverse`."""

    forward: Callable[..., Any]
    observe: Callable[[Any], Any]
    priors: tuple[Prior, ...]
    noise: Any
    bounds: Mapping[str, Any]
    known: Mapping[str, Any]
    options: Options
    jacobian: str
    method: str
    throw: bool
    compiled: dict[Any, Any]

    def __call__(
        self,
        data: Any,
        start: Mapping[str, Any],
        progress: Callable[[int, float], None] | None = None,
        checkpoint: str | os.PathLike | None = None,
    ) -> Estimate:
        """The estimate from `data` (n,), searched for from `start`, parameters by name.

        **Arguments:** `progress(iteration, objective)` is called after every step; `checkpoint`, a file
        that is written after every step and gone on from when it is there. It knows its problem by data,
        start, noise and by what forward problem and priors say at one more point, which costs a solve.

        **Raises:** `NotConverged` unless `throw=False`; `InputError` for data or a start that do not fit.
        """
        start = self._spread(start)
        made = self._model(start)
        return self._search(numbers(data), made, np.asarray(made[0].vector(start)), progress, checkpoint)

    def _search(
        self, target: np.ndarray, made: Any, z: np.ndarray, progress: Any, checkpoint: Any
    ) -> Estimate:
        unknowns, model, priors = made
        self._check(model, z, target)
        whiten = Whitener(self.noise, len(target))
        priors = priors.about(z)
        given = self.options.rule
        first, mark = 1.0 if isinstance(given, str) else float(given), ("", np.zeros(0))
        state = State(z, first if priors.is_open else 0.0)  # without such a prior it would be damping
        if checkpoint is not None:
            mark = fingerprint(target, z, self.noise, self.known, self.options), sounded(model, priors, z)
            if Path(checkpoint).exists():
                state = load(checkpoint, mark)

        def told(now: State):
            if progress is not None:
                progress(now.iteration, now.history[-1]["objective"])
            if checkpoint is not None:
                save(checkpoint, now, mark)

        before, products = model.count, model.products
        try:
            find = descend if self.method == "lbfgs" else search
            found = find(model, target, whiten, priors, state, self.options, told)
        except FloatingPointError as error:
            raise NotConverged(str(error)) from None
        strength = found.state.strength if priors.is_open else 0.0
        stats = InverseStats(
            found.state.iteration,
            model.count - before,
            model.products - products,
            float(np.mean(whiten(target - found.data) ** 2)),
            strength,
            (found.spectrum.seen(strength), unknowns.size),
            found.state.history,
            found.curve,
            found.notes,
        )
        result = Result(found.converged, "; ".join((found.message, *found.notes)))
        if self.throw and not found.converged:
            raise NotConverged(f"{result.message} (mean square of the residuals {stats.misfit:.3g})")
        best = found.state.z
        return Estimate(
            unknowns.params(jnp.asarray(best)),
            found.data,
            Posterior(unknowns, best, found.spectrum, strength),
            stats,
            result,
            found.spectrum,
            best,
        )

    def multistart(
        self,
        data: Any,
        starts: Sequence[Mapping[str, Any]],
        refine: int = 3,
        progress: Callable[[int, float], None] | None = None,
        checkpoint: str | os.PathLike | None = None,
    ) -> Estimate:
        """The best of several searches: all `starts` are compared first, and the `refine` best searched from.

        The searches keep a `checkpoint` each, with .0, .1, ... behind its name.

        **Raises:** `InputError` for an empty list; `NotConverged` when no search ends well.
        """
        if not starts:
            raise InputError("at least one start is expected", where="inverse.multistart")
        target, spread = numbers(data), [self._spread(start) for start in starts]
        made = unknowns, model, priors = self._model(spread[0])
        z = np.stack([np.asarray(unknowns.vector(start)) for start in spread])
        predicted = model.many(z)
        whiten, priors = Whitener(self.noise, len(target)), priors.about(z[0])
        strength = 1.0 if isinstance(self.options.rule, str) else float(self.options.rule)

        def rated(i: int) -> float:
            if not np.isfinite(predicted[i]).all():
                return np.inf
            residual = whiten(target - predicted[i])
            return float(misfit(self.options.loss, residual) + priors.energy(jnp.asarray(z[i]), strength))

        order = sorted(range(len(starts)), key=rated)[:refine]
        estimates, failures, before = [], [], model.count - len(starts)
        for number, i in enumerate(order):
            kept = None if checkpoint is None else Path(f"{checkpoint}.{number}")
            try:
                estimates.append(self._search(target, made, z[i], progress, kept))
            except NotConverged as error:
                failures.append(str(error))
        if not estimates:
            raise NotConverged(f"none of {len(order)} searches ended well; the first: {failures[0]}")
        best = min(estimates, key=lambda e: (not e.result.converged, e.stats.misfit))
        return replace(best, stats=replace(best.stats, forward_solves=model.count - before))

    def predict(self, params: Mapping[str, Any]) -> Any:
        """What would be observed of `params`: the data of the forward map, differentiable."""
        return self.observe(self.forward({**self.known, **params}))

    def _spread(self, start: Mapping[str, Any]) -> dict[str, Any]:
        """The start with fields in place of numbers where a prior wants fields."""
        made = dict(start)
        for prior in self.priors:
            for name in prior.names:
                if name not in made:
                    raise InputError(
                        f"the prior speaks of {name}, which has no start",
                        where="inverse.start",
                        hint="give it one",
                    )
                if prior.spread is not None and np.ndim(made[name]) == 0 and not callable(made[name]):
                    made[name] = prior.spread(made[name], self._box())
        return made

    def _box(self) -> Any:
        if isinstance(self.forward, Forward | Nonlinear | Experiments):
            return self.forward.problem.manifold
        raise InputError(
            "a field needs a box when forward is a function of one's own",
            where="inverse.start",
            hint="start from nmm.field(box, cell, value)",
        )

    def _model(self, start: Mapping[str, Any]) -> tuple[Unknowns, Any, Regulariser]:
        unknowns = unknowns_of(start, self.bounds)
        key = tuple(sorted(unknowns.bounds.items())), jax.tree.structure(start), unknowns.size
        if key not in self.compiled:
            priors = Regulariser(self.priors, unknowns)
            self.compiled[key] = unknowns, self._observed(unknowns), priors
        return self.compiled[key]

    def _observed(self, unknowns: Unknowns) -> Model | Differences:
        """The data as a function of the unbounded numbers."""
        if isinstance(self.forward, Recut):
            return Differences(self.forward, self.predict, unknowns)

        def predict(z):
            solution = self.forward({**self.known, **unknowns.params(z)})
            return jnp.ravel(jnp.asarray(self.observe(solution))), converged(solution)

        return Model(predict, self.jacobian)

    def _check(self, model: Any, z: np.ndarray, target: np.ndarray):
        if (length := model.length(z)) != len(target):
            raise InputError(
                f"found {len(target)} data, expected {length} as the observation makes them",
                where="inverse.data",
            )


def numbers(data: Any) -> np.ndarray:
    """Data (n,). **Raises:** `InputError` for one that is no number."""
    target = np.asarray(data, float).ravel()
    if not np.isfinite(target).all():
        number = int(np.flatnonzero(~np.isfinite(target))[0])
        raise InputError(
            f"datum {number} is {target[number]}, expected a number",
            where="inverse.data",
            hint="leave out what was not measured, in the data and in the observation",
        )
    return target


def converged(solution: Any) -> Any:
    """Whether a solution, or all of several, may be used: result codes say so, where there are any."""
    several = solution if isinstance(solution, list | tuple) else (solution,)
    codes = [u.code for u in several if getattr(u, "code", None) is not None]
    return jnp.all(jnp.asarray(codes) == 0) if codes else jnp.ones((), bool)


METHODS = {"gauss-newton": 50, "lbfgs": 500}
"""How to search, and the largest number of iterations unless one is given."""
HOW = ("auto", "rows", "columns", "products")


def inverse(
    forward: Callable[..., Any],
    observe: Callable[[Any], Any],
    prior: Prior | Sequence[Prior] | None = None,
    noise: Any = 1.0,
    bounds: Mapping[str, Any] | None = None,
    known: Mapping[str, Any] | None = None,
    strength: str | float | None = None,
    loss: str = "gaussian",
    tolerance: float = 1e-4,
    max_iterations: int | None = None,
    jacobian: str = "auto",
    method: str = "gauss-newton",
    throw: bool = True,
) -> Inverse:
    """The map from data to the parameters that explain them.

    Minimises ½‖L⁻¹(data − observe(forward(params)))‖² and what the priors add, by Gauss-Newton steps with
    Levenberg and Marquardt's damping, in numbers that bounds do not hold back.

    **Arguments:** `forward`, from `nmm.forward` or any pure function of the parameters; `observe`, from
    `nmm.observe` or any pure function of its result; `prior`, one or several of `nmm.prior`; `noise`, the
    standard deviation of the data, one for each, or their covariance; `bounds`, (low, high) by name, either
    None: with a lower one the logarithm is searched for; `known`, parameters that are not; `strength` of
    priors without a standard deviation, a number or how to choose it: "discrepancy" (the smoothest that
    fits the data to their noise), "l-curve" or "evidence"; `loss` "gaussian", or "huber" and "student" for
    data with outliers; `tolerance`, the relative decrease at which the search ends; `jacobian` by "rows"
    (an adjoint solve for each datum), "columns" (a tangent solve for each unknown), "products" (never
    formed: a tangent or adjoint solve for each product in conjugate gradients and Lanczos' method), or
    "auto", what is less; `method`, "gauss-newton", or "lbfgs" for losses and priors that are no least
    squares: a gradient by an adjoint solve in each try of a step, a strength that is given, and more steps;
    `throw`, whether a search that does not converge raises.

    **Raises:** `InputError` for an option that does not exist.
    """
    priors = (prior,) if isinstance(prior, Prior) else tuple(prior or ())
    if loss not in ("gaussian", "huber", "student"):
        raise InputError(
            f'loss must be "gaussian", "huber" or "student", found "{loss}"', where="inverse.loss"
        )
    if jacobian not in HOW:
        raise InputError(
            f'jacobian must be one of {", ".join(HOW)}, found "{jacobian}"', where="inverse.jacobian"
        )
    if jacobian == "products" and not priors:
        raise InputError(
            "the Jacobian by its products needs a prior, which says what the data leave open",
            where="inverse.jacobian",
            hint="add one, nmm.prior.gaussian for instance",
        )
    if isinstance(forward, Recut):
        refuse(jacobian, method)
    rule = "discrepancy" if strength is None else strength
    if isinstance(rule, str) and rule not in RULES:
        raise InputError(
            f'strength must be a number or one of {", ".join(RULES)}, found "{rule}"',
            where="inverse.strength",
        )
    if not isinstance(rule, str) and not (np.isfinite(rule) and rule >= 0):
        raise InputError(f"strength must be at least 0, found {rule}", where="inverse.strength")
    if method not in METHODS:
        raise InputError(
            f'method must be one of {", ".join(METHODS)}, found "{method}"', where="inverse.method"
        )
    if method == "lbfgs" and isinstance(rule, str) and not all(p.known for p in priors):
        raise InputError(
            "L-BFGS does not choose a strength",
            where="inverse.strength",
            hint="give a number, or priors with a standard deviation",
        )
    if method != "lbfgs" and any(p.residual is None for p in priors):
        raise InputError(
            "a prior that is an energy is no least squares", where="inverse.prior", hint='method="lbfgs"'
        )
    limit = max_iterations or METHODS[method]
    options = Options(tolerance, limit, loss, rule)
    return Inverse(
        forward,
        observe,
        priors,
        noise,
        dict(bounds or {}),
        dict(known or {}),
        options,
        jacobian,
        method,
        throw,
        {},
    )
