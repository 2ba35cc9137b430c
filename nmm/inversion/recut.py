"""Unknown shapes: a forward map that cuts anew for every guess, and differences for its derivatives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError, NotConverged
from nmm.inversion.transforms import Unknowns

RELATIVE = 1e-3
"""Change of the unbounded number of a parameter without a step of its own."""


@dataclass(frozen=True, eq=False)
class Recut:
    """A forward map whose parameters change the cut; see `recut`."""

    solve: Callable[[dict[str, Any]], Any]
    step: float | Mapping[str, float] | None

    def __call__(self, params: Mapping[str, Any]) -> Any:
        solution = self.solve(jax.tree.map(plain, dict(params)))
        for each in solution if isinstance(solution, tuple | list) else (solution,):
            result = getattr(each, "result", None)
            if result is not None and not result.converged:
                raise NotConverged(result.message)
        return solution

    def steps(self, unknowns: Unknowns, z: np.ndarray) -> np.ndarray:
        """By how much each unbounded number (n,) is changed."""
        found = np.full(len(z), RELATIVE)
        slopes = np.abs(np.asarray(unknowns.slopes(jnp.asarray(z))))
        names = unknowns.names
        for i, name in enumerate(names):
            step = self.step.get(name) if isinstance(self.step, Mapping) else self.step
            if step is not None:
                found[i] = step / slopes[i]
        return found


def recut(solve: Callable[[dict[str, Any]], Any], step: float | Mapping[str, float] | None = None) -> Recut:
    """A forward map for `inverse` whose parameters are those of a shape: of a hole, a crack, a border.

    `solve(params)` is plain Python: it makes the domain, cuts it and returns the solution, or several. Where
    it raises `InputError` or `NotConverged` for a guess, as for a crack that has left the domain, the search
    turns back. A few parameters are meant: their derivatives are central differences of new cuts, two solves
    each. While the topology of a cut stays, `Manifold.move` has exact ones; a search leaves it at every step.

    **Arguments:** `step`, by how much a parameter changes for the difference, a number or one by name: about
    a quarter of a cell, so that what the cut does to the discretisation's error stays small in comparison.
    Without one a parameter changes by a thousandth of its size.

    **Raises:** `InputError` for a step that is not positive.
    """
    for each in step.values() if isinstance(step, Mapping) else [] if step is None else [step]:
        if not (np.isfinite(each) and each > 0):
            raise InputError(f"step must be positive, found {each}", where="recut.step")
    return Recut(solve, step)


def refuse(jacobian: str, method: str) -> None:
    """**Raises:** `InputError` for a way to search that wants derivatives of a compiled map."""
    for name, value, usual in (("jacobian", jacobian, "auto"), ("method", method, "gauss-newton")):
        if value != usual:
            raise InputError(
                f'found {name}="{value}" with a forward map that cuts anew, which only has differences',
                where=f"inverse.{name}",
                hint="leave it out",
            )


class Differences:
    """The data of a `Recut` as a function of the unbounded numbers z, and its Jacobian by differences.

    `predict` turns parameters into data.
    """

    def __init__(self, forward: Recut, predict: Callable[[dict[str, Any]], Any], unknowns: Unknowns):
        self.forward, self.predict, self.unknowns = forward, predict, unknowns
        self.count, self.products = 0, 0
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def length(self, z: np.ndarray) -> int:
        """Number of data. **Raises:** whatever the forward map raises at z."""
        return len(self._data(z))

    def how(self, data: int, unknowns: int) -> str:
        """Always by columns."""
        return "columns"

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Data (d,), nan where there is no solution."""
        return self.many(z[None])[0]

    def many(self, z: np.ndarray) -> np.ndarray:
        """Data (s, d) of several z (s, n), nan where there is no solution."""
        found = [self._attempt(each) for each in z]
        none = np.full(1 if self._last is None else len(self._last[1]), np.nan)
        return np.stack([none if data is None else data for data in found])

    def jacobian(self, z: np.ndarray, data: int) -> np.ndarray:
        """Jacobian (d, n): central differences, one-sided ones where one side has no solution."""
        here, columns = None, []
        for i, step in enumerate(self.forward.steps(self.unknowns, z)):
            move = step * np.eye(len(z))[i]
            high, low = self(z + move), self(z - move)
            width = 2 * step
            if not (np.isfinite(high).all() and np.isfinite(low).all()):
                here = self(z) if here is None else here
                high, low = (here if np.isnan(side).any() else side for side in (high, low))
                width = step
            columns.append((high - low) / width)
        return np.stack(columns, 1)

    def _attempt(self, z: np.ndarray) -> np.ndarray | None:
        try:
            return self._data(z)
        except (InputError, NotConverged):
            return None

    def _data(self, z: np.ndarray) -> np.ndarray:
        if self._last is not None and np.array_equal(self._last[0], z):
            return self._last[1]
        self.count += 1
        found = np.ravel(np.asarray(self.predict(self.unknowns.params(jnp.asarray(z)))))
        self._last = np.array(z), found
        return found


def plain(value: Any) -> Any:
    """A number or a NumPy array."""
    found = np.asarray(value)
    return float(found) if found.ndim == 0 else found
