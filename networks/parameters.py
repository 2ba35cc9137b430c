"""Networks as parameters of a problem: what `nmm.forward`, `nmm.nonlinear` and `nmm.inverse` take.

Parameters of nmm are numbers, or callables that are pytrees. A network becomes one when its form is told from
its weights: the weights are the arrays, and are searched for; everything else belongs to the structure.
"""

from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from nmm.errors import InputError
from nmm.inversion.transforms import Bound
from nmm.pytrees import tree


@dataclass(frozen=True, eq=False)
class Rest:
    """What a network holds beside its weights, such as covers that stay as they are."""

    state: Any


@tree("graph", "rest")
class NetParameter:
    """A flax network as a pytree whose leaves are its weights; called as the network is."""

    weights: Any
    graph: Any
    rest: Rest | None

    @property
    def net(self) -> Any:
        """The network."""
        rest = [] if self.rest is None else [self.rest.state]
        return nnx.merge(self.graph, self.weights, *rest)

    def __call__(self, *arguments: Any) -> Any:
        return self.net(*arguments)


@tree("bound")
class Coefficient:
    """A coefficient field: a network of points (n, 2), bounded; see `coefficient`."""

    parameter: NetParameter
    bound: Bound

    def __call__(self, points: Any) -> jax.Array:
        """Values (n,) at points (n, 2)."""
        return self.bound.value(self.parameter(points)[:, 0])


def law(net: nnx.Module) -> NetParameter:
    """A network of (gradient, values) that is an energy density, as the law of `nmm.nonlinear`.

    **Raises:** `InputError` for what is no flax module or has no weights.
    """
    if not isinstance(net, nnx.Module):
        raise InputError(f"found {type(net).__name__}, expected a flax nnx module", where="net")
    graph, weights, rest = nnx.split(net, nnx.Param, ...)
    if not jax.tree.leaves(weights):
        raise InputError("found no parameters (nnx.Param) in the network", where="net")
    return NetParameter(weights, graph, Rest(rest) if jax.tree.leaves(rest) else None)


def coefficient(
    net: nnx.Module, low: float | None = 0.0, high: float | None = None, scale: float = 1.0
) -> Coefficient:
    """A network N of points (n, 2) -> (n, 1) as a coefficient field, such as a conductivity.

    The field is low + scale exp(N); between two bounds it is low + (high − low) / (1 + exp(−N)), and without
    any scale N. In `nmm.inverse` give the name no `bounds`: these would bound the weights.

    **Raises:** `InputError` as `law` does, and for an upper bound alone.
    """
    if low is None and high is not None:
        raise InputError("found an upper bound alone, expected a lower one too", where="coefficient")
    return Coefficient(law(net), Bound(low, high, float(scale)))
