"""Problems on boxes of any dimension, by an energy density or a residual: where nmm has no lattice.

nmm cuts plane domains. Networks go further: a line, a cube, space and time, ten dimensions. The points of a
line, a square or a cube are those of Gauss rules on cells whose lattice is shifted at random at every step;
in more dimensions Latin hypercubes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from networks.covers import box_of
from networks.energy import value_and_slope
from networks.losses import Function, Part
from networks.scale import along, size
from networks.trial import Trial, check_output, trial
from nmm.errors import InputError

Density = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
Residual = Callable[[Callable[[jax.Array], jax.Array], jax.Array], jax.Array]

RULES = 3
"""Up to so many dimensions points are products of Gauss rules."""

JUDGED = 50_000
"""About so many points judge."""


@dataclass(frozen=True, eq=False)
class BoxProblem:
    """See `box_problem`."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    components: int
    energy: Density | None
    residual: Residual
    held: tuple[tuple[bool, bool], ...]
    values: Callable[[jax.Array], jax.Array] | None
    points: int
    natural: bool

    @property
    def axes(self) -> int:
        """Number of dimensions."""
        return len(self.low)

    def distance(self, x: jax.Array) -> jax.Array:
        """φ (n, 1), which vanishes on the sides that hold values and is about 1 in the middle."""
        found = jnp.ones((len(x), 1), x.dtype)
        for d, (low, high, (first, last)) in enumerate(zip(self.low, self.high, self.held, strict=True)):
            at = ((x[:, d : d + 1]) - low) / (high - low)
            both = 4.0 if first and last else 1.0
            found = found * (at if first else 1.0) * (1 - at if last else 1.0) * both
        return found

    def extension(self, x: jax.Array, params: Any = None) -> jax.Array:
        """g (n, c), with the values that are held."""
        if self.values is None:
            return jnp.zeros((len(x), self.components), x.dtype)
        return jnp.reshape(self.values(x), (len(x), self.components)).astype(x.dtype)

    def draw(self, key: jax.Array, dtype: Any) -> tuple[jax.Array, jax.Array]:
        """Random points (n, d) and their weights (n,), which add up to the volume."""
        low, high = jnp.array(self.low, dtype), jnp.array(self.high, dtype)
        if self.axes > RULES:
            return latin(key, low, high, self.points)
        cells = max(1, round(self.points ** (1 / self.axes) / 2) - 1)
        shifts = jax.random.uniform(key, (self.axes,), dtype)
        return product_rule([shifted(a, b, cells, s, 2) for a, b, s in zip(low, high, shifts, strict=True)])

    @cached_property
    def judge(self) -> tuple[jax.Array, jax.Array]:
        """Points and weights that judge."""
        low, high = jnp.array(self.low), jnp.array(self.high)
        if self.axes > RULES:
            return latin(jax.random.key(2**31 - 1), low, high, JUDGED)
        cells = round(JUDGED ** (1 / self.axes) / 3)
        half = jnp.asarray(0.5)
        return product_rule([shifted(a, b, cells, half, 3) for a, b in zip(low, high, strict=True)])


def box_problem(
    box: Any,
    energy: Density | None = None,
    residual: Residual | None = None,
    *,
    values: Callable[[jax.Array], jax.Array] | None = None,
    held: Any = True,
    points: int = 1000,
    components: int = 1,
) -> BoxProblem:
    """What `networks.fit` may be asked on a box (lower bounds, then upper ones).

    **Arguments:** `energy(x, u, slope)`, the density of the energy at a point x (d,), of values u (c,) and
    their slopes (c, d), a number; it is integrated, and natural gradients want it convex in u and slope.
    `residual(u, x)`, what should vanish at points x (n, d), (n,) or (n, k), for a function u of points;
    without it that of the energy (Euler and Lagrange). `values(x)` (n, c) in the whole box, of which those
    count on the sides that are `held`: all of them, none, or a pair (lower, upper) of booleans for each axis;
    None: 0. `points`, about how many are drawn for a step.

    **Raises:** `InputError` for neither energy nor residual, or sides that do not fit the box.

    >>> from networks import ManifoldNet, covers, fit
    >>> line = box_problem((0, 1), lambda x, u, slope: (slope[0, 0] ** 2) / 2 - u[0])
    >>> net = ManifoldNet.on([covers.splines((0, 1), 4)], learn=False)
    >>> u = fit(line, net, optimiser="alternating", steps=1).solution
    >>> bool(abs(u.at([[0.5]])[0] - 1 / 8) < 1e-6)
    True
    """
    low, high, _ = box_of(box, 1)
    if energy is None and residual is None:
        raise InputError("found neither an energy nor a residual", where="box_problem")
    if np.shape(held) not in ((), (len(low), 2)) or points < 1:
        raise InputError(
            f"found held {held} and {points} points, expected a pair of booleans for each of {len(low)} axes",
            where="box_problem",
        )
    sides = np.broadcast_to(np.asarray(held, bool), (len(low), 2))
    density: Any = energy
    return BoxProblem(
        tuple(map(float, low)),
        tuple(map(float, high)),
        components,
        energy,
        residual or euler_lagrange(density),
        tuple((bool(a), bool(b)) for a, b in sides),
        values,
        points,
        natural=residual is None and not sides.all(),
    )


def euler_lagrange(energy: Density) -> Residual:
    """∂W/∂u − ∇·∂W/∂∇u (n, c) of an energy density W."""
    by_value, by_slope = (jax.vmap(jax.grad(energy, argnums)) for argnums in (1, 2))

    def residual(u, x):
        def flux(x):
            return by_slope(x, *value_and_slope(u, x))

        found = by_value(x, *value_and_slope(u, x))
        for d, way in enumerate(jnp.eye(x.shape[1], dtype=x.dtype)):
            found = found - jax.jvp(flux, (x,), (jnp.broadcast_to(way, x.shape),))[1][..., d]
        return found

    return residual


@dataclass(frozen=True, eq=False)
class BoxTask:
    """A network's task on a box, as `networks.task.Task` is one on a cut."""

    trial: Trial
    loss: str
    start: jax.Array
    rest: Any
    shared: Any = None

    @property
    def box(self) -> BoxProblem:
        """The problem."""
        found: Any = self.trial.ansatz
        return found

    @property
    def problem(self) -> None:
        """No problem of nmm."""
        return None

    @property
    def mark(self) -> str:
        """What a checkpoint belongs to, in short."""
        box = self.box
        size = float(jnp.abs(self.start).sum())
        return repr((self.loss, self.start.shape, box.low, box.high, box.points, size))

    def part(self, key: jax.Array, shared: Any) -> Part:
        """The loss in points drawn with a key, traceable."""
        return part_on(self.box, self.loss, *self.box.draw(key, self.start.dtype))

    def undercut(self, losses: np.ndarray) -> bool:
        """Never: there is no reference."""
        return False


def part_on(box: BoxProblem, loss: str, x: jax.Array, weight: jax.Array) -> Part:
    """The energy, or half the mean square of the residual, in given points."""
    element = jnp.zeros(len(x), int)
    if loss == "energy":
        density: Any = box.energy

        def fields(u: Function):
            return value_and_slope(lambda p: u(p, element), x)

        return Part(fields, lambda f: weight @ jax.vmap(density)(x, *f))

    def left(u: Function):
        return jnp.reshape(box.residual(lambda p: u(p, element), x), (len(x), -1))

    return Part(left, lambda r: weight @ jnp.sum(r**2, -1) / weight.sum() / 2)


def box_task(
    box: BoxProblem, nets: Sequence[nnx.Module], loss: Any, boundary: str, more: Sequence[str]
) -> BoxTask:
    """What `networks.fit` is asked on a box, checked; `more`, what it is given beside.

    **Raises:** `InputError` for what boxes do not have.
    """
    if more or boundary != "exact":
        found = ", ".join([*more, *(["boundary"] if boundary != "exact" else [])])
        raise InputError(f"found {found}, which problems on boxes do not have", where="fit")
    if loss == "residual" and box.natural:
        raise InputError(
            "the residual of an energy does not know the natural conditions of sides that are not held",
            where="loss",
            hint="train on the energy, or give a residual",
        )
    if loss not in ("energy", "residual") or (loss == "energy" and box.energy is None):
        raise InputError(
            f"found the loss {loss!r}, expected residual, or energy for a problem that has one", where="loss"
        )
    ansatz: Any = box
    made, start, rest = trial(nets, box.components, ansatz=ansatz)
    x = jnp.asarray([box.low, box.high], start.dtype)
    check_output(made, start[0], jax.tree.map(lambda a: a[0], rest), x, None)
    return BoxTask(replace(made, scale=typical(box, loss)), loss, start, rest)


def typical(box: BoxProblem, loss: str) -> float:
    """How large the network's output should be: where the loss of g + s φ is least."""

    @jax.jit
    def measured():
        part = part_on(box, loss, *box.draw(jax.random.key(0), jnp.zeros(()).dtype))
        fixed = part.fields(lambda x, element: box.extension(x))
        moved = part.fields(lambda x, element: box.extension(x) + box.distance(x))
        return along(part.value, fixed, jax.tree.map(jnp.subtract, moved, fixed))

    return size(*measured()) or 1.0


def shifted(low: Any, high: Any, cells: int, shift: Any, count: int) -> tuple[jax.Array, jax.Array]:
    """Gauss points and weights ((cells + 1) count,) on equal cells moved by `shift` of one, in [0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    inner = low + (high - low) * (jnp.arange(cells) + shift) / cells
    ends = jnp.concatenate([jnp.reshape(low, 1), inner, jnp.reshape(high, 1)]).astype(inner.dtype)
    half = jnp.diff(ends)[:, None] / 2
    points = ends[:-1, None] + half * (jnp.asarray(nodes, inner.dtype) + 1)
    return points.ravel(), (half * jnp.asarray(weights, inner.dtype)).ravel()


def product_rule(axes: Sequence[tuple[jax.Array, jax.Array]]) -> tuple[jax.Array, jax.Array]:
    """Points (n, d) and weights (n,) of the product of rules."""
    points = jnp.stack(jnp.meshgrid(*[x for x, _ in axes], indexing="ij"), -1)
    weights = jnp.stack(jnp.meshgrid(*[w for _, w in axes], indexing="ij"), -1)
    return points.reshape(-1, len(axes)), jnp.prod(weights, -1).ravel()


def latin(key: jax.Array, low: jax.Array, high: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """A Latin hypercube of `count` points (n, d), and equal weights."""
    places, within = jax.random.split(key)
    keys = jax.random.split(places, len(low))
    cell = jnp.stack([jax.random.permutation(k, count) for k in keys], -1)
    at = (cell + jax.random.uniform(within, cell.shape, low.dtype)) / count
    return low + (high - low) * at, jnp.full(count, jnp.prod(high - low) / count)
