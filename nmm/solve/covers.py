"""Mathematical and physical cover of one level, and the next coarser one.

The lattice is coarsened by two. Four whole cells make a whole coarse cell; all other elements of a coarse
cell that are linked become one coarse piece. Nothing is cut again, so that every coarse space lies exactly
in the finer one, whatever the tolerances of the cut. The work is proportional to the pieces, not the cells.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.capacity import Room
from nmm.cover.weights import hat_values
from nmm.manifold.manifold import Manifold
from nmm.solve.stencil import CORNERS


@dataclass(frozen=True)
class Cover:
    """A cover on the host: elements are cells by number, and pieces from `cells` on."""

    shape: str
    nx: int
    ny: int
    whole: np.ndarray
    piece_cell: np.ndarray
    patches: np.ndarray
    links: np.ndarray
    count: int
    level: int

    @property
    def types(self) -> int:
        return len(CORNERS[self.shape])

    @property
    def cells(self) -> int:
        return self.nx * self.ny * self.types

    @property
    def nodes(self) -> int:
        return (self.nx + 1) * (self.ny + 1)

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
        square, kind = self.square(cell)
        corner = square[:, None] + np.array(CORNERS[self.shape])[kind]
        return corner[..., 1] * (self.nx + 1) + corner[..., 0]

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
        grid.shape,
        grid.nx,
        grid.ny,
        np.asarray(manifold.whole),
        manifold.piece_cell[:count].astype(np.int64),
        manifold.piece_patches[:count].astype(np.int64),
        number[manifold.host.links],
        manifold.patches,
        0,
    )


def neighbours(cover: Cover, cell: np.ndarray) -> np.ndarray:
    """Pairs (n, 2) of the given cells and the whole cells beside them."""
    (i, j), kind = cover.square(cell)[0].T, cover.square(cell)[1]
    if cover.shape == "quad":
        moves = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)]
        steps = [(np.full_like(i, dx), np.full_like(i, dy), 0 * i) for dx, dy, _ in moves]
    else:
        upper = kind == 1
        steps = [
            (0 * i, 0 * i, 1 - kind),
            (np.where(upper, 0, 0), np.where(upper, 1, -1), 1 - kind),
            (np.where(upper, -1, 1), 0 * i, 1 - kind),
        ]
    result = []
    for dx, dy, other in steps:
        x, y = i + dx, j + dy
        inside = (x >= 0) & (x < cover.nx) & (y >= 0) & (y < cover.ny)
        there = (np.where(inside, y, 0) * cover.nx + np.where(inside, x, 0)) * cover.types + other
        good = inside & cover.whole[there]
        result.append(np.stack([cell[good], there[good]], -1))
    return np.concatenate(result)


def home_of(cover: Cover, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coarse cell of cells, and their square's place (n, 2) within the coarse square."""
    square, kind = cover.square(cell)
    coarse = square // 2
    within = square - 2 * coarse
    number = coarse[:, 1] * (-(-cover.nx // 2)) + coarse[:, 0]
    if cover.shape == "triangle":
        upper = (within[:, 1] > within[:, 0]) | ((within[:, 0] == within[:, 1]) & (kind == 1))
        number = 2 * number + upper
    return number, within


def two_scale(cover: Cover, cell: np.ndarray) -> np.ndarray:
    """Values (n, k, k) of the weights of the coarse cell at the nodes of each cell."""
    home, within = home_of(cover, cell)
    kind = cell % cover.types
    xi = (within[:, None] + np.array(CORNERS[cover.shape])[kind]) / 2
    return hat_values(cover.shape, xi, np.broadcast_to((home % cover.types == 1)[:, None], xi.shape[:2]))


def coarsen(fine: Cover, room: Room) -> tuple[Cover, np.ndarray, np.ndarray]:
    """The next cover, the whole cells that became part of its pieces, and the parents of all elements.

    Parents are a function table (cells + pieces,): coarse elements by number.
    """
    nx, ny = -(-fine.nx // 2), -(-fine.ny // 2)
    cells = nx * ny * fine.types
    children = whole_children(fine, nx, ny)
    whole = children == 4
    mixed = (children > 0) & ~whole
    pieces = fine.cells + np.arange(len(fine.piece_cell))
    candidates = children_of(fine, np.flatnonzero(mixed))
    home_piece, _ = home_of(fine, fine.piece_cell)
    home_child, _ = home_of(fine, candidates)
    element = np.concatenate([pieces, candidates])
    home = np.concatenate([home_piece, home_child])
    links = np.concatenate([fine.links, neighbours(fine, candidates)])
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
    none = np.zeros((count, 0), np.int64)
    coarse = Cover(fine.shape, nx, ny, whole, piece_cell, none, links, 0, fine.level + 1)
    patches, total = coarse_patches(coarse)
    total = room(f"patches of level {coarse.level}", total + 1)
    return replace(coarse, patches=patches, count=total), candidates, parent


def whole_children(fine: Cover, nx: int, ny: int) -> np.ndarray:
    """Number of whole cells (coarse cells,) in each coarse cell."""
    grid = np.zeros((2 * ny, 2 * nx, fine.types), np.int8)
    grid[: fine.ny, : fine.nx] = fine.whole.reshape(fine.ny, fine.nx, fine.types)
    four = {(dx, dy): grid[dy::2, dx::2] for dx in (0, 1) for dy in (0, 1)}
    if fine.shape == "quad":
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
                if fine.shape == "triangle":
                    mine = (dy > dx) | ((dx == dy) & (t == 1))
                    chosen = base[kind == int(mine)]
                else:
                    chosen = base
                x, y = chosen[:, 0] + dx, chosen[:, 1] + dy
                good = (x < fine.nx) & (y < fine.ny)
                cell = (y[good] * fine.nx + x[good]) * fine.types + t
                found.append(cell[fine.whole[cell]])
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def coarse_patches(cover: Cover) -> tuple[np.ndarray, int]:
    """Patches (pieces, k), components of (piece, node) pairs with whole cells for their nodes; and how many.

    Whole cells around a node always belong together, since they do on every finer cover.
    """
    pieces = len(cover.piece_cell)
    k = len(CORNERS[cover.shape][0])
    code = cover.cell_nodes(cover.piece_cell)
    nodes = cover.nodes
    a, b = cover.links.T
    nodes_a, nodes_b = cover.cell_nodes(cover.cell_of(a)), cover.cell_nodes(cover.cell_of(b))

    def vertex(element, local, node):
        return np.where(element < cover.cells, node, nodes + (element - cover.cells) * k + local)

    ends = []
    for i in range(k):
        for j in range(k):
            same = nodes_a[:, i] == nodes_b[:, j]
            node = nodes_a[same, i]
            ends.append((vertex(a[same], i, node), vertex(b[same], j, node)))
    first, second = (np.concatenate(v) for v in zip(*ends, strict=True))
    size = nodes + pieces * k
    _, label = connected_components(
        coo_array((np.ones(len(first), np.int8), (first, second)), (size, size)), directed=False
    )
    taken = np.zeros(nodes, bool)
    taken[cover.cell_nodes(np.flatnonzero(cover.whole)).ravel()] = True
    flat, code = label[nodes:], code.ravel()
    number = np.full(size, -1)
    lattice = np.flatnonzero(taken)
    number[label[lattice]] = lattice
    open_ = np.flatnonzero(number[flat] < 0)
    component, where = np.unique(flat[open_], return_index=True)
    node = code[open_[where]]
    order = np.argsort(node, kind="stable")
    component, node = component[order], node[order]
    leader = np.ones(len(node), bool)
    leader[1:] = node[1:] != node[:-1]
    leader &= ~taken[node]
    number[component[leader]] = node[leader]
    extra = component[~leader]
    number[extra] = nodes + np.arange(len(extra))
    return number[flat].reshape(pieces, k), nodes + len(extra)


def parents_of(fine: Cover, parent, element):
    """Coarse elements of elements."""
    found = parent[element]
    return np.where(found < 0, home_of(fine, fine.cell_of(element))[0], found)
