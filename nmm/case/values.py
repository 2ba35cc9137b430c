"""The kinds of values that case files hold: numbers, expressions, points, and tables with checked keys."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, PlainValidator, model_validator

from nmm.errors import CaseError, InputError, NotYet
from nmm.expressions import CONSTANTS, FUNCTIONS, VARIABLES, parse

ENTITIES = ("outline", "hole", "holes", "crack", "cracks")
TAKEN = {*VARIABLES, *CONSTANTS, *FUNCTIONS, "and", "or", "not", "left", "right"}

Key = str | int


def wrong(message: str, hint: str | None = None, key: Key | tuple[Key, ...] | None = None) -> CaseError:
    """A `CaseError` about a value, or about the entry `key` of a table."""
    error = CaseError(message, hint=hint)
    error.key = key  # type: ignore[attr-defined]
    return error


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The known name that `word` was probably meant to be."""
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def suggestion(word: object, known: Iterable[str]) -> str:
    known = list(known)
    listed = ", ".join(known) if known else "none"
    close = nearest(word, known)
    return f'did you mean "{close}"? Known: {listed}' if close else f"known: {listed}"


def shown(value: object) -> str:
    """A value as it may stand in a message: short, and in the words of TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table with the keys " + ", ".join(map(str, value)) if value else "an empty table"
    text = repr(value).replace("'", '"')
    return text if len(text) <= 60 else text[:57] + "..."


class Table(BaseModel):
    """A table of the case file. An unknown key is an error that suggests the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)
    reserved: ClassVar[dict[str, str]] = {}

    @classmethod
    def known(cls) -> list[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, data: Any) -> Any:
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            keys = ", ".join(cls.known())
            raise wrong(f"found {shown(data)}, expected a table with keys out of {keys}")
        for key in data:
            if key in cls.reserved:
                error = NotYet(f"not yet: {cls.reserved[key]}", hint="leave it out for now")
                error.key = key  # type: ignore[attr-defined]
                raise error
            if key not in cls.known():
                raise wrong("unknown key", suggestion(key, cls.known()), key)
        return data


def number(value: Any) -> float:
    """A finite number; TOML's nan and inf, texts and booleans are refused."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"found {shown(value)}, expected a number")
    if not math.isfinite(value):
        raise wrong(f"found {value}, expected a finite number")
    return float(value)


def positive(value: Any) -> float:
    if (found := number(value)) <= 0:
        raise wrong(f"found {found:g}, expected a number greater than 0")
    return found


def integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(f"found {shown(value)}, expected a whole number")
    return value


def count(value: Any) -> int:
    if (found := integer(value)) < 1:
        raise wrong(f"found {found}, expected a whole number of at least 1")
    return found


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise wrong(f"found {shown(value)}, expected a text in quotes")
    return value


def name(value: Any) -> str:
    """A name for a hole, crack, region or entry; `on` has to be able to speak of it."""
    found = text(value)
    if not re.fullmatch(r"[A-Za-z_][\w -]*", found):
        expected = "expected a name of letters, digits, _, - and blanks that starts with a letter"
        raise wrong(f"found {shown(value)}, {expected}")
    return found


def entity_name(value: Any) -> str:
    """A name of a hole or a crack: not one that `on` reads as something else."""
    found = name(value)
    if found.split()[0] in ENTITIES or found in TAKEN:
        hint = "choose a name that is not a word of the language of `on`"
        raise wrong(f'found "{found}", which `on` reads as something else', hint)
    return found


class Formula(str):
    """A text that the expression language has read."""


def scalar(value: Any) -> float | Formula:
    """A finite number, or an expression that the language can read."""
    if isinstance(value, str):
        parse(value)
        return Formula(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"found {shown(value)}, expected a number or an expression in quotes")
    return number(value)


def component(value: Any) -> float | str:
    """A scalar, or "free" for a displacement component that nothing holds."""
    return "free" if value == "free" else scalar(value)


def _sequence(value: Any, length: int | None, what: str) -> list:
    if not isinstance(value, list | tuple) or (length is not None and len(value) != length):
        many = f" with {len(value)} entries" if isinstance(value, list | tuple) else ""
        raise wrong(f"found {shown(value)}{many}, expected {what}")
    return list(value)


def _each(check, length: int | None, what: str):
    """A checker of a list: `check` on each item; an error carries the item's number."""

    def listed(value: Any) -> tuple:
        found = []
        for i, item in enumerate(_sequence(value, length, what)):
            try:
                found.append(check(item))
            except InputError as error:
                inner = getattr(error, "key", None)
                inner = inner if isinstance(inner, tuple) else () if inner is None else (inner,)
                error.key = (i, *inner)  # type: ignore[attr-defined]
                raise
        return tuple(found)

    return listed


def coordinate(value: Any) -> float:
    """A number whose square, an area, is one too."""
    if abs(found := number(value)) > 1e150:
        raise wrong(f"found {found:g}, expected a coordinate of a size below 1e150")
    return found


def placed(value: Any) -> float | Formula:
    """A coordinate of the domain, or an expression of parameters alone."""
    if not isinstance(value, str):
        return coordinate(value)
    if used := sorted(parse(value).uses):
        raise wrong(f'found "{value}", which depends on {used[0]}', "a coordinate may depend on [parameters]")
    return Formula(value)


point = _each(coordinate, 2, "a point [x, y]")
_polyline = _each(_each(placed, 2, "a point [x, y]"), None, "a list of points [[x, y], ...]")


def polyline(value: Any) -> tuple[tuple[float | Formula, ...], ...]:
    found = _polyline(value)
    if len(found) < 2:
        raise wrong(f"found {len(found)} points, expected at least two: [[x, y], [x, y], ...]")
    return found


def exactly_one(table: Table, keys: tuple[str, ...], what: str) -> str:
    """The one of `keys` that is set; none or several is an error."""
    present = [key for key in keys if getattr(table, key) is not None]
    if len(present) != 1:
        found = " and ".join(present) if present else "none of them"
        last = present[1] if present else None
        hint = "keep one of them" if present else "add one of them"
        raise wrong(f"{what} takes exactly one of {', '.join(keys)}; found {found}", hint, last)
    return present[0]


def one_of(*options: str) -> PlainValidator:
    """One of the texts `options`."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in options:
            raise wrong(f"found {shown(value)}, which is not one of the choices", suggestion(value, options))
        return value

    return PlainValidator(check)


def whole(low: int, high: int) -> PlainValidator:
    """A whole number in low..high."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise wrong(f"found {shown(value)}, expected a whole number from {low} to {high}")
        return value

    return PlainValidator(check)


Number = Annotated[float, PlainValidator(number)]
Positive = Annotated[float, PlainValidator(positive)]
Count = Annotated[int, PlainValidator(count)]
Text = Annotated[str, PlainValidator(text)]
Name = Annotated[str, PlainValidator(name)]
EntityName = Annotated[str, PlainValidator(entity_name)]
Scalar = Annotated[float | str, PlainValidator(scalar)]
Point = Annotated[tuple[float, float], PlainValidator(point)]
Polyline = Annotated[tuple[tuple[float | str, ...], ...], PlainValidator(polyline)]
Box = Annotated[
    tuple[float, float, float, float], PlainValidator(_each(coordinate, 4, "[xmin, ymin, xmax, ymax]"))
]
Rectangle = Annotated[tuple[float | str, ...], PlainValidator(_each(placed, 4, "[xmin, ymin, xmax, ymax]"))]
Circle = Annotated[tuple[float | str, ...], PlainValidator(_each(placed, 3, "[cx, cy, radius]"))]
Pair = Annotated[tuple[float | str, ...], PlainValidator(_each(scalar, 2, "two components [x, y]"))]
Triple = Annotated[tuple[float | str, ...], PlainValidator(_each(scalar, 3, "[xx, yy, xy]"))]
Components = Annotated[
    tuple[float | str, ...], PlainValidator(_each(component, 2, 'two components [x, y], each may be "free"'))
]
_layers = _each(text, None, "a layer's name or a list of names")
Layers = Annotated[
    tuple[str, ...], PlainValidator(lambda value: _layers([value] if isinstance(value, str) else value))
]
Texts = Annotated[tuple[str, ...], PlainValidator(_each(text, None, "a list of texts"))]
Points = Annotated[
    tuple[tuple[float, float], ...], PlainValidator(_each(point, None, "a list of points [[x, y], ...]"))
]


def formulas(value: Any, path: tuple[Key, ...] = ()) -> Iterator[tuple[tuple[Key, ...], Formula]]:
    """Every expression in a value, with its path."""
    if isinstance(value, Formula):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from formulas(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from formulas(item, (*path, name))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from formulas(item, (*path, i))
