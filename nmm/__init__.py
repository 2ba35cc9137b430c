"""nmm: the numerical manifold method on JAX.

A regular mathematical cover, a domain with holes and cracks that is cut out of it, a physics as an energy
density: everything else follows.
"""

from nmm._version import __version__
from nmm.cover import lattice
from nmm.domain import Domain, disk, polygon, read_cracks, read_domain, read_regions, rectangle
from nmm.errors import (
    CapacityError,
    GeometryError,
    InputError,
    NmmError,
    NotConverged,
    ParameterError,
    PrecisionError,
    UnbalancedError,
)
from nmm.forward import forward
from nmm.manifold.cut import cut
from nmm.manifold.manifold import Manifold
from nmm.physics.boundary import fixed, flux, point_load, pressure, robin, traction, value
from nmm.physics.models import Model, elasticity, poisson
from nmm.physics.problem import Problem, problem
from nmm.physics.values import GridValue
from nmm.results.solution import Solution
from nmm.solve import ConjugateGradient, Direct

__all__ = [
    "CapacityError", "ConjugateGradient", "Direct", "Domain", "GeometryError", "GridValue", "InputError",
    "Manifold", "Model", "NmmError", "NotConverged", "ParameterError", "PrecisionError", "Problem",
    "Solution", "UnbalancedError", "__version__", "cut", "disk", "elasticity", "fixed", "flux", "forward",
    "lattice", "point_load", "poisson", "polygon", "pressure", "problem", "read_cracks", "read_domain",
    "read_regions", "rectangle", "robin", "traction", "value",
]  # fmt: skip
