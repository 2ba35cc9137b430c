"""Where networks are trained and judged: points of a problem, drawn anew or on a rule much finer.

Points that stay where they are can be overfitted: a network lowers a sum over them without lowering the
integral (Rivera et al. 2022, Comput. Methods Appl. Mech. Eng. 393, 114710). So they are drawn anew, in a way
that stays exact for polynomials, of degree 1, 2 or 5. Whole cells are triangles, and each gets a uniform
random point with the two points that turn its barycentric coordinates, or for a higher degree is split at a
random point into three with Gauss points in each. A cut piece gets the three points that have its moments up
to degree 2 (see `nmm.manifold.quadrature`), turned about its centroid by a random angle; for degree 5 it is
triangles as well. Stretches of boundary get a point and its mirror image, or Gauss points on either side of a
random point. What a network has learned is measured on triangles of everything, four times finer.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.manifold.locate import locate
from nmm.manifold.manifold import Manifold
from nmm.manifold.mesh import cell_corners
from nmm.manifold.quadrature import segment_rule, triangle_points, triangulate
from nmm.physics.problem import Problem
from nmm.physics.values import Places
from nmm.pytrees import tree
from nmm.results.errors import energy_rule
from nmm.solve.assemble import assemble
from nmm.solve.boundary import PENALTY, held_at

JUDGED = 4
"""Into how many parts the rule that judges cuts each side of a training triangle."""

LINE, SHARES = segment_rule(2)
SEGMENT = np.stack([1 - LINE, 1 + LINE], -1) / 2, SHARES / 2
TRIANGLE = {2: (np.full((3, 3), 1 / 6) + np.eye(3) / 2, np.full(3, 1 / 3)), 5: triangle_points(3)}
"""Barycentric points and weights: on a segment, exact for degree 5, and on a triangle by degree."""

FEW = 1000
"""Up to so many triangles points may be exact for degree 5, beyond for degree 2."""


@tree()
class Samples:
    """Points (n, 2) with their manifold element, weight, region and lattice square (n,).

    On a boundary also the outward `normal` (n, 2), and where values are held the `penalty` (n,).
    """

    points: Any
    element: Any
    weight: Any
    region: Any
    square: Any
    normal: Any = None
    penalty: Any = None


@tree()
class Quadrature:
    """Samples of the domain, of each boundary term, and of the point loads (of weight 1).

    `hosts`, with Nitsche's method: the points of each Dirichlet term in the elements that give its flux.
    """

    domain: Samples
    edges: tuple[Samples, ...]
    loads: Samples
    hosts: tuple[Samples, ...] = ()


@tree()
class Strata:
    """Triangles (n, 3, 2), or stretches of boundary (n, 2, 2), with what `Samples` say of their points."""

    corners: Any
    element: Any
    region: Any
    square: Any
    normal: Any = None
    penalty: Any = None

    @property
    def sizes(self) -> Any:
        """Areas, or lengths (n,)."""
        side = self.corners[:, 1:] - self.corners[:, :1]
        if side.shape[1] == 1:
            return jnp.linalg.norm(side[:, 0], axis=-1)
        return jnp.abs(side[:, 0, 0] * side[:, 1, 1] - side[:, 0, 1] * side[:, 1, 0]) / 2

    def samples(self, places: Any, share: Any) -> Samples:
        """Points at barycentric `places` (n, q, k) with their `share` (n, q) of the size."""
        points = jnp.einsum("nqk,nkd->nqd", places, self.corners).reshape(-1, 2)
        return gathered(self, points, self.sizes[:, None] * share)

    def draw(self, key: Any, degree: int) -> Samples:
        """Random points: one for each corner, or a Gauss rule in the parts made by a random point."""
        count, corners = self.corners.shape[:2]
        draw = jax.random.exponential(key, (count, corners), self.corners.dtype)
        at = draw / draw.sum(-1, keepdims=True)
        if degree == 1:
            turned = jnp.stack([jnp.roll(at, shift, -1) for shift in range(corners)], 1)
            return self.samples(turned, jnp.full((count, corners), 1 / corners, at.dtype))
        bary, weight = SEGMENT if corners == 2 else TRIANGLE[degree]
        whole = jnp.eye(corners, dtype=at.dtype)
        vertices = jnp.stack(
            [
                jnp.where((jnp.arange(corners) == k)[None, :, None], at[:, None, :], whole)
                for k in range(corners)
            ],
            1,
        )
        places = jnp.einsum("qk,npkd->npqd", bary, vertices).reshape(count, -1, corners)
        share = at[:, :, None] * weight
        return self.samples(places, share.reshape(count, -1))

    def gauss(self, parts: int) -> Samples:
        """Gauss points in equal parts, `parts` along each side."""
        if self.corners.shape[1] == 2:
            along = ((LINE + 1) / 2 + np.arange(parts)[:, None]).ravel() / parts
            places, share = np.stack([1 - along, along], -1), np.tile(SHARES / 2, parts) / parts
        else:
            bary, weight = TRIANGLE[5]
            places = np.einsum("qk,tkc->tqc", bary, parted(parts)).reshape(-1, 3)
            share = np.tile(weight, parts**2) / parts**2
        many = len(self.corners)
        places = jnp.broadcast_to(jnp.asarray(places, self.corners.dtype), (many, *places.shape))
        return self.samples(places, jnp.broadcast_to(jnp.asarray(share, places.dtype), (many, len(share))))


@tree()
class Rings:
    """Cut pieces: the three points of `centre`, `one` and `other` axis (n, 2) may turn on their ellipse."""

    centre: Any
    one: Any
    other: Any
    area: Any
    element: Any
    region: Any
    square: Any
    normal: Any = None
    penalty: Any = None

    def draw(self, key: Any) -> Samples:
        """Three points on the ellipse of each, turned by a random angle."""
        turn = 2 * jnp.pi * jax.random.uniform(key, (len(self.area), 1), self.area.dtype)
        angle = (turn + 2 * jnp.pi / 3 * jnp.arange(3))[..., None]
        ring = jnp.cos(angle) * self.one[:, None] + jnp.sin(angle) * self.other[:, None]
        points = (self.centre[:, None] + ring).reshape(-1, 2)
        return gathered(self, points, jnp.repeat(self.area[:, None] / 3, 3, 1))


@tree("degree")
class Ground:
    """Where a problem is trained and judged.

    `whole` cells as triangles; cut `pieces`, and their triangles `cut`; the stretches of each boundary term;
    point loads. `degree`: of the polynomials that are integrated exactly. `hosts`: the stretches of Dirichlet
    terms, for Nitsche's method, by the number of the term.
    """

    whole: Strata
    pieces: Rings
    cut: Strata
    edges: tuple[Strata, ...]
    loads: Samples
    degree: int = 1
    hosts: dict[int, Strata] = field(default_factory=dict)

    def draw(self, key: Any) -> Quadrature:
        """Random points of the domain and of its boundary."""
        first, second, *rest = jax.random.split(key, 2 + len(self.edges))
        cut = self.cut.draw(second, self.degree) if self.degree > 2 else self.pieces.draw(second)
        domain = joined(self.whole.draw(first, self.degree), cut)
        edges = tuple(edge.draw(k, self.degree) for edge, k in zip(self.edges, rest, strict=True))
        hosts = tuple(host.draw(rest[number], self.degree) for number, host in self.hosts.items())
        return Quadrature(domain, edges, self.loads, hosts)

    def gauss(self, parts: int = JUDGED) -> Quadrature:
        """The rule that judges."""
        domain = joined(self.whole.gauss(parts), self.cut.gauss(parts))
        edges = tuple(edge.gauss(parts) for edge in self.edges)
        return Quadrature(domain, edges, self.loads, tuple(host.gauss(parts) for host in self.hosts.values()))


def gathered(strata: Any, points: Any, weight: Any) -> Samples:
    """Samples of strata (n,) at points (n q, 2) with weights (n, q)."""

    def spread(a):
        return None if a is None else jnp.repeat(a, weight.shape[1], axis=0)

    names = ("region", "square", "normal", "penalty")
    more = [spread(getattr(strata, name)) for name in names]
    return Samples(points, spread(strata.element), weight.ravel(), *more)


def joined(one: Samples, two: Samples) -> Samples:
    """Samples of the domain, one after the other."""
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), one, two)


def parted(parts: int) -> np.ndarray:
    """Barycentric corners (parts², 3, 3) of the equal parts of a triangle."""
    i, j = (a.ravel() for a in np.meshgrid(np.arange(parts), np.arange(parts)))
    up = np.stack([np.stack([i + a, j + b], -1) for a, b in ((0, 0), (1, 0), (0, 1))], 1)
    down = np.stack([np.stack([i + a, j + b], -1) for a, b in ((1, 1), (0, 1), (1, 0))], 1)
    corners = np.concatenate([up[i + j < parts], down[i + j < parts - 1]]) / parts
    return np.concatenate([1 - corners.sum(-1, keepdims=True), corners], -1)


def places(problem: Problem, samples: Samples) -> Places:
    """Where values are evaluated, traceable."""
    manifold = problem.manifold
    return Places(
        points=samples.points,
        region=samples.region,
        square=samples.square,
        regions=tuple(name for name, _ in manifold.geometry.regions),
        box=manifold.box,
        shape=(manifold.ny, manifold.nx),
        normal=samples.normal,
    )


def quadrature(problem: Problem, params: Mapping[str, Any], nitsche: bool = False) -> Quadrature:
    """The points in which nmm integrates a problem."""
    manifold = problem.manifold
    element, xi, weight = energy_rule(manifold, problem.fine)
    points = manifold.user_points(manifold.element_cells()[element], xi)
    edges, hosts = [], []
    for term, edge, penalty in zip(
        problem.terms, problem.edges, penalties(problem, params, nitsche), strict=True
    ):
        on = len(manifold.whole_list) + edge.piece
        edges.append(Samples(edge.points, on, edge.weight, *labels(manifold, on), edge.normal, penalty))
        if nitsche and term.dirichlet:
            hosts.append(Samples(edge.points, edge.host, edge.weight, *labels(manifold, edge.host)))
    domain = Samples(points, element, weight, *labels(manifold, element))
    return Quadrature(domain, tuple(edges), point_loads(problem), tuple(hosts))


def ground(problem: Problem, params: Mapping[str, Any], degree: int = 1, nitsche: bool = False) -> Ground:
    """Where a problem is trained and judged, made once on the host."""
    manifold = problem.manifold
    edges, hosts = [], {}
    for number, penalty in enumerate(penalties(problem, params, nitsche)):
        ends, which = stretches(problem, number)
        edge = problem.edges[number]
        first = which[:, 0]
        on = len(manifold.whole_list) + edge.piece[first]
        penalty = None if penalty is None else penalty[which].max(1)
        edges.append(Strata(ends, on, *labels(manifold, on), edge.normal[first], penalty))
        if nitsche and problem.terms[number].dirichlet:
            hosts[number] = Strata(ends, edge.host[first], *labels(manifold, edge.host[first]))
    whole, pieces, cut = domain_strata(manifold)
    if len(whole.corners) + len(cut.corners) > FEW:
        degree = min(degree, 2)
    made = Ground(whole, pieces, cut, tuple(edges), point_loads(problem), degree, hosts)
    return jax.tree.map(jnp.asarray, made)


def domain_strata(manifold: Manifold) -> tuple[Strata, Rings, Strata]:
    """Triangles of the whole cells; the cut pieces; their triangles."""
    cells, whole = manifold.element_cells(), len(manifold.whole_list)
    corners = cell_corners(manifold.grid, cells[:whole])
    fan = np.stack([corners[:, [0, i, i + 1]] for i in range(1, corners.shape[1] - 1)], 1)
    within, owner = triangulate(manifold.host.polygons)
    pieces = np.arange(whole, len(cells))

    def strata(local, element):
        return Strata(placed(manifold, element, local), element, *labels(manifold, element))

    three = placed(manifold, pieces, manifold.piece_points[: manifold.pieces])
    first, second, third = np.moveaxis(three, 1, 0)
    centre = (first + second + third) / 3
    rings = Rings(
        centre,
        first - centre,
        (second - third) / np.sqrt(3),
        manifold.element_areas()[whole:],
        pieces,
        *labels(manifold, pieces),
    )
    many = fan.shape[1]
    return (
        strata(fan.reshape(-1, 3, 2), np.repeat(np.arange(whole), many)),
        rings,
        strata(within, whole + owner),
    )


def placed(manifold: Manifold, element: np.ndarray, local: np.ndarray) -> np.ndarray:
    """Points (n, 3, 2) in the squares of elements (n,) in the user's coordinates."""
    cells = np.repeat(manifold.element_cells()[element], 3)
    return manifold.user_points(cells, local.reshape(-1, 2)).reshape(-1, 3, 2)


def labels(manifold: Manifold, element: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Region and lattice square (n,) of elements."""
    families = manifold.grid.families - 1
    return manifold.element_regions()[element], manifold.element_cells()[element] // families


def stretches(problem: Problem, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Ends (n, 2, 2) of the straight stretches of a boundary term, and the Gauss points (n, q) on each."""
    nodes, _ = segment_rule(problem.manifold.functions.total)
    which = np.arange(len(problem.edges[number].piece)).reshape(-1, len(nodes))
    points = problem.edges[number].points[which]
    slope = (points[:, -1] - points[:, 0]) / (nodes[-1] - nodes[0])
    first = points[:, 0] - (nodes[0] + 1) * slope
    return np.stack([first, first + 2 * slope], 1), which


def penalties(problem: Problem, params: Mapping[str, Any], nitsche: bool) -> list[np.ndarray | None]:
    """β (n,) at the points of each Dirichlet term: Nitsche's, or that of `dirichlet="penalty"`."""
    pairs = list(zip(problem.terms, problem.edges, strict=True))
    if nitsche and any(term.dirichlet for term in problem.terms):
        beta = assemble(replace(problem, dirichlet="nitsche"), params).beta
        return [beta[edge.host] if term.dirichlet else None for term, edge in pairs]
    h = problem.manifold.grid.h
    return [
        PENALTY * held_at(problem, term, edge, params).stiffness / h if term.dirichlet else None
        for term, edge in pairs
    ]


def point_loads(problem: Problem) -> Samples:
    """The points of concentrated forces, with weight 1."""
    manifold = problem.manifold
    points = np.array([load.at for load in problem.point_loads]).reshape(-1, 2)
    element = locate(manifold, points)[0] if len(points) else np.zeros(0, int)
    return Samples(points, element, np.ones(len(points)), *labels(manifold, element))
