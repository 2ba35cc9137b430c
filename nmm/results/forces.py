"""Forces on the body: at the supports, their balance, and the mean stress that follows from them."""

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from nmm.manifold.manifold import Manifold
from nmm.solve.boundary import reaction

if TYPE_CHECKING:
    from nmm.results.solution import Solution

Forces = dict[str, tuple[np.ndarray, np.ndarray]]
"""Points (n, 2) and forces (n, components) there by the name of a boundary entry."""


def supports(solution: "Solution") -> Forces:
    """Forces of the entries that hold the solution."""
    problem, manifold = solution.problem, solution.manifold
    patches = manifold.element_patches()
    local = solution.dofs[patches].reshape(len(patches), -1)
    beta = solution.system.beta
    return {
        term.name: (edge.points, reaction(problem, term, edge, solution.params, beta, local))
        for term, edge in zip(problem.terms, problem.edges, strict=True)
        if term.dirichlet or term.kind == "robin"
    }


def balance(points: np.ndarray, forces: np.ndarray, box: np.ndarray) -> dict[str, Any]:
    """Sum of forces, and their moment about the centre of the box, relative to their magnitude."""
    total = forces.sum(0)
    scale = np.abs(forces).sum() or 1.0
    relative = float(np.abs(total).max() / scale)
    moment = None
    if forces.shape[1] == 2:
        centre, size = (box[:2] + box[2:]) / 2, np.linalg.norm(box[2:] - box[:2])
        x, y = (points - centre).T
        moment = float((x * forces[:, 1] - y * forces[:, 0]).sum())
        relative = max(relative, abs(moment) / (scale * size))
    return {"residual": relative, "resultant": total.tolist(), "moment": moment}


def mean_moment(points: np.ndarray, forces: np.ndarray, manifold: Manifold) -> np.ndarray:
    """Σ f ⊗ x (components, 2) over the area inside the outline."""
    centre = (manifold.box[:2] + manifold.box[2:]) / 2
    return np.einsum("nc,ni->ci", forces, points - centre) / outline_area(manifold)


def outline_area(manifold: Manifold) -> float:
    """Area inside the outer boundary, holes included."""
    parts = shapely.get_parts(manifold.geometry.polygon)
    return float(sum(shapely.Polygon(p.exterior).area for p in parts))
