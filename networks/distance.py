"""How near a point is to a curve, as a smooth function that vanishes on the curve and only there.

ψ(x) = ∫ ds / |x − y|² over the curve, and φ = π / ψ: with slope 1 where the curve is smooth, and smooth
everywhere else (an L_p distance field with p = 1; Belyaev, Fayolle and Pasko 2013, Comput.-Aided Des. 45,
523-528). ψ adds up over the parts of a curve, and is elementary on segments and on arcs.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from networks.sampling import stretches
from nmm.physics.problem import Problem, boundary_facets
from nmm.pytrees import tree

BENT = 0.2
"""Chords that turn by more than this angle are a polygon, not an arc."""

CHORDS = 6
"""Fewer chords than this are no arc."""

SAME = 1e-6
"""Points nearer to each other than this share of a length are one; smaller angles are straight."""

BEYOND = 0.1
"""How far beyond the ends of a segment values are looked up, as a share of its length."""

OFF_ARC = 1e-2
"""The same, where the vertices of chords lie a little off their arc for covers of a higher degree."""


@tree()
class Curves:
    """Segments with `ends` (s, 2, 2), and arcs: `centre` (a, 2), `radius` (a,), `start` and `sweep` (a,).

    The domain lies to the left of a segment; `inside` (a,) says whether it lies on the arc's inner side.
    """

    ends: jax.Array
    centre: jax.Array
    radius: jax.Array
    start: jax.Array
    sweep: jax.Array
    inside: jax.Array

    @property
    def parts(self) -> int:
        """Number of segments and arcs."""
        return len(self.ends) + len(self.radius)

    def nearness(self, x: jax.Array) -> jax.Array:
        """ψ (n, parts) of each part at points (n, 2)."""
        return jnp.concatenate([near_segments(self, x), near_arcs(self, x)], 1)

    def feet(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Points (n, parts, 2) of each part, or of its circle, beside points (n, 2); normals there.

        Beside the ends of a segment they stay near it, and go there smoothly.
        """
        first, along = self.ends[:, 0], self.ends[:, 1] - self.ends[:, 0]
        length = jnp.linalg.norm(along, axis=-1)
        share = jnp.einsum("nsd,sd->ns", x[:, None] - first, along) / length**2
        beyond = share - jnp.clip(share, 0.0, 1.0)
        share = share - beyond + BEYOND * jnp.tanh(beyond / BEYOND)
        on_lines = first + share[..., None] * along
        outward = jnp.stack([along[:, 1], -along[:, 0]], -1) / length[:, None]
        away = x[:, None] - self.centre
        ray = away / jnp.maximum(jnp.linalg.norm(away, axis=-1, keepdims=True), 1e-12)
        on_circles = self.centre + self.radius[:, None] * ray
        turned = jnp.where(self.inside[:, None], ray, -ray)
        normals = jnp.broadcast_to(outward, on_lines.shape)
        return jnp.concatenate([on_lines, on_circles], 1), jnp.concatenate([normals, turned], 1)

    def reach(self, x: jax.Array) -> jax.Array:
        """How much of the value at the nearest point is meant at points (n, 2): (n, parts) from 0 to 1.

        The nearest point on a circle is not defined in its centre, so that inside of circles it fades.
        """
        r = jnp.sqrt(jnp.sum((x[:, None] - self.centre) ** 2, -1) + 1e-30) / self.radius
        t = jnp.clip((r - 0.2) / 0.8, 0, 1)
        faded = jnp.where(self.inside, t**3 * (10 - 15 * t + 6 * t**2), 1.0)
        return jnp.concatenate([jnp.ones((len(x), len(self.ends)), x.dtype), faded], 1)


def arcless(curves: Curves) -> Curves:
    """The segments alone."""
    none = curves.radius[:0]
    return Curves(curves.ends, curves.centre[:0], none, none, none, curves.inside[:0])


def near_segments(curves: Curves, x: jax.Array) -> jax.Array:
    """ψ (n, s): the angle under which a segment is seen, over the distance from its line."""
    a, b = (curves.ends[:, i] - x[:, None] for i in (0, 1))
    length = jnp.linalg.norm(curves.ends[:, 1] - curves.ends[:, 0], axis=-1)
    cross, dot = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], jnp.sum(a * b, -1)
    least = jnp.finfo(x.dtype).eps * length**2
    ahead = dot > 0
    t = jnp.where(ahead, cross / jnp.where(ahead, dot, 1.0), 0.0)
    flat = t * t < 1e-4
    some = jnp.where(flat, 1.0, jnp.abs(t))
    series = 1 - t**2 * (1 / 3 - t**2 * (1 / 5 - t**2 * (1 / 7 - t**2 / 9)))
    beyond = length / jnp.where(ahead, dot, 1.0) * jnp.where(flat, series, jnp.arctan(some) / some)
    off = jnp.where(ahead, length**2, jnp.maximum(jnp.abs(cross), least))
    beside = length / off * (jnp.pi / 2 + jnp.arctan(jnp.where(ahead, 0.0, -dot) / off))
    return jnp.where(ahead, beyond, beside)


def near_arcs(curves: Curves, x: jax.Array) -> jax.Array:
    """ψ (n, a) by the integral of the Poisson kernel over an arc."""
    away, big = x[:, None] - curves.centre, curves.radius
    square = jnp.sum(away**2, -1)
    inner = square < big**2

    def turned(angle):
        """arctan(m sin t / (M − m cos t)): radii m < M of point and circle, t the angle from the point."""
        ray = jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
        along = jnp.sum(away * ray, -1)
        across = away[..., 0] * ray[:, 1] - away[..., 1] * ray[:, 0]
        within = jnp.arctan2(across, big - along)
        outside = jnp.arctan2(big * across, jnp.where(inner, big**2, square - big * along))
        return jnp.where(inner, within, outside)

    angle = curves.sweep / 2 + turned(curves.start + curves.sweep) - turned(curves.start)
    off = jnp.maximum(jnp.abs(square - big**2), jnp.finfo(x.dtype).eps * big**2)
    return 2 * big / off * jnp.abs(angle)


def curves_of(problem: Problem, number: int) -> Curves:
    """The curves on which a boundary term holds, chords of circles put together again."""
    ends = straight_parts(problem, number)
    arcs, single = found_arcs(ends)
    centre, radius, start, sweep = arcs
    return Curves(*map(jnp.asarray, (ends[single], centre, radius, start, sweep, sweep > 0)))


def straight_parts(problem: Problem, number: int) -> np.ndarray:
    """Ends (n, 2, 2) of the straight parts that a term selects, put together over the cells."""
    ends, which = stretches(problem, number)
    facets = boundary_facets(problem.manifold)
    straight: Any = facets.straight
    lines = straight[problem.edges[number].number[which[:, 0]]]
    lines, owner = np.unique(lines.reshape(-1, 4), axis=0, return_inverse=True)
    first, along = lines[:, None, :2][owner], (lines[:, 2:] - lines[:, :2])[owner]
    share = np.einsum("nkd,nd->nk", ends - first, along) / np.sum(along**2, -1)[:, None]
    near = OFF_ARC if len(problem.manifold.geometry.arcs[0]) else SAME
    share = np.where(np.abs(share) < near, 0.0, np.where(np.abs(share - 1) < near, 1.0, share))
    order = np.lexsort((share[:, 0], owner))
    owner, share = owner[order], share[order]
    new = np.append(True, (np.diff(owner) > 0) | (share[1:, 0] - share[:-1, 1] > SAME))
    low, high = share[new, 0], share[np.append(np.flatnonzero(new)[1:] - 1, len(new) - 1), 1]
    corner, side = lines[owner[new], :2], (lines[:, 2:] - lines[:, :2])[owner[new]]
    return np.stack([corner + low[:, None] * side, corner + high[:, None] * side], 1)


def found_arcs(ends: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Centre (a, 2), radius, start and sweep (a,) of the arcs in directed segments (n, 2, 2); the rest.

    Two chords that follow each other have a circle through their three points; a run of chords that share
    it is an arc.
    """
    count = len(ends)
    found: Any = KDTree(ends[:, 0]).query(ends[:, 1])
    away, following = found
    size = np.ptp(ends.reshape(-1, 2), axis=0).max()
    a, b, c = ends[:, 0], ends[:, 1], ends[following, 1]
    centre = circumcentres(a, b, c)
    one, two = b - a, c - b
    cross = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    turn = np.arctan2(cross, np.sum(one * two, -1))
    bends = (away < SAME * size) & (np.abs(turn) < BENT) & (np.abs(turn) > SAME)
    radius = np.linalg.norm(a - centre, axis=-1)
    apart = np.linalg.norm(centre - centre[following], axis=-1)
    joined = bends & bends[following] & (apart < 1e-5 * radius) & (turn * turn[following] > 0)
    pairs = np.flatnonzero(joined)
    graph = coo_array((np.ones(len(pairs)), (pairs, following[pairs])), shape=(count, count))
    runs, run = connected_components(graph, directed=False)
    used, arcs = np.zeros(count, bool), []
    long = np.bincount(run, minlength=runs) >= CHORDS - 1
    for number in np.flatnonzero(long):
        bend = np.flatnonzero(run == number)
        members = np.unique(np.append(bend, following[bend]))
        starts = np.setdiff1d(members, following[members])
        first = int(starts[0] if len(starts) else members[0])
        middle, big = centre[bend].mean(0), radius[bend].mean()
        chords = np.linalg.norm(ends[members, 1] - ends[members, 0], axis=-1)
        ray = np.asarray(ends[first, 0] - middle)
        sweep = np.sign(turn[bend[0]]) * 2 * np.arcsin(np.minimum(chords / (2 * big), 1)).sum()
        arcs.append((*middle, big, np.arctan2(ray[1], ray[0]), sweep))
        used[members] = True
    columns = np.array(arcs).reshape(-1, 5)
    return (columns[:, :2], *columns[:, 2:].T), ~used


def circumcentres(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Centres (n, 2) of the circles through three points; far away where these are on a line."""
    u, v = b - a, c - a
    cross = 2 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    cross = np.where(np.abs(cross) < 1e-300, 1e-300, cross)
    square_u, square_v = np.sum(u * u, -1), np.sum(v * v, -1)
    x = (square_u * v[:, 1] - square_v * u[:, 1]) / cross
    y = (square_v * u[:, 0] - square_u * v[:, 0]) / cross
    return a + np.stack([x, y], -1)
