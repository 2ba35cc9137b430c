"""Shape derivatives: the arrays of a problem as a function of the domain's vertices, on a fixed cover.

The topology of the cut, its patches and hosts stay; positions, weights and normals of all quadrature points
follow the vertices by `manifold.recipes`.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.manifold.manifold import Manifold
from nmm.manifold.recipes import NOWHERE, Recipes, into, recipes_of
from nmm.manifold.rules import piece_rule, simplex
from nmm.physics.edges import Edge
from nmm.physics.problem import Problem
from nmm.pytrees import tree
from nmm.solve.discretise import Discretisation
from nmm.solve.held import free_parts
from nmm.solve.seams import NAME as SEAMS
from nmm.solve.seams import in_blocks

Where = tuple[Any, Any, Any, Any]


@tree()
class Shape:
    """What moves: the recipes and, for each boundary term and for the seams, which points lie where.

    Their rows, facet or seam, fraction along it and share of its length. `hosted` are the rows of the rule of
    the pieces that come first in the rule of the hosts, `firsts` the rows there. Rows of padding are beyond
    the last.
    """

    recipes: Recipes
    points: tuple[Where, ...]
    seams: Where | None
    hosted: Any
    firsts: Any


def shape_of(problem: Problem) -> Shape:
    """What moves with the vertices, found once on the host.

    **Raises:** `InputError` for enriched crack tips and for parts that nothing holds.
    """
    return problem.manifold.cached(("shape", problem), lambda: make_shape(problem))


def make_shape(problem: Problem) -> Shape:
    """What `shape_of` keeps."""
    manifold = problem.manifold
    if manifold.host.tips is not None:
        raise InputError(
            "enriched crack tips do not follow traced vertices; plain ones are expected",
            where="manifold.move",
            hint="for the derivative with respect to a tip there is nmm.energy_release",
        )
    if free_parts(problem):
        raise InputError(
            "with traced vertices every part of the domain must be held",
            where="manifold.move",
            hint="hold it somewhere: its free motion has no derivative",
        )
    pairs = list(zip(problem.terms, problem.edges, strict=True))
    held = [edge.host for term, edge in pairs if term.dirichlet]
    hosts = np.concatenate([*held, *(edge.host for edge in problem.seams.sides)]) - len(manifold.whole_list)
    hosted = np.flatnonzero(np.isin(piece_rule(manifold, problem.fine).element, hosts))
    points = [where(manifold, term.name, edge, np.arange(len(edge.number))) for term, edge in pairs]
    first, second = problem.seams.sides
    seams = None
    if len(first.number) or f"pairs of level 0, {SEAMS}" in manifold.room.taken:
        _, pair = np.unique(first.piece * (manifold.pieces + 1) + second.piece, return_inverse=True)
        seams = where(manifold, SEAMS, first, in_blocks(pair)[0])
    name = ", ".join(term.name for term in problem.terms if term.dirichlet)
    room = partial(into, manifold.room, name, "moving points of hosts")
    firsts = room(np.arange(len(hosted)), NOWHERE)
    return Shape(recipes_of(manifold), tuple(points), seams, room(hosted, 0), firsts)


def where(manifold: Manifold, name: str, edge: Edge, rows: np.ndarray) -> Where:
    """Where the points of an edge lie, which stand in the given rows; padded."""
    room = partial(into, manifold.room, name, "moving points")
    return room(rows, NOWHERE), room(edge.number, 0), room(edge.along, 0.5), room(edge.share, 0.0)


def carried(
    shape: Shape, arrays: Discretisation, vertices: jax.Array, gauss: int
) -> tuple[Discretisation, jax.Array]:
    """The arrays with the domain's vertices elsewhere, and whether the topology of the cut still holds.

    `gauss` as in `Recipes.rule`.
    """
    return _carried(shape, arrays, shape.recipes.filled(vertices), gauss)


def gauss_of(problem: Problem) -> int:
    """Degree of the functions that the pieces have Gauss points for; 0 for simplex integration."""
    return 0 if simplex(problem.manifold, problem.fine) else problem.manifold.functions.total


@partial(jax.jit, static_argnums=3)
def _carried(shape: Shape, arrays: Discretisation, vertices: jax.Array, gauss: int):
    recipes = shape.recipes
    place = recipes.place(vertices)
    frame = jnp.asarray(arrays.frame)
    h = jnp.sqrt(jnp.abs(jnp.linalg.det(frame)))
    rows, xi, weight = recipes.rule(place, gauss)
    pieces = replace(
        arrays.pieces,
        xi=jnp.asarray(arrays.pieces.xi).at[rows].set(xi),
        weight=jnp.asarray(arrays.pieces.weight).at[rows].set(weight * h**2),
    )
    hosts = arrays.hosts.rule
    hosts = replace(
        hosts,
        xi=jnp.asarray(hosts.xi).at[shape.firsts].set(pieces.xi[shape.hosted]),
        weight=jnp.asarray(hosts.weight).at[shape.firsts].set(pieces.weight[shape.hosted]),
    )
    ends = recipes.facet_ends(place)
    terms = tuple(
        along_stretches(term, ends, points, frame, h)
        for term, points in zip(arrays.terms, shape.points, strict=True)
    )
    seams = arrays.seams
    if seams is not None and shape.seams is not None:
        sides = [
            along_stretches(side, recipes.seam_ends(place, i), shape.seams, frame, h)
            for i, side in enumerate(seams.sides)
        ]
        seams = replace(seams, sides=tuple(sides))
    start = jnp.asarray(recipes.start)
    grown = [vertices.min(0) - start.min(0), vertices.max(0) - start.max(0)]
    moved = replace(
        arrays,
        pieces=pieces,
        hosts=replace(arrays.hosts, rule=hosts),
        terms=terms,
        seams=seams,
        box=jnp.asarray(arrays.box) + jnp.concatenate(grown),
    )
    return moved, recipes.fits(place)


def along_stretches(term, ends, points: Where, frame, h):
    """A boundary term, or a side of the seams, with its points on stretches with `ends` (n, 2, 2)."""
    rows, number, along, share = (jnp.asarray(a) for a in points)
    start, chord = ends[number, 0], ends[number, 1] - ends[number, 0]
    length = jnp.linalg.norm(chord, axis=1)
    xi = start + along[:, None] * chord
    normal = jnp.stack([chord[:, 1], -chord[:, 0]], -1) / length[:, None] @ (frame / h).T
    by = xi - jnp.asarray(term.here.xi)[rows]
    weight = jnp.asarray(term.here.weight).at[rows].set(share * length * h)
    return replace(
        term,
        here=replace(term.here, xi=jnp.asarray(term.here.xi).at[rows].set(xi), weight=weight),
        there=replace(term.there, xi=jnp.asarray(term.there.xi).at[rows].add(by), weight=weight),
        normal=jnp.asarray(term.normal).at[rows].set(normal),
    )


def moved_rule(problem: Problem, vertices, xi, weight) -> tuple[jax.Array, jax.Array]:
    """Points and weights of a rule over all elements, the pieces last, with the vertices elsewhere."""
    recipes, h = recipes_of(problem.manifold), problem.manifold.grid.h
    rows, moved, weights = recipes.rule(recipes.place(recipes.filled(vertices)), gauss_of(problem))
    rows = rows + len(weight) - len(piece_rule(problem.manifold, problem.fine).element)
    return jnp.asarray(xi).at[rows].set(moved), jnp.asarray(weight).at[rows].set(weights * h**2)
