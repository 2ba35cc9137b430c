"""Fit a network to a problem of nmm, or to data: the same energy, the same domain, another approximation."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from networks import checkpoints
from networks.boxes import BoxProblem, BoxTask, box_task
from networks.descent import DRAWS, EXACT, OPTIMISERS, Descent, descent, objective
from networks.fitted import Fitted, solution_of
from networks.task import Task, task
from networks.trial import marked_linear
from nmm.errors import InputError
from nmm.physics.problem import Problem

LOOK = 0.5
"""Seconds between two looks at the clock, about."""

BUFFER = 1000
"""Most steps between two looks."""

SETTLED = 1e-4
"""Training may end early when the mean loss over a tenth of the steps falls by less than this share."""

RESULTS = {
    "done": "all steps were taken",
    "out of time": "the time given was used up",
    "settled": "the loss no longer fell by more than one part in ten thousand over a tenth of the steps",
    "overfitted": "the energy fell below that of the reference by more than the quadrature explains: the "
    "points are too few for the network, so train on a finer cover or with a smaller network",
    "diverged": "the loss is no longer finite: choose a smaller rate",
}


@dataclass(frozen=True)
class Result:
    """How training ended: a key of `RESULTS`, and its sentence."""

    name: str

    @property
    def message(self) -> str:
        """What happened, and what to do."""
        return RESULTS[self.name]

    @property
    def converged(self) -> bool:
        """Whether the network may be used."""
        return self.name not in ("overfitted", "diverged")


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained network: `net`, the `solution` made of it, `history` and `result`.

    `history` has arrays over the looks at training: `step`, `seconds` (without compilation) and `loss`, its
    mean since the last look. `seconds` tells "compile" and "train" apart.
    """

    net: nnx.Module
    solution: Fitted
    history: dict[str, np.ndarray]
    result: Result
    seconds: dict[str, float]


@dataclass
class State:
    """Where training stands: weights (seeds, n), the optimiser's state, what was looked at."""

    z: jax.Array
    inner: Any
    keys: jax.Array
    step: int
    seconds: float
    losses: np.ndarray
    looks: list[tuple[int, float]]


def fit(
    problem: Problem | BoxProblem | tuple[Any, Any],
    net: nnx.Module,
    params: Mapping[str, Any] | None = None,
    loss: str | Mapping[str, float] = "energy",
    *,
    key: int = 0,
    optimiser: Any = "adam",
    steps: int = 5000,
    rate: float = 1e-2,
    seconds: float | None = None,
    boundary: str = "exact",
    functions: Sequence[Callable] = (),
    data: tuple[Any, Any] | None = None,
    std: Any = 1.0,
    reference: Any = None,
    settle: bool = False,
    checkpoint: str | os.PathLike | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> Fit:
    """Train a network on a problem, a problem of a box, or data: points (n, d) with values (n, c).

    **Arguments:** `net`, a flax module from points (n, d), and if it wants them their elements (n,), to
    (n, components); it is left as it is. `loss`, one of "energy" (deep Ritz), "residual" (the strong form of
    physics-informed networks), "weak" (tested with the functions of the problem's cover) and "data", or
    weights of several. `key`, the seed of the points, which are drawn anew at every step (for L-BFGS every
    hundred).
    `optimiser`, "adam" along a cosine from `rate`, "lbfgs", "natural" (natural gradients, exact up to 1500
    weights and matrix-free beyond), "alternating" (a linear solve for the output, Adam for the rest), or a
    gradient transformation of optax. `seconds`, when to stop at the latest, compilation apart. `boundary`:
    values are held "exact", by construction, by "penalty", or, for one manifold layer on the problem's own
    cover, by "nitsche". `functions` of points (n, 2) -> (n,) join the network with coefficients of their
    own. `data` (points, values) with standard deviations `std`. `reference`, a solution of nmm: training ends
    when its energy is undercut. `settle`: end early when the loss does. `checkpoint`, a folder to go on from
    after an interruption. `progress(step, steps, loss)` is called now and then.

    **Raises:** `InputError` for what no energy of one function has (see `functional`), values that cannot be
    held by construction (see `ansatz`), a body that nothing holds, or a network that does not fit.
    """
    check_steps(optimiser, steps, rate, seconds)
    given = asked(problem, [net], params, loss, boundary, functions, data, std, reference, optimiser in EXACT)
    run = Run(given, optimiser, steps, rate, seconds, settle)
    return run.train([key], checkpoint, progress)[0]


def fit_seeds(
    problem: Problem | BoxProblem | tuple[Any, Any],
    build: Callable[[int], nnx.Module],
    seeds: Sequence[int] = range(5),
    params: Mapping[str, Any] | None = None,
    loss: str | Mapping[str, float] = "energy",
    *,
    optimiser: Any = "adam",
    steps: int = 5000,
    rate: float = 1e-2,
    seconds: float | None = None,
    boundary: str = "exact",
    functions: Sequence[Callable] = (),
    data: tuple[Any, Any] | None = None,
    std: Any = 1.0,
    reference: Any = None,
    settle: bool = False,
    checkpoint: str | os.PathLike | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[Fit]:
    """`fit` for the networks `build(seed)`, all at once by `vmap`; `seconds` are those of all of them.

    **Raises:** `InputError` as `fit` does, and for networks that are not alike.
    """
    check_steps(optimiser, steps, rate, seconds)
    nets = [build(seed) for seed in seeds]
    given = asked(problem, nets, params, loss, boundary, functions, data, std, reference, optimiser in EXACT)
    run = Run(given, optimiser, steps, rate, seconds, settle)
    return run.train(list(seeds), checkpoint, progress)


def check_steps(optimiser: Any, steps: int, rate: float, seconds: float | None):
    """**Raises:** `InputError` for an unknown optimiser, or nothing to do."""
    if not isinstance(optimiser, optax.GradientTransformation) and optimiser not in OPTIMISERS:
        raise InputError(
            f"found the optimiser {optimiser!r}, expected one of {', '.join(OPTIMISERS)}, or one of optax",
            where="optimiser",
        )
    if steps < 1 or rate <= 0 or (seconds is not None and seconds <= 0):
        raise InputError(f"found steps {steps}, rate {rate}, seconds {seconds}, expected more than 0")


def asked(problem, nets, params, loss, boundary, functions, data, std, reference, fine) -> Task | BoxTask:
    """The task of networks on a problem of nmm, on a box, or on data."""
    if isinstance(problem, BoxProblem):
        more = {"params": params, "functions": functions, "data": data, "reference": reference}
        return box_task(problem, nets, loss, boundary, [name for name, value in more.items() if value])
    return task(problem, nets, params, loss, boundary, functions, data, std, reference, fine)


class Run:
    """Training of the networks of a task, compiled once."""

    def __init__(
        self,
        given: Task | BoxTask,
        optimiser: Any,
        steps: int,
        rate: float,
        seconds: float | None,
        settle: bool,
    ):
        self.task, self.steps, self.seconds, self.settle = given, steps, seconds, settle
        self.descent = descent(optimiser, steps, rate, marked_linear(given.trial))
        name = optimiser if isinstance(optimiser, str) else "optax"
        self.mark = repr((name, steps, rate, given.mark))
        self.advance = jax.jit(self.advanced)

    def advanced(self, z, inner, keys, first, count, arrays):
        """`count` steps from step `first`; the losses (seeds, BUFFER) of these."""
        rest, shared = arrays

        def one(z, inner, key, rest):
            return steps_of(self.task, self.descent, z, inner, key, first, count, rest, shared)

        if len(z) == 1:
            single = one(*jax.tree.map(lambda a: a[0], (z, inner, keys, rest)))
            return jax.tree.map(lambda a: a[None], single)
        if self.descent.by_eigenvalues:  # LAPACK in batches may lock up the CPU's threads
            return jax.lax.map(lambda each: one(*each), (z, inner, keys, rest))
        return jax.vmap(one)(z, inner, keys, rest)

    def start(self, seeds: Sequence[int]) -> State:
        """Before the first step."""
        z = self.task.start
        keys = jnp.stack([jax.random.key_data(jax.random.key(seed)) for seed in seeds])
        inner = jax.vmap(self.descent.init)(z)
        return State(z, inner, keys, 0, 0.0, np.zeros((len(z), 0)), [])

    def train(self, seeds: Sequence[int], checkpoint, progress) -> list[Fit]:
        """Go on until the steps are taken, the time is up, or training is at its end."""
        state = self.start(seeds)
        if checkpoint is not None:
            state = checkpoints.load(checkpoint, self.mark, state)
        arrays = self.task.rest, self.task.shared
        clock = time.perf_counter()
        self.advance(state.z, state.inner, state.keys, state.step, 0, arrays)[0].block_until_ready()
        compiling = time.perf_counter() - clock
        count, name = 1, None
        while name is None and state.step < self.steps:
            count = min(count, BUFFER, self.steps - state.step)
            clock = time.perf_counter()
            z, inner, losses = self.advance(state.z, state.inner, state.keys, state.step, count, arrays)
            found = np.asarray(losses)[:, :count]
            took = time.perf_counter() - clock
            state = replace(state, z=z, inner=inner, step=state.step + count, seconds=state.seconds + took)
            state.losses = np.concatenate([state.losses, found], 1)
            state.looks = [*state.looks, (state.step, state.seconds)]
            name = self.ended(state)
            if checkpoint is not None:
                checkpoints.save(checkpoint, self.mark, state)
            if progress is not None:
                progress(state.step, self.steps, float(found.mean()))
            per_step = took / count
            count = max(1, min(2 * count, int(LOOK / max(per_step, 1e-9))))
            if self.seconds is not None:
                count = max(1, min(count, int((self.seconds - state.seconds) / max(per_step, 1e-9))))
        return self.fits(state, name or "done", compiling)

    def ended(self, state: State) -> str | None:
        """Why training should end now, if it should."""
        if not np.isfinite(state.losses[:, -1]).any():
            return "diverged"
        if self.task.undercut(state.losses):
            return "overfitted"
        if state.step >= self.steps:
            return "done"
        if self.seconds is not None and state.seconds >= self.seconds:
            return "out of time"
        window = self.steps // 10
        if self.settle and window and state.step >= 2 * window:
            mean = state.losses.mean(0)
            before, now = mean[-2 * window : -window].mean(), mean[-window:].mean()
            if before - now < SETTLED * abs(before):
                return "settled"
        return None

    def fits(self, state: State, name: str, compiling: float) -> list[Fit]:
        """The trained networks."""
        ends = np.array([step for step, _ in state.looks])
        starts = np.append(0, ends[:-1])
        found = []
        for number, (z, losses) in enumerate(zip(state.z, state.losses, strict=True)):
            means = [losses[a:b].mean() for a, b in zip(starts, ends, strict=True)]
            history = {
                "step": ends,
                "seconds": np.array([seconds for _, seconds in state.looks]),
                "loss": np.array(means),
            }
            rest = jax.tree.map(lambda a, i=number: a[i], self.task.rest)
            mine = Result(name if np.isfinite(losses[-1]) else "diverged")
            solution = solution_of(self.task, z, rest)
            seconds = {"compile": compiling, "train": state.seconds}
            found.append(Fit(self.task.trial.net(z, rest), solution, history, mine, seconds))
        return found


def steps_of(given: Task | BoxTask, way: Descent, z, inner, key, first, count, rest, shared):
    """`count` steps of one network from step `first` on, and their losses (BUFFER,)."""

    def loss(key):
        return objective(given.part(key, shared), lambda z: given.trial.function(z, rest))

    def body(i, carry):
        z, inner, losses = carry
        number = first + i
        now = jax.random.fold_in(jax.random.wrap_key_data(key), number // way.hold)
        keys = jax.random.split(now, DRAWS)
        z, inner, value = way.step(z, inner, loss, keys, number)
        return z, inner, losses.at[i].set(value.astype(z.dtype))

    return jax.lax.fori_loop(0, count, body, (z, inner, jnp.zeros(BUFFER, z.dtype)))
