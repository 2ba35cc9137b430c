"""Nested physical covers: coarse elements by aggregation, coarse patches, and the prolongation between them.

The lattice is coarsened by two. The linked fine elements of every coarse cell become one coarse element;
nothing is cut again, so that every coarse space lies exactly in the finer one, whatever the tolerances of
the cut. A fine patch lies in one component of each coarse patch that overlaps it: prolongation is the
two-scale relation of the weights, split by component.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from nmm.cover.weights import hat_values
from nmm.manifold.manifold import Manifold


@dataclass(frozen=True)
class Cover:
    """Elements and patches of one level.

    `square` (n, 2) and `upper` (n,) say which lattice cell each element lies in, `patches` (n, k) its
    patches, `links` (m, 2) which elements are joined, `whole` (n,) which are complete cells; `parent`
    (elements of the finer level,) is the element that each finer one became part of.
    """

    shape: str
    nx: int
    ny: int
    square: np.ndarray
    upper: np.ndarray
    patches: np.ndarray
    links: np.ndarray
    whole: np.ndarray
    count: int
    parent: np.ndarray | None = None


def finest(manifold: Manifold) -> Cover:
    """The cover of a manifold, with the links between whole cells spelt out."""
    grid = manifold.grid
    cells = manifold.element_cells()
    number = np.full(grid.cells, -1)
    number[manifold.whole_list] = np.arange(len(manifold.whole_list))
    pairs = number[grid.neighbours(np.asarray(manifold.whole))]
    active = np.flatnonzero(manifold.active)
    dense = np.full(manifold.patches, -1)
    dense[active] = np.arange(len(active))
    return Cover(
        shape=grid.shape,
        nx=grid.nx,
        ny=grid.ny,
        square=grid.corner(cells).astype(np.int64),
        upper=(cells % 2 == 1) & (grid.shape == "triangle"),
        patches=dense[manifold.element_patches()],
        links=np.concatenate([pairs, manifold.host.links]),
        whole=np.arange(len(cells)) < len(manifold.whole_list),
        count=len(active),
    )


def nodes_of(cover_shape: str, nx: int, square: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Lattice nodes (n, k, 2) of cells, in the order of their weights."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    if cover_shape == "triangle":
        corners = np.where(upper[:, None, None], [[0, 0], [1, 1], [0, 1]], [[0, 0], [1, 0], [1, 1]])
        return square[:, None] + corners
    return square[:, None] + corners[None]


def coarsen(fine: Cover) -> tuple[Cover, csr_array]:
    """The next coarser cover and the prolongation (fine patches, coarse patches), whose rows sum to 1."""
    square = fine.square // 2
    within = fine.square - 2 * square
    nx, ny = -(-fine.nx // 2), -(-fine.ny // 2)
    if fine.shape == "triangle":
        upper = (within[:, 1] > within[:, 0]) | ((within[:, 0] == within[:, 1]) & fine.upper)
        home = 2 * (square[:, 1] * nx + square[:, 0]) + upper
    else:
        upper = np.zeros(len(square), bool)
        home = square[:, 1] * nx + square[:, 0]
    a, b = fine.links.T
    inside = home[a] == home[b]
    n = len(home)
    graph = coo_array((np.ones(inside.sum(), np.int8), (a[inside], b[inside])), (n, n))
    count, parent = connected_components(graph, directed=False)
    first = np.zeros(count, np.int64)
    first[parent[::-1]] = np.arange(n)[::-1]
    links = parent[fine.links[~inside]]
    key = np.unique(links.min(1).astype(np.int64) * count + links.max(1))
    links = np.stack([key // count, key % count], -1)
    square_c, upper_c = square[first], upper[first]
    whole = np.bincount(parent, fine.whole, count) == 4
    nodes = nodes_of(fine.shape, nx, square_c, upper_c)
    code = nodes[..., 1] * (nx + 1) + nodes[..., 0]
    patches, total = components(code, links)
    coarse = Cover(fine.shape, nx, ny, square_c, upper_c, patches, links, whole, total, parent)
    return coarse, prolongation(fine, coarse, parent)


def components(code: np.ndarray, links: np.ndarray) -> tuple[np.ndarray, int]:
    """Patches (n, k) of elements with nodes `code` (n, k): components over links at common nodes."""
    n, k = code.shape
    a, b = links.T
    ends_a, ends_b = [], []
    for i in range(k):
        for j in range(k):
            same = np.flatnonzero(code[a, i] == code[b, j])
            ends_a.append(a[same] * k + i)
            ends_b.append(b[same] * k + j)
    rows, columns = np.concatenate(ends_a), np.concatenate(ends_b)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), (n * k, n * k))
    total, label = connected_components(graph, directed=False)
    return label.reshape(n, k), total


def prolongation(fine: Cover, coarse: Cover, parent: np.ndarray) -> csr_array:
    """Two-scale relation: the value of each coarse weight at the node of each fine patch."""
    n, k = fine.patches.shape
    pick = np.zeros(fine.count, np.int64)
    pick[fine.patches.ravel()[::-1]] = np.arange(n * k)[::-1]
    element, local = pick // k, pick % k
    node = nodes_of(fine.shape, fine.nx, fine.square[element], fine.upper[element])[
        np.arange(len(pick)), local
    ]
    up = parent[element]
    xi = node / 2 - coarse.square[up]
    values = hat_values(fine.shape, xi, coarse.upper[up])
    rows = np.repeat(np.arange(fine.count), k)
    matrix = csr_array((values.ravel(), (rows, coarse.patches[up].ravel())), (fine.count, coarse.count))
    matrix.eliminate_zeros()
    return matrix


def hierarchy(manifold: Manifold, smallest: int = 400) -> tuple[list[Cover], list[csr_array]]:
    """Covers from the finest to one of at most `smallest` patches, or until coarsening stops paying."""
    covers, steps = [finest(manifold)], []
    while covers[-1].count > smallest and max(covers[-1].nx, covers[-1].ny) > 2:
        coarse, step = coarsen(covers[-1])
        if coarse.count > 0.7 * covers[-1].count:
            break
        covers.append(coarse)
        steps.append(step)
    return covers, steps
