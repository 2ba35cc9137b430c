"""Physical patches: connected components of the (element, weight) pairs in the support of each weight."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.cover.lattice import Grid
from nmm.manifold.arrangement import Arrangement


@dataclass(frozen=True)
class Links:
    """Pairs of neighbouring elements and the lattice edge between them.

    Elements are numbered: cell number for whole cells, `grid.cells` + piece for pieces.
    """

    first: np.ndarray
    second: np.ndarray
    edge: np.ndarray


def link(cut: Arrangement, grid: Grid) -> Links:
    """Elements that share a part of a cell's side, of positive length, on which no segment lies.

    Links between two whole cells are left out; they are implied.
    """
    open_ = cut.segment < 0
    cells = grid.edge_cells(cut.sub_edge_of)

    def element(side):
        half = cut.sub_edges[:, side]
        cell = np.maximum(cells[:, side], 0)
        whole = (half < 0) & (cells[:, side] >= 0) & cut.whole[cell]
        piece = np.where(half >= 0, cut.piece[half], -1)
        return np.where(piece >= 0, grid.cells + piece, np.where(whole, cell, -1))

    left, right = element(0), element(1)
    some = np.maximum(cut.sub_edges[:, 0], cut.sub_edges[:, 1])
    good = (left >= 0) & (right >= 0) & open_[some]
    return Links(left[good], right[good], cut.sub_edge_of[good])


def physical_patches(whole: np.ndarray, piece_cell: np.ndarray, links: Links, grid: Grid, area: np.ndarray):
    """Patch numbers of the pieces and of the lattice, for `whole` (cells,) and `piece_cell` (pieces,).

    The primary patch of a weight (the component with most whole cells, then most area) has the number of
    its node; further components are numbered from `grid.nodes` on. `area` (pieces,) in lattice units.

    Returns `piece_patches` (pieces, k), `promoted` (cells that are whole but touch a patch that is not
    primary) with their patches, `active` (nodes + extra,) and `patch_node` (extra,).
    """
    base = grid.cells
    pieces = len(piece_cell)
    nodes = grid.cell_nodes(piece_cell)
    near = np.unique(nodes)
    is_near = np.zeros(grid.nodes, bool)
    is_near[near] = True
    star = cells_around(near, grid)
    star = star[whole[star]]
    star_nodes = grid.cell_nodes(star)
    k = grid.nodes_per_cell
    element = np.concatenate([np.repeat(base + np.arange(pieces), k), np.repeat(star, k)])
    node = np.concatenate([nodes.ravel(), star_nodes.ravel()])
    keep = is_near[node]
    element, node = element[keep], node[keep]
    total = base + pieces
    keys = node * total + element
    order = np.argsort(keys)
    sorted_keys = keys[order]

    def pair(elements, at):
        return order[np.searchsorted(sorted_keys, at * total + elements)]

    ends_a, ends_b = [], []
    edge_nodes = grid.edge_nodes(links.edge)
    for at in edge_nodes.T:
        ends_a.append(pair(links.first, at))
        ends_b.append(pair(links.second, at))
    for a, b, at in whole_links(star, is_near, whole, grid):
        ends_a.append(pair(a, at))
        ends_b.append(pair(b, at))
    a, b = np.concatenate(ends_a), np.concatenate(ends_b)
    count = len(keys)
    components, label = connected_components(
        coo_array((np.ones(len(a)), (a, b)), (count, count)), directed=False
    )

    weight = np.where(element < base, 1e6, 0.0)
    weight[element >= base] += area[element[element >= base] - base]
    size = np.bincount(label, weight, components)
    node_of = np.empty(components, np.int64)
    node_of[label] = node
    rank = np.lexsort((-size, node_of))
    first = np.ones(components, bool)
    first[1:] = node_of[rank][1:] != node_of[rank][:-1]
    number = np.empty(components, np.int64)
    number[rank[first]] = node_of[rank[first]]
    extra = rank[~first]
    number[extra] = grid.nodes + np.arange(len(extra))
    patch = number[label]

    piece_patches = patch[: pieces * k].reshape(pieces, k) if pieces else np.zeros((0, k), np.int64)
    owner, secondary = element[pieces * k :], patch[pieces * k :] >= grid.nodes
    promoted = np.unique(owner[secondary])
    promoted_patches = grid.cell_nodes(promoted)
    rows = np.searchsorted(promoted, owner[secondary])
    columns = np.argmax(promoted_patches[rows] == node[pieces * k :][secondary][:, None], 1)
    promoted_patches[rows, columns] = patch[pieces * k :][secondary]

    active = np.zeros(grid.nodes + len(extra), bool)
    active[grid.cell_nodes(np.flatnonzero(whole))] = True
    active[near] = False
    active[patch] = True
    return piece_patches, promoted, promoted_patches, active, node_of[extra]


def cells_around(nodes, grid: Grid):
    """Cells whose nodes include one of `nodes`."""
    i, j = nodes % grid.lines[1], nodes // grid.lines[1]
    squares = []
    for di in range(-grid.degree, 1):
        for dj in range(-grid.degree, 1):
            inside = (i + di >= 0) & (i + di < grid.nx) & (j + dj >= 0) & (j + dj < grid.ny)
            squares.append(((j + dj) * grid.nx + i + di)[inside])
    squares = np.unique(np.concatenate(squares)) if squares else np.zeros(0, np.int64)
    if grid.families == 2:
        return squares
    cells = np.concatenate([2 * squares, 2 * squares + 1])
    wanted = np.isin(grid.cell_nodes(cells), nodes).any(1)
    return np.sort(cells[wanted])


def whole_links(star, is_near, whole, grid: Grid):
    """Links between two whole cells at the near nodes that they share, as (first, second, node)."""
    edges = np.unique(grid.cell_edges(star))
    cells = grid.edge_cells(edges)
    both = np.flatnonzero(np.all(cells >= 0, axis=1))
    both = both[np.all(whole[cells[both]], axis=1)]
    cells, ends = cells[both], grid.edge_nodes(edges[both])
    for at in ends.T:
        yield cells[is_near[at], 0], cells[is_near[at], 1], at[is_near[at]]


def whole_neighbours(cell: np.ndarray, whole: np.ndarray, grid: Grid) -> np.ndarray:
    """Pairs (n, 2) of the given cells and the whole cells beside them."""
    sides = grid.edge_cells(grid.cell_edges(cell))
    other = np.where(sides[..., 0] == cell[:, None], sides[..., 1], sides[..., 0])
    row, side = np.nonzero((other >= 0) & whole[np.maximum(other, 0)])
    return np.stack([cell[row], other[row, side]], -1)


def connected_parts(cut: Arrangement, links: Links, bonded: np.ndarray, grid: Grid):
    """Number of connected parts, and the part of each cell (-1: not whole) and of each piece.

    Besides links also `bonded` pairs of pieces (n, 2), on the two sides of an interface, connect.
    """
    if grid.shape == "quad":
        label = np.zeros((grid.ny, grid.nx), np.int32)
        blobs = int(np.asarray(ndimage.label(cut.whole.reshape(grid.ny, grid.nx), output=label)))
        cell_blob = label.ravel().astype(np.int64) - 1
    else:
        cells = np.flatnonzero(cut.whole)
        number = np.full(grid.cells, -1)
        number[cells] = np.arange(len(cells))
        a, b = number[grid.neighbours(cut.whole)].T
        blobs, blob = connected_components(
            coo_array((np.ones(len(a)), (a, b)), (len(cells), len(cells))), directed=False
        )
        cell_blob = np.full(grid.cells, -1)
        cell_blob[cells] = blob
    pieces = len(cut.piece_cell)

    def vertex(element):
        return np.where(
            element < grid.cells, cell_blob[np.minimum(element, grid.cells - 1)], blobs + element - grid.cells
        )

    a = np.concatenate([vertex(links.first), blobs + bonded[:, 0]])
    b = np.concatenate([vertex(links.second), blobs + bonded[:, 1]])
    size = blobs + pieces
    parts, part = connected_components(coo_array((np.ones(len(a)), (a, b)), (size, size)), directed=False)
    cell_part = np.where(cell_blob >= 0, part[np.maximum(cell_blob, 0)], -1)
    return parts, cell_part, part[blobs:]
