"""Stacked numerical manifolds: each layer is Σ_i w_i(x) Σ_j p_j(x) d_ij, and layers compose.

A layer is what nmm calls a manifold: weights of a cover, monomials p_j of the local coordinates in each patch
up to an order, and unknowns d_ij, which are vectors. With one layer on the physical patches of a lattice
(`lattice_cover`) it is the space of the classical method, in which the energy is quadratic and one linear
solve finds its minimum. Further layers, and covers whose arrays are trained with the unknowns, are what
networks add.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from itertools import product as combinations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.flatten_util import ravel_pytree

from networks.covers import Cover
from nmm.errors import InputError

DEPENDENT = 1e-14
"""Singular values below this share of the largest one belong to functions that depend on others."""


class Fixed(nnx.Variable):
    """An array of a cover that is not trained."""


def powers(inputs: int, order: int) -> np.ndarray:
    """Exponents (J, inputs) of the monomials up to an order, those of nmm and in their order for two inputs.

    >>> powers(2, 1).tolist()
    [[0, 0], [1, 0], [0, 1]]
    """
    all_of_them = combinations(range(order, -1, -1), repeat=inputs)
    return np.array(sorted((p for p in all_of_them if sum(p) <= order), key=sum)).reshape(-1, inputs)


class ManifoldLayer(nnx.Module):
    """One numerical manifold: x (n, inputs) -> Σ_i w_i(x) Σ_j p_j(x) d_ij (n, outputs).

    `unknowns` d (patches, J, outputs) are parameters, and so are the arrays of the cover if it learns.
    """

    def __init__(self, cover: Cover, unknowns: Any, order: int = 0, learn: bool = True):
        """**Raises:** `InputError` for unknowns whose shape does not fit the cover."""
        self.powers = tuple(map(tuple, powers(cover.nodes.shape[1], order).tolist()))
        wanted = (cover.patches, len(self.powers))
        if np.ndim(unknowns) != 3 or np.shape(unknowns)[:2] != wanted:
            raise InputError(f"found unknowns {np.shape(unknowns)}, expected {(*wanted, 'outputs')}")
        arrays, self.structure = jax.tree.flatten(cover)
        floating = [learn and jnp.issubdtype(a.dtype, jnp.floating) for a in arrays]
        kinds = [nnx.Param if f else Fixed for f in floating]
        self.arrays = nnx.List([kind(a) for kind, a in zip(kinds, arrays, strict=True)])
        self.unknowns = nnx.Param(jnp.asarray(unknowns))

    @property
    def cover(self) -> Any:
        """The cover, with its arrays as they are now."""
        return jax.tree.unflatten(self.structure, [a.get_value() for a in self.arrays])

    @property
    def learns(self) -> bool:
        """Whether the arrays of the cover are parameters."""
        return any(isinstance(array, nnx.Param) for array in self.arrays)

    def __call__(self, x: Any, element: Any = None) -> jax.Array:
        """Values (n, outputs) at points (n, inputs); `element` (n,) where the cover is that of a domain."""
        cover = self.cover
        return values(
            cover, self.unknowns.get_value(), self.powers, jnp.asarray(x), cover.located(x, element)
        )


def functions(cover: Cover, exponents: tuple[tuple[int, ...], ...], x: jax.Array, element: Any = None):
    """Products w_i p_j (n, m, J) of the m patches at points (n, inputs), and the patches (n, m)."""
    here = cover.local(x, element)
    monomials = [
        jnp.prod(jnp.stack([here.coordinates[..., a] ** p for a, p in enumerate(each)]), 0)
        for each in exponents
    ]
    return here.weights[..., None] * jnp.stack(monomials, -1), here.index


@partial(jax.jit, static_argnums=2)
def values(cover: Any, unknowns: jax.Array, exponents, x: jax.Array, element: Any) -> jax.Array:
    """Σ_i w_i Σ_j p_j d_ij (n, outputs) for unknowns d (patches, J, outputs)."""
    products, index = functions(cover, exponents, x, element)
    return jnp.einsum("nmj,nmjc->nc", products, unknowns[index])


class ManifoldNet(nnx.Module):
    """Manifold layers one after the other: `ManifoldNet(layers)`, or `ManifoldNet.on(covers)`."""

    def __init__(self, layers: Sequence[ManifoldLayer]):
        """**Raises:** `InputError` for layers that do not follow on each other."""
        for number, (one, following) in enumerate(pairwise(layers)):
            made, wanted = one.unknowns.get_value().shape[-1], len(following.powers[0])
            if made != wanted:
                raise InputError(
                    f"found {made} outputs, and the next layer has {wanted} inputs", where=f"layer {number}"
                )
        self.layers = nnx.List(layers)

    def __call__(self, x: Any, element: Any = None) -> jax.Array:
        """Values (n, outputs) at points (n, inputs); `element` (n,) goes to the first layer."""
        x = jnp.asarray(x)
        for number, layer in enumerate(self.layers):
            x = layer(x, element if number == 0 else None)
        return x

    @classmethod
    def on(
        cls,
        covers: Sequence[Any],
        outputs: int = 1,
        order: int | Sequence[int] = 0,
        learn: bool = True,
        noise: float = 0.1,
        seed: int = 0,
    ) -> "ManifoldNet":
        """A stack of manifolds on `covers`, one a layer, each mapping into the domain of the next.

        **Arguments:** `order` of the local functions, one for all layers or one for each; `learn`, whether
        the arrays of the covers are parameters. A hidden layer starts as the identity where it can (as many
        outputs as inputs), else at random around the nodes of the next cover, with `noise` as a share of
        their spread; the last one starts as N(0, `noise`²).

        **Raises:** `InputError` for no covers, or orders that are not one for each.
        """
        orders = [order] * len(covers) if isinstance(order, int) else list(order)
        if not covers or len(orders) != len(covers) or min(orders) < 0:
            raise InputError(
                f"found {len(covers)} covers, orders {orders}; expected an order ≥ 0 for each cover"
            )
        draw = np.random.default_rng(seed).normal
        layers = []
        for cover, following, degree in zip(covers, [*covers[1:], None], orders, strict=True):
            nodes = np.asarray(cover.nodes)
            out = outputs if following is None else following.nodes.shape[1]
            unknowns = noise * draw(size=(len(nodes), len(powers(nodes.shape[1], degree)), out))
            if following is not None:
                there = np.asarray(following.nodes)
                start = (
                    nodes
                    if out == nodes.shape[1]
                    else there.mean(0) + there.std(0) * draw(size=(len(nodes), out))
                )
                unknowns = unknowns * there.std(0)
                unknowns[:, 0] += start
            layers.append(ManifoldLayer(cover, unknowns, degree, learn))
        return cls(layers)


def minimise(net: ManifoldNet, functional: Any) -> ManifoldNet:
    """The net of one layer with the unknowns of least energy: one linear solve, as the energy is quadratic.

    `functional` turns a function of (points, elements) into a number that is quadratic in it. Dense, for some
    thousand unknowns; by singular values, as local functions of order ≥ 1 on hats are linearly dependent.

    **Raises:** `InputError` for more than one layer.
    """
    if len(net.layers) != 1:
        raise InputError(f"found {len(net.layers)} layers, expected one: the energy of more is not quadratic")
    graph, unknowns, rest = nnx.split(net, lambda path, _: path[-1] == "unknowns", ...)
    start, back = ravel_pytree(unknowns)

    def energy(d):
        return functional(nnx.merge(graph, back(d), rest))

    ways = jnp.concatenate([jnp.zeros((1, len(start))), jnp.eye(len(start))])
    load, *rows = np.asarray(jax.jit(partial(jax.lax.map, jax.grad(energy)))(ways))
    stiffness = np.stack(rows) - load
    diagonal = np.diagonal(stiffness)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = stiffness * scale[:, None] * scale
    solution = scale * np.linalg.lstsq(scaled, -scale * load, rcond=DEPENDENT)[0]
    return nnx.merge(graph, back(jnp.asarray(solution)), rest)
