"""How far around each tip the domain integral may reach."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmm.domain.segments import project
from nmm.domain.tips import Tip, find_tips
from nmm.physics.problem import boundary_facets
from nmm.physics.select import Selection, select

CELLS = 10.0
"""Radius by default, in sides of a cell."""
LEAST = 2.0
"""The least radius, in sides of a cell, at which the integral says something."""
SHARE = 0.95
"""Share of the distance to the nearest obstacle that is used."""
STRAIGHT = 1e-3
"""A crack counts as straight as long as it leaves its tangent at the tip by less than this angle."""


@dataclass(frozen=True, eq=False)
class Disc:
    """A tip and the radius of its domain integral."""

    tip: Tip
    radius: float


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A tip around which there is no room, and a sentence about it."""

    tip: Tip
    reason: str


def discs(problem: Any, radius: float | None = None) -> list[Disc | LeftOut]:
    """A disc for each tip of the problem's geometry, or why there is none."""
    manifold = problem.manifold

    def make():
        wanted = CELLS * manifold.grid.h if radius is None else radius
        return [disc(problem, tip, wanted) for tip in find_tips(manifold.geometry)]

    return manifold.cached(("discs", problem, radius), make)


def disc(problem: Any, tip: Tip, wanted: float) -> Disc | LeftOut:
    """The disc of radius `wanted`, or smaller where something is in the way."""
    manifold = problem.manifold
    geometry = manifold.geometry
    borders = geometry.vertices[geometry.interfaces]
    if distance(tip.point, borders) <= 1e-9 * geometry.diagonal:
        return LeftOut(tip, "it lies on the border between two regions")
    free, what = min(obstacles(problem, tip), key=lambda item: item[0])
    radius = min(wanted, SHARE * free)
    h = manifold.grid.h
    if radius < LEAST * h:
        nearest = f"{what} is {free / h:.2g} cells away" if SHARE * free < wanted else "the radius is"
        return LeftOut(tip, f"{nearest}, less than the {LEAST:g} cells that an integral needs")
    return Disc(tip, radius)


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
