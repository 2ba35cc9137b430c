"""Boundary terms: what is prescribed where."""

from dataclasses import dataclass
from typing import Any

from nmm.errors import InputError
from nmm.physics.values import parameters, prepare

FREE = "free"
DIRICHLET = ("value", "fixed", "normal")
NATURAL = ("flux", "robin", "traction", "pressure")
SCALAR = ("value", "flux", "robin")


@dataclass(frozen=True)
class Term:
    """One boundary entry: its kind, where it holds, and its prepared values.

    `values` has one value per component for "value", "fixed", "flux" and "traction" (None: free), one for
    "normal" and "pressure", and (h, v) for "robin".
    """

    kind: str
    on: str
    values: tuple[Any, ...]
    name: str

    @property
    def dirichlet(self) -> bool:
        """Whether the term prescribes the solution itself."""
        return self.kind in DIRICHLET

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters in its values."""
        return parameters(tuple(v for v in self.values if v is not None))


@dataclass(frozen=True)
class PointLoad:
    """A concentrated force (or source) at a point."""

    at: tuple[float, float]
    values: tuple[Any, ...]
    name: str

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters in its values."""
        return parameters(self.values)


def vector(value: Any, name: str, free: bool = False) -> tuple[Any, ...]:
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        raise InputError(f"two components are wanted, found {value!r}", where=name)
    parts = tuple(
        None if free and isinstance(v, str) and v == FREE else prepare(v, f"{name}[{i}]")
        for i, v in enumerate(value)
    )
    if all(part is None for part in parts):
        raise InputError("both components are free: leave the entry out", where=name)
    return parts


def value(on: str, v: Any, name: str | None = None) -> Term:
    """u = v on a part of the boundary (potential, head, temperature)."""
    name = name or f"value on {on}"
    return Term("value", on, (prepare(v, name),), name)


def flux(on: str, q: Any, name: str | None = None) -> Term:
    """k ∂u/∂n = q, positive into the body."""
    name = name or f"flux on {on}"
    return Term("flux", on, (prepare(q, name),), name)


def robin(on: str, h: Any, v: Any, name: str | None = None) -> Term:
    """k ∂u/∂n = h (v − u): exchange with surroundings at v."""
    name = name or f"robin on {on}"
    return Term("robin", on, (prepare(h, f"{name}: h"), prepare(v, f"{name}: value")), name)


def fixed(on: str, displacement: Any = None, normal: Any = None, name: str | None = None) -> Term:
    """Prescribed displacement (ux, uy), "free" leaving a component free; or the normal component only."""
    name = name or f"fixed on {on}"
    if displacement is not None and normal is not None:
        raise InputError("give either displacement or normal", where=name)
    if normal is not None:
        return Term("normal", on, (prepare(normal, name),), name)
    return Term(
        "fixed", on, vector((0.0, 0.0) if displacement is None else displacement, name, free=True), name
    )


def traction(on: str, t: Any, name: str | None = None) -> Term:
    """σ n = t on the body, tension positive."""
    name = name or f"traction on {on}"
    return Term("traction", on, vector(t, name), name)


def pressure(on: str, p: Any, name: str | None = None) -> Term:
    """σ n = −p n: pressure pushes into the body."""
    name = name or f"pressure on {on}"
    return Term("pressure", on, (prepare(p, name),), name)


def point_load(at: Any, force: Any, name: str | None = None) -> PointLoad:
    """A concentrated force (fx, fy), or a source for scalar models, at a point of the domain."""
    name = name or f"point load at {tuple(at)}"
    values = (
        vector(force, name)
        if hasattr(force, "__len__") and not isinstance(force, str)
        else (prepare(force, name),)
    )
    return PointLoad((float(at[0]), float(at[1])), values, name)
