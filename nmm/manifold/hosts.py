"""Small pieces take their boundary flux from a larger neighbour, the host.

On a sliver of thickness δ the flux of its own polynomial can only be bounded by a Nitsche parameter of
order 1/δ, which magnifies rounding until reactions mean nothing. The polynomial of a neighbour of decent
size, extended over the sliver, is as consistent and needs a parameter of order 1/h, whatever the cut.
"""

import numpy as np

from nmm.manifold.patches import Links

GOOD = 0.25
"""Area, as a fraction of the cell's, from which a piece is its own host."""

SLIVER = 1e-5
"""Area, as a fraction of the cell's, below which any larger host is better than none."""

SWEEPS = 16
"""Links that a sliver looks along for such a host."""


def find_hosts(links: Links, bonded: np.ndarray, fraction: np.ndarray, element_of: np.ndarray):
    """Host element (elements,) of every element.

    `fraction` (elements,) is the area by that of a cell, `element_of` translates the numbers in `links`.
    Hosts lie at most two links away, and as links do not cross the borders of regions they are of the same
    material; without one an element is its own host. Slivers look further, over the `bonded` pairs (n, 2) of
    borders too, as their flux differs from the host's by their thickness.
    """
    count = len(fraction)
    host = np.where(fraction >= GOOD, np.arange(count), -1)
    a, b = element_of[links.first], element_of[links.second]
    taker, giver = np.concatenate([a, b]), np.concatenate([b, a])
    c, d = element_of[bonded].T
    far_taker, far_giver = np.concatenate([taker, c, d]), np.concatenate([giver, d, c])
    thin = fraction[far_taker] < SLIVER
    far_taker, far_giver = far_taker[thin], far_giver[thin]
    for _ in range(2):
        open_ = (host[taker] < 0) & (host[giver] >= 0)
        if not open_.any():
            break
        who, whose = taker[open_], host[giver[open_]]
        order = np.argsort(fraction[giver[open_]], kind="stable")
        host[who[order]] = whose[order]
    host = np.where(host < 0, np.arange(count), host)
    for _ in range(SWEEPS):
        size = fraction[host]
        better = size[far_giver] > 10 * size[far_taker]
        if not better.any():
            break
        who, whose = far_taker[better], host[far_giver[better]]
        order = np.argsort(fraction[whose], kind="stable")
        host[who[order]] = whose[order]
    return host
