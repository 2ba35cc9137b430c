"""`solution.npz`: the elements, the fields on them and the unknowns, for NumPy alone."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import save_npz

_MESH = ("points", "offsets", "triangles", "element_of_triangle", "cell", "part", "region", "cut", "patches")


def save_archive(path: str | os.PathLike, solution: Any, mesh: Any, fields: Mapping[str, NDArray]) -> None:
    """Write `solution.npz`, atomically.

    Keys: those of the mesh (`points (n, 2)` in the user's coordinates, each element with vertices of its
    own; element e has the points `offsets[e]:offsets[e+1]`; `triangles`, `element_of_triangle`; per element
    `cell`, `part`, `region`, `cut`, `patches`), `region_names`, `field_NAME` per point, `error_estimate`
    per element, `dofs` (patches, components), `parameter_NAME` (of fields: values at their nodes), and
    `history`, the relative residual after each iteration.
    """
    arrays = {name: getattr(mesh, name) for name in _MESH}
    arrays["region_names"] = np.array([name for name, _ in solution.manifold.geometry.regions], dtype=np.str_)
    arrays["error_estimate"] = solution.estimate.elements
    arrays["dofs"] = solution.dofs
    arrays["history"] = np.asarray(solution.history, dtype=np.float64)
    arrays.update({f"field_{name}": values for name, values in fields.items()})
    given = solution.params or {}
    arrays.update({f"parameter_{name}": getattr(value, "values", value) for name, value in given.items()})
    save_npz(path, arrays)
