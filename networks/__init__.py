"""Networks as numerical manifolds: covers that learn, measured on the problems of nmm.

Names are imported when they are first used, so that importing networks is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from networks import anatomy as anatomy
    from networks import covers as covers
    from networks.bounds import RegionBounds, region_bounds
    from networks.boxes import BoxProblem, box_problem
    from networks.cells import Cells, Intervals
    from networks.energy import Functional, functional
    from networks.fitted import Fitted
    from networks.kan import KAN
    from networks.knots import KnotFit, fit_knots
    from networks.manifold_net import ManifoldLayer, ManifoldNet, minimise
    from networks.parameters import Coefficient, NetParameter, coefficient, law
    from networks.perceptron import MLP, LocalNet
    from networks.physical import LatticeCover, lattice_cover
    from networks.relu import ReLU, Sheets, from_nodes, from_solution, sheets, to_dofs
    from networks.separable import Separable, Separated, solve_separable
    from networks.splitting import to_manifold
    from networks.strain_energy import StrainEnergy
    from networks.training import Fit, fit, fit_seeds

_HOMES = {
    "networks.bounds": ["RegionBounds", "region_bounds"],
    "networks.boxes": ["BoxProblem", "box_problem"],
    "networks.cells": ["Cells", "Intervals"],
    "networks.energy": ["Functional", "functional"],
    "networks.fitted": ["Fitted"],
    "networks.kan": ["KAN"],
    "networks.knots": ["KnotFit", "fit_knots"],
    "networks.manifold_net": ["ManifoldLayer", "ManifoldNet", "minimise"],
    "networks.parameters": ["Coefficient", "NetParameter", "coefficient", "law"],
    "networks.perceptron": ["MLP", "LocalNet"],
    "networks.physical": ["LatticeCover", "lattice_cover"],
    "networks.relu": ["ReLU", "Sheets", "from_nodes", "from_solution", "sheets", "to_dofs"],
    "networks.separable": ["Separable", "Separated", "solve_separable"],
    "networks.splitting": ["to_manifold"],
    "networks.strain_energy": ["StrainEnergy"],
    "networks.training": ["Fit", "fit", "fit_seeds"],
}
_MODULES = {"anatomy": "networks.anatomy", "covers": "networks.covers"}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "KAN", "MLP", "BoxProblem", "Cells", "Coefficient", "Fit", "Fitted", "Functional", "Intervals", "KnotFit",
    "LatticeCover", "LocalNet", "ManifoldLayer", "ManifoldNet", "NetParameter", "ReLU", "RegionBounds",
    "Separable", "Separated", "Sheets", "StrainEnergy", "anatomy", "box_problem", "coefficient", "covers",
    "fit", "fit_knots", "fit_seeds", "from_nodes", "from_solution", "functional", "lattice_cover", "law",
    "minimise", "region_bounds", "sheets", "solve_separable", "to_dofs", "to_manifold",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOME_OF:
        raise AttributeError(f"module 'networks' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
