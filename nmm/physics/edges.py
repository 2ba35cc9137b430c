"""Quadrature points on straight stretches of boundaries and of the borders between regions."""

from dataclasses import dataclass

import numpy as np

from nmm.manifold.manifold import Manifold
from nmm.manifold.quadrature import segment_rule


@dataclass(frozen=True)
class Edge:
    """Quadrature points (n,) on stretches of boundary.

    `piece` and the position `xi` (n, 2) in its square; `host`, the element whose polynomial gives the flux
    there, and the position `host_xi` (n, 2) in the host's square; `weight`, outward `normal`, `points`.
    They lie on stretches `number` at fractions `along` of these, with `share` of their length as weight.
    """

    piece: np.ndarray
    xi: np.ndarray
    host: np.ndarray
    host_xi: np.ndarray
    weight: np.ndarray
    normal: np.ndarray
    points: np.ndarray
    number: np.ndarray
    along: np.ndarray
    share: np.ndarray


def edge_along(manifold: Manifold, number, interval, piece, ends, normal) -> Edge:
    """Gauss points on an `interval` (n, 2) of stretches with `ends` (n, 2, 2) in squares of pieces."""
    nodes, weights = segment_rule(manifold.functions.total)
    start, chord = ends[:, 0], ends[:, 1] - ends[:, 0]
    width = interval[:, 1:] - interval[:, :1]
    along, share = interval[:, :1] + width * (nodes + 1) / 2, width * weights / 2
    xi = (start[:, None] + along[..., None] * chord[:, None]).reshape(-1, 2)
    piece = np.repeat(piece, len(nodes))
    host = manifold.host.piece_host[piece]
    corner = manifold.grid.corner
    return Edge(
        piece=piece,
        xi=xi,
        host=host,
        host_xi=xi + corner(manifold.piece_cell[piece]) - corner(manifold.element_cells()[host]),
        weight=(np.linalg.norm(chord, axis=1)[:, None] * manifold.grid.h * share).ravel(),
        normal=np.repeat(normal, len(nodes), axis=0),
        points=manifold.user_points(manifold.piece_cell[piece], xi),
        number=np.repeat(number, len(nodes)),
        along=along.ravel(),
        share=share.ravel(),
    )
