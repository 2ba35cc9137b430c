"""The scalar quantities that figures show of a field: name, symbol, unit, and whether zero is a middle."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .axes import literal


@dataclass(frozen=True)
class Quantity:
    """One scalar on the mesh's points, `values (points,)`, with what a colour bar has to say about it."""

    name: str
    title: str
    symbol: str
    unit: str | None
    signed: bool
    values: NDArray[np.float64]

    @property
    def label(self) -> str:
        return f"{self.symbol} ({literal(self.unit)})" if self.unit else self.symbol


_PLANE = ("xx", "yy", "xy")
_UNITS = {"displacement": "length", "von_mises": "stress", "stress": "stress", "error": "length"}


def quantities(name: str, values: NDArray, units: Mapping[str, str] | None = None) -> list[Quantity]:
    """What to draw of the field `name` with `values (points,)` or `(points, components)`.

    A vector is drawn by its magnitude, a symmetric tensor by its three components in the plane.
    `units` are labels by kind: length, stress, or the name of the field itself.
    """
    values = np.asarray(values, dtype=np.float64)
    units = units or {}
    unit = units.get(name) or units.get(_UNITS.get(name, ""))
    title = name.replace("_", " ")
    if name == "von_mises":
        return [Quantity(name, "von Mises stress", r"$\sigma_\mathrm{vM}$", unit, False, values)]
    if name in ("stress", "strain"):
        letter = r"\sigma" if name == "stress" else r"\varepsilon"
        if values.ndim == 3:
            values = np.stack([values[:, 0, 0], values[:, 1, 1], values[:, 0, 1]], axis=1)
        size = np.nanmax(np.abs(values), axis=0, initial=0.0)
        values = np.where(size > 1e-11 * size.max(), values, 0.0)  # rounding is no picture
        return [
            Quantity(f"{name}_{ij}", f"{name} {ij}", f"${letter}_{{{ij}}}$", unit, True, values[:, i])
            for i, ij in enumerate(_PLANE)
        ]
    if values.ndim == 1:
        symbol = "$u$" if name == "potential" else title
        return [Quantity(name, title, symbol, unit, False, values)]
    symbol = {"displacement": "$|u|$", "flux": r"$|k\nabla u|$", "gradient": r"$|\nabla u|$"}.get(name)
    length = np.linalg.norm(values.reshape(len(values), -1), axis=1)
    return [Quantity(name, f"{title}, magnitude", symbol or f"|{title}|", unit, False, length)]
