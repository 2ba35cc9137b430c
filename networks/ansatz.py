"""Functions that have their boundary values by construction.

    u(x) = g(x) + φ(x) N(x) + Σ c_k (s_k(x) − s̃_k(x))

φ vanishes where a value is held (see `distance`), g carries the held values into the domain, N is the
network. Known functions s_k, such as the singular one of a corner, join with their own boundary values s̃_k
taken off. Values are carried from the nearest point on the line or circle of each part of the boundary, and
weighted by the square of its nearness (transfinite interpolation; Rvachev, Sheiko, Shapiro and Tsukanov 2001,
Comput. Aided Geom. Des. 18, 195-220; for networks Sukumar and Srivastava 2022, Comput. Methods Appl. Mech.
Eng. 389, 114333).
What is held is never looked up inside the domain, where an expression might know the solution.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.distance import Curves, arcless, curves_of
from nmm.errors import InputError
from nmm.expressions import Expression
from nmm.physics.boundary import Term
from nmm.physics.problem import Problem
from nmm.physics.values import Places, evaluate

Point = Callable[[jax.Array], jax.Array]
"""A function of points (n, 2) -> (n,)."""


MODES = 32
"""Terms of the series by which values on a circle are carried inwards."""


@dataclass(frozen=True, eq=False)
class Hold:
    """One component of the solution on a part of the boundary: `sign` times `value`."""

    component: int
    curves: Curves
    value: Any
    name: str
    sign: float = 1.0


@dataclass(frozen=True, eq=False)
class Ansatz:
    """What turns a network into a function with the boundary values of a problem; see `ansatz`."""

    problem: Problem
    holds: tuple[Hold, ...]

    def of(self, component: int) -> list[Hold]:
        """What is held of a component."""
        return [hold for hold in self.holds if hold.component == component]

    def distance(self, x: jax.Array) -> jax.Array:
        """φ (n, components): about the distance from where the component is held; 1 where it is nowhere."""
        columns = []
        for component in range(self.problem.model.components):
            near = [hold.curves.nearness(x).sum(-1) for hold in self.of(component)]
            columns.append(jnp.pi / sum(near) if near else jnp.ones(len(x), x.dtype))
        return jnp.stack(columns, -1)

    def extension(self, x: jax.Array, params: Mapping[str, Any]) -> jax.Array:
        """g (n, components)."""
        return self.carried(x, [self.held_value(hold, params) for hold in self.holds])

    def trace(self, function: Point) -> "Ansatz":
        """What holds a known function at its own values where this holds others; made on the host."""
        holds = [replace(hold, value=function, sign=1.0) for hold in self.holds]
        return Ansatz(self.problem, tuple(by_side(self.problem, holds)))

    def held_value(self, hold: Hold, params: Mapping[str, Any]) -> Any:
        """A number, or a function (points (m, 2), normals (m, 2)) -> (m,)."""
        if isinstance(hold.value, float):
            return hold.sign * hold.value
        box, none = self.problem.manifold.box, -1

        def at(points, normals):
            nowhere = jnp.full(len(points), none)
            where = Places(points, nowhere, nowhere, (), box, (0, 0), normals)
            return hold.sign * evaluate(hold.value, where, params, hold.name, jnp)

        return at

    def carried(self, x: jax.Array, values: Sequence[Any]) -> jax.Array:
        """Values on the boundary, one for each hold, carried to points (n, 2) -> (n, components)."""
        columns = []
        for component in range(self.problem.model.components):
            mine = [(h, v) for h, v in zip(self.holds, values, strict=True) if h.component == component]
            if not mine:
                columns.append(jnp.zeros(len(x), x.dtype))
                continue
            near = [hold.curves.nearness(x) for hold, _ in mine]
            whole = sum(n.sum(-1, keepdims=True) for n in near)
            shares = [(n / whole) ** 2 for n in near]
            total = sum(s.sum(-1) for s in shares)
            there = [self.on_curves(h, v, x) for h, v in mine]
            columns.append(sum(jnp.sum(s * v, -1) for s, v in zip(shares, there, strict=True)) / total)
        return jnp.stack(columns, -1)

    def on_curves(self, hold: Hold, value: Any, x: jax.Array) -> jax.Array:
        """A held value on each part of its curves (n, parts), as seen from points (n, 2)."""
        if not callable(value):
            return jnp.full((len(x), hold.curves.parts), value, x.dtype)
        feet, normals = hold.curves.feet(x)
        flat: Any = value(feet.reshape(-1, 2), normals.reshape(-1, 2))
        found = flat.reshape(feet.shape[:2])
        if not curves_inside(hold.curves):
            return found
        inwards = self.harmonic(hold.curves, value, x.dtype)
        return inwards(x[:, None]) + hold.curves.reach(x) * (found - inwards(feet))

    def harmonic(self, curves: Curves, value: Callable, dtype: Any) -> Callable:
        """Values on circles carried inwards, as functions of points (n, 1 or parts, 2) -> (n, parts).

        A circle's values are a Fourier series, whose terms go on as powers of z; what the series misses of
        them is carried along the rays. On the inner side of a circle this is smooth, as rays are not.
        """
        angle = jnp.linspace(0, 2 * jnp.pi, MODES * 2, endpoint=False, dtype=dtype)
        ray = jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
        around = curves.centre[:, None] + curves.radius[:, None, None] * ray
        outward = jnp.where(curves.inside[:, None, None], ray, -ray)
        flat: Any = value(around.reshape(-1, 2), outward.reshape(-1, 2))
        series = jnp.fft.rfft(flat.reshape(around.shape[:2]), axis=-1) / MODES
        series = series.at[:, 0].divide(2).at[:, -1].divide(2)
        inner, lines = jnp.where(curves.inside, 1.0, 0.0), len(curves.ends)

        def inwards(x: jax.Array) -> jax.Array:
            away = (x[:, -len(curves.radius) :] - curves.centre) / curves.radius[:, None]
            square = jnp.sum(away**2, -1)
            mirrored = away / jnp.where(square > 1, square, 1.0)[..., None]
            z = jax.lax.complex(mirrored[..., 0], mirrored[..., 1])
            found = inner * jnp.real(jnp.polyval(series.T[::-1, None], z, unroll=8))
            return jnp.concatenate([jnp.zeros((len(x), lines), dtype), found], 1)

        return inwards


def curves_inside(curves: Curves) -> bool:
    """Whether the domain lies inside of some circle."""
    return bool(np.any(np.asarray(curves.inside)))


def ansatz(problem: Problem) -> Ansatz:
    """What holds the values of a problem's Dirichlet terms exactly, made once on the host.

    **Raises:** `InputError` for a value that is known on the boundary only (an array, or one that depends on
    the region), and for a normal displacement on an edge that is not parallel to an axis.
    """
    holds = []
    for number, term in enumerate(problem.terms):
        if term.dirichlet:
            holds.extend(holds_of(problem, number, term))
    return Ansatz(problem, tuple(holds))


def holds_of(problem: Problem, number: int, term: Term) -> list[Hold]:
    """What a Dirichlet term holds."""
    curves = curves_of(problem, number)
    if term.kind == "normal":
        return normal_holds(problem, number, term, curves)
    found = []
    for component, value in enumerate(term.values):
        if value is None:
            continue
        if not isinstance(value, float | Expression) and not callable(value):
            raise by_penalty("a value that depends on the region or the cell", term)
        if isinstance(value, Expression) and not value.uses & {"x", "y", "nx", "ny"} and not value.names:
            value = float(value.evaluate({}))
        hold = Hold(component, curves, value, term.name)
        known = isinstance(value, float) or (isinstance(value, Expression) and value.names)
        found.extend([hold] if known else by_side(problem, [hold]))
    return found


def by_side(problem: Problem, holds: Sequence[Hold]) -> list[Hold]:
    """The sides on which values of one kind are constant, by value, and the rest.

    Carried from a side, a value is looked up a little beyond its ends, too; there an expression that is
    constant on the side may have a kink, or a singularity at a corner.
    """
    values = [side_values(problem, hold) for hold in holds]
    size = max([float(np.abs(v).max(initial=0.0)) for v in values], default=0.0) or 1.0
    found = []
    for hold, each in zip(holds, values, strict=True):
        ends = hold.curves.ends
        constant = np.ptp(each, axis=1) <= 1e-12 * size
        level = np.round(each.mean(1) / size, 12)
        for one in np.unique(level[constant]):
            sides = replace(arcless(hold.curves), ends=ends[constant & (level == one)])
            found.append(replace(hold, curves=sides, value=float(one * size), sign=1.0))
        rest = replace(hold.curves, ends=ends[~constant])
        if rest.parts:
            found.append(replace(hold, curves=rest))
    return found


def side_values(problem: Problem, hold: Hold) -> np.ndarray:
    """A held value at nine points of each straight side (n, 9)."""
    ends = hold.curves.ends
    along = ends[:, 1] - ends[:, 0]
    points = ends[:, :1] + jnp.linspace(0.02, 0.98, 9)[:, None] * along[:, None]
    outward = jnp.stack([along[:, 1], -along[:, 0]], -1) / jnp.linalg.norm(along, axis=-1, keepdims=True)
    at: Any = Ansatz(problem, (hold,)).held_value(hold, {})
    return np.asarray(at(points.reshape(-1, 2), jnp.repeat(outward, 9, axis=0))).reshape(-1, 9)


def normal_holds(problem: Problem, number: int, term: Term, curves: Curves) -> list[Hold]:
    """A normal displacement on edges parallel to an axis is a component; their normals are ±e."""
    normal = problem.edges[number].normal
    component = int(np.abs(normal[0]).argmax())
    sign = float(np.sign(normal[0, component]))
    if np.abs(normal - sign * np.eye(2)[component]).max() > 1e-9:
        raise by_penalty("a normal displacement on edges of several directions", term)
    return [Hold(component, curves, term.values[0], term.name, sign)]


def by_penalty(what: str, term: Term) -> InputError:
    return InputError(
        f"found {what}, expected one that can be held by construction",
        where=term.name,
        hint='hold it by penalty: boundary="penalty"',
    )
