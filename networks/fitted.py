"""What a network has learned, as a solution that is asked like those of nmm."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.boxes import BoxTask
from networks.energy import Fields, Functional, value_and_slope
from networks.sampling import Samples
from networks.task import Task
from nmm.errors import InputError
from nmm.manifold.locate import locate
from nmm.physics.values import Places, evaluate
from nmm.results.energies import energy_product
from nmm.results.errors import exact_functions
from nmm.results.errors import value_and_gradient as differentiated

CHUNK = 4096
"""Points that are evaluated at a time."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The function of a trained network; see `networks.fit`."""

    task: Any
    z: jax.Array
    rest: Any

    def __call__(self, points: Any, element: Any = None) -> jax.Array:
        """Values (n, components) at points (n, d), traceable; elements (n,) where the network wants them."""
        return self.task.trial.function(self.z, self.rest)(jnp.asarray(points, self.z.dtype), element)

    def at(self, points: Any, side: int = 1) -> np.ndarray:
        """Values (n,) or (n, components), nan outside the domain; as `nmm.Solution.at`."""
        return self._evaluated(points, side)[0]

    def gradient(self, points: Any, side: int = 1) -> np.ndarray:
        """Derivatives (n, 2) or (n, components, 2), nan outside the domain; as `nmm.Solution.gradient`."""
        return self._evaluated(points, side)[1]

    def _evaluated(self, points: Any, side: int) -> tuple[np.ndarray, np.ndarray]:
        x = np.asarray(points, float)
        if self.task.problem is None:
            element = np.zeros(len(x), int)
        else:
            element, _ = locate(self.task.problem.manifold, x, side)
        inside = element >= 0
        value, slope = self._fields(x, np.where(inside, element, 0))
        value, slope = np.array(value, float), np.array(slope, float)
        value[~inside], slope[~inside] = np.nan, np.nan
        return (value[:, 0], slope[:, 0]) if self.task.trial.components == 1 else (value, slope)

    def _fields(self, points: Any, element: Any) -> tuple[np.ndarray, np.ndarray]:
        """Values (n, c) and derivatives (n, c, d), some thousand points at a time."""
        x, element = np.asarray(points), np.asarray(element)
        some = min(CHUNK, len(x))
        more = -len(x) % max(some, 1)
        x, element = np.pad(x, ((0, more), (0, 0)), mode="edge"), np.pad(element, (0, more), mode="edge")
        parts = [
            self._compiled(
                self.z, self.rest, jnp.asarray(x[i : i + some], self.z.dtype), element[i : i + some]
            )
            for i in range(0, len(x), max(some, 1))
        ]
        value, slope = (np.concatenate(column) for column in zip(*parts, strict=True))
        return value[: len(x) - more], slope[: len(x) - more]

    @cached_property
    def _compiled(self):
        trial = self.task.trial

        @jax.jit
        def evaluate(z, rest, x, element):
            function = trial.function(z, rest)
            return value_and_slope(lambda p: function(p, element), x)

        return evaluate

    def _on(self, functional: Functional) -> Fields:
        """The fields of an energy."""

        def both(at: Samples) -> tuple[np.ndarray, np.ndarray]:
            return self._fields(at.points, at.element)

        value, slope = both(functional.domain)
        on = both(functional.boundary)[0] if len(functional.boundary.points) else value[:0]
        steep = slope[:0] if functional.flux is None else both(functional.flux.samples)[1]
        return jnp.asarray(value), jnp.asarray(slope), jnp.asarray(on), jnp.asarray(steep)

    @cached_property
    def potential(self) -> float:
        """The energy that training makes small, with all loads, on the rule that judges."""
        functional = self.task.functional()
        return float(functional.value(self._on(functional)))

    @cached_property
    def energy(self) -> float:
        """The stored energy ∫ W(∇u) dx, as `nmm.Solution.energy`, on the rule that judges."""
        functional = self.task.functional()
        slope = self._on(functional)[1]
        return float(functional.domain.weight @ jax.vmap(functional.density)(slope, functional.coefficients))

    def errors(self, exact: Any) -> dict[str, float]:
        """Relative errors "l2", "h1" (seminorm), "max" and "energy" (norm), on the rule that judges.

        `exact`: an expression for each component, functions of points (n, 2) -> (n,), or a solution of nmm,
        whose own error should be far less.
        """
        if self.task.problem is None:
            raise InputError("a network fitted to data has no domain to be judged on", where="errors")
        functional = self.task.functional()
        value, slope = (np.asarray(a) for a in self._on(functional)[:2])
        expected, by = exact_fields(self.task, functional, exact)
        known = np.asarray(np.isfinite(expected).all(-1) & np.isfinite(by).all((-2, -1)))
        weight = np.where(known, np.asarray(functional.domain.weight), 0.0)
        expected, by = np.nan_to_num(expected), np.nan_to_num(by)

        def norm(a):
            return float(np.sqrt(weight @ np.sum(a.reshape(len(a), -1) ** 2, -1)))

        def energy(a):
            product = energy_product(functional.density, jnp.asarray(a), functional.coefficients)
            return float(np.sqrt(weight @ np.asarray(product)))

        apart, steep = (value - expected) * known[:, None], (slope - by) * known[:, None, None]
        return {
            "l2": norm(apart) / norm(expected),
            "h1": norm(steep) / norm(by),
            "max": float(np.abs(apart).max() / np.abs(expected).max()),
            "energy": energy(steep) / energy(by),
        }


@dataclass(frozen=True, eq=False)
class BoxFitted(Fitted):
    """The function of a network trained on a box; nan outside."""

    task: BoxTask

    def _evaluated(self, points: Any, side: int) -> tuple[np.ndarray, np.ndarray]:
        box, x = self.task.box, np.asarray(points, float)
        outside = ((x < box.low) | (x > box.high)).any(1)
        value, slope = (np.array(a, float) for a in self._fields(x, np.zeros(len(x), int)))
        value[outside], slope[outside] = np.nan, np.nan
        return (value[:, 0], slope[:, 0]) if box.components == 1 else (value, slope)

    @cached_property
    def potential(self) -> float:
        """The energy in the points that judge. **Raises:** `InputError` for a residual alone."""
        box = self.task.box
        if box.energy is None:
            raise InputError("the problem is a residual and has no energy", where="potential")
        x, weight = box.judge
        value, slope = self._fields(x, np.zeros(len(x), int))
        return float(weight @ jax.vmap(box.energy)(x, jnp.asarray(value), jnp.asarray(slope)))

    @cached_property
    def energy(self) -> float:
        """The same: a density has its loads in it."""
        return self.potential

    def errors(self, exact: Any) -> dict[str, float]:
        """Relative errors "l2", "h1" (seminorm) and "max" against a function of points (n, d) -> (n, c)."""
        x, weight = (np.asarray(a) for a in self.task.box.judge)

        def columns(x):
            return jnp.reshape(exact(x), (len(x), -1))

        value, slope = self._fields(x, np.zeros(len(x), int))
        expected, by = (np.asarray(a) for a in value_and_slope(columns, jnp.asarray(x)))

        def norm(a):
            return float(np.sqrt(weight @ np.sum(a.reshape(len(a), -1) ** 2, -1)))

        return {
            "l2": norm(value - expected) / norm(expected),
            "h1": norm(slope - by) / norm(by),
            "max": float(np.abs(value - expected).max() / np.abs(expected).max()),
        }


def solution_of(task: Task | BoxTask, z: jax.Array, rest: Any) -> Fitted:
    """The function with weights z of a network with a task."""
    return BoxFitted(task, z, rest) if isinstance(task, BoxTask) else Fitted(task, z, rest)


def exact_fields(task: Task, functional: Functional, exact: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, c) and derivatives (n, c, 2) of what a network is compared with, at an energy's points."""
    c, points = functional.components, functional.domain.points
    if hasattr(exact, "at"):
        x = np.asarray(points, float)
        return np.reshape(exact.at(x), (-1, c)), np.reshape(exact.gradient(x), (-1, c, 2))
    params = task.trial.params or {}
    values, slopes = [], []
    for function in exact_functions(exact, c):
        of = function if callable(function) else as_function(task, function, params)
        value, slope = differentiated(of, jnp.asarray(points, float))
        values.append(np.asarray(value))
        slopes.append(np.asarray(slope))
    return np.stack(values, -1), np.stack(slopes, 1)


def as_function(task: Task, expression: Any, params: Any):
    """An expression as a function of points (n, 2) -> (n,)."""
    problem: Any = task.problem
    manifold = problem.manifold

    def of(points):
        nowhere = jnp.full(len(points), -1)
        at = Places(points, nowhere, nowhere, (), manifold.box, (manifold.ny, manifold.nx))
        return evaluate(expression, at, params, "exact.solution", jnp)

    return of
