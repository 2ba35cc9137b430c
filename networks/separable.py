"""Separable manifolds: u(x) = Σ_r Π_d Σ_i w_i(x_d) a_dri, for boxes of dimensions where no lattice can go.

Each factor is a numerical manifold of one variable. A cover of n patches on every axis has n^D products in D
dimensions; a sum of `rank` products has rank · D · n unknowns. The energy of −Δu + c u = f is quadratic in
the factors of one axis, those of the others given, so that each step is a linear solve: alternating least
squares (Beylkin and Mohlenkamp 2005, SIAM J. Sci. Comput. 26, 2133-2159). Interpolating neural networks with
tensor decomposition have the same form (Park et al., arXiv 2404.10296).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import eigh

from networks.covers import Splines, box_of
from nmm.errors import InputError
from nmm.pytrees import tree

Factor = Callable[[Any], Any] | float | None
"""A function of one variable (n,) -> (n,), a number, or None for 1."""

PENALTY = 4.0
"""Of Nitsche's method: β = 4 p² / h, twice what the inverse inequality of splines asks for."""

PROXIMAL = 1e-13
"""How much a step prefers the factors that it finds, as a share of the diagonal: redundant ones stay put."""

MOST = 1000
"""Sweeps, at most."""


@tree("low", "high", "degree", eq=False)
class Separable:
    """Σ_r Π_d Σ_i w_i(x_d) a_dri with the B-splines of equal cells on each axis; `factors` (D, rank, n)."""

    factors: jax.Array
    low: tuple[float, ...]
    high: tuple[float, ...]
    degree: int

    @property
    def unknowns(self) -> int:
        """How many numbers it is made of."""
        return self.factors.size

    @property
    def axes(self) -> list[Splines]:
        """The cover of each axis."""
        gaps = jnp.zeros(self.factors.shape[2] - self.degree)
        return [Splines(gaps, a, b, self.degree) for a, b in zip(self.low, self.high, strict=True)]

    def __call__(self, x: Any) -> jax.Array:
        """Values (n,) at points (n, D), traceable."""
        return evaluated(self, jnp.asarray(x))


@jax.jit
def evaluated(u: Separable, x: jax.Array) -> jax.Array:
    """Σ_r Π_d φ_dr(x_d) (n,) at points (n, D)."""
    parts = []
    for d, (cover, factors) in enumerate(zip(u.axes, u.factors, strict=True)):
        here = cover.local(x[:, d : d + 1])
        parts.append(jnp.einsum("nm,rnm->nr", here.weights, factors[:, here.index]))
    return jnp.prod(jnp.stack(parts), 0).sum(-1)


@dataclass(frozen=True, eq=False)
class Separated:
    """A solution `u` by alternating solves.

    `change`, that of u in the last sweep, in the norm of the energy; `residual`, of the equations of all
    products of splines: where it is large though the sweeps have converged, the rank is too small; `energies`
    by sweep, of the start that came lowest.
    """

    u: Separable
    change: float
    residual: float
    energies: np.ndarray
    converged: bool

    @property
    def message(self) -> str:
        """How it ended, and what to do."""
        text = f"{len(self.energies)} sweeps, last change {self.change:.1e}, residual {self.residual:.1e}"
        return f"converged: {text}" if self.converged else f"not converged: {text}; raise sweeps, or starts"


def solve_separable(
    box: Any,
    source: Sequence[Sequence[Factor]],
    values: Sequence[Sequence[Factor]] = (),
    *,
    reaction: float = 0.0,
    cells: int = 8,
    degree: int = 3,
    rank: int = 4,
    sweeps: int = 200,
    tol: float = 1e-7,
    starts: int = 3,
    seed: int = 0,
) -> Separated:
    """Solve −Δu + c u = f in a box of D dimensions with u = g on its boundary, by a sum of `rank` products.

    **Arguments:** `box`, lower and then upper bounds (2 D numbers). `source` f and `values` g are sums of
    products: a list of terms, each with a factor for every axis (a function of one variable, a number, or
    None for 1); no `values`: zero. `reaction` c ≥ 0. `cells` and `degree` of the splines on each axis. A
    sweep solves for the factors of every axis once, until the norm of the energy changes by less than `tol`
    (1e-8 is rounding). Alternating solves may end in a valley of their own: of some random `starts` the one
    of least energy is taken. Values are held by Nitsche's method.

    **Raises:** `InputError` for terms that have not one factor for each axis, or sizes below 1.

    >>> sines = [lambda x: np.pi**2 * np.sin(np.pi * x)] + [lambda x: np.sin(np.pi * x)]
    >>> u = solve_separable((0, 0, 1, 1), [sines, sines[::-1]], rank=1).u
    >>> bool(abs(u([[0.5, 0.5]])[0] - 1) < 1e-4)
    True
    """
    low, high, _ = box_of(box, 1)
    check(len(low), source, values, reaction, (cells, degree, rank, sweeps, starts))
    system = [axis(a, b, cells, degree) for a, b in zip(low, high, strict=True)]
    curves, modes = (
        np.stack(each) for each in zip(*[eigh(one.stiff, one.mass) for one in system], strict=True)
    )
    loads = np.array([[one.moments(f) for one, f in zip(system, term, strict=True)] for term in source])
    held = [
        [
            one.at_ends(f) if d == e else one.moments(f)
            for e, (one, f) in enumerate(zip(system, term, strict=True))
        ]
        for term in values
        for d in range(len(low))
    ]
    loads = np.concatenate([loads, np.reshape(held, (-1, *loads.shape[1:]))])
    loads = np.einsum("pdi,dij->pdj", loads, modes)
    shape = (starts, len(low), rank, cells + degree)
    start = np.random.default_rng(seed).normal(size=shape) / (1 + curves)[:, None]
    tried = swept(curves, loads, start, reaction, sweeps, tol)
    found, energies, count, change = jax.tree.map(lambda a: a[np.argmin(tried[1].min(1))], tried)
    residual = float(missed(curves + reaction / len(low), loads, found))
    factors = jnp.einsum("dij,drj->dri", modes, found)
    u = Separable(factors, tuple(map(float, low)), tuple(map(float, high)), degree)
    return Separated(u, float(change), residual, np.asarray(energies)[: int(count)], bool(change <= tol))


def check(axes: int, source: Any, values: Any, reaction: float, sizes: tuple[int, ...]):
    """**Raises:** `InputError` as `solve_separable` does."""
    for name, terms in (("source", source), ("values", values)):
        for number, term in enumerate(terms):
            if len(term) != axes:
                raise InputError(
                    f"found {len(term)} factors, expected one for each of {axes} axes",
                    where=f"{name}[{number}]",
                )
    if not len(source):
        raise InputError("found no source, expected one term or more", where="source")
    if min(sizes) < 1 or reaction < 0:
        raise InputError(
            f"found cells, degree, rank, sweeps, starts {sizes} and reaction {reaction}; expected 1 or more, "
            "and no negative reaction"
        )


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis: Gauss points (q,) with weights, the splines there (q, n), and their forms.

    `both` ends (2,); `stiff` (n, n) has Nitsche's terms at the ends; `ends` (2, n) is what a value at an end
    is tested with.
    """

    points: np.ndarray
    weights: np.ndarray
    splines: np.ndarray
    both: np.ndarray
    mass: np.ndarray
    stiff: np.ndarray
    ends: np.ndarray

    def moments(self, factor: Factor) -> np.ndarray:
        """∫ f w_i dx (n,)."""
        return (self.weights * on(factor, self.points)) @ self.splines

    def at_ends(self, factor: Factor) -> np.ndarray:
        """Σ over both ends of g (β w_i − ∂_n w_i) (n,)."""
        return on(factor, self.both) @ self.ends


def on(factor: Factor, x: np.ndarray) -> np.ndarray:
    """A factor at points (n,)."""
    value = factor(x) if callable(factor) else 1.0 if factor is None else factor
    return np.broadcast_to(np.asarray(value, float), x.shape)


def axis(low: float, high: float, cells: int, degree: int) -> Axis:
    """Splines on [low, high], their mass and Nitsche's form of −u''."""
    cover = Splines(jnp.zeros(cells), float(low), float(high), degree)
    nodes, weights = np.polynomial.legendre.leggauss(degree + 3)
    h = (high - low) / cells
    x = (low + h * (np.arange(cells)[:, None] + (nodes + 1) / 2)).ravel()
    w = np.tile(weights * h / 2, cells)
    both = np.array([low, high])

    def with_slopes(points):
        points = jnp.asarray(points)[:, None]
        value, slope = jax.jvp(cover, (points,), (jnp.ones_like(points),))
        return np.asarray(value), np.asarray(slope)

    value, slope = with_slopes(x)
    at, along = with_slopes(np.array([low, np.nextafter(high, low)]))
    outward = along * np.array([[-1.0], [1.0]])
    beta = PENALTY * degree**2 / h
    flux = outward.T @ at
    stiff = slope.T @ (w[:, None] * slope) - flux - flux.T + beta * at.T @ at
    return Axis(x, w, value, both, value.T @ (w[:, None] * value), stiff, beta * at - outward)


@jax.jit
def swept(curves, loads, starts, reaction, sweeps, tol):
    """From every start: factors (D, R, n), energies of at most 1000 sweeps, their number, the last change.

    All in the eigenfunctions of each axis, in which the mass is the identity and −u'' the numbers `curves`
    (D, n): then the coefficients of each eigenfunction are R unknowns of their own.
    """
    axes = starts.shape[1]

    def solved(d, factors):
        others = jnp.arange(axes) != d
        m = jnp.einsum("dri,dsi->drs", factors, factors)
        k = jnp.einsum("dri,di,dsi->drs", factors, curves, factors)
        m, k = (jnp.where(others[:, None, None], a, fill) for a, fill in ((m, 1.0), (k, 0.0)))
        mixed = jnp.where(jnp.eye(axes, dtype=bool)[:, :, None, None], k[None], m[None])
        product, total = jnp.prod(m, 0), jnp.prod(mixed, 1).sum(0) + reaction * jnp.prod(m, 0)
        along = jnp.einsum("dri,pdi->pdr", factors, loads)
        load = jnp.prod(jnp.where(others[:, None], along, 1.0), 1).T @ loads[:, d]

        def coefficients(each):
            curve, b, now = each
            whole = curve * product + total
            damping = PROXIMAL * jnp.diagonal(whole)
            return jax.scipy.linalg.solve(whole + jnp.diag(damping), b + damping * now, assume_a="pos")

        found = jax.lax.map(coefficients, (curves[d], load.T, factors[d].T)).T
        # Factors of norm one, their size in those of the next axis: a step then sees comparable numbers.
        size = jnp.linalg.norm(found, axis=1)
        size = jnp.where(size > 0, size, 1.0)
        factors = factors.at[d].set(found / size[:, None])
        return factors.at[(d + 1) % axes].multiply(size[:, None]), -jnp.vdot(found, load) / 2

    def sweep(carry):
        factors, energies, count, _ = carry

        def one(d, now):
            return solved(d, now[0])

        factors, energy = jax.lax.fori_loop(0, axes, one, (factors, jnp.zeros(())))
        before = jnp.where(count > 0, energies[count - 1], jnp.inf)
        change = jnp.sqrt(jnp.abs(before - energy) / jnp.maximum(jnp.abs(energy), 1e-300))
        return factors, energies.at[count].set(energy), count + 1, change

    def going(carry):
        *_, count, change = carry
        return (count < jnp.minimum(sweeps, MOST)) & (change > tol)

    def one_start(start):
        first = (start, jnp.zeros(MOST), jnp.asarray(0), jnp.asarray(jnp.inf))
        return jax.lax.while_loop(going, sweep, first)

    return jax.lax.map(one_start, jnp.asarray(starts))


@jax.jit
def missed(curves, loads, factors):
    """Residual of Σ_d (… ⊗ curves_d ⊗ …) u = l, relative to l, as sums of products all of them."""
    axes, rank, _ = factors.shape
    raised = jnp.where(
        jnp.eye(axes, dtype=bool)[:, :, None, None], (factors * curves[:, None])[None], factors
    )
    raised = raised.at[:, 0].multiply(-1)
    terms = jnp.concatenate([raised.swapaxes(1, 2).reshape(axes * rank, axes, -1), loads])

    def square(terms):
        size = jnp.linalg.norm(terms, axis=2).prod(1)
        unit = terms / jnp.maximum(jnp.linalg.norm(terms, axis=2, keepdims=True), 1e-300)
        return size @ jnp.prod(jnp.einsum("pdi,qdi->dpq", unit, unit), 0) @ size

    return jnp.sqrt(jnp.abs(square(terms)) / square(loads))
