"""The covers of nmm as covers of a layer: lattice weights on physical patches.

Which patches a point belongs to depends on its manifold element: on the two sides of a crack the same weights
belong to different patches. The element is found on the host, once for each set of points, or is known from
the quadrature; the weights are those of nmm, as functions of the point.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from networks.covers import Dense, Local
from nmm.cover.weights import Weights
from nmm.errors import InputError
from nmm.manifold.locate import locate
from nmm.manifold.manifold import Manifold
from nmm.pytrees import HostOnly, tree


@dataclass(frozen=True, eq=False)
class Located(HostOnly):
    """What finds elements on the host."""

    manifold: Manifold


@tree("weights", "columns", "host", eq=False)
class LatticeCover(Dense):
    """Physical patches of a manifold; see `lattice_cover`.

    `cell` (elements,) and `owners` (elements, m), the patches of each element; `node` (patches, 2) in lattice
    units; `origin` (2,) and `frame` (2, 2) of the lattice; `number` (patches,) in the manifold.
    """

    cell: jax.Array
    owners: jax.Array
    node: jax.Array
    origin: jax.Array
    frame: jax.Array
    number: jax.Array
    weights: Weights
    columns: int
    host: Located

    @property
    def patches(self) -> int:
        """Number of patches."""
        return len(self.number)

    @property
    def nodes(self) -> jax.Array:
        """Nodes of the patches, in the user's coordinates."""
        return self.origin + self.node @ self.frame.T

    @property
    def sizes(self) -> jax.Array:
        """The side of a square."""
        return jnp.broadcast_to(jnp.linalg.norm(self.frame[:, 0]), (self.patches, 2))

    def elements(self, points: Any, side: int = 1) -> np.ndarray:
        """Manifold element (n,) of points (n, 2), on the host.

        **Raises:** `InputError` for points outside the domain, and inside jit.
        """
        if isinstance(points, Tracer):
            raise InputError(
                "traced points cannot be located", hint="give their elements: cover.elements(points)"
            )
        element, _ = locate(self.host.manifold, np.asarray(points), side)
        if (element < 0).any():
            x, y = np.asarray(points)[np.argmin(element)]
            raise InputError(f"the point ({x:.6g}, {y:.6g}) lies outside the domain", where="points")
        return element

    def located(self, x: Any, element: Any) -> Any:
        """`element`, or those of the points, looked up on the host."""
        return self.elements(x) if element is None else element

    def local(self, x: Any, element: Any = None) -> Local:
        """The patches of the `element` (n,) of each point (n, 2), looked up on the host if not given."""
        element = jnp.asarray(self.located(x, element))
        x, cell = jnp.asarray(x), self.cell[element]
        square = cell // self.weights.types
        units = (x - self.origin) @ jnp.linalg.inv(self.frame).T
        corner = jnp.stack([square % self.columns, square // self.columns], -1)
        index = self.owners[element]
        values = self.weights.values(units - corner, cell % 2 == 1, jnp)
        return Local(values, index, units[:, None] - self.node[index])


def lattice_cover(manifold: Manifold) -> LatticeCover:
    """The physical patches of a manifold as a cover, in the order of their numbers.

    **Raises:** `InputError` for enriched crack tips.
    """
    if manifold.host.tips is not None:
        raise InputError("found enriched crack tips, expected plain ones", where="cover.tips")
    owners = manifold.element_patches()
    number, which = np.unique(owners, return_inverse=True)
    nodes = np.concatenate([np.arange(manifold.grid.nodes), manifold.host.patch_node])[number]
    return LatticeCover(
        jnp.asarray(manifold.element_cells()),
        jnp.asarray(which.reshape(owners.shape)),
        jnp.asarray(manifold.grid.node_units(nodes)),
        jnp.asarray(manifold.origin),
        jnp.asarray(manifold.frame),
        jnp.asarray(number),
        manifold.weights,
        manifold.nx,
        Located(manifold),
    )
