"""How far around each tip the domain integral may reach."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmm.domain.segments import project
from nmm.domain.tips import Tip, find_tips
from nmm.physics.bond import bonds_of_seams
from nmm.physics.problem import boundary_facets
from nmm.physics.select import Selection, select

CELLS = 10.0
"""Radius by default, in sides of a cell."""
LEAST = 2.0
"""The least radius, in sides of a cell, at which the integral says something."""
SHARE = 0.95
"""Share of the distance to the nearest obstacle that is used."""
INNER = 0.5
"""The weight is 1 up to this share of the radius, where the cover leaves the choice."""
BLEND = 1.2
"""How far, in sides of a cell, weights of singular patches reach beyond their nodes, as far as it matters."""
STRAIGHT = 1e-3
"""A crack counts as straight as long as it leaves its tangent at the tip by less than this angle."""


@dataclass(frozen=True, eq=False)
class Disc:
    """A tip, the radius of its domain integral, and the share of it up to which the weight is 1.

    `border`: the crack runs along the border between two regions, which goes on ahead of it.
    """

    tip: Tip
    radius: float
    inner: float
    border: bool


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A tip around which there is no room, and a sentence about it."""

    tip: Tip
    reason: str


def discs(problem: Any, radius: float | None = None) -> list[Disc | LeftOut]:
    """A disc for each tip of the problem's geometry, or why there is none."""
    manifold = problem.manifold

    def make():
        cells = max(CELLS, (singular_reach(manifold) + BLEND) / INNER)
        wanted = cells * manifold.grid.h if radius is None else radius
        return [disc(problem, tip, wanted) for tip in find_tips(manifold.geometry)]

    return manifold.cached(("discs", problem, radius), make)


def disc(problem: Any, tip: Tip, wanted: float) -> Disc | LeftOut:
    """The disc of radius `wanted`, or smaller where something is in the way."""
    manifold = problem.manifold
    geometry = manifold.geometry
    borders = geometry.vertices[geometry.interfaces]
    borders = borders[[distance(tip.point, border[None]) <= 1e-9 * geometry.diagonal for border in borders]]
    if len(borders) and not goes_on(tip, borders):
        return LeftOut(tip, "it lies on the border between two regions, and its crack does not run along it")
    free, what = min(obstacles(problem, tip), key=lambda item: item[0])
    radius = min(wanted, SHARE * free)
    h = manifold.grid.h
    if radius < LEAST * h:
        nearest = f"{what} is {free / h:.2g} cells away" if SHARE * free < wanted else "the radius is"
        return LeftOut(tip, f"{nearest}, less than the {LEAST:g} cells that an integral needs")
    return Disc(tip, *ring(problem, tip, radius), bool(len(borders)))


def goes_on(tip: Tip, borders: np.ndarray) -> bool:
    """Whether the borders (n, 2, 2) at a tip are one that goes straight on from it."""
    ahead = (borders - tip.point) @ np.stack([tip.direction, [-tip.direction[1], tip.direction[0]]], -1)
    along, beside = ahead[np.arange(len(ahead)), np.abs(ahead).sum(2).argmax(1)].T
    return len(borders) == 1 and bool(np.abs(beside[0]) <= STRAIGHT * along[0])


def ring(problem: Any, tip: Tip, radius: float) -> tuple[float, float]:
    """The radius and the share up to which the weight is 1.

    Where singular patches end, tip functions and weights mix badly and the integral is off by up to one per
    cent: the weight should fall outside of that zone, of this tip and of others, or else well inside.
    """
    h, singular = problem.manifold.grid.h, singular_reach(problem.manifold)
    if not singular:
        return radius, INNER
    zone = (singular + BLEND) * h
    others = [t.point for t in find_tips(problem.manifold.geometry)]
    away = [float(np.linalg.norm(point - tip.point)) for point in others]
    radius = min(radius, max(1.3 * zone, min((d for d in away if d > 0), default=np.inf) - zone))
    if radius < 1.3 * zone * (1 - 1e-9):
        return min(radius, max(singular, LEAST) * h), INNER / 2
    return radius, max(INNER, zone / radius)


def singular_reach(manifold: Any) -> float:
    """Distance, in sides of a cell, of the farthest singular patch from its tip; 0 for plain tips."""
    tips = manifold.host.tips
    if tips is None or not len(tips.nodes):
        return 0.0
    nodes = manifold.grid.node_units(tips.nodes)
    return float(np.linalg.norm(nodes[:, None] - tips.position, axis=-1).min(1).max())


def obstacles(problem: Any, tip: Tip) -> list[tuple[float, str]]:
    """Distances from a tip to what its disc must not contain."""
    manifold = problem.manifold
    geometry = manifold.geometry
    straight = straight_part(tip)
    own = {tuple(point) for point in straight.tolist()}
    segments = geometry.vertices[geometry.cracks]
    other = np.array([not all(tuple(end) in own for end in ends) for ends in segments.tolist()], bool)
    end = float(np.linalg.norm(straight[-1] - tip.point))
    last = "the end of its crack" if len(straight) == len(tip.path) else "a kink of its crack"
    found = [(end, last), (distance(tip.point, segments[other]), "another crack")]
    found.append((distance(tip.point, geometry.vertices[geometry.boundary]), "the boundary"))
    for load in problem.point_loads:
        away = np.linalg.norm(np.asarray(load.at) - geometry.shift - tip.point)
        found.append((float(away), "a point load"))
    found.append((distance(tip.point, held_faces(problem)), "a held face"))
    if problem.bonds:
        found.append((distance(tip.point, elastic_borders(problem)), "a border with an elastic bond"))
    return found


def straight_part(tip: Tip) -> np.ndarray:
    """The points (n, 2) of the path behind a tip up to its first kink."""
    along = (tip.path - tip.point) @ -tip.direction
    beside = np.abs((tip.path - tip.point) @ [-tip.direction[1], tip.direction[0]])
    bent = beside > STRAIGHT * along
    bent[0] = False
    return tip.path[: int(np.argmax(bent))] if bent.any() else tip.path


def distance(point: np.ndarray, segments: np.ndarray) -> float:
    """Distance from a point (2,) to the nearest of the segments (n, 2, 2); infinite for none."""
    if not len(segments):
        return np.inf
    _, t, beside = project(np.broadcast_to(point, (len(segments), 2)), segments[:, 0], segments[:, 1])
    ends = np.linalg.norm(segments - point, axis=2).min(1)
    return float(np.where((t > 0) & (t < 1), beside, ends).min())


def elastic_borders(problem: Any) -> np.ndarray:
    """Stretches of borders (n, 2, 2), in local coordinates, along which displacements may jump."""
    manifold = problem.manifold
    ends = manifold.host.seams.ends[bonds_of_seams(manifold, problem.bonds) >= 0]
    return manifold.grid.to_user(ends.reshape(-1, 2)).reshape(-1, 2, 2) - manifold.geometry.shift


def held_faces(problem: Any) -> np.ndarray:
    """Crack faces (n, 2, 2), in local coordinates, on which displacements are prescribed."""
    facets = boundary_facets(problem.manifold)
    held = np.zeros(len(facets.side), bool)
    for term, selection in zip(problem.terms, selections(problem), strict=True):
        if term.dirichlet:
            held[selection.facet] = True
    return facets.ends[held & (facets.side != 0)] - problem.manifold.geometry.shift


def selections(problem: Any) -> list[Selection]:
    """The parts of facets that each boundary term holds on."""
    manifold = problem.manifold
    facets, entities = boundary_facets(manifold), manifold.geometry.entities
    return manifold.cached(
        ("selections", problem),
        lambda: [select(t.on, facets, entities, tuple(manifold.box), t.name) for t in problem.terms],
    )
