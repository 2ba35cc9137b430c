"""Quadrature points on straight stretches of boundaries and of the borders between regions."""

from dataclasses import dataclass

import numpy as np

from nmm.manifold.manifold import Manifold
from nmm.manifold.quadrature import GAUSS_SEGMENT


@dataclass(frozen=True)
class Edge:
    """Quadrature points (n,) on stretches of boundary.

    `piece` and the position `xi` (n, 2) in its square; `host`, the element whose polynomial gives the flux
    there, and the position `host_xi` (n, 2) in the host's square; `weight`, outward `normal`, `points`.
    """

    piece: np.ndarray
    xi: np.ndarray
    host: np.ndarray
    host_xi: np.ndarray
    weight: np.ndarray
    normal: np.ndarray
    points: np.ndarray


def edge_along(manifold: Manifold, piece, start, stop, normal) -> Edge:
    """Three Gauss points on each stretch (n,) from `start` to `stop` (n, 2) in the squares of pieces."""
    nodes, weights = GAUSS_SEGMENT
    length = np.linalg.norm(stop - start, axis=1) * manifold.grid.h
    t = (nodes + 1) / 2
    xi = (start[:, None] + t[:, None] * (stop - start)[:, None]).reshape(-1, 2)
    piece = np.repeat(piece, len(nodes))
    host = manifold.host.piece_host[piece]
    corner = manifold.grid.corner
    return Edge(
        piece=piece,
        xi=xi,
        host=host,
        host_xi=xi + corner(manifold.piece_cell[piece]) - corner(manifold.element_cells()[host]),
        weight=(length[:, None] * weights / 2).ravel(),
        normal=np.repeat(normal, len(nodes), axis=0),
        points=manifold.user_points(manifold.piece_cell[piece], xi),
    )
