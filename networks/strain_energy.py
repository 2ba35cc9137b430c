"""A strain energy that is learned: isotropic, smooth, without stress at rest, and convex by construction.

In the plane an isotropic energy of the small strain ε = sym ∇u is a function of its trace t and of the norm
s of its deviator. W is convex in ε where w(t, s) is convex, and even in s (then it does not fall with s ≥ 0,
and s is convex in ε). An input-convex network (Amos, Xu and Kolter 2017, arXiv 1609.07152: weights between
hidden layers that are not negative, a convex activation that does not fall) is convex in (t, s), and so is
its even part. What makes it a law here is ours: two moduli that keep the tangent positive, and

    W(ε) = M e² [ w(t/e, s/e) − w(0, 0) − t/e ∂w/∂t(0, 0) ] + ½ K t² + G s²

with a typical strain e and modulus M, so that W(0) = 0, σ(0) = 0, and W ≥ 0 follows.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from networks.perceptron import checked_sizes, glorot
from nmm.errors import InputError

ROUNDED = 1e-3
"""Deviators below this share of the typical strain are rounded off, so that derivatives stay finite there."""
NETWORK = 1.5
"""Weights of the last layer at the start."""


class StrainEnergy(nnx.Module):
    """Energy density W(∇u (2, 2)) per unit area, the law of a plane body; see this module.

    For small strains, in plane strain or plane stress, with any relation of trace and deviator that has a
    convex energy; not for anisotropic bodies nor for those that dissipate.
    """

    def __init__(
        self,
        bulk: float,
        shear: float,
        strain: float,
        hidden: Sequence[int] = (8, 8),
        seed: int = 0,
    ):
        """Starts near the linear law ½ K t² + G s².

        **Arguments:** `bulk` K = λ + G, the modulus of the change of area, and `shear` G at the start;
        `strain`, the typical strain; `hidden`, the widths of the layers.

        **Raises:** `InputError` for moduli or a strain that are not positive, or no hidden layers.
        """
        for name, value in {"bulk": bulk, "shear": shear, "strain": strain}.items():
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"found {name} = {value}, expected a positive number", where="StrainEnergy")
        sizes = checked_sizes(2, hidden)
        self.strain, self.modulus = float(strain), float(shear)
        draw = np.random.default_rng(seed)
        self.inputs = nnx.List([nnx.Param(glorot(draw, 2, n)) for n in hidden])
        self.biases = nnx.List([nnx.Param(jnp.asarray(draw.uniform(-2, 2, n))) for n in hidden])
        between = [
            draw.normal(unsoftened(1.0), 0.3, shape) for shape in zip(sizes[1:], hidden[1:], strict=False)
        ]
        self.between = nnx.List([nnx.Param(jnp.asarray(w)) for w in between])
        self.output = nnx.Param(jnp.full(hidden[-1], unsoftened(NETWORK)))
        self.moduli = nnx.Param(jnp.log(jnp.array([bulk / shear, 1.0])))

    def __call__(self, gradient: Any, values: Any = None) -> jax.Array:
        """W of a displacement gradient (2, 2); coefficients at the point do not matter."""
        e = (gradient + gradient.T) / (2 * self.strain)
        trace = e[0, 0] + e[1, 1]
        square = (e[0, 0] - e[1, 1]) ** 2 / 2 + 2 * e[0, 1] ** 2
        norm = jnp.sqrt(square + ROUNDED**2)
        rest, slope = jax.value_and_grad(self.even)(jnp.zeros_like(trace), jnp.full_like(norm, ROUNDED))
        bulk, shear = jnp.exp(self.moduli.get_value())
        network = self.even(trace, norm) - rest - slope * trace
        return self.modulus * self.strain**2 * (network + bulk * trace**2 / 2 + shear * square)

    def even(self, trace: jax.Array, norm: jax.Array) -> jax.Array:
        """The part of the network that is even in the norm of the deviator."""
        return (self.convex(jnp.stack([trace, norm])) + self.convex(jnp.stack([trace, -norm]))) / 2

    def convex(self, x: jax.Array) -> jax.Array:
        """The input-convex network of x (2,)."""
        z = jax.nn.softplus(x @ self.inputs[0].get_value() + self.biases[0].get_value())
        for weight, direct, bias in zip(self.between, self.inputs[1:], self.biases[1:], strict=True):
            mixed = z @ jax.nn.softplus(weight.get_value()) / len(z)
            z = jax.nn.softplus(mixed + x @ direct.get_value() + bias.get_value())
        return z @ jax.nn.softplus(self.output.get_value())


def unsoftened(value: float) -> float:
    """The number whose softplus is `value`."""
    return float(value + np.log(-np.expm1(-value)))
