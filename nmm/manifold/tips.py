"""Singular physical patches: what the cover knows of crack tips.

Around a tip every weight function w carries, beside its constant, the four branch functions of the tip:
w F₁ … w F₄ count as four more patches, whose numbers follow those of the physical patches. A weight that the
crack splits has them once: the first branch function jumps across the crack.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from nmm.cover.branch import COUNT, branch_functions
from nmm.cover.lattice import Grid
from nmm.domain.geometry import Geometry
from nmm.domain.tips import Tip, find_tips
from nmm.manifold.mesh import cell_corners
from nmm.manifold.singular import TOUCH, singular_rule
from nmm.manifold.splitting import snap_to_lines

if TYPE_CHECKING:
    from nmm.manifold.manifold import Manifold

BESIDE = 1e-9
"""Distance, in lattice units, of the faces of a crack from it in the element around its tip."""

BLOCK = 64
"""Quadrature points of an element are padded to a multiple of this."""


@dataclass(frozen=True, eq=False)
class TipCover:
    """Tips with singular patches, the elements that see them, and their quadrature; in lattice units.

    `tips`, their `position` (n, 2) and direction of advance `axis` (n, 2); `short`, the tips without singular
    patches because their crack is too short for this lattice; `element` (m,), with the tips `which` (m, T)
    that it sees (-1: none), the side `side` (m, T) of their cracks that it lies on, and the number of the
    first of the four patches for each weight, `first` (m, T, k), -1 for none; `row` (elements,) the
    inverse of `element`; `nodes` (groups,) the node of each four patches, the first of which has the number
    `base`; `slit` (tips, 2), where the crack enters the element around its tip, `slit_element` (tips,), -1
    for tips on the border of elements. The rule is in blocks of points of one element: `points`
    (b, BLOCK, 2) in the square, `weights` (b, BLOCK), 0 for padding, `owner` (b,) as index into `element`.
    """

    tips: tuple[Tip, ...]
    short: tuple[Tip, ...]
    position: np.ndarray
    axis: np.ndarray
    element: np.ndarray
    which: np.ndarray
    side: np.ndarray
    first: np.ndarray
    row: np.ndarray
    nodes: np.ndarray
    base: int
    slit: np.ndarray
    slit_element: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    owner: np.ndarray

    def parts(self, manifold: "Manifold") -> np.ndarray:
        """Connected part (4 groups,) of each singular patch."""
        result = np.zeros(COUNT * len(self.nodes), np.int64)
        part = manifold.element_parts()[self.element][:, None, None]
        first = self.first - self.base
        for offset in range(COUNT):
            result[first[first >= 0] + offset] = np.broadcast_to(part, first.shape)[first >= 0]
        return result

    def flat_rule(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Element, position and weight (lattice units) of the points, without padding."""
        real = self.weights.ravel() > 0
        element = np.repeat(self.element[self.owner], BLOCK)[real]
        return element, self.points.reshape(-1, 2)[real], self.weights.ravel()[real]


class Elements:
    """Elements by cell, and their polygons in lattice units; whole cells first, then pieces."""

    def __init__(self, grid: Grid, whole_list, piece_cell, polygons):
        self.grid, self.polygons = grid, polygons
        self.cell = np.concatenate([whole_list, piece_cell])
        self.whole = len(whole_list)
        self.order = np.argsort(self.cell, kind="stable")
        self.sorted = self.cell[self.order]

    def around(self, point: np.ndarray, reach: float) -> np.ndarray:
        """Elements in the squares within `reach` of a point."""
        grid = self.grid
        low = np.maximum(np.floor(point - reach).astype(int), 0)
        high = np.minimum(np.ceil(point + reach).astype(int), [grid.nx, grid.ny])
        i, j = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        types = grid.families - 1
        cells = ((j * grid.nx + i).ravel()[:, None] * types + np.arange(types)).ravel()
        left, right = np.searchsorted(self.sorted, cells), np.searchsorted(self.sorted, cells, "right")
        counts = right - left
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.order[np.repeat(left, counts) + within]

    def polygon(self, element: np.ndarray) -> np.ndarray:
        """Polygons (n,) in lattice units."""
        cell = self.cell[element]
        corner = self.grid.corner(cell)
        result = np.empty(len(element), object)
        whole = element < self.whole
        result[whole] = shapely.polygons(cell_corners(self.grid, cell[whole]) + corner[whole][:, None])
        for at in np.flatnonzero(~whole):
            shape = self.polygons[element[at] - self.whole]
            result[at] = shapely.transform(shape, lambda xy, c=corner[at]: xy + c)
        return result


def enrich(geometry: Geometry, grid: Grid, elements: Elements, radius: float, base: int) -> TipCover:
    """Singular patches at all weights within `radius` cells of a tip, and at those of its own elements."""
    tips, short, position, axes, groups, views, entries = [], [], [], [], [], [], []
    for tip in find_tips(geometry):
        path = snap_to_lines(grid.to_units(tip.path), grid)
        found = surroundings(tip, path, grid, elements, radius)
        if found is None:
            short.append(tip)
            continue
        nodes, axis, mine, sides, entry = found
        start = base + COUNT * sum(map(len, groups))
        around = grid.cell_nodes(elements.cell[mine])
        place = np.minimum(np.searchsorted(nodes, around), len(nodes) - 1)
        first = np.where(nodes[place] == around, start + COUNT * place, -1)
        views.append((len(tips), mine, sides, first))
        entries.append((entry, mine[sides == 0]))
        groups.append(nodes)
        tips.append(tip)
        position.append(path[0])
        axes.append(axis)
    return tip_cover(tips, short, position, axes, groups, views, entries, grid, elements, base)


def surroundings(tip: Tip, path: np.ndarray, grid: Grid, elements: Elements, radius: float):
    """Enriched nodes, direction of advance, and the elements that see the tip with their sides.

    None where the crack ends so soon behind the tip that its branch functions would jump in the material.
    """
    point = path[0]
    near = elements.around(point, radius + 3)
    shapes = elements.polygon(near)
    touching = shapely.distance(shapes, shapely.Point(point)) <= TOUCH
    own = np.unique(grid.cell_nodes(elements.cell[near[touching]]))
    candidates = np.unique(grid.cell_nodes(elements.cell[near]))
    close = np.linalg.norm(grid.node_units(candidates) - point, axis=1) <= radius
    nodes = np.union1d(own, candidates[close])
    if not tip.mouth:
        back = (path[-1] - path[-2]) / np.linalg.norm(path[-1] - path[-2])
        beyond = shapely.LineString([path[-1], path[-1] + (radius + 8) * back])
        x, y = grid.node_units(nodes).T
        free = shapely.distance(shapely.box(x - 1, y - 1, x + 1, y + 1), beyond) > TOUCH
        if not free[np.isin(nodes, own)].all():
            return None
        nodes = nodes[free]
    seeing = np.isin(grid.cell_nodes(elements.cell[near]), nodes).any(1)
    mine, shapes = near[seeing], shapes[seeing]
    order = np.argsort(mine)
    mine, shapes = mine[order], shapes[order]
    around = shapely.contains_properly(shapes, shapely.Point(point))
    axis = (path[0] - path[1]) / np.linalg.norm(path[0] - path[1])
    entry = path[0]
    for shape in shapes[around]:
        entry = entry_to(shape, path)
        axis = (path[0] - entry) / np.linalg.norm(path[0] - entry)
    inside = shapely.get_coordinates(shapely.point_on_surface(shapes))
    sides = np.where(around, 0, sides_of(path, inside))
    return nodes, axis, mine, sides, entry


def entry_to(shape, path: np.ndarray) -> np.ndarray:
    """Where the crack enters the element around its tip."""
    line = shapely.LineString(path)
    crossings = shapely.get_coordinates(shapely.intersection(line, shapely.boundary(shape)))
    return crossings[np.argmin(shapely.line_locate_point(line, shapely.points(crossings)))]


def sides_of(path: np.ndarray, points: np.ndarray) -> np.ndarray:
    """+1 for points (n, 2) on the left of a crack, seen in the direction of its tip's advance, else -1."""
    start, stop = path[1:].copy(), path[:-1].copy()
    along = stop - start
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    start[-1] -= 1e3 * along[-1]
    stop[0] += 1e3 * along[0]
    offset = points[:, None] - start
    t = np.clip((offset * along).sum(2), 0.0, np.linalg.norm(stop - start, axis=1))
    away = np.linalg.norm(offset - t[..., None] * along, axis=2)
    across = along[:, 0] * offset[..., 1] - along[:, 1] * offset[..., 0]
    across = np.where(away <= away.min(1, keepdims=True) + 1e-9, across, 0.0)
    return np.where(across[np.arange(len(points)), np.abs(across).argmax(1)] > 0, 1, -1)


def tip_cover(tips, short, position, axes, groups, views, entries, grid: Grid, elements: Elements, base: int):
    """Join what was found tip by tip."""
    k = grid.nodes_per_cell
    every = np.concatenate([mine for _, mine, _, _ in views]) if views else np.zeros(0, np.int64)
    element, counts = np.unique(every, return_counts=True)
    wide = int(counts.max(initial=1))
    which = np.full((len(element), wide), -1)
    side = np.zeros((len(element), wide), np.int64)
    first = np.full((len(element), wide, k), -1)
    used = np.zeros(len(element), np.int64)
    for number, mine, sides, firsts in views:
        at = np.searchsorted(element, mine)
        which[at, used[at]], side[at, used[at]], first[at, used[at]] = number, sides, firsts
        used[at] += 1
    row = np.full(len(elements.cell), -1)
    row[element] = np.arange(len(element))
    position, axes = np.array(position).reshape(-1, 2), np.array(axes).reshape(-1, 2)
    points, weights, owner = element_rules(element, which, position, axes, grid, elements)
    nodes = np.concatenate(groups) if groups else np.zeros(0, np.int64)
    return TipCover(
        tuple(tips), tuple(short), position, axes, element, which, side, first, row, nodes, base,
        np.array([e for e, _ in entries]).reshape(-1, 2),
        np.array([m[0] if len(m) else -1 for _, m in entries], np.int64),
        points, weights, owner,
    )  # fmt: skip


def element_rules(element, which, position, axes, grid: Grid, elements: Elements):
    """Quadrature of the elements in blocks: points, weights, owner; see `TipCover`."""
    if not len(element):
        return np.zeros((0, BLOCK, 2)), np.zeros((0, BLOCK)), np.zeros(0, np.int64)
    seen = np.where(which[..., None] >= 0, position[which], np.nan)
    points, weights, owner = singular_rule(elements.polygon(element), seen, axes[which])
    order = np.argsort(owner, kind="stable")
    points, weights, owner = points[order], weights[order], owner[order]
    counts = np.bincount(owner, minlength=len(element))
    blocks = -(-counts // BLOCK)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    at = np.repeat((np.cumsum(blocks) - blocks) * BLOCK, counts) + within
    filled, mass = np.full((blocks.sum() * BLOCK, 2), 0.5), np.zeros(blocks.sum() * BLOCK)
    filled[at] = points - grid.corner(elements.cell[element])[owner]
    mass[at] = weights
    return filled.reshape(-1, BLOCK, 2), mass.reshape(-1, BLOCK), np.repeat(np.arange(len(element)), blocks)


def slit_facets(
    cover: TipCover, grid: Grid, cells: np.ndarray, whole: int, first: int
) -> dict[str, np.ndarray]:
    """Both faces of the cracks inside the elements around their tips, as `cut.make_facets` has them.

    They lie a little beside the crack, so that the angle about the tip tells them apart. `cells` (elements,)
    are the cells of the elements, `whole` the number of whole ones, `first` that of the first crack segment.
    """
    rows = np.flatnonzero(cover.slit_element >= 0)
    element = cover.slit_element[rows]
    ends = np.stack([cover.slit[rows], cover.position[rows]], 1)
    last = np.array([tip.end for tip in cover.tips], np.int64)[rows] == 1
    ends = np.where(last[:, None, None], ends, ends[:, ::-1])
    ends = np.stack([ends, ends[:, ::-1]], 1).reshape(-1, 2, 2)
    direction = ends[:, 1] - ends[:, 0]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    inwards = np.stack([-direction[:, 1], direction[:, 0]], -1)
    corner = np.repeat(grid.corner(cells[element]), 2, axis=0)
    segment = np.array([tip.segment for tip in cover.tips], np.int64)[rows]
    return {
        "piece": np.repeat(element - whole, 2),
        "ends": ends - corner[:, None] + BESIDE * inwards[:, None],
        "normal": -inwards @ grid.rotation.T,
        "segment": np.repeat(first + segment, 2),
        "side": np.tile([1, -1], len(rows)),
        "twin": np.arange(2 * len(rows)).reshape(-1, 2)[:, ::-1].ravel(),
    }


def beside_slit(manifold: "Manifold", element: np.ndarray, xi: np.ndarray, side: int) -> np.ndarray:
    """Positions (n, 2) in the squares; those on a crack inside the element around its tip go to one side."""
    cover, grid = manifold.host.tips, manifold.grid
    if cover is None:
        return xi
    for number in np.flatnonzero(cover.slit_element >= 0):
        mine = np.flatnonzero(element == cover.slit_element[number])
        if not len(mine):
            continue
        place = xi[mine] + grid.corner(manifold.element_cells()[element[mine]])
        line = shapely.LineString([cover.slit[number], cover.position[number]])
        on = shapely.distance(shapely.points(place), line) <= BESIDE
        axis = cover.axis[number] * (1 if cover.tips[number].end == 1 else -1)
        xi[mine[on]] += side * 2 * BESIDE * np.array([-axis[1], axis[0]])
    return xi


def at_tips(manifold: "Manifold", element: np.ndarray) -> np.ndarray:
    """Which elements (n,) see a tip with singular patches."""
    cover = manifold.host.tips
    return np.zeros(len(element), bool) if cover is None else cover.row[element] >= 0


def singular_basis(manifold: "Manifold", element: np.ndarray, xi: np.ndarray):
    """Branch functions times weights and monomials at points of elements.

    Returns the rows (m,) whose element sees a tip, and there the patches (m, j), values (m, j p) and
    gradients (m, j p, 2) in the user's coordinates, with j = 4 k T and the p monomials of each patch side by
    side.
    """
    cover, grid = manifold.host.tips, manifold.grid
    if cover is None or not len(cover.element):
        none = np.zeros((0, COUNT * manifold.functions.per_patch))
        return np.zeros(0, np.int64), np.zeros((0, COUNT), np.int64), none, np.zeros((*none.shape, 2))
    here = np.flatnonzero(cover.row[element] >= 0)
    row, xi = cover.row[element[here]], np.asarray(xi)[here]
    cell = manifold.element_cells()[element[here]]
    upper = cell % 2 == 1
    functions = manifold.functions
    shape = len(here), grid.nodes_per_cell, 1, functions.per_patch
    w, dw = functions.values(xi, upper).reshape(shape), functions.gradients(xi, upper).reshape(*shape, 2)
    place, wide = grid.corner(cell) + xi, COUNT * grid.nodes_per_cell
    many = wide * functions.per_patch
    patches, values, gradients = [], [], []
    for t in range(cover.which.shape[1]):
        tip = np.maximum(cover.which[row, t], 0)
        f, df = branch_functions(place - cover.position[tip], cover.axis[tip], cover.side[row, t])
        first = cover.first[row, t]
        has = (first >= 0)[:, :, None]
        number = np.where(has, first[:, :, None] + np.arange(COUNT), manifold.patches - 1)
        value = w * f[:, None, :, None]
        slope = w[..., None] * df[:, None, :, None] + f[:, None, :, None, None] * dw
        patches.append(number.reshape(len(here), wide))
        values.append(np.where(has[..., None], value, 0.0).reshape(len(here), many))
        gradients.append(np.where(has[..., None, None], slope, 0.0).reshape(len(here), many, 2))
    gradient = np.concatenate(gradients, 1) @ (grid.rotation.T / grid.h)
    return here, np.concatenate(patches, 1).astype(np.int64), np.concatenate(values, 1), gradient
