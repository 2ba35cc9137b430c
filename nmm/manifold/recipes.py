"""Recipes: where the vertices of a cut lie as a function of the domain's vertices, at fixed topology.

Every vertex of a piece is a lattice node, a vertex of the domain, or the crossing of an edge of the domain
with a lattice line. Moments, quadrature points and facets follow, and with them everything that is solved:
shape derivatives are exact for the discrete solution.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.capacity import Room, padded
from nmm.errors import GeometryError
from nmm.manifold.manifold import Manifold
from nmm.manifold.mesh import piece_triangles
from nmm.manifold.quadrature import edge_moments, triangle_points
from nmm.manifold.splitting import coordinate, snap_to_lines
from nmm.pytrees import tree

NOWHERE = 2**24
"""Number of what is not there: far beyond every array's end, where JAX drops what is written."""
LEAVE = 1e-9
"""By how much of a cell a vertex may leave it, and how much of a piece the triangulation may miss."""


@tree()
class Recipes:
    """How the vertices of a cut follow those of the domain, `start` (nv, 2) in the cut.

    Vertices of the arrangement: `base` (n, 2), the place in the cut; `free` (n,), whether it moves; `ends`
    (n, 2), the ends of the domain's edge that it lies on; `normal` (n, 2) and `offset` (n,), the lattice line
    that it lies on too, zero for a vertex of the domain. Pieces: `sides` (m, 2) are their half-edges and
    `owner` (m,) the piece on the left of each; a vertex `anchor` (pieces,) and the square's `corner`
    (pieces, 2) of each; `rows` (pieces,) their numbers; `slant` (pieces,) is 1 below the diagonal of a
    square that has one, -1 above, else 0.
    `triangles` (k, 3) belong to the pieces `triangle_piece` (k,), and `kept` (k,) are their numbers; `facets`
    (f, 2) belong to the pieces `facet_piece`, `seams` (s, 2) to the two pieces `seam_pieces`. Lattice units
    are (x - `origin`) @ `turn`.

    All of them are padded: vertices and facets with copies of the first, pieces with empty ones; rows of
    rules that stand for nothing are beyond the last, to be dropped.
    """

    start: Any
    origin: Any
    turn: Any
    base: Any
    free: Any
    ends: Any
    normal: Any
    offset: Any
    sides: Any
    owner: Any
    anchor: Any
    corner: Any
    rows: Any
    slant: Any
    triangles: Any
    triangle_piece: Any
    kept: Any
    facets: Any
    facet_piece: Any
    seams: Any
    seam_pieces: Any

    def filled(self, vertices) -> jax.Array:
        """The domain's vertices (nv, 2) up to the capacity of `start`, with copies of the first."""
        more = len(self.start) - len(vertices)
        return jnp.concatenate([vertices, jnp.broadcast_to(vertices[:1], (more, 2))])

    def place(self, vertices) -> jax.Array:
        """Vertices (n, 2) of the arrangement in lattice units, for vertices (nv, 2) of the domain."""
        return self.base + self._followed(vertices) - self._followed(self.start)

    def _followed(self, vertices):
        units = (jnp.asarray(vertices) - self.origin) @ self.turn
        a, b = units[self.ends[:, 0]], units[self.ends[:, 1]]
        along = jnp.sum(self.normal * (b - a), 1)
        crosses = along != 0
        way = (self.offset - jnp.sum(self.normal * a, 1)) / jnp.where(crosses, along, 1.0)
        point = a + jnp.where(crosses, way, 0.0)[:, None] * (b - a)
        return jnp.where(self.free[:, None], point, 0.0)

    def fits(self, place) -> jax.Array:
        """Whether the topology holds: no vertex leaves its cell, and no piece turns over."""
        real = self.rows[self.owner] < NOWHERE
        inside = place[self.sides[:, 0]] - self.corner[self.owner]
        inside = jnp.where(real[:, None], inside, 0.5)
        beyond = jnp.max(jnp.maximum(-inside, inside - 1), initial=0.0)
        across = jnp.max(self.slant[self.owner] * (inside[:, 1] - inside[:, 0]), initial=0.0)
        smallest = jnp.min(self.moments(place)[:, 0], initial=0.0)
        return jnp.maximum(jnp.maximum(beyond, across), -smallest) <= LEAVE

    def moments(self, place) -> jax.Array:
        """∫ 1, x, y, x², xy, y² (pieces, 6) about the anchor of each piece; see `quadrature.moments`."""
        origin = place[self.anchor][self.owner]
        terms = edge_moments(place[self.sides[:, 0]] - origin, place[self.sides[:, 1]] - origin)
        return jax.ops.segment_sum(jnp.stack(terms, -1), self.owner, len(self.anchor))

    def rule(self, place, gauss: int) -> tuple[Any, jax.Array, jax.Array]:
        """Rows of `rules.piece_rule` that move, their points (n, 2) and weights (n,) in lattice units.

        They are Gauss points for functions of the degree `gauss`, or simplex integration where that is 0.
        """
        if not gauss:
            return ((self.rows[:, None] * 3 + np.arange(3)).ravel(), *self.simplex_rule(place))
        count = len(triangle_points(gauss)[1])
        return ((self.kept[:, None] * count + np.arange(count)).ravel(), *self.gauss_rule(place, gauss))

    def simplex_rule(self, place) -> tuple[jax.Array, jax.Array]:
        """Three points a piece (3 pieces, 2) with weights, exact for degree 2; see `quadrature.three_points`.

        The square root of the covariance is the triangular one, which is smooth where eigenvalues meet.
        """
        moment = self.moments(place)
        area = moment[:, 0]
        real = area > 1e-25
        moment = jnp.where(real[:, None], moment, jnp.array([1.0, 0, 0, 1, 0, 1]))
        x, y, xx, xy, yy = moment[:, 1:].T / moment[:, 0]
        a = jnp.sqrt(jnp.maximum(xx - x * x, 1e-60))
        b = (xy - x * y) / a
        c = jnp.sqrt(jnp.maximum(yy - y * y - b * b, 1e-60))
        turn = np.deg2rad([90.0, 210.0, 330.0])
        u, v = np.sqrt(2) * np.cos(turn), np.sqrt(2) * np.sin(turn)
        offset = jnp.stack([x[:, None] + a[:, None] * u, y[:, None] + b[:, None] * u + c[:, None] * v], -1)
        offset = jnp.where(real[:, None, None], offset, 0.0)
        points = (place[self.anchor] - self.corner)[:, None] + offset
        return points.reshape(-1, 2), jnp.repeat(area / 3, 3)

    def gauss_rule(self, place, degree: int) -> tuple[jax.Array, jax.Array]:
        """Gauss points and weights on the triangles of the pieces; see `mesh.piece_rule`."""
        bary, weight = triangle_points(degree)
        corners = place[self.triangles] - self.corner[self.triangle_piece][:, None]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        double = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        points = jnp.einsum("qk,nkd->nqd", bary, corners)
        return points.reshape(-1, 2), (jnp.abs(double)[:, None] / 2 * weight).ravel()

    def facet_ends(self, place) -> jax.Array:
        """Ends (f, 2, 2) of the facets in the squares of their pieces."""
        return place[self.facets] - self.corner[self.facet_piece][:, None]

    def seam_ends(self, place, side: int) -> jax.Array:
        """Ends (s, 2, 2) of the seams in the squares of the pieces on one side."""
        return place[self.seams] - self.corner[self.seam_pieces[:, side]][:, None]


def recipes_of(manifold: Manifold) -> Recipes:
    """The recipes of a cut, made once on the host.

    **Raises:** `GeometryError` where the triangulation of a piece has corners of its own.
    """
    return manifold.cached("recipes", lambda: make_recipes(manifold))


def make_recipes(manifold: Manifold) -> Recipes:
    """What `recipes_of` keeps."""
    cut, grid = manifold.host.arrangement, manifold.grid
    sides = np.stack([cut.tail[cut.loops], cut.head[cut.loops]], -1)
    owner = np.repeat(cut.loop_piece, np.diff(cut.offsets))
    corner = grid.corner(cut.piece_cell)
    slant = np.zeros(len(corner)) if grid.shape == "quad" else np.where(cut.piece_cell % 2 == 0, 1.0, -1.0)
    triangles, piece, kept = triangle_vertices(manifold, sides[:, 0], owner)
    half = facet_half_edges(manifold)
    free, ends, normal, offset = sources(manifold)
    anchor = sides[np.searchsorted(owner, np.arange(len(corner))), 0]
    room = partial(into, manifold.room, "recipes")
    seams, count = manifold.host.seams, len(corner)
    return Recipes(
        start=room("domain's vertices", manifold.vertices, manifold.vertices[0]),
        origin=grid.origin + grid.shift,
        turn=grid.rotation / grid.h,
        base=room("vertices", cut.vertices, 0.0),
        free=room("vertices", free, False),
        ends=room("vertices", ends, 0),
        normal=room("vertices", normal, 0.0),
        offset=room("vertices", offset, 0.0),
        sides=room("sides", sides, 0),
        owner=room("sides", owner, count),
        anchor=room("pieces", anchor, 0),
        corner=room("pieces", corner, 0.0),
        rows=room("pieces", np.arange(count), NOWHERE),
        slant=room("pieces", slant, 0.0),
        triangles=room("triangles", triangles, 0),
        triangle_piece=room("triangles", piece, 0),
        kept=room("triangles", kept, NOWHERE),
        facets=room("facets", np.stack([cut.tail[half], cut.head[half]], -1), 0),
        facet_piece=room("facets", cut.piece[half], 0),
        seams=room("seams", seams.vertices, 0),
        seam_pieces=room("seams", seams.pieces, 0),
    )


def into(room: Room, of: str, name: str, array: np.ndarray, value) -> np.ndarray:
    """`array` with at least one more row of `value`, up to the capacity of what is called `name`."""
    return padded(array, room(f"{name} of {of}", len(array) + 1), value)


def sources(manifold: Manifold):
    """Which vertices move, the domain's edge that each lies on, and the lattice line (normal, offset).

    A vertex where an edge meets several lattice lines follows the one that it crosses most steeply.
    """
    cut, grid, geometry = manifold.host.arrangement, manifold.grid, manifold.geometry
    points = snap_to_lines(grid.to_units(geometry.vertices), grid)
    segments = np.concatenate([geometry.boundary, geometry.cracks, geometry.interfaces]).astype(np.int64)
    n = len(cut.vertices)
    ends = np.zeros((n, 2), np.int64)
    free = np.zeros(n, bool)
    on = cut.segment >= 0
    for vertex in (cut.tail[on], cut.head[on]):
        ends[vertex] = segments[cut.segment[on]]
        free[vertex] = True
    directions = points[ends[:, 1]] - points[ends[:, 0]]
    lines = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])[: grid.families]
    value = np.stack([coordinate(cut.vertices, f) for f in range(grid.families)], -1)
    meets = np.abs(value - np.round(value)) <= 2 * grid.tolerance
    steep = np.where(meets, np.abs(directions @ lines.T), -1.0)
    family = steep.argmax(1)
    normal, offset = lines[family], np.round(value[np.arange(n), family])
    number = {point: i for i, point in reversed(list(enumerate(map(tuple, points.tolist()))))}
    own = np.array([number.get(p, -1) for p in map(tuple, cut.vertices.tolist())])
    known = own >= 0
    free |= known
    ends[known] = own[known, None]
    normal[known] = offset[known] = 0.0
    normal[~free] = 0.0
    return free, ends, normal, offset


def facet_half_edges(manifold: Manifold) -> np.ndarray:
    """Half-edge of each facet, in the order of `cut.make_facets`."""
    cut = manifold.host.arrangement
    half = np.flatnonzero((cut.segment >= 0) & (cut.piece >= 0))
    ends = cut.vertices[cut.tail[half]] - manifold.grid.corner(cut.piece_cell[cut.piece[half]])
    crack_or_boundary = cut.kind[cut.segment[half]] < 2
    half, ends = half[crack_or_boundary], ends[crack_or_boundary]
    assert np.array_equal(ends, manifold.facet_ends[: len(half), 0])
    return half


def triangle_vertices(manifold: Manifold, vertex, piece):
    """Triangles (k, 3) of the pieces as vertices of the arrangement, the piece and the number of each."""
    cut = manifold.host.arrangement
    corners, owner = piece_triangles(manifold)
    cutting = owner < len(cut.piece_cell)
    corners, owner = corners[cutting], owner[cutting]
    place = cut.vertices[vertex] - manifold.grid.corner(cut.piece_cell[piece])
    have = np.concatenate([piece[:, None], place], 1)
    want = np.concatenate([np.repeat(owner, 3)[:, None], corners.reshape(-1, 2)], 1)
    _, number = np.unique(np.concatenate([have, want]), axis=0, return_inverse=True)
    number = number.ravel()
    at = np.full(number.max(initial=-1) + 1, -1)
    at[number[: len(have)]] = vertex
    found = at[number[len(have) :]].reshape(-1, 3)
    lost = (found < 0).any(1)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    if (area[lost] > LEAVE).any():
        x, y = manifold.user_points(cut.piece_cell[owner[lost][:1]], corners[lost][:1, 0])[0]
        raise GeometryError(
            f"the piece at ({x:.6g}, {y:.6g}) is degenerate and has no recipe",
            hint="another origin or angle of the cover may avoid it",
        )
    return found[~lost], owner[~lost], np.flatnonzero(~lost)
