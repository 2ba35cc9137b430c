"""Functions that a network stands for: its values, held and scaled, by its weights in one vector."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.flatten_util import ravel_pytree

from networks.ansatz import Ansatz
from networks.losses import Function
from nmm.errors import InputError


@dataclass(frozen=True, eq=False)
class Trial:
    """What a vector z of weights stands for; networks of one kind share it.

    z holds the parameters of the network and then the coefficients (k, c) of the known `functions`, each with
    what holds its own boundary values. Without an `ansatz` the function is the network itself.
    """

    graph: Any
    unravel: Callable[[jax.Array], Any]
    weights: int
    paths: tuple[tuple[Any, ...], ...]
    by_element: bool
    components: int
    ansatz: Ansatz | None = None
    params: Mapping[str, Any] | None = None
    functions: tuple[tuple[Callable, Ansatz], ...] = ()
    scale: float = 1.0
    held: bool = True

    @property
    def size(self) -> int:
        """Length of z."""
        return self.weights + len(self.functions) * self.components

    def net(self, z: jax.Array, rest: Any) -> nnx.Module:
        """The network with the weights z."""
        return nnx.merge(self.graph, self.unravel(z[: self.weights]), rest)

    def function(self, z: jax.Array, rest: Any) -> Function:
        """The function of points (n, d) and their elements (n,) -> (n, c)."""
        net: Any = self.net(z, rest)

        def call(x: jax.Array, element: jax.Array) -> jax.Array:
            return net(x, element) if self.by_element else net(x)

        if self.ansatz is None:
            return call
        shape, params = self.ansatz, self.params or {}
        coefficients = z[self.weights :].reshape(len(self.functions), self.components)

        def u(x: jax.Array, element: jax.Array) -> jax.Array:
            values = self.scale * call(x, element)
            if self.held:
                values = shape.extension(x, params) + shape.distance(x) * values
            for function, coefficient in zip(self.functions, coefficients, strict=True):
                known, trace = function
                missing = known(x)[:, None] - trace.extension(x, {})
                values = values + self.scale * coefficient * missing
            return values.astype(x.dtype)

        return u


def trial(nets: Sequence[nnx.Module], components: int, **more: Any) -> tuple[Trial, jax.Array, Any]:
    """What networks of one kind stand for, their weights (seeds, n), and all else in them, stacked.

    **Raises:** `InputError` for what is no flax module, has no parameters, or differs from the first in form.
    """
    for net in nets:
        if not isinstance(net, nnx.Module):
            raise InputError(f"found {type(net).__name__}, expected a flax nnx module", where="net")
    graph, first, _ = nnx.split(nets[0], nnx.Param, ...)
    if not jax.tree.leaves(first):
        raise InputError("found no parameters to train", where="net")
    states = [nnx.split(net, nnx.Param, ...) for net in nets]
    shapes = [[np.shape(a) for a in jax.tree.leaves(state[1:])] for state in states]
    if any(other != shapes[0] for other in shapes):
        raise InputError("found networks of different sizes, expected one kind", where="net")
    vectors = [ravel_pytree(params)[0] for _, params, _ in states]
    unravel = ravel_pytree(first)[1]
    paths = tuple((path, np.size(leaf.get_value())) for path, leaf in nnx.to_flat_state(first))
    wants = "element" in inspect.signature(type(nets[0]).__call__).parameters
    made = Trial(graph, unravel, len(vectors[0]), paths, wants, components, **more)
    known = jnp.zeros((len(nets), made.size - made.weights), vectors[0].dtype)
    rest = jax.tree.map(lambda *a: jnp.stack(a), *[rest for *_, rest in states])
    return made, jnp.concatenate([jnp.stack(vectors), known], 1), rest


def check_output(made: Trial, z: jax.Array, rest: Any, points: jax.Array, element: Any):
    """**Raises:** `InputError` for a network that does not map points to components."""
    plain = Trial(made.graph, made.unravel, made.weights, made.paths, made.by_element, made.components)
    try:
        shape = jax.eval_shape(lambda z: plain.function(z, rest)(points, element), z).shape
    except (TypeError, ValueError) as error:
        raise InputError(f"the network fails at points {points.shape}: {error}", where="net") from None
    if shape != (len(points), made.components):
        wanted = len(points), made.components
        raise InputError(
            f"the network turns points {points.shape} into {shape}, expected {wanted}", where="net"
        )


def marked_linear(made: Trial) -> np.ndarray:
    """Which entries of z the function is linear in: `unknowns` of the last layer, and known functions."""
    last = last_unknowns([path for path, _ in made.paths])
    parts = [np.full(size, path == last) for path, size in made.paths]
    return np.concatenate([*parts, np.ones(made.size - made.weights, bool)])


def last_unknowns(paths: Sequence[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """The path of the last array called `unknowns`, or None."""
    found = [path for path in paths if path[-1] == "unknowns"]
    return found[-1] if found else None
