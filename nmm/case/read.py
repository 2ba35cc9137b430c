"""From a TOML text and overrides to a validated `Case`; messages name the file, the line and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, NoReturn

from pydantic import ValidationError

from nmm.case.case import Case
from nmm.case.places import Places
from nmm.case.positions import Path, positions
from nmm.case.schema import Spec
from nmm.case.values import formulas, shown, suggestion
from nmm.errors import CaseError, InputError
from nmm.expressions import CONSTANTS, FUNCTIONS, VARIABLES, parse


def read_case(path: str | FilePath, overrides: Sequence[str] = ()) -> Case:
    """Read and validate a case file.

    `overrides` are texts `KEY=VALUE` with a dotted key and a TOML value (`cover.cell=0.01`,
    `boundary.0.traction=[1e6, 0]`). Reserved tables answer "not yet".
    Raises `CaseError`, `ExpressionError` or `NotYet`.
    """
    path = FilePath(path)
    text = _text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CaseError(
            f"this is not valid TOML: {error}",
            where=str(path),
            hint='texts need quotes, lists need commas, and every [ " { an end; see `nmm new NAME`',
        ) from None
    changed = [_override(data, item) for item in overrides]
    places = Places(path.name, positions(text), tuple(changed))
    _cell_or_cells(data, changed)
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        _explain(error, places)
    _check_parameters(spec, places)
    return Case(path, _copy(text, overrides), spec, places)


def _text(path: FilePath) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = sorted(other.name for other in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        hint = suggestion(path.name, beside) if beside else "`nmm new NAME` writes a case to start from"
        raise CaseError("there is no such file", where=str(path), hint=hint) from None
    except IsADirectoryError:
        raise CaseError("this is a folder", where=str(path), hint="name the case file in it") from None
    except UnicodeDecodeError as error:
        raise CaseError(
            f"this is not a text in UTF-8 (byte {error.start})", where=str(path), hint="save it as UTF-8"
        ) from None
    except OSError as error:
        raise CaseError(f"it cannot be read: {error.strerror}", where=str(path)) from None


def _override(data: dict[str, Any], item: str) -> Path:
    """Put one `KEY=VALUE` into `data`; the path of the key."""
    where = f"--set {item}"
    key, equals, value = item.partition("=")
    names = [part.strip().strip('"') for part in key.split(".")]
    if not equals or not all(names):
        raise CaseError("found no KEY=VALUE", where=where, hint="for example --set cover.cell=0.01")
    try:
        found = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        raise CaseError(
            f"found {value.strip() or 'nothing'} after the equals sign, expected a value as in TOML",
            where=where,
            hint=f"a text needs quotes that the shell leaves alone: --set '{key.strip()}=\"...\"'",
        ) from None
    path: list[str | int] = []
    holder: Any = data
    for depth, part in enumerate(names):
        last = depth == len(names) - 1
        if isinstance(holder, list):
            if not part.isdigit() or int(part) >= len(holder):
                raise CaseError(
                    f'"{part}" is not one of the {len(holder)} entries of {".".join(map(str, path))}',
                    where=where,
                    hint=f"entries are numbered from 0 to {len(holder) - 1}"
                    if holder
                    else "the list is empty",
                )
            step: Any = int(part)
        elif isinstance(holder, dict):
            step = part
            if not last:
                holder.setdefault(part, {})
        else:
            raise CaseError(
                f"{'.'.join(map(str, path))} is a value, not a table", where=where, hint="set it as a whole"
            )
        path.append(step)
        if last:
            holder[step] = found
        else:
            holder = holder[step]
    return tuple(path)


def _cell_or_cells(data: dict[str, Any], changed: list[Path]) -> None:
    """An override of one of cell and cells replaces the other one that the file gives."""
    cover = data.get("cover")
    pair = {("cover", "cell"), ("cover", "cells")}
    given = pair.intersection(changed)
    if len(given) == 1 and isinstance(cover, dict):
        (other,) = pair - given
        cover.pop(other[1], None)


def _explain(error: ValidationError, places: Places) -> NoReturn:
    """Turn pydantic's list into one error in our words; the first in the file leads."""
    found: list[InputError] = []
    order = []
    for item in error.errors():
        loc = tuple(item["loc"])
        cause = (item.get("ctx") or {}).get("error")
        if isinstance(cause, InputError):
            key = getattr(cause, "key", None)
            loc += () if key is None else key if isinstance(key, tuple) else (key,)
        elif item["type"] == "missing":
            *table, key = loc
            name = places.key(tuple(table)) if table else f"[{key}]"
            cause = CaseError(f'"{key}" is missing' if table else f"the table {name} is missing")
            cause.hint = (
                f"add {key} = ... to {name}" if table else f"add {name}; `nmm new NAME` writes an example"
            )
            loc = loc if table else ()
        elif item["type"] == "list_type":
            hint = None
            if isinstance(item["input"], dict):
                hint = f"write [[{'.'.join(map(str, loc))}]] above each entry, with two brackets"
            cause = CaseError(f"found {shown(item['input'])}, expected a list", hint=hint)
        else:
            cause = CaseError(f"found {shown(item['input'])}: {item['msg']}")
        found.append(cause.at(places.at(loc)))
        order.append(places.line(loc) or 0)
    found = [found[i] for i in sorted(range(len(found)), key=lambda i: order[i])]
    first, others = found[0], found[1:6]
    if others:
        listed = "".join(f"\n  also {other.where}: {other.message}" for other in others)
        first.hint = (first.hint or "correct these entries") + listed
    raise first


def _check_parameters(spec: Spec, places: Places) -> None:
    """Names in expressions have to be parameters, and parameters must not hide what the language knows."""
    for name in spec.parameters:
        if name in VARIABLES or name in CONSTANTS or name in FUNCTIONS or not name.isidentifier():
            taken = "expressions know this name already" if name.isidentifier() else "this is not a name"
            raise CaseError(
                f"{taken}; a parameter needs letters, digits and _ and a name of its own",
                where=places.at(("parameters", name)),
                hint=f"rename it, for example to {name}0" if name.isidentifier() else "rename it",
            )
    for path, formula in formulas(spec):
        for name in sorted(parse(formula).names - spec.parameters.keys()):
            known = [*spec.parameters, *VARIABLES, *CONSTANTS, *FUNCTIONS]
            raise CaseError(
                f'"{formula}" uses the name "{name}", which is neither a parameter nor known to expressions',
                where=places.at(path),
                hint=f"add {name} = ... to [parameters], or correct it: {suggestion(name, known)}",
            )


def _copy(text: str, overrides: Sequence[str]) -> str:
    """The text as it was read, with the overrides noted on top: they are part of what was computed."""
    notes = "".join(f"# --set {' '.join(item.split())}\n" for item in overrides)
    return f"# The values below were overridden on the command line:\n{notes}\n{text}" if notes else text
