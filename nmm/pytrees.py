"""Frozen dataclasses as JAX sees them: arrays are data, the rest belongs to the structure."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar, dataclass_transform

import jax

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def tree(*static: str, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """A frozen dataclass that is a pytree; the fields named in `static` are part of its structure."""

    def register(cls: type[T]) -> type[T]:
        made = dataclass(frozen=True, eq=eq)(cls)
        data = [f.name for f in fields(made) if f.name not in static]  # pyright: ignore[reportArgumentType]
        return jax.tree_util.register_dataclass(made, data, list(static))

    return register


class HostOnly:
    """What only the host needs; equal for all, so that it never causes a compilation."""

    def __eq__(self, other):
        return isinstance(other, type(self))

    def __hash__(self):
        return 0
