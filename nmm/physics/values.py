"""Values: what a coefficient, load or boundary value may be, and how it is evaluated at points.

A value is a number, an expression in a string, a dict from region to value (key "default" elsewhere), an
array (ny, nx) with one entry per square of the lattice, a callable from points (n, 2) to (n,), or a
`GridValue`. Nested sequences of values make vectors and tensors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError, ParameterError
from nmm.expressions import Expression, parse
from nmm.pytrees import tree

DEFAULT = "default"


@dataclass(frozen=True)
class Places:
    """Points at which values are wanted.

    `points` (n, 2) in the user's coordinates, `region` (n,) index into `regions` or -1, `square` (n,)
    number of the lattice square, `normal` (n, 2) or None, `box` (4,), `shape` (ny, nx) of the lattice.
    """

    points: Any
    region: Any
    square: Any
    regions: tuple[str, ...]
    box: Any
    shape: tuple[int, int]
    normal: Any = None


@dataclass(frozen=True)
class GridValue:
    """Samples on a regular grid over `box` (xmin, ymin, xmax, ymax), row 0 on top.

    `interpolation` is "linear" (between the centres of the pixels, constant outside) or "nearest".
    """

    values: Any
    box: tuple[float, float, float, float]
    interpolation: str = "linear"

    def __post_init__(self):
        values = np.asarray(self.values)
        if values.ndim != 2 or not np.isfinite(values).all():
            raise InputError(
                f"a grid of values must be a finite array of rows and columns, found shape {values.shape}"
            )
        xmin, ymin, xmax, ymax = self.box
        if not (xmin < xmax and ymin < ymax):
            raise InputError(f"the box of a grid of values must have xmin < xmax and ymin < ymax: {self.box}")
        if self.interpolation not in ("linear", "nearest"):
            raise InputError(f'interpolation must be "linear" or "nearest", found "{self.interpolation}"')

    def __call__(self, points):
        values = jnp.asarray(self.values)[::-1]
        rows, columns = values.shape
        xmin, ymin, xmax, ymax = self.box
        x = (points[:, 0] - xmin) / (xmax - xmin) * columns - 0.5
        y = (points[:, 1] - ymin) / (ymax - ymin) * rows - 0.5
        x, y = jnp.clip(x, 0, columns - 1), jnp.clip(y, 0, rows - 1)
        if self.interpolation == "nearest":
            return values[jnp.round(y).astype(int), jnp.round(x).astype(int)]
        i, j = (jnp.clip(jnp.floor(v).astype(int), 0, n - 2) for v, n in ((x, columns), (y, rows)))
        s, t = x - i, y - j
        i1, j1 = jnp.minimum(i + 1, columns - 1), jnp.minimum(j + 1, rows - 1)
        bottom = (1 - s) * values[j, i] + s * values[j, i1]
        top = (1 - s) * values[j1, i] + s * values[j1, i1]
        return (1 - t) * bottom + t * top


def _grid_from(meta, leaves) -> GridValue:
    value = object.__new__(GridValue)
    for name, content in zip(("values", "box", "interpolation"), (*leaves, *meta), strict=True):
        object.__setattr__(value, name, content)
    return value


jax.tree_util.register_pytree_node(GridValue, lambda g: ((g.values,), (g.box, g.interpolation)), _grid_from)


@tree()
class Product:
    """Two prepared values to be multiplied, such as density and gravity."""

    first: Any
    second: Any


def prepare(value: Any, where: str) -> Any:
    """Parse the expressions in a value and check its form; the result is what `evaluate` takes."""
    if isinstance(value, str):
        return parse(value, where=where)
    if isinstance(value, bool) or value is None:
        raise InputError(f"a number or an expression is wanted, found {value!r}", where=where)
    if isinstance(value, Mapping):
        return {str(k): prepare(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, Expression | GridValue) or callable(value):
        return value
    if isinstance(value, Sequence):
        return tuple(prepare(v, f"{where}[{i}]") for i, v in enumerate(value))
    if np.ndim(value) == 0:
        if not np.isfinite(value):
            raise InputError(f"the value must be finite, found {value}", where=where)
        return float(value)
    return value


def parameters(value: Any) -> frozenset[str]:
    """Names of parameters that a prepared value uses."""
    if isinstance(value, Expression):
        return value.names
    if isinstance(value, Mapping):
        return frozenset().union(*(parameters(v) for v in value.values()))
    if isinstance(value, tuple):
        return frozenset().union(*(parameters(v) for v in value))
    if isinstance(value, Product):
        return parameters((value.first, value.second))
    return frozenset()


def varies(value: Any) -> bool:
    """Whether a prepared value may vary inside a cell."""
    if isinstance(value, Expression):
        return bool(value.uses & {"x", "y", "nx", "ny"})
    if isinstance(value, Mapping):
        return any(varies(v) for v in value.values())
    if isinstance(value, tuple):
        return any(varies(v) for v in value)
    if isinstance(value, Product):
        return varies((value.first, value.second))
    return callable(value)


def by_cell(value: Any) -> bool:
    """Whether a prepared value varies at all from cell to cell within a region."""
    if isinstance(value, Mapping):
        return any(by_cell(v) for v in value.values())
    if isinstance(value, tuple):
        return any(by_cell(v) for v in value)
    if isinstance(value, Product):
        return by_cell((value.first, value.second))
    return varies(value) or not isinstance(value, Expression | float)


def evaluate(value: Any, at: Places, params: Mapping[str, Any], where: str, xp=np) -> Any:
    """A prepared value at places, (n,) for scalars and (n, ...) for nested ones.

    `xp` is numpy or jax.numpy; with the latter it is traceable.
    """
    count = at.points.shape[0]
    if isinstance(value, tuple):
        return xp.stack([evaluate(v, at, params, f"{where}[{i}]", xp) for i, v in enumerate(value)], 1)
    if isinstance(value, Product):
        return evaluate(value.first, at, params, where, xp) * evaluate(value.second, at, params, where, xp)
    if isinstance(value, Mapping):
        return by_region(value, at, params, where, xp)
    if isinstance(value, Expression):
        result = value.evaluate(environment(at, params), xp)
        return xp.broadcast_to(xp.asarray(result, float), (count,))
    if callable(value):
        result = xp.asarray(value(at.points))
        if result.shape != (count,):
            raise InputError(
                f"a callable value must turn points ({count}, 2) into ({count},), found {result.shape}",
                where=where,
            )
        return result
    array = xp.asarray(value)
    if array.ndim == 0:
        return xp.broadcast_to(xp.asarray(array, float), (count,))
    if array.shape != at.shape:
        raise InputError(
            f"an array of values needs one entry per square, (ny, nx) = {at.shape}, found {array.shape}",
            where=where,
        )
    return array.reshape(-1)[at.square]


def by_region(value: Mapping, at: Places, params, where: str, xp):
    """A value per region; "default" holds outside the regions that are named."""
    unknown = set(value) - set(at.regions) - {DEFAULT}
    if unknown:
        known = ", ".join(at.regions) or "none"
        raise InputError(f'no region is called "{sorted(unknown)[0]}"; regions: {known}', where=where)
    present = set(np.unique(at.region)) if xp is np else set()
    missing = [at.regions[r] if r >= 0 else DEFAULT for r in present]
    missing = [name for name in missing if name not in value and DEFAULT not in value]
    if missing:
        name = "the part outside every region" if missing[0] == DEFAULT else f'the region "{missing[0]}"'
        raise InputError(f"no value is given for {name}", where=where, hint=f'add the key "{missing[0]}"')
    result = None
    if DEFAULT in value:
        result = evaluate(value[DEFAULT], at, params, where, xp)
    for number, name in enumerate(at.regions):
        if name not in value:
            continue
        here = evaluate(value[name], at, params, f"{where}.{name}", xp)
        if result is None:
            result = xp.zeros_like(here)
        mask = (at.region == number).reshape((-1,) + (1,) * (here.ndim - 1))
        result = xp.where(mask, here, result)
    return result


def environment(at: Places, params: Mapping[str, Any]) -> dict[str, Any]:
    """Names that an expression may use at places."""
    xmin, ymin, xmax, ymax = at.box
    env = {
        "x": at.points[:, 0], "y": at.points[:, 1], "t": 0.0,
        "xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax,
        "xc": (xmin + xmax) / 2, "yc": (ymin + ymax) / 2,
    }  # fmt: skip
    if at.normal is not None:
        env |= {"nx": at.normal[:, 0], "ny": at.normal[:, 1]}
    return env | {name: parameter_at(value, at) for name, value in params.items()}


def parameter_at(value: Any, at: Places) -> Any:
    """A parameter at places: a number, an array (ny, nx) per square, or a callable of points (n, 2)."""
    if callable(value):
        return value(at.points)
    return value.reshape(-1)[at.square] if np.ndim(value) == 2 and np.shape(value) == at.shape else value


def check_parameters(needed: frozenset[str], given: Mapping[str, Any]) -> None:
    """**Raises:** `ParameterError` naming parameters that are missing or that nothing uses."""
    missing, surplus = sorted(needed - set(given)), sorted(set(given) - needed)
    if missing:
        raise ParameterError(
            f"no value is given for the parameter{'s' * (len(missing) > 1)} {', '.join(missing)}",
            where="parameters",
            hint=f"give {missing[0]} a value, or correct the name if it was meant as x, y, pi or a function",
        )
    if surplus:
        raise ParameterError(
            f"nothing in the problem uses the parameter{'s' * (len(surplus) > 1)} {', '.join(surplus)}",
            where="parameters",
            hint=f"parameters in use: {', '.join(sorted(needed)) or 'none'}",
        )
