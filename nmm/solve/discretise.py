"""Everything that a problem needs of its cut, as padded arrays: geometry becomes data.

Two problems of the same form on the same lattice differ in nothing but these arrays, so that what was
compiled for one serves the other.
"""

from typing import Any

import numpy as np

from nmm.capacity import padded
from nmm.manifold.locate import locate
from nmm.manifold.rules import piece_rule
from nmm.physics.boundary import Term
from nmm.physics.problem import Edge, Problem
from nmm.pytrees import tree
from nmm.solve.boundary import bounding_boxes, host_rule
from nmm.solve.faces import Faces, padded_faces
from nmm.solve.samples import Samples, rows_of, samples
from nmm.solve.seams import SeamPoints, seam_points
from nmm.solve.tips import TipPoints, edge_functions, tip_points


@tree()
class TermPoints:
    """Points of a boundary term in their pieces (`here`) and in the hosts of these (`there`).

    `host` (n,) numbers the hosts of all Dirichlet terms and `pair` (n,) the pieces of this one, whose
    patches and those of their hosts are `patches` (pairs, 2 k). `branches` are the rows, patches and
    values of branch functions there, or None.
    """

    here: Samples
    there: Samples
    normal: Any
    host: Any
    pair: Any
    patches: Any
    branches: Any


@tree()
class Hosts:
    """Quadrature of the elements that give the flux, and their bounding boxes (n, 2)."""

    rule: Samples
    centre: Any
    size: Any


@tree()
class Discretisation:
    """The arrays of a problem: lattice (types, ny, nx), pieces, boundary terms, hosts, point loads, tips,
    faces with a ghost penalty, seams."""

    whole: Any
    region: Any
    pieces: Samples
    patches: Any
    terms: tuple[TermPoints, ...]
    hosts: Hosts
    loads: tuple[tuple[Samples, Any], ...]
    tips: TipPoints | None
    ghost: Faces | None
    seams: SeamPoints | None
    active: Any
    frame: Any
    origin: Any
    box: Any


def discretise(problem: Problem) -> Discretisation:
    """The arrays of a problem, made once on the host."""
    manifold = problem.manifold
    grid = manifold.grid
    types = grid.families - 1
    lattice = (grid.ny, grid.nx, types)
    whole = np.moveaxis(np.asarray(manifold.whole).reshape(lattice), -1, 0)
    region = np.moveaxis(np.asarray(manifold.cell_region).reshape(lattice), -1, 0)
    rule = piece_rule(manifold, problem.fine)
    pieces = samples(
        rows_of(
            manifold.room,
            f"points of pieces, {'gauss' if problem.fine else 'simplex'}",
            len(rule.element),
            rule.block,
        ),
        manifold.piece_cell[rule.element],
        rule.points,
        manifold.piece_region[rule.element],
        rule.weights * grid.h**2,
        rule.element,
    )
    dirichlet = [e for t, e in zip(problem.terms, problem.edges, strict=True) if t.dirichlet]
    hosts = np.unique(np.concatenate([e.host for e in (*dirichlet, *problem.seams.sides)]))
    terms = tuple(
        term_points(problem, term, edge, hosts)
        for term, edge in zip(problem.terms, problem.edges, strict=True)
    )
    return Discretisation(
        whole,
        region.astype(np.int32),
        pieces,
        manifold.piece_patches.astype(np.int32),
        terms,
        host_points(problem, rule, hosts),
        tuple(point_samples(problem)),
        tip_points(problem.manifold),
        padded_faces(problem),
        seam_points(problem, hosts),
        np.asarray(manifold.active),
        manifold.frame,
        manifold.origin,
        manifold.box,
    )


def term_points(problem: Problem, term: Term, edge: Edge, hosts) -> TermPoints:
    """The points of one boundary term."""
    manifold = problem.manifold
    cells, regions = manifold.element_cells(), manifold.element_regions()
    pieces, pair = np.unique(edge.piece, return_inverse=True)
    capacity = manifold.room(f"points, {term.name}", len(edge.piece))
    cell, region = manifold.piece_cell[edge.piece], manifold.piece_region[edge.piece]
    here = samples(capacity, cell, edge.xi, region, edge.weight, edge.piece)
    there = samples(capacity, cells[edge.host], edge.host_xi, regions[edge.host], edge.weight, edge.host)
    slot = np.searchsorted(hosts, edge.host) if term.dirichlet else np.zeros(len(edge.host), np.int64)
    patches = manifold.element_patches()
    both = np.concatenate([manifold.piece_patches[pieces], patches[manifold.host.piece_host[pieces]]], axis=1)
    pairs = manifold.room(f"pairs of level 0, {term.name}", len(both))
    return TermPoints(
        here,
        there,
        padded(edge.normal, capacity, 0.0),
        padded(slot.astype(np.int32), capacity, 0),
        padded(pair.astype(np.int32), capacity, 0),
        padded(both.astype(np.int32), pairs, manifold.patches - 1),
        edge_branches(problem, term, edge),
    )


def edge_branches(problem: Problem, term: Term, edge: Edge):
    """Branch functions at the points of a boundary term: rows, patches, values; None for plain tips."""
    manifold = problem.manifold
    if term.dirichlet or manifold.host.tips is None:
        return None
    rows, patches, values = edge_functions(problem, edge)
    capacity = manifold.room(f"points at tips, {term.name}", len(rows))
    wide = manifold.room("singular patches of an element", patches.shape[1], dear=True)
    rest, more = capacity - len(rows), wide - patches.shape[1]
    return (
        padded(rows.astype(np.int32), capacity, 0),
        np.pad(patches.astype(np.int32), ((0, rest), (0, more)), constant_values=manifold.patches - 1),
        np.pad(values, ((0, rest), (0, more * manifold.functions.per_patch))),
    )


def host_points(problem: Problem, rule, hosts) -> Hosts:
    """Quadrature and bounding boxes of the hosts."""
    manifold = problem.manifold
    element, xi, weight = host_rule(problem, rule, hosts)
    cells, regions = manifold.element_cells(), manifold.element_regions()
    low, high = bounding_boxes(manifold, hosts)
    owner = np.searchsorted(hosts, element)
    names = ", ".join(term.name for term in problem.terms if term.dirichlet)
    capacity = manifold.room(f"hosts, {names}", len(hosts))
    points = rows_of(manifold.room, f"points of hosts, {names}, {problem.fine}", len(element), rule.block)
    return Hosts(
        samples(points, cells[element], xi, regions[element], weight, owner),
        padded((low + high) / 2, capacity, 0.5),
        padded(np.maximum((high - low) / 2, 1e-300), capacity, 0.5),
    )


def point_samples(problem: Problem):
    """Place and patches of each point load, which `problem` has checked to lie inside."""
    manifold = problem.manifold
    for term in problem.point_loads:
        element, xi = locate(manifold, np.array([term.at]))
        cell, region = manifold.element_cells()[element], manifold.element_regions()[element]
        here = Samples(cell.astype(np.int32), xi, region.astype(np.int32), np.ones(1), np.zeros(1, np.int32))
        yield here, manifold.element_patches()[element].astype(np.int32)
