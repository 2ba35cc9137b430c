"""Crack faces that interpenetrate where no contact is modelled."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nmm.results.solution import Solution


def overlap(solution: "Solution") -> dict[str, float]:
    """Length of crack faces that interpenetrate, and by how much at most.

    Faces of parts that nothing holds are left out: where those parts sit is a convention.
    """
    manifold = solution.manifold
    if solution.problem.model.components == 1:
        return {"length": 0.0, "max": 0.0}
    count = manifold.facets
    loose = np.isin(manifold.host.piece_part, [part["part"] for part in solution.held])
    piece, twin = manifold.facet_piece[:count], manifold.facet_twin[:count]
    left = np.flatnonzero((manifold.facet_side[:count] == 1) & (twin >= 0))
    left = left[~loose[piece[left]] & ~loose[piece[twin[left]]]]
    if not len(left):
        return {"length": 0.0, "max": 0.0}
    right = manifold.facet_twin[left]
    whole = len(manifold.whole_list)
    gaps = []
    for t in (0.0, 0.5, 1.0):
        values = []
        for face, s in ((left, t), (right, 1 - t)):
            ends = manifold.facet_ends[face]
            xi = ends[:, 0] + s * (ends[:, 1] - ends[:, 0])
            values.append(solution._values(whole + manifold.facet_piece[face], xi))
        gaps.append(((values[1] - values[0]) * manifold.facet_normal[left]).sum(1))
    gap = np.stack(gaps, -1)
    ends = manifold.facet_ends[left]
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) * manifold.grid.h
    closed = gap < -1e-9 * max(float(np.abs(solution.dofs).max()), np.finfo(float).tiny)
    return {
        "length": float((length * closed.mean(1)).sum()),
        "max": float(max(0.0, -gap.min())) if closed.any() else 0.0,
    }
