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
from nmm.manifold.recipes import NOWHERE, Recipes, into, recipes_of
from nmm.manifold.rules import piece_rule
from nmm.physics.problem import Problem
from nmm.pytrees import tree
from nmm.solve.discretise import Discretisation, TermPoints
from nmm.solve.held import free_parts


@tree()
class Shape:
    """What moves: the recipes and, for each boundary term, facet, fraction and share of length of its points.

    `hosted` are the rows of the rule of the pieces that come first in the rule of the hosts, `firsts` the
    rows there. Rows of padding are beyond the last.
    """

    recipes: Recipes
    points: tuple[tuple[Any, Any, Any, Any], ...]
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
    held = [edge.host for term, edge in zip(problem.terms, problem.edges, strict=True) if term.dirichlet]
    hosts = np.concatenate(held) - len(manifold.whole_list) if held else np.zeros(0, np.int64)
    hosted = np.flatnonzero(np.isin(piece_rule(manifold, problem.fine).element, hosts))
    points = []
    for term, edge in zip(problem.terms, problem.edges, strict=True):
        room = partial(into, manifold.room, term.name, "moving points")
        rows = room(np.arange(len(edge.facet)), NOWHERE)
        points.append((rows, room(edge.facet, 0), room(edge.along, 0.5), room(edge.share, 0.0)))
    name = ", ".join(term.name for term in problem.terms if term.dirichlet)
    room = partial(into, manifold.room, name, "moving points of hosts")
    firsts = room(np.arange(len(hosted)), NOWHERE)
    return Shape(recipes_of(manifold), tuple(points), room(hosted, 0), firsts)


def carried(
    shape: Shape, arrays: Discretisation, vertices: jax.Array, fine: bool
) -> tuple[Discretisation, jax.Array]:
    """The arrays with the domain's vertices elsewhere, and whether the topology of the cut still holds."""
    return _carried(shape, arrays, shape.recipes.filled(vertices), fine)


@partial(jax.jit, static_argnums=3)
def _carried(shape: Shape, arrays: Discretisation, vertices: jax.Array, fine: bool):
    recipes = shape.recipes
    place = recipes.place(vertices)
    frame = jnp.asarray(arrays.frame)
    h = jnp.sqrt(jnp.abs(jnp.linalg.det(frame)))
    rows, xi, weight = recipes.rule(place, fine)
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
        on_facets(term, rows, ends[facet], along, share, frame, h)
        for term, (rows, facet, along, share) in zip(arrays.terms, shape.points, strict=True)
    )
    start = jnp.asarray(recipes.start)
    grown = [vertices.min(0) - start.min(0), vertices.max(0) - start.max(0)]
    moved = replace(
        arrays,
        pieces=pieces,
        hosts=replace(arrays.hosts, rule=hosts),
        terms=terms,
        box=jnp.asarray(arrays.box) + jnp.concatenate(grown),
    )
    return moved, recipes.fits(place)


def on_facets(term: TermPoints, rows, ends, along, share, frame, h) -> TermPoints:
    """The points of a boundary term on facets with the given ends (n, 2, 2)."""
    chord = ends[:, 1] - ends[:, 0]
    length = jnp.linalg.norm(chord, axis=1)
    xi = ends[:, 0] + jnp.asarray(along)[:, None] * chord
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
    rows, moved, weights = recipes.rule(recipes.place(recipes.filled(vertices)), problem.fine)
    rows = rows + len(weight) - len(piece_rule(problem.manifold, problem.fine).element)
    return jnp.asarray(xi).at[rows].set(moved), jnp.asarray(weight).at[rows].set(weights * h**2)
