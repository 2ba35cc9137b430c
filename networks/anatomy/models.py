"""Any network as a pure function: a flax module, or (apply, params)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nmm.errors import InputError


@dataclass(frozen=True)
class Model:
    """`apply(params, x)` maps inputs (n, …) to (n, outputs); `leaves` are names and shapes of parameters."""

    apply: Callable[[Any, Any], jax.Array]
    params: Any
    leaves: list[tuple[str, tuple[int, ...]]]

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(int(np.prod(shape)) for _, shape in self.leaves)


def model_of(model: Any) -> Model:
    """A flax `nnx` module as it evaluates (no dropout, statistics as they are), or a pair (apply, params).

    Numbers become double where JAX is told to have these.

    **Raises:** `InputError` for anything else.
    """
    if isinstance(model, nnx.Module):
        copy = nnx.clone(model)
        copy.eval()
        graph, params, rest = nnx.split(copy, nnx.Param, ...)
        rest = _double(rest)

        def apply(params, x):
            return nnx.merge(graph, params, rest)(x)

    elif isinstance(model, tuple) and len(model) == 2 and callable(model[0]):
        apply, params = model
    else:
        raise InputError(
            f"found {type(model).__name__}, expected a flax nnx module or a pair (apply, params)",
            where="model",
            hint="of a flax.linen module m give (m.apply, variables)",
        )
    params = _double(params)
    named = jax.tree_util.tree_flatten_with_path(params)[0]
    leaves = [(_name(path), np.shape(leaf)) for path, leaf in named]

    def flat(params, x):
        values = apply(params, x)
        return values.reshape(len(x), -1)

    return Model(flat, params, leaves)


def _name(path: Any) -> str:
    parts = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in path]
    return ".".join(part for part in parts if part != "value")


def _double(tree: Any) -> Any:
    """Floating numbers in the widest precision that is switched on."""

    def wider(leaf):
        if not hasattr(leaf, "dtype") or not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        return jnp.asarray(leaf, jnp.result_type(float))

    return jax.tree.map(wider, tree)
