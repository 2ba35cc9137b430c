"""Fields on a cover of their own: unknowns that vary in space, coarser than the solution that they act on."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.pytrees import tree


@tree("box")
class Field:
    """Bilinear interpolation between `values` (rows, columns) at the nodes of a lattice over `box`.

    `box` is (xmin, ymin, xmax, ymax); row 0 is at ymin. Called with points (n, 2) it gives (n,); outside of
    the box it is constant. A pytree, so that it may be a parameter of `forward`.
    """

    values: Any
    box: tuple[float, float, float, float]

    def __call__(self, points):
        rows, columns = self.values.shape
        xmin, ymin, xmax, ymax = self.box
        x = jnp.clip((points[:, 0] - xmin) / (xmax - xmin), 0, 1) * (columns - 1)
        y = jnp.clip((points[:, 1] - ymin) / (ymax - ymin), 0, 1) * (rows - 1)
        i = jnp.clip(jnp.floor(x).astype(int), 0, columns - 2)
        j = jnp.clip(jnp.floor(y).astype(int), 0, rows - 2)
        s, t = x - i, y - j
        v = self.values
        below = (1 - s) * v[j, i] + s * v[j, i + 1]
        above = (1 - s) * v[j + 1, i] + s * v[j + 1, i + 1]
        return (1 - t) * below + t * above

    @property
    def spacing(self) -> tuple[float, float]:
        """Distance between nodes along x and y."""
        rows, columns = self.values.shape
        xmin, ymin, xmax, ymax = self.box
        return (xmax - xmin) / (columns - 1), (ymax - ymin) / (rows - 1)

    @property
    def nodes(self) -> np.ndarray:
        """Positions (rows, columns, 2) of the nodes."""
        rows, columns = self.values.shape
        x, y = np.linspace(self.box[0], self.box[2], columns), np.linspace(self.box[1], self.box[3], rows)
        return np.stack(np.meshgrid(x, y), -1)


def field(box: Any, cell: float, value: float = 0.0, margin: float = 0.0) -> Field:
    """A field of one value on nodes `cell` apart.

    **Arguments:** `box` (xmin, ymin, xmax, ymax), or anything that has one, such as a manifold; `cell`, the
    distance between nodes, made a little smaller so that the box is a multiple of it; `margin`, how far the
    nodes reach beyond the box on every side.

    **Raises:** `InputError` for a cell that is not positive or larger than the box.
    """
    xmin, ymin, xmax, ymax = (float(v) for v in getattr(box, "box", box))
    xmin, ymin, xmax, ymax = xmin - margin, ymin - margin, xmax + margin, ymax + margin
    wide, high = xmax - xmin, ymax - ymin
    if not (math.isfinite(cell) and 0 < cell <= min(wide, high)):
        raise InputError(
            f"found nodes {cell:g} apart, expected a positive distance of at most {min(wide, high):g}",
            where="field.cell",
            hint="take a fraction of the length over which the field varies",
        )
    shape = math.ceil(high / cell - 1e-9) + 1, math.ceil(wide / cell - 1e-9) + 1
    return Field(np.full(shape, float(value)), (xmin, ymin, xmax, ymax))
