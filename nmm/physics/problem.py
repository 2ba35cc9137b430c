"""A problem: a model on a manifold with boundary terms, resolved to quadrature points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nmm.errors import InputError, NotYet, SelectionError
from nmm.manifold.locate import locate
from nmm.manifold.manifold import Manifold
from nmm.manifold.quadrature import segment_rule
from nmm.manifold.tips import at_tips
from nmm.physics.bond import Bond, bonds_of_seams
from nmm.physics.boundary import SCALAR, PointLoad, Term
from nmm.physics.edges import Edge, edge_along
from nmm.physics.models import Model, columns
from nmm.physics.select import Facets, Selection, conflicts, select
from nmm.physics.straight import straight_of
from nmm.physics.values import Places, by_cell, evaluate, varies

GHOST = "ghost penalty"
"""What the ghost penalty is called among the terms of a problem."""

BESIDE = 1e-9
"""How far from a border, in cells, the fluxes of its two sides are taken."""


@dataclass(frozen=True)
class Seams:
    """Quadrature points (n,) on the borders between regions.

    They are points of an `Edge` on either side, with the normals of both pointing from the first to the
    second; `bond` (n,) numbers the problem's bonds, -1 where the bond is perfect.
    """

    sides: tuple[Edge, Edge]
    bond: np.ndarray


@dataclass(frozen=True, eq=False)
class Problem:
    """A model on a manifold with boundary terms; see `problem`."""

    manifold: Manifold
    model: Model
    terms: tuple[Term, ...]
    point_loads: tuple[PointLoad, ...]
    edges: tuple[Edge, ...]
    bonds: tuple[Bond, ...]
    seams: Seams
    dirichlet: str
    fine: bool
    ghost: float | None = None

    @property
    def parameters(self) -> frozenset[str]:
        """Names of all parameters that its values use."""
        given = (*self.terms, *self.point_loads, *self.bonds)
        return self.model.parameters.union(*(entry.parameters for entry in given))

    def on(self, manifold: Manifold) -> "Problem":
        """The same model and boundary terms on another manifold, resolved once.

        **Raises:** `SelectionError` as `problem` does.
        """
        if manifold.host is self.manifold.host:
            return self
        given = (*self.terms, *self.point_loads, *self.bonds)
        rule = "gauss" if self.fine else "simplex"
        return manifold.cached(
            ("problem", self), lambda: problem(manifold, self.model, given, self.dirichlet, rule, self.ghost)
        )

    def places(self, cell, xi, region, normal=None) -> Places:
        """Where values are evaluated: points (n, 2) given inside the squares of cells (n,)."""
        manifold = self.manifold
        return Places(
            points=manifold.user_points(cell, xi),
            region=region,
            square=cell // (manifold.grid.families - 1),
            regions=tuple(name for name, _ in manifold.geometry.regions),
            box=manifold.box,
            shape=(manifold.ny, manifold.nx),
            normal=normal,
        )


def problem(
    manifold: Manifold,
    model: Model,
    boundary: Sequence[Term | PointLoad | Bond] | Term | PointLoad | Bond = (),
    dirichlet: str = "nitsche",
    quadrature: str = "auto",
    ghost: float | None = None,
) -> Problem:
    """Resolve boundary terms, point loads and bonds on the cut.

    **Arguments:** `dirichlet` "nitsche" (symmetric, its parameter from a local eigenvalue problem) or
    "penalty"; `quadrature` "auto" (simplex integration unless a coefficient varies inside a cell),
    "simplex" or "gauss"; `ghost`, the factor of a penalty on the jumps of the gradient at the faces of cut
    elements (0.25 is usual, None: none), with which the condition number does not depend on the cut.

    **Raises:** `SelectionError` for a term that selects nothing, or two that contradict each other;
    `InputError` for a term of another physics or a point load outside the domain.
    """
    if isinstance(boundary, Term | PointLoad | Bond):
        boundary = (boundary,)
    terms = tuple(t for t in boundary if isinstance(t, Term))
    loads = tuple(t for t in boundary if isinstance(t, PointLoad))
    bonds = tuple(t for t in boundary if isinstance(t, Bond))
    if dirichlet not in ("nitsche", "penalty"):
        raise InputError(
            f'dirichlet must be "nitsche" or "penalty", found "{dirichlet}"', where="solve.dirichlet"
        )
    if quadrature not in ("auto", "simplex", "gauss"):
        raise InputError(f'quadrature must be "auto", "simplex" or "gauss", found "{quadrature}"')
    if ghost is not None and not (math.isfinite(ghost) and ghost >= 0):
        raise InputError(f"ghost must be a number ≥ 0, found {ghost}", where="solve.ghost")
    if ghost is not None and manifold.grid.order > 0:
        raise NotYet(
            f"not yet: a ghost penalty with local functions of order {manifold.grid.order}",
            where="solve.ghost",
            hint="leave ghost out: multigrid and the direct solver do without it",
        )
    check_dilatation(manifold, model)
    names = set() if ghost is None else {GHOST}
    for term in (*terms, *loads, *bonds):
        if term.name in names:
            raise InputError(f'two entries are called "{term.name}"', hint="give each a name of its own")
        names.add(term.name)
    for term in terms:
        scalar = term.kind in SCALAR
        if scalar != (model.components == 1):
            raise InputError(f"{term.kind} does not belong to the model {model.name}", where=term.name)
    for load in loads:
        if len(load.values) != model.components:
            raise InputError(f"{model.components} component(s) of the load are wanted", where=load.name)
    for bond in bonds:
        if len(bond.values) != model.components:
            wanted = "a conductance" if model.components == 1 else "normal or tangential"
            raise InputError(f"expected {wanted}, as the model is {model.name}", where=bond.name)
    facets = boundary_facets(manifold)
    selections = [
        select(t.on, facets, manifold.geometry.entities, tuple(manifold.box), t.name) for t in terms
    ]
    check_conflicts(terms, selections, facets, model.components)
    edges = tuple(edge_points(manifold, s) for s in selections)
    seams = seam_points(manifold, bonds_of_seams(manifold, bonds))
    check_tips(manifold, terms, edges, loads, seams)
    fine = quadrature == "gauss" or (
        quadrature == "auto" and (varies(tuple(model.coefficients.values())) or varies(model.source))
    )
    return Problem(manifold, model, terms, loads, edges, bonds, seams, dirichlet, fine, ghost)


def check_dilatation(manifold: Manifold, model: Model):
    """**Raises:** `InputError` where a mean dilatation would do nothing, or miss the branch functions."""
    if columns(model.density) == 2:
        return
    if manifold.shape != "quad":
        raise InputError(
            f'found dilatation "mean" on a cover of shape "{manifold.shape}", expected "quad"',
            where="physics.dilatation",
            hint="the strain is constant on triangles, so that its mean changes nothing: use squares",
        )
    if manifold.functions.complete > 1:
        raise InputError(
            f'found dilatation "mean" on a cover of degree + order {manifold.functions.complete}, expected 1',
            where="physics.dilatation",
            hint="a higher degree locks much less: leave the dilatation out, or take hats of order 0",
        )
    if manifold.host.tips is not None:
        raise InputError(
            'found dilatation "mean" with enriched crack tips, expected plain ones',
            where="physics.dilatation",
            hint="the branch functions have no mean dilatation: leave tips out, or the dilatation",
        )


def check_tips(manifold: Manifold, terms, edges: tuple[Edge, ...], loads, seams: Seams):
    """**Raises:** `InputError` where a term meets the singular patches of a tip that it cannot know of."""
    if manifold.host.tips is None:
        return
    whole = len(manifold.whole_list)
    for term, edge in zip(terms, edges, strict=True):
        if term.dirichlet or term.kind == "robin":
            found = at_tips(manifold, whole + edge.piece) | at_tips(manifold, edge.host)
            if found.any():
                raise near_tip(term.name, edge.points[found][0])
    for load in loads:
        element, _ = locate(manifold, np.array([load.at]))
        if element[0] >= 0 and at_tips(manifold, element)[0]:
            raise near_tip(load.name, load.at)
    for edge in seams.sides:
        found = at_tips(manifold, whole + edge.piece) | at_tips(manifold, edge.host)
        if found.any():
            raise near_tip("the border of a region", edge.points[found][0])


def near_tip(name: str, point) -> InputError:
    """The error for a term too near to an enriched tip."""
    return InputError(
        f"at ({point[0]:.6g}, {point[1]:.6g}) it lies in the singular patches of a crack tip",
        where=name,
        hint="it must lie outside: make tip_radius smaller, or the cells, or leave the tips plain",
    )


def boundary_facets(manifold: Manifold) -> Facets:
    """All facets of the cut in the user's coordinates."""

    def make():
        count = manifold.facets
        cell = manifold.piece_cell[manifold.facet_piece[:count]]
        ends = manifold.user_points(np.repeat(cell, 2), manifold.facet_ends[:count].reshape(-1, 2)).reshape(
            -1, 2, 2
        )
        return Facets(
            ends=ends,
            normal=manifold.facet_normal[:count],
            entity=manifold.facet_entity[:count],
            side=manifold.facet_side[:count],
            straight=straight_of(ends, manifold.host.facet_segment, manifold.geometry),
        )

    return manifold.cached("facets", make)


def held_components(term: Term, components: int) -> np.ndarray:
    """Which components a term says something about."""
    if term.kind in ("fixed", "traction", "flux"):
        trivial = (None,) if term.dirichlet else (None, 0.0)
        return np.array(
            [v not in trivial if v is None or isinstance(v, float) else True for v in term.values]
        )
    return np.ones(components, bool)


def check_conflicts(terms, selections: list[Selection], facets: Facets, components: int):
    """**Raises:** `SelectionError` where two terms give a component two values on a positive length."""
    entries = [
        (t.name, s, held_components(t, components).tolist()) for t, s in zip(terms, selections, strict=True)
    ]
    by_name = {t.name: t for t in terms}
    overlaps = conflicts(entries, facets, 1e-9 * float(np.ptp(facets.ends.reshape(-1, 2), axis=0).max()))
    for facet, i, j in zip(overlaps.facet, overlaps.first, overlaps.second, strict=True):
        first, second = overlaps.names[i], overlaps.names[j]
        a, b = by_name[first], by_name[second]
        if a.kind == b.kind and a.values == b.values:
            continue
        x, y = facets.ends[facet].mean(0)
        raise SelectionError(
            f'"{first}" and "{second}" both prescribe a component near ({x:.6g}, {y:.6g})',
            where="boundary",
            hint="make their `on` exclude each other, or leave a component free",
        )


def edge_points(manifold: Manifold, selection: Selection) -> Edge:
    """Gauss points on every selected interval of a facet."""
    facet, interval = np.asarray(selection.facet), np.asarray(selection.interval)
    piece, ends = manifold.facet_piece[facet], manifold.facet_ends[facet]
    return edge_along(manifold, facet, interval, piece, ends, manifold.facet_normal[facet])


def seam_points(manifold: Manifold, bond: np.ndarray) -> Seams:
    """Gauss points on every seam, whose bonds are `bond`; in the order of the pairs of pieces.

    Fluxes are those a little inside, as material that is given by place may jump on the border itself.
    """
    seams = manifold.host.seams
    order = np.lexsort(seams.pieces.T[::-1])
    pieces, ends, normal = seams.pieces[order], seams.ends[order], seams.normal[order]
    whole = np.tile([0.0, 1.0], (len(ends), 1))
    corners = [manifold.grid.corner(manifold.piece_cell[pieces[:, side]]) for side in (0, 1)]
    first, second = (
        edge_along(manifold, order, whole, pieces[:, side], ends - corners[side][:, None], normal)
        for side in (0, 1)
    )
    inwards = BESIDE * first.normal @ manifold.grid.rotation
    first = replace(first, host_xi=first.host_xi - inwards)
    second = replace(second, host_xi=second.host_xi + inwards)
    return Seams((first, second), np.repeat(bond[order], len(segment_rule(manifold.functions.total)[0])))


def wide_basis(
    manifold: Manifold, model: Model, cell: np.ndarray, xi: np.ndarray, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Functions (n, m) and gradients (n, m, columns) as the model wants them.

    `centre` (n, 2) are the centroids of the elements of the points.
    """
    values, gradients = basis(manifold, cell, xi)
    if columns(model.density) == 2:
        return values, gradients
    return values, np.concatenate([gradients, basis(manifold, cell, centre)[1]], -1)


def basis(manifold: Manifold, cell: np.ndarray, xi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Functions (n, m) of cells and their gradients (n, m, 2) in the user's coordinates, at points."""
    upper = cell % 2 == 1
    gradients = manifold.functions.gradients(xi, upper) @ (manifold.grid.rotation.T / manifold.grid.h)
    return manifold.functions.values(xi, upper), gradients


def coefficient_values(model: Model, at: Places, params: Mapping[str, Any]) -> dict[str, Any]:
    """Coefficients of the model at places, checked for values that make no sense.

    **Raises:** `InputError` naming the point.
    """
    values = {k: evaluate(v, at, params, f"physics.{k}") for k, v in model.coefficients.items()}
    found = model.check({k: np.asarray(v) for k, v in values.items()})
    if found is not None:
        bad, sentence = found
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            x, y = at.points[i]
            what = {k: np.asarray(v)[i].tolist() for k, v in values.items()}
            raise InputError(f"{sentence}; at ({x:.6g}, {y:.6g}): {what}", where="physics")
    return values


def check_values(problem: Problem, params: Mapping[str, Any]):
    """Look at the coefficients in every element, and at the values of every boundary term.

    **Raises:** `InputError` naming the point where one makes no sense.
    """
    manifold = problem.manifold
    cell, region = manifold.element_cells(), manifold.element_regions()
    grid = manifold.grid
    xi = np.broadcast_to(grid.centre(np.arange(1)) - grid.corner(np.arange(1)), (len(cell), 2))
    chosen = np.arange(len(cell))
    fields = any(np.ndim(v) > 0 or callable(v) for v in params.values())
    if not fields and not by_cell((tuple(problem.model.coefficients.values()), problem.model.source)):
        chosen = np.unique(region, return_index=True)[1]
    at = problem.places(cell[chosen], xi[chosen], region[chosen])
    coefficient_values(problem.model, at, params)
    for term, edge in zip(problem.terms, problem.edges, strict=True):
        there = problem.places(
            manifold.piece_cell[edge.piece], edge.xi, manifold.piece_region[edge.piece], edge.normal
        )
        for number, value in enumerate(term.values):
            found = 0.0 if value is None else np.asarray(evaluate(value, there, params, term.name))
            if not np.isfinite(found).all():
                i = int(np.flatnonzero(~np.isfinite(found))[0])
                x, y = edge.points[i]
                raise InputError(f"the value is not finite at ({x:.6g}, {y:.6g})", where=term.name)
            if term.kind == "robin" and number == 0 and np.min(found) < 0:
                raise InputError(
                    f"the exchange coefficient h must not be negative, found {np.min(found):g}",
                    where=term.name,
                )
