"""Mathematical and physical cover of one level, and the next coarser one.

The lattice is coarsened by two. Four whole cells make a whole coarse cell, unless it lies in the support of a
weight with several patches and not in the first of them (for splines: on the far side of a crack, where the
finer weights do not reach); all other elements of a coarse cell that are linked become one coarse piece.
Nothing is cut again, so that every coarse space lies exactly in the finer one, whatever the tolerances of the
cut. The work is proportional to the pieces, not the cells.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.capacity import Room
from nmm.cover.lattice import Grid
from nmm.manifold.manifold import Manifold
from nmm.manifold.patches import Links, physical_patches, whole_neighbours


@dataclass(frozen=True)
class Cover:
    """A cover on the host: elements are cells by number, and pieces from `cells` on.

    `links` (n, 2) are the pairs of neighbouring elements, without those of two whole cells.
    """

    grid: Grid
    whole: np.ndarray
    piece_cell: np.ndarray
    patches: np.ndarray
    links: np.ndarray
    count: int
    level: int

    @property
    def nx(self) -> int:
        return self.grid.nx

    @property
    def ny(self) -> int:
        return self.grid.ny

    @property
    def types(self) -> int:
        return self.grid.weights.types

    @property
    def cells(self) -> int:
        return self.grid.cells

    @property
    def nodes(self) -> int:
        return self.grid.nodes

    def cell_of(self, element: np.ndarray) -> np.ndarray:
        """Lattice cell of elements."""
        piece = np.maximum(element - self.cells, 0)
        home = self.piece_cell[piece] if len(self.piece_cell) else piece
        return np.where(element < self.cells, element, home)

    def square(self, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Square (n, 2) and type (n,) of cells."""
        square = cell // self.types
        return np.stack([square % self.nx, square // self.nx], -1), cell % self.types

    def cell_nodes(self, cell: np.ndarray) -> np.ndarray:
        """Nodes (n, k) of cells."""
        return self.grid.cell_nodes(cell)

    def patches_of(self, element: np.ndarray) -> np.ndarray:
        """Patches (n, k) of elements."""
        result = self.cell_nodes(self.cell_of(element))
        piece = element >= self.cells
        result[piece] = self.patches[element[piece] - self.cells]
        return result

    def lattice(self, cell: np.ndarray) -> np.ndarray:
        """Index of cells into the flattened lattice (types, ny, nx)."""
        return cell % self.types * (self.nx * self.ny) + cell // self.types


def finest(manifold: Manifold) -> Cover:
    """The cover of a manifold."""
    grid = manifold.grid
    count = manifold.pieces
    whole_list = manifold.whole_list
    number = np.concatenate([whole_list, grid.cells + np.arange(count)])
    return Cover(
        grid,
        np.asarray(manifold.whole),
        manifold.piece_cell[:count].astype(np.int64),
        manifold.piece_patches[:count].astype(np.int64),
        number[manifold.host.links],
        manifold.patches,
        0,
    )


def home_of(cover: Cover, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coarse cell of cells, and their square's place (n, 2) within the coarse square."""
    square, kind = cover.square(cell)
    coarse = square // 2
    within = square - 2 * coarse
    number = coarse[:, 1] * (-(-cover.nx // 2)) + coarse[:, 0]
    if cover.grid.shape == "triangle":
        upper = (within[:, 1] > within[:, 0]) | ((within[:, 0] == within[:, 1]) & (kind == 1))
        number = 2 * number + upper
    return number, within


def two_scale(cover: Cover, cell: np.ndarray) -> np.ndarray:
    """The weights of the coarse cell in terms of those of each cell (n, k, k)."""
    home, within = home_of(cover, cell)
    return cover.grid.weights.two_scale(within, cell % cover.types, home % cover.types == 1)


def coarsen(fine: Cover, room: Room) -> tuple[Cover, np.ndarray, np.ndarray]:
    """The next cover, the whole cells that became part of its pieces, and the parents of all elements.

    Parents are a function table (cells + pieces,): coarse elements by number.
    """
    nx, ny = -(-fine.nx // 2), -(-fine.ny // 2)
    grid = replace(fine.grid, nx=nx, ny=ny, h=2 * fine.grid.h)
    cells = grid.cells
    children = whole_children(fine, nx, ny)
    whole = children == 4
    mixed = (children > 0) & ~whole
    pieces = fine.cells + np.arange(len(fine.piece_cell))
    candidates = children_of(fine, np.flatnonzero(mixed))
    home_piece, _ = home_of(fine, fine.piece_cell)
    home_child, _ = home_of(fine, candidates)
    element = np.concatenate([pieces, candidates])
    home = np.concatenate([home_piece, home_child])
    links = np.concatenate([fine.links, whole_neighbours(candidates, fine.whole, fine.grid)])
    local = np.full(fine.cells + len(pieces), -1)
    local[element] = np.arange(len(element))
    a, b = local[links].T
    both = (a >= 0) & (b >= 0)
    inside = np.zeros(len(links), bool)
    inside[both] = home[a[both]] == home[b[both]]
    graph = coo_array((np.ones(inside.sum(), np.int8), (a[inside], b[inside])), (len(home), len(home)))
    count, label = connected_components(graph, directed=False)
    piece_cell = np.zeros(count, np.int64)
    piece_cell[label] = home
    parent = np.full(fine.cells + len(pieces), -1)
    parent[element] = cells + label

    def parents(elements):
        found = parent[elements]
        missing = found < 0
        found[missing] = home_of(fine, elements[missing])[0]
        return found

    up = parents(links[~inside].ravel()).reshape(-1, 2)
    up = up[up[:, 0] != up[:, 1]]
    key = np.unique(up.min(1) * (cells + count) + up.max(1))
    links = np.stack([key // (cells + count), key % (cells + count)], -1)
    size = np.bincount(label, minlength=count).astype(float)
    linked = Links(links[:, 0], links[:, 1], edges_between(links, cells, piece_cell, grid))
    patches, promoted, more, active, _ = physical_patches(whole, piece_cell, linked, grid, size)
    if len(promoted):
        number = np.arange(cells + count)
        number[promoted] = cells + count + np.arange(len(promoted))
        links = number[np.concatenate([links, whole_neighbours(promoted, whole, grid)])]
        whole[promoted] = False
        piece_cell, patches = np.concatenate([piece_cell, promoted]), np.concatenate([patches, more])
        children = children_of(fine, promoted)
        parent[children] = number[home_of(fine, children)[0]]
        candidates = np.concatenate([candidates, children])
    total = room(f"patches of level {fine.level + 1}", len(active) + 1)
    return Cover(grid, whole, piece_cell, patches, links, total, fine.level + 1), candidates, parent


def edges_between(links: np.ndarray, cells: int, piece_cell: np.ndarray, grid: Grid) -> np.ndarray:
    """The lattice edge (n,) between the cells of each pair (n, 2) of elements."""
    home = np.concatenate([np.arange(cells), piece_cell])[links]
    first, second = grid.cell_edges(home[:, 0]), grid.cell_edges(home[:, 1])
    common = (first[:, :, None] == second[:, None, :]).any(2)
    return first[np.arange(len(first)), common.argmax(1)]


def whole_children(fine: Cover, nx: int, ny: int) -> np.ndarray:
    """Number of whole cells (coarse cells,) in each coarse cell."""
    grid = np.zeros((2 * ny, 2 * nx, fine.types), np.int8)
    grid[: fine.ny, : fine.nx] = fine.whole.reshape(fine.ny, fine.nx, fine.types)
    four = {(dx, dy): grid[dy::2, dx::2] for dx in (0, 1) for dy in (0, 1)}
    if fine.grid.shape == "quad":
        return np.sum([*four.values()], axis=0).reshape(-1)
    lower = four[0, 0][..., 0] + four[1, 1][..., 0] + four[1, 0].sum(-1)
    upper = four[0, 0][..., 1] + four[1, 1][..., 1] + four[0, 1].sum(-1)
    return np.stack([lower, upper], -1).reshape(-1)


def children_of(fine: Cover, coarse: np.ndarray) -> np.ndarray:
    """Whole cells of the finer cover that lie in the given coarse cells."""
    nx = -(-fine.nx // 2)
    square, kind = coarse // fine.types, coarse % fine.types
    base = 2 * np.stack([square % nx, square // nx], -1)
    found = []
    for dx in (0, 1):
        for dy in (0, 1):
            for t in range(fine.types):
                if fine.grid.shape == "triangle":
                    mine = (dy > dx) | ((dx == dy) & (t == 1))
                    chosen = base[kind == int(mine)]
                else:
                    chosen = base
                x, y = chosen[:, 0] + dx, chosen[:, 1] + dy
                good = (x < fine.nx) & (y < fine.ny)
                cell = (y[good] * fine.nx + x[good]) * fine.types + t
                found.append(cell[fine.whole[cell]])
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def parents_of(fine: Cover, parent, element):
    """Coarse elements of elements."""
    found = parent[element]
    return np.where(found < 0, home_of(fine, fine.cell_of(element))[0], found)
