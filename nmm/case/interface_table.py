"""The table [[interface]]: how two regions hold together."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import PlainValidator, model_validator

from nmm.case.values import Name, Scalar, Table, scalar, shown, text, wrong


def _regions(value: Any) -> tuple[str, ...]:
    """One region, or two."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not 1 <= len(given) <= 2:
        raise wrong(f"found {shown(value)}, expected the name of a region or a list of two")
    return tuple(text(item) for item in given)


def _stiffness(value: Any) -> float | str:
    found = scalar(value)
    if isinstance(found, float) and found <= 0:
        raise wrong(f"found {found:g}, expected a value greater than 0", "leave a perfect bond out")
    return found


Stiffness = Annotated[Scalar, PlainValidator(_stiffness)]


class Interface(Table):
    """An imperfect bond along the border of a region."""

    between: Annotated[tuple[str, ...], PlainValidator(_regions)]
    normal: Stiffness | None = None
    tangential: Stiffness | None = None
    conductance: Stiffness | None = None
    name: Name | None = None

    by_model: ClassVar[dict[str, tuple[str, ...]]] = {
        "elasticity": ("normal", "tangential"),
        "poisson": ("conductance",),
    }

    @model_validator(mode="after")
    def _some(self) -> Interface:
        if self.normal is None and self.tangential is None and self.conductance is None:
            raise wrong(
                "expected at least one of normal, tangential, conductance",
                "regions without an entry are perfectly bonded",
            )
        return self

    def check_model(self, model: str, other: str, i: int) -> None:
        """**Raises:** `CaseError` for a stiffness of another physics."""
        for key in self.by_model[other]:
            if getattr(self, key) is not None:
                raise wrong(
                    f'belongs to model = "{other}", but [physics] has model = "{model}"',
                    f"with this model use {' or '.join(self.by_model[model])}; expected one of these",
                    ("interface", i, key),
                )
