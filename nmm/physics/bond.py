"""Bonds: how two regions hold together along their border."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmm.errors import InputError, SelectionError
from nmm.manifold.manifold import Manifold
from nmm.physics.values import DEFAULT, parameters, prepare


@dataclass(frozen=True)
class Bond:
    """An elastic bond along the borders of `regions`: the traction is a stiffness times the jump of u.

    `values` are the stiffnesses against opening and sliding, or one conductance; None: no jump at all.
    """

    regions: tuple[str, ...]
    values: tuple[Any, ...]
    name: str

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters in its values."""
        return parameters(tuple(v for v in self.values if v is not None))


def bond(
    region: str,
    other: str | None = None,
    *,
    normal: Any = None,
    tangential: Any = None,
    conductance: Any = None,
    name: str | None = None,
) -> Bond:
    """An imperfect bond along the border of `region` with `other`, or with everything around it.

    Everywhere else regions are perfectly bonded. The traction that passes is σn = `normal` [u]_n n +
    `tangential` [u]_t, the jump [u] being that across the border; a stiffness that is left out allows no
    jump. In scalar models the flux is `conductance` [u]. Stiffnesses are stresses (or fluxes) per jump:
    numbers, expressions or callables, greater than 0; however large, they do not harm the conditioning.
    "default" is the part outside every region.

    **Raises:** `InputError` for values that do not belong together.
    """
    regions = (region,) if other is None else (region, other)
    name = name or "bond of " + " and ".join(regions)
    if len(set(regions)) < len(regions):
        raise InputError(f'"{region}" has no border with itself: two regions are expected', where=name)
    elastic = normal is not None or tangential is not None
    if elastic == (conductance is not None):
        raise InputError(
            "expected normal or tangential (or both), or a conductance",
            where=name,
            hint="a perfect bond needs no entry",
        )
    given = (normal, tangential) if elastic else (conductance,)
    keys = ("normal", "tangential") if elastic else ("conductance",)
    return Bond(regions, tuple(stiffness(v, f"{name}: {k}") for v, k in zip(given, keys, strict=True)), name)


def stiffness(value: Any, where: str) -> Any:
    """A prepared stiffness, or None."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        raise InputError(
            "a border belongs to two regions: one value is expected, not one for each", where=where
        )
    made = prepare(value, where)
    if isinstance(made, float) and not made > 0:
        raise InputError(f"the stiffness must be greater than 0, found {made:g}", where=where)
    return made


def bonds_of_seams(manifold: Manifold, bonds: Sequence[Bond]) -> np.ndarray:
    """Number of the bond of each seam (n,), -1 for a perfect one.

    **Raises:** `InputError` for a region that there is not, `SelectionError` for regions without a border and
    for two bonds on the same border.
    """
    seams = manifold.host.seams
    names = np.array([*(name for name, _ in manifold.geometry.regions), DEFAULT], object)
    sides = names[seams.regions]
    result = np.full(len(seams), -1)
    for number, bond in enumerate(bonds):
        for region in bond.regions:
            if region not in names:
                known = ", ".join(f'"{n}"' for n in dict.fromkeys(names))
                raise InputError(f'there is no region "{region}"; expected one of {known}', where=bond.name)
        mine = np.all([(sides == region).any(1) for region in bond.regions], axis=0)
        if not mine.any():
            raise SelectionError(
                "expected a border between two regions, found none",
                where=bond.name,
                hint="borders of different regions touch along lines inside the domain that are no cracks",
            )
        if (result[mine] >= 0).any():
            other = bonds[result[mine].max()].name
            x, y = manifold.grid.to_user(seams.ends[mine & (result >= 0)][0].mean(0)[None])[0]
            raise SelectionError(
                f'"{other}" and "{bond.name}" both hold the border near ({x:.6g}, {y:.6g})',
                where=bond.name,
                hint="one bond is expected on a border: name both of its regions",
            )
        result[mine] = number
    return result
