"""Perceptrons, alone and one on every patch of a cover."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from networks.covers import Cover, box_of
from networks.manifold_net import Fixed
from nmm.errors import InputError

ACTIVATIONS = {"tanh": jnp.tanh, "sin": jnp.sin, "gelu": jax.nn.gelu, "silu": jax.nn.silu}
"""Smooth ones, as energies and residuals differentiate them once and twice."""


class MLP(nnx.Module):
    """A perceptron x (n, d) -> (n, outputs) on a box, which it sees as [-1, 1]^d.

    `unknowns` (width + 1, outputs) are the coefficients of its last hidden layer and of 1.
    """

    def __init__(
        self,
        box: Any,
        hidden: Sequence[int] = (32, 32),
        outputs: int = 1,
        activation: str = "tanh",
        seed: int = 0,
    ):
        """Weights as Glorot and Bengio (2010) draw them; biases uniform in [-1, 1], so that bends spread.

        **Raises:** `InputError` for no hidden layers, an unknown activation, or what is no box.
        """
        low, high, _ = box_of(box, 1)
        self.middle, self.half = tuple((low + high) / 2), tuple((high - low) / 2)
        self.activation = known(activation)
        sizes = checked_sizes(len(low), hidden)
        draw = np.random.default_rng(seed)
        self.weights = nnx.List([nnx.Param(glorot(draw, a, b)) for a, b in zip(sizes, hidden, strict=False)])
        self.biases = nnx.List([nnx.Param(jnp.asarray(draw.uniform(-1, 1, b))) for b in hidden])
        self.unknowns = nnx.Param(with_bias(glorot(draw, sizes[-1], outputs)))

    def __call__(self, x: Any, element: Any = None) -> jax.Array:
        """Values (n, outputs) at points (n, d)."""
        y = jnp.asarray(x)
        y = (y - jnp.array(self.middle, y.dtype)) / jnp.array(self.half, y.dtype)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            y = ACTIVATIONS[self.activation](y @ weight.get_value() + bias.get_value())
        unknowns = self.unknowns.get_value()
        return y @ unknowns[:-1] + unknowns[-1]


class LocalNet(nnx.Module):
    """A perceptron on every patch: Σ w_i(x) N_i(local coordinates of x), as in FBPINNs.

    On windows it is the FBPINN of Moseley, Markham and Nissen-Meyer (2023, arXiv 2107.07871); on the physical
    patches of a cut (`lattice_cover`) the numerical manifold with neural local functions, which jumps across
    cracks. With `features` the hidden layers stay as they are drawn, and `unknowns` (patches, width + 1,
    outputs) alone are trained: extreme learning, one linear solve (Anderson et al. 2024, arXiv 2409.01949).
    """

    def __init__(
        self,
        cover: Cover,
        hidden: Sequence[int] = (16,),
        outputs: int = 1,
        activation: str = "tanh",
        seed: int = 0,
        features: bool = False,
        steep: float = 1.0,
    ):
        """`steep` multiplies the weights of the first layer: how fast local functions vary in a patch.

        **Raises:** `InputError` for no hidden layers, or an unknown activation.
        """
        self.activation = known(activation)
        arrays, self.structure = jax.tree.flatten(cover)
        self.arrays = nnx.List([Fixed(a) for a in arrays])
        sizes = checked_sizes(cover.nodes.shape[1], hidden)
        draw, many = np.random.default_rng(seed), cover.patches
        kind = Fixed if features else nnx.Param
        first = [steep] + [1.0] * (len(hidden) - 1)
        self.weights = nnx.List(
            [kind(s * glorot(draw, a, b, many)) for s, a, b in zip(first, sizes, hidden, strict=False)]
        )
        self.biases = nnx.List(
            [kind(jnp.asarray(draw.uniform(-s, s, (many, b)))) for s, b in zip(first, hidden, strict=True)]
        )
        self.unknowns = nnx.Param(with_bias(glorot(draw, sizes[-1], outputs, many)))

    @property
    def cover(self) -> Any:
        """The cover."""
        return jax.tree.unflatten(self.structure, [a.get_value() for a in self.arrays])

    def __call__(self, x: Any, element: Any = None) -> jax.Array:
        """Values (n, outputs) at points (n, d); `element` (n,) where the cover is that of a domain."""
        cover, x = self.cover, jnp.asarray(x)
        here = cover.local(x, cover.located(x, element))
        every = here.index.shape[1] == cover.patches
        y = here.coordinates

        def mapped(y, weight):
            if every:
                return jnp.einsum("nmd,mdh->nmh", y, weight)
            return jnp.einsum("nmd,nmdh->nmh", y, weight[here.index])

        for weight, bias in zip(self.weights, self.biases, strict=True):
            shift = bias.get_value() if every else bias.get_value()[here.index]
            y = ACTIVATIONS[self.activation](mapped(y, weight.get_value()) + shift)
        unknowns = self.unknowns.get_value()
        last = unknowns[:, -1] if every else unknowns[here.index, -1]
        return jnp.einsum("nm,nmc->nc", here.weights, mapped(y, unknowns[:, :-1]) + last)


def glorot(draw: np.random.Generator, inputs: int, outputs: int, many: int | None = None) -> jax.Array:
    """Weights (inputs, outputs), or (many, inputs, outputs), N(0, 2 / (inputs + outputs))."""
    shape = (inputs, outputs) if many is None else (many, inputs, outputs)
    return jnp.asarray(draw.normal(0, np.sqrt(2 / (inputs + outputs)), shape))


def with_bias(weights: jax.Array) -> jax.Array:
    """The coefficients of an output layer, and below them 0 for that of 1."""
    return jnp.concatenate([weights, jnp.zeros_like(weights[..., :1, :])], -2)


def known(activation: str) -> str:
    if activation not in ACTIVATIONS:
        names = ", ".join(ACTIVATIONS)
        raise InputError(f'found the activation "{activation}", expected one of {names}', where="network")
    return activation


def checked_sizes(inputs: int, hidden: Sequence[int]) -> list[int]:
    if not hidden or min(hidden) < 1:
        raise InputError(f"found hidden layers {list(hidden)}, expected one or more", where="network")
    return [inputs, *hidden]
