"""nmm: the numerical manifold method on JAX.

A regular mathematical cover, a domain with holes and cracks that is cut out of it, a physics as an energy
density: everything else follows. Names are imported when they are first used, so that importing nmm is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nmm._version import __version__

if TYPE_CHECKING:
    from nmm.batches import batch
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
    from nmm.forward_map import Forward, forward
    from nmm.fracture.intensity import stress_intensity, tips_left_out
    from nmm.fracture.release import energy_release
    from nmm.inversion import observe, prior
    from nmm.inversion.electrodes import Electrodes, electrodes, on_circle
    from nmm.inversion.fields import Field, field
    from nmm.inversion.inverse import Estimate, Inverse, inverse
    from nmm.inversion.phases import Phases, phases
    from nmm.inversion.recut import Recut, recut
    from nmm.manifold.cut import cut
    from nmm.manifold.manifold import Manifold
    from nmm.manifold.stack import Stack, stack
    from nmm.nonlinear_map import Nonlinear, nonlinear
    from nmm.physics.bond import Bond, bond
    from nmm.physics.boundary import fixed, flux, point_load, pressure, robin, traction, value
    from nmm.physics.models import Model, elasticity, poisson
    from nmm.physics.problem import Problem, problem
    from nmm.physics.values import GridValue
    from nmm.results.equilibrium import Equilibrium
    from nmm.results.solution import Solution
    from nmm.several_experiments import Experiments, experiments
    from nmm.solve import ConjugateGradient, Direct, Multigrid

_HOMES = {
    "nmm.batches": ["batch"],
    "nmm.cover": ["lattice"],
    "nmm.domain": ["Domain", "disk", "polygon", "read_cracks", "read_domain", "read_regions", "rectangle"],
    "nmm.errors": [
        "CapacityError", "GeometryError", "InputError", "NmmError", "NotConverged", "ParameterError",
        "PrecisionError", "UnbalancedError",
    ],
    "nmm.forward_map": ["Forward", "forward"],
    "nmm.fracture.intensity": ["stress_intensity", "tips_left_out"],
    "nmm.fracture.release": ["energy_release"],
    "nmm.inversion.electrodes": ["Electrodes", "electrodes", "on_circle"],
    "nmm.inversion.fields": ["Field", "field"],
    "nmm.inversion.inverse": ["Estimate", "Inverse", "inverse"],
    "nmm.inversion.phases": ["Phases", "phases"],
    "nmm.inversion.recut": ["Recut", "recut"],
    "nmm.manifold.cut": ["cut"],
    "nmm.manifold.manifold": ["Manifold"],
    "nmm.manifold.stack": ["Stack", "stack"],
    "nmm.nonlinear_map": ["Nonlinear", "nonlinear"],
    "nmm.physics.bond": ["Bond", "bond"],
    "nmm.physics.boundary": ["fixed", "flux", "point_load", "pressure", "robin", "traction", "value"],
    "nmm.physics.models": ["Model", "elasticity", "poisson"],
    "nmm.physics.problem": ["Problem", "problem"],
    "nmm.physics.values": ["GridValue"],
    "nmm.results.equilibrium": ["Equilibrium"],
    "nmm.results.solution": ["Solution"],
    "nmm.several_experiments": ["Experiments", "experiments"],
    "nmm.solve": ["ConjugateGradient", "Direct", "Multigrid"],
}  # fmt: skip
_MODULES = {"observe": "nmm.inversion.observe", "prior": "nmm.inversion.prior"}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Bond", "CapacityError", "ConjugateGradient", "Direct", "Domain", "Electrodes", "Equilibrium", "Estimate",
    "Experiments", "Field", "Forward", "GeometryError", "GridValue", "InputError", "Inverse", "Manifold",
    "Model", "Multigrid", "NmmError", "Nonlinear", "NotConverged", "ParameterError", "Phases",
    "PrecisionError", "Problem", "Recut", "Solution", "Stack", "UnbalancedError", "__version__", "batch",
    "bond", "cut", "disk", "elasticity", "electrodes", "energy_release", "experiments", "field", "fixed",
    "flux", "forward", "inverse", "lattice", "nonlinear", "observe", "on_circle", "phases", "point_load",
    "poisson", "polygon", "pressure", "prior", "problem", "read_cracks", "read_domain", "read_regions",
    "rectangle", "recut", "robin", "stack", "stress_intensity", "tips_left_out", "traction", "value",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOME_OF:
        raise AttributeError(f"module 'nmm' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
