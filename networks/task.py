"""What a network is asked to do: the loss in any points, and what judges the outcome."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from networks.ansatz import Ansatz, ansatz
from networks.energy import Functional, as_type, checked, functional_on
from networks.losses import (
    Measurements,
    Part,
    data_part,
    energy_part,
    measurements,
    mixture,
    residual_part,
    weak_part,
    weights_of,
)
from networks.manifold_net import ManifoldNet
from networks.physical import LatticeCover, lattice_cover
from networks.sampling import JUDGED, Ground, Quadrature, ground
from networks.scale import along, size
from networks.trial import Trial, check_output, trial
from nmm.errors import InputError
from nmm.manifold.locate import locate
from nmm.physics.problem import Problem

BOUNDARIES = ("exact", "penalty", "nitsche")


@dataclass(frozen=True, eq=False)
class Task:
    """Losses by weight, the function that is asked for, and where; see `task`.

    `start` (seeds, n) are the weights at first and `rest` all else in the networks; `shared` arrays are the
    ground, the data and the cover of test functions.
    """

    trial: Trial
    weights: dict[str, float]
    start: jax.Array
    rest: Any
    shared: tuple[Any, Any, Any]
    reference: Any = None

    @property
    def problem(self) -> Problem | None:
        """The problem, if there is one."""
        return None if self.trial.ansatz is None else self.trial.ansatz.problem

    @property
    def mark(self) -> str:
        """What a checkpoint belongs to, in short."""
        sums = [float(jnp.sum(jnp.abs(a))) for a in jax.tree.leaves((self.start, self.shared))]
        return repr((self.weights, self.start.shape, self.trial.held, [f"{v:.12g}" for v in sums]))

    def part(self, key: jax.Array, shared: Any) -> Part:
        """The loss in points drawn with a key, traceable."""
        where = shared[0]
        return self.part_on(None if where is None else where.draw(key), shared)

    def part_on(self, q: Quadrature | None, shared: Any) -> Part:
        """The loss in given points."""
        _, data, cover = shared
        shape: Any = self.trial.ansatz
        points: Any = q
        params, penalty = self.trial.params or {}, not self.trial.held
        makers = {
            "energy": lambda: energy_part(shape, params, points, penalty),
            "residual": lambda: residual_part(shape, params, points, penalty),
            "weak": lambda: weak_part(shape, params, points, cover),
            "data": lambda: data_part(data),
        }
        return mixture({name: makers[name]() for name in self.weights}, self.weights)

    @cached_property
    def judge(self) -> Quadrature:
        """The rule that judges."""
        return self.shared[0].gauss(JUDGED)

    def functional(self, parts: int = JUDGED) -> Functional:
        """The problem's energy on triangles cut into parts."""
        q = self.judge if parts == JUDGED else self.shared[0].gauss(parts)
        problem: Any = self.problem
        return functional_on(problem, self.trial.params or {}, q, not self.trial.held)

    @cached_property
    def floor(self) -> float:
        """Below this energy the quadrature is exploited: that of the reference less its quadrature error."""
        fine, coarse = (reference_energy(self.functional(n), self.reference) for n in (JUDGED, JUDGED // 2))
        return fine - abs(fine - coarse) - 1e-12 * abs(fine)

    def undercut(self, losses: np.ndarray) -> bool:
        """Whether the energies (seeds, steps) lie below the floor, by more than their scatter."""
        if self.reference is None or list(self.weights) != ["energy"] or losses.shape[1] < 20:
            return False
        last = losses[:, -max(20, losses.shape[1] // 20) :] / self.weights["energy"]
        return bool((last.mean(1) + 3 * last.std(1) / np.sqrt(last.shape[1]) < self.floor).any())


def reference_energy(functional: Functional, u: Any) -> float:
    """The energy of a solution of nmm in given points; points beside its domain do not count."""
    c = functional.components
    inside, on = np.asarray(functional.domain.points), np.asarray(functional.boundary.points)
    value = np.nan_to_num(u.at(inside)).reshape(-1, c)
    slope = np.nan_to_num(u.gradient(inside)).reshape(-1, c, 2)
    edge = np.nan_to_num(u.at(on)).reshape(-1, c) if len(on) else np.zeros((0, c))
    fields = (jnp.asarray(value), jnp.asarray(slope), jnp.asarray(edge), jnp.zeros((0, c, 2)))
    return float(replace(functional, flux=None).value(fields))


def task(
    problem: Problem | tuple[Any, Any],
    nets: Sequence[nnx.Module],
    params: Mapping[str, Any] | None,
    loss: Any,
    boundary: str,
    functions: Sequence[Callable],
    data: tuple[Any, Any] | None,
    std: Any,
    reference: Any = None,
    fine: bool = False,
) -> Task:
    """What `networks.fit` is asked, checked. **Raises:** `InputError` as `fit` does."""
    if not isinstance(problem, Problem):
        return data_task(problem, nets, std)
    weights = weights_of(loss)
    if boundary not in BOUNDARIES:
        raise InputError(f'found the boundary "{boundary}", expected one of {", ".join(BOUNDARIES)}')
    if ("data" in weights) != (data is not None):
        raise InputError('data and the loss "data" belong together', where="data")
    if boundary == "nitsche":
        check_linear(problem, nets, weights)
    given = checked(problem, params)
    if not any(term.dirichlet or term.kind == "robin" for term in problem.terms):
        raise InputError(
            "nothing holds the body, so that its energy does not tell where it is",
            where="boundary",
            hint="hold a part of the boundary",
        )
    exact = boundary == "exact"
    shape = ansatz(problem) if exact else Ansatz(problem, ())
    known = tuple((function, shape.trace(function)) for function in functions)
    made, start, rest = trial(
        nets, problem.model.components, ansatz=shape, params=given, functions=known, held=exact
    )
    dtype = start.dtype
    degree = 1 if not fine else 5 if "energy" in weights else 2
    where = as_type(ground(problem, given, degree, boundary == "nitsche"), dtype)
    one = jax.tree.map(lambda a: a[0], rest)
    check_output(made, start[0], one, where.cut.corners[:3, 0], where.cut.element[:3])
    made = replace(made, scale=typical(shape, given, where, exact))
    found = None if data is None else located(problem, measurements(*data, std=std), dtype)
    cover = as_type(lattice_cover(problem.manifold), dtype) if "weak" in weights else None
    return Task(made, weights, start, rest, (where, found, cover), reference)


def check_linear(problem: Problem, nets: Sequence[nnx.Module], weights: Mapping[str, float]):
    """**Raises:** `InputError` for networks whose functions may obey no inverse inequality."""
    for net in nets:
        layers = net.layers if isinstance(net, ManifoldNet) else []
        covers = [layer.cover for layer in layers if not layer.learns]
        here = [c for c in covers if isinstance(c, LatticeCover) and c.host.manifold is problem.manifold]
        if len(layers) != 1 or not here or list(weights) != ["energy"]:
            raise InputError(
                "Nitsche's method is for the energy of one manifold layer on the problem's own cover, "
                "ManifoldNet.on([lattice_cover(manifold)], learn=False)",
                where="boundary",
                hint='choose "exact" or "penalty"',
            )


def data_task(data: tuple[Any, Any], nets: Sequence[nnx.Module], std: Any) -> Task:
    """A task of data alone."""
    found = measurements(*data, std=std)
    made, start, rest = trial(nets, found.values.shape[1])
    found = as_type(found, start.dtype)
    check_output(made, start[0], jax.tree.map(lambda a: a[0], rest), found.points[:3], None)
    return Task(made, {"data": 1.0}, start, rest, (None, found, None))


def located(problem: Problem, data: Measurements, dtype: Any) -> Measurements:
    """Measurements with their elements. **Raises:** `InputError` for points outside the domain."""
    element, _ = locate(problem.manifold, np.asarray(data.points))
    if (element < 0).any():
        x, y = np.asarray(data.points)[np.argmin(element)]
        raise InputError(f"the point ({x:.6g}, {y:.6g}) lies outside the domain", where="data")
    return as_type(replace(data, element=jnp.asarray(element)), dtype)


def typical(shape: Ansatz, params: Mapping[str, Any], where: Ground, held: bool) -> float:
    """How large the network's output should be: where the energy of g + s φ e is least, over components e."""

    @jax.jit
    def measured(where):
        q = where.gauss(1)
        functional = functional_on(shape.problem, params, q, not held)
        fixed = functional.fields(lambda x, element: shape.extension(x, params))
        found = []
        for one in jnp.eye(fixed[0].shape[1], dtype=fixed[0].dtype):
            moved = functional.fields(
                lambda x, element, one=one: (shape.distance(x) if held else 1.0) * jnp.tile(one, (len(x), 1))
            )
            found.append(along(functional.value, fixed, moved))
        return found, jnp.ptp(fixed[0])

    found, spread = measured(where)
    return max(*(size(*each) for each in found), 0.1 * float(spread)) or 1.0
