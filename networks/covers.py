"""Mathematical covers that learn: partitions of unity as pure functions of trainable arrays.

A cover is a frozen pytree. `cover.local(x)` gives for points x (n, d) the m patches that may contain each,
their weights, and the place of the point in them; `cover(x)` the weights (n, patches) of all patches. Weights
are not negative and add up to 1 by construction, whatever the arrays are: any optimiser may move them.

Knots increase by construction: the gaps between them are a softmax, of which none is smaller than a
thousandth of the mean.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.pytrees import tree

SMALLEST = 1e-3
"""The smallest gap between knots, as a share of their mean distance."""

LEAST = 0.05
"""The smallest overlap of windows, as a share of their subdomain."""


class Local(NamedTuple):
    """Patches at points: `weights` (n, m), `index` (n, m) of the patches, `coordinates` (n, m, d) in them."""

    weights: Any
    index: Any
    coordinates: Any


class Cover(Protocol):
    """What a layer needs of a cover; d inputs."""

    @property
    def patches(self) -> int:
        """Number of patches."""
        ...

    @property
    def nodes(self) -> Any:
        """Where local coordinates vanish (patches, d)."""
        ...

    @property
    def sizes(self) -> Any:
        """Length of a unit of the local coordinates (patches, d)."""
        ...

    def local(self, x: Any, element: Any = None) -> Local:
        """The patches at points (n, d); `element` (n,) for covers of a domain, see `lattice_cover`."""
        ...

    def located(self, x: Any, element: Any) -> Any:
        """The elements that `local` wants."""
        ...


class Dense:
    """Weights of all patches."""

    def located(self, x: Any, element: Any) -> Any:
        """The elements that `local` wants; a cover of a whole box wants none."""
        return element

    def __call__(self: Any, x: Any, element: Any = None) -> jax.Array:
        """Weights (n, patches) at points (n, d)."""
        return all_weights(self, jnp.asarray(x), self.located(x, element))


@jax.jit
def all_weights(cover: Any, x: jax.Array, element: Any) -> jax.Array:
    """Weights (n, patches) of a cover at points (n, d)."""
    here = cover.local(x, element)
    rows = jnp.arange(len(here.weights))[:, None]
    return jnp.zeros((len(here.weights), cover.patches)).at[rows, here.index].add(here.weights)


def positions(gaps: jax.Array, low: float, high: float) -> jax.Array:
    """Increasing knots (n + 1,) from `low` to `high` whose gaps are softmax(`gaps`), gaps (n,)."""
    n = len(gaps)
    share = (1 - SMALLEST) * jax.nn.softmax(gaps) + SMALLEST / n
    inner = low + (high - low) * jnp.cumsum(share)[:-1]
    return jnp.concatenate([jnp.array([low], inner.dtype), inner, jnp.array([high], inner.dtype)])


def gaps_of(knots: Any) -> tuple[jax.Array, float, float]:
    """Gaps (n,) and ends for given increasing knots (n + 1,): the inverse of `positions`.

    **Raises:** `InputError` for knots that do not increase, or lie too close together.
    """
    knots = np.asarray(knots, float)
    if knots.ndim != 1 or len(knots) < 2:
        raise InputError(f"found knots of shape {knots.shape}, expected two or more numbers", where="knots")
    low, high, n = knots[0], knots[-1], len(knots) - 1
    share = np.diff(knots) / (high - low) - SMALLEST / n
    if not np.all(share > 0):
        raise InputError(
            f"found a gap of {np.diff(knots).min():.3g}, expected more than {SMALLEST} of the mean",
            where="knots",
        )
    return jnp.asarray(np.log(share)), float(low), float(high)


@tree("low", "high", "degree", "clamped")
class Splines(Dense):
    """B-splines of one variable on trainable knots; degree 1 are the hats.

    `gaps` (cells,); cells + degree patches. `clamped` ends have coincident knots, so that the first and the
    last weight are 1 there; otherwise the end cells are repeated beyond, as on the lattices of nmm. Outside
    [low, high] the weights are those of the nearer end.

    Formula: de Boor, A Practical Guide to Splines, 1978, chapter X: positive terms only.
    """

    gaps: jax.Array
    low: float
    high: float
    degree: int = 1
    clamped: bool = True

    @property
    def patches(self) -> int:
        """Number of patches."""
        return len(self.gaps) + self.degree

    @property
    def knots(self) -> jax.Array:
        """Positions of the knots (cells + 1,)."""
        return positions(self.gaps, self.low, self.high)

    @property
    def padded(self) -> jax.Array:
        """Knots with `degree` more on either side."""
        knots, count = self.knots, jnp.arange(1, self.degree + 1)
        step = (0.0, 0.0) if self.clamped else (knots[1] - knots[0], knots[-1] - knots[-2])
        return jnp.concatenate([knots[0] - step[0] * count[::-1], knots, knots[-1] + step[1] * count])

    @property
    def nodes(self) -> jax.Array:
        """Means of the inner knots of each spline (Greville), which reproduce x as Σ w_i x_i."""
        t, p = self.padded, self.degree
        return jnp.stack([t[j : j + self.patches] for j in range(1, p + 1)]).mean(0)[:, None]

    @property
    def sizes(self) -> jax.Array:
        """The mean gap."""
        return jnp.full((self.patches, 1), (self.high - self.low) / len(self.gaps))

    def local(self, x: Any, element: Any = None) -> Local:
        """The degree + 1 patches at points (n, 1)."""
        x = held(jnp.asarray(x)[:, 0], self.low, self.high)
        t, p = self.padded, self.degree
        cell = jnp.clip(jnp.searchsorted(self.knots, x, side="right") - 1, 0, len(self.gaps) - 1)
        left, right = ([jnp.zeros_like(x)] + [d(j) for j in range(1, p + 1)] for d in (
            lambda j: x - t[cell + p + 1 - j],
            lambda j: t[cell + p + j] - x,
        ))  # fmt: skip
        rows = [jnp.ones_like(x)]
        for degree in range(1, p + 1):
            share = [row / (right[r + 1] + left[degree - r]) for r, row in enumerate(rows)]
            falling = [*(right[r + 1] * s for r, s in enumerate(share)), jnp.zeros_like(x)]
            rising = [jnp.zeros_like(x), *(left[degree - r] * s for r, s in enumerate(share))]
            rows = [a + b for a, b in zip(falling, rising, strict=True)]
        index = cell[:, None] + jnp.arange(p + 1)
        return Local(jnp.stack(rows, -1), index, placed(self, x[:, None], index))


@tree("low", "high")
class Windows(Dense):
    """Smooth windows on subdomains of one variable that overlap, divided by their sum.

    The form of FBPINNs (Moseley, Markham, Nissen-Meyer 2023, arXiv 2107.07871): v = ((1 + cos πs) / 2)² for
    the local coordinate s in [−1, 1], w_i = v_i / Σ v. `gaps` (n,) and `overlaps` (n,): the half width of a
    subdomain is half its gap times 1 + 0.05 + softplus(overlap), so that they always cover [low, high].
    """

    gaps: jax.Array
    overlaps: jax.Array
    low: float
    high: float

    @property
    def patches(self) -> int:
        """Number of patches."""
        return len(self.gaps)

    @property
    def nodes(self) -> jax.Array:
        """Middles of the subdomains."""
        knots = positions(self.gaps, self.low, self.high)
        return (knots[:-1] + knots[1:])[:, None] / 2

    @property
    def sizes(self) -> jax.Array:
        """Half widths of the windows."""
        half = jnp.diff(positions(self.gaps, self.low, self.high)) / 2
        return (half * (1 + LEAST + jax.nn.softplus(self.overlaps)))[:, None]

    def local(self, x: Any, element: Any = None) -> Local:
        """All patches at points (n, 1)."""
        x = held(jnp.asarray(x), self.low, self.high)
        index = everywhere(self, x)
        s = placed(self, x, index)
        raw = ((1 + jnp.cos(jnp.pi * held(s[..., 0], -1.0, 1.0))) / 2) ** 2
        return Local(raw / raw.sum(-1, keepdims=True), index, s)


@tree()
class Radial(Dense):
    """Gaussians softmax(−|x − c_i|² / (2 σ_i²)): `centres` c (k, d), `log_widths` (k,) of σ."""

    centres: jax.Array
    log_widths: jax.Array

    @property
    def patches(self) -> int:
        """Number of patches."""
        return len(self.centres)

    @property
    def nodes(self) -> jax.Array:
        """The centres."""
        return self.centres

    @property
    def sizes(self) -> jax.Array:
        """The widths σ."""
        return jnp.broadcast_to(jnp.exp(self.log_widths)[:, None], self.centres.shape)

    def local(self, x: Any, element: Any = None) -> Local:
        """All patches at points (n, d)."""
        index = everywhere(self, x)
        s = placed(self, jnp.asarray(x), index)
        return Local(jax.nn.softmax(-jnp.sum(s**2, -1) / 2, -1), index, s)


@tree()
class Softmax(Dense):
    """Gates softmax(A x + b): `slopes` A (k, d), `offsets` b (k,). They have no node: coordinates are x."""

    slopes: jax.Array
    offsets: jax.Array

    @property
    def patches(self) -> int:
        """Number of patches."""
        return len(self.offsets)

    @property
    def nodes(self) -> jax.Array:
        """Zero."""
        return jnp.zeros_like(self.slopes)

    @property
    def sizes(self) -> jax.Array:
        """One."""
        return jnp.ones_like(self.slopes)

    def local(self, x: Any, element: Any = None) -> Local:
        """All patches at points (n, d)."""
        x = jnp.asarray(x)
        index = everywhere(self, x)
        weights = jax.nn.softmax(x @ self.slopes.T + self.offsets, -1)
        return Local(weights, index, jnp.broadcast_to(x[:, None], (*index.shape, x.shape[1])))


@tree()
class Product(Dense):
    """Products of covers of one variable, `axes[a]` for coordinate a; the first runs fastest, as in nmm."""

    axes: tuple[Any, ...]

    @property
    def patches(self) -> int:
        """Number of patches."""
        return int(np.prod([axis.patches for axis in self.axes]))

    @property
    def nodes(self) -> jax.Array:
        """Nodes of the axes, combined."""
        return spread_out([axis.nodes[:, 0] for axis in self.axes])

    @property
    def sizes(self) -> jax.Array:
        """Sizes of the axes, combined."""
        return spread_out([axis.sizes[:, 0] for axis in self.axes])

    def local(self, x: Any, element: Any = None) -> Local:
        """The products of the patches of each axis at points (n, d)."""
        x = jnp.asarray(x)
        weights, index, places, before = jnp.ones((len(x), 1)), jnp.zeros((len(x), 1), int), [], 1
        parts = [axis.local(x[:, a : a + 1]) for a, axis in enumerate(self.axes)]
        for axis, part in zip(self.axes, parts, strict=True):
            weights = (part.weights[:, :, None] * weights[:, None]).reshape(len(x), -1)
            index = (before * part.index[:, :, None] + index[:, None]).reshape(len(x), -1)
            before *= axis.patches
        for a, part in enumerate(parts):
            outer = int(np.prod([p.weights.shape[1] for p in parts[a + 1 :]]))
            inner = int(np.prod([p.weights.shape[1] for p in parts[:a]]))
            places.append(jnp.tile(jnp.repeat(part.coordinates[..., 0], inner, 1), (1, outer)))
        return Local(weights, index, jnp.stack(places, -1))


def held(x: jax.Array, low: float, high: float) -> jax.Array:
    """x between `low` and `high`; at the ends themselves with its own derivative, unlike `jnp.clip`."""
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


def everywhere(cover: Cover, x: Any) -> jax.Array:
    """All patches (n, patches) at points (n, d)."""
    return jnp.broadcast_to(jnp.arange(cover.patches), (len(x), cover.patches))


def placed(cover: Cover, x: jax.Array, index: jax.Array) -> jax.Array:
    """Local coordinates (n, m, d) of points (n, d) in patches (n, m)."""
    return (x[:, None] - cover.nodes[index]) / cover.sizes[index]


def spread_out(axes: list[jax.Array]) -> jax.Array:
    """All combinations (n, d) of the values of d axes, the first fastest."""
    grids = jnp.meshgrid(*axes[::-1], indexing="ij")[::-1]
    return jnp.stack([g.ravel() for g in grids], -1)


def box_of(box: Any, cells: int | Sequence[int]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Lower and upper bounds (d,) and cells of each axis, for a box (lower bounds, then upper ones).

    **Raises:** `InputError` for what is no box, or has no cells.
    """
    bounds = np.asarray(box, float)
    if bounds.ndim != 1 or len(bounds) % 2 or not len(bounds):
        raise InputError(f"found the box {box}, expected lower and then upper bounds", where="cover")
    low, high = bounds.reshape(2, -1)
    counts = [int(c) for c in np.broadcast_to(cells, low.shape)]
    if not np.all(np.isfinite(bounds)) or not np.all(low < high) or min(counts) < 1:
        raise InputError(f"found a box {box} of {counts} cells, expected a size and 1 or more", where="cover")
    return low, high, counts


def product(axes: list[Any]) -> Any:
    """The product of axes, or the only one."""
    return axes[0] if len(axes) == 1 else Product(tuple(axes))


def splines(box: Any, cells: int | Sequence[int], degree: int = 1, clamped: bool = True) -> Any:
    """B-splines on a `box` (a, b), (xmin, ymin, xmax, ymax), …, at first with equal gaps; degree 1: hats.

    >>> splines((0, 1), 4)([[0.125]])
    Array([[0.5, 0.5, 0. , 0. , 0. ]], ...)

    **Raises:** `InputError` for a degree below 1, or what is no box.
    """
    if degree < 1:
        raise InputError(f"found the degree {degree}, expected 1 or more", where="cover.degree")
    low, high, counts = box_of(box, cells)
    return product(
        [
            Splines(jnp.zeros(n), float(a), float(b), degree, clamped)
            for a, b, n in zip(low, high, counts, strict=True)
        ]
    )


def windows(box: Any, cells: int | Sequence[int], overlap: float = 0.5) -> Any:
    """Windows on a `box`, at first of equal size; they reach `overlap` half sizes beyond their subdomain.

    **Raises:** `InputError` for an overlap that is not above 0.05, or what is no box.
    """
    if not LEAST < overlap < 100:
        raise InputError(f"found the overlap {overlap}, expected more than {LEAST}", where="cover.overlap")
    low, high, counts = box_of(box, cells)
    raw = float(np.log(np.expm1(overlap - LEAST)))
    return product(
        [
            Windows(jnp.zeros(n), jnp.full(n, raw), float(a), float(b))
            for a, b, n in zip(low, high, counts, strict=True)
        ]
    )


def radial(box: Any, cells: int | Sequence[int], width: float = 0.5) -> Radial:
    """Gaussians about the middles of equal cells of a `box`; `width` σ as a share of the mean cell."""
    low, high, counts = box_of(box, cells)
    step = (high - low) / counts
    middles = [a + s * (np.arange(n) + 0.5) for a, s, n in zip(low, step, counts, strict=True)]
    centres = spread_out([jnp.asarray(m) for m in middles])
    return Radial(centres, jnp.full(len(centres), float(np.log(width * step.mean()))))


def softmax(inputs: int, patches: int, seed: int = 0, steep: float = 1.0) -> Softmax:
    """Gates with random slopes N(0, `steep`²) and offsets."""
    draw = np.random.default_rng(seed).normal
    return Softmax(jnp.asarray(draw(0, steep, (patches, inputs))), jnp.asarray(draw(0, steep, patches)))
