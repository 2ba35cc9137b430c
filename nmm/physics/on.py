"""The text of an `on`: the entity names in it become conditions, the rest is an expression."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from nmm.domain.geometry import Entity
from nmm.errors import SelectionError
from nmm.expressions import CONSTANTS, FUNCTIONS, RESERVED, VARIABLES, Expression, parse
from nmm.expressions.language import caret, nearest

LEFT, RIGHT, BOTH = 1, -1, 0
_SIDES = {"left": LEFT, "right": RIGHT, None: BOTH}
_SIDE = r"(?:\s+(?P<side>left|right)(?!\w))?"
_NUMBERED = re.compile(
    r"(?<!\w)(?:(?P<kind>hole|crack)\s+(?P<number>\d+)|(?P<group>outline|holes|cracks))(?!\w)" + _SIDE
)
_NUMBER = re.compile(r"[\d.]+(?:[eE][+-]?\d+)?")
_LISTED = 12


@dataclass(frozen=True)
class Mention:
    """A name in the text: the entities it stands for (indices) and, for cracks, which face."""

    flag: str
    entities: tuple[int, ...]
    side: int


@dataclass(frozen=True)
class On:
    """A read `on`: `expression` holds the flags of the `mentions` in place of the names."""

    expression: Expression
    mentions: tuple[Mention, ...]


def read_on(text: str, entities: tuple[Entity, ...], where: str | None = None) -> On:
    """Read the text of an `on`.

    Names are `outline`, `hole 0`, `holes`, `crack 3`, `cracks` and the given names of entities; `left` or
    `right` after a crack is one of its faces. The longest name that fits is taken.

    Raises `ExpressionError` for what is not an expression and `SelectionError` for an entity that does
    not exist, an unknown name, or an expression that is not a condition.
    """
    if not isinstance(text, str):
        raise SelectionError(f"expected a text, found {text!r}", where=where, hint="for example x == 0")
    mentions: list[Mention] = []
    letters = (chr(i) for i in range(0x4E00, 0x9FFF) if chr(i) not in text)
    replaced = list(text)
    for match in _names_in(text, entities):
        found = match.groupdict()
        members = tuple(_members(found, entities, text, match, where))
        mentions.append(Mention(next(letters), members, _SIDES[found["side"]]))
        # One letter and blanks in place of the name: every column stays what it was.
        replaced[match.start() : match.end()] = mentions[-1].flag.ljust(match.end() - match.start())
    flags = frozenset(mention.flag for mention in mentions)
    expression = parse(
        "".join(replaced),
        where,
        shown=text,
        flags=flags,
        check=lambda name, column: _check(name, column, text, entities, where),
    )
    if not expression.is_boolean:
        _fail("this is a number, not a condition", text, 0, where, "for example x == 0")
    return On(expression, tuple(mentions))


def listed(labels: Iterable[str], separator: str = ", ") -> str:
    """The first labels, and how many more there are."""
    labels = list(labels)
    more = [f"and {len(labels) - _LISTED} more"] if len(labels) > _LISTED else []
    return separator.join(labels[:_LISTED] + more)


def _names_in(text: str, entities: tuple[Entity, ...]) -> Iterator[re.Match[str]]:
    patterns = [_NUMBERED]
    spaced = " ".join(text.split())
    given = {entity.name for entity in entities if entity.name and " ".join(entity.name.split()) in spaced}
    usable = [n for n in given if n.strip() and n not in RESERVED and not _NUMBER.fullmatch(n)]
    if usable:
        longest_first = sorted(usable, key=len, reverse=True)
        words = "|".join(r"\s+".join(map(re.escape, name.split())) for name in longest_first)
        patterns.append(re.compile(rf"(?<!\w)(?P<name>{words})(?!\w)" + _SIDE))
    position = 0
    while matches := [m for pattern in patterns if (m := pattern.search(text, position))]:
        match = min(matches, key=lambda m: (m.start(), -m.end()))
        position = match.end()
        yield match


def _members(
    found: dict[str, str | None],
    entities: tuple[Entity, ...],
    text: str,
    match: re.Match[str],
    where: str | None,
) -> Iterator[int]:
    name, kind, number, group = (found.get(key) for key in ("name", "kind", "number", "group"))
    if name is not None:
        same = [i for i, e in enumerate(entities) if e.name and e.name.split() == name.split()]
    elif group is not None:
        same = [i for i, e in enumerate(entities) if e.kind == group.removesuffix("s")]
    else:
        same = [i for i, e in enumerate(entities) if e.kind == kind and e.number == int(number or 0)]
    if not same:
        what = match.group().strip()
        kind = kind or (group or "").removesuffix("s")
        known = [str(e) for e in entities if e.kind == kind]
        hint = f"there are {listed(known)}" if known else f"the domain has no {kind}s"
        _fail(f"there is no `{what}`" if number else f"there are no {what}", text, match.start(), where, hint)
    if found["side"] and any(entities[i].kind != "crack" for i in same):
        _fail("only cracks have a left and a right face", text, match.start("side"), where)
    yield from same


def _check(name: str, column: int, text: str, entities: tuple[Entity, ...], where: str | None) -> None:
    if name == "t":
        _fail("a selection cannot depend on t", text, column, where)
    if name in VARIABLES:
        return
    known = ["outline", "holes", "cracks"]
    known += [f"{entity.kind} {entity.number}" for entity in entities if entity.kind != "outline"]
    known += [entity.name for entity in entities if entity.name]
    words = [word for word in VARIABLES if word != "t"] + list(CONSTANTS)
    hint = f"known: {', '.join(words)}, {listed(str(e) for e in entities)}"
    _fail(
        f"unknown name `{name}`", text, column, where, hint + nearest(name, words + list(FUNCTIONS) + known)
    )


def _fail(message: str, text: str, column: int, where: str | None, hint: str | None = None) -> NoReturn:
    raise SelectionError(f"{message} (column {column + 1})\n{caret(text, column)}", where=where, hint=hint)
