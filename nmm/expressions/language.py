"""The words of the expression language, and the tree that a text becomes."""

import difflib
import keyword
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from nmm.errors import ExpressionError

VARIABLES = ("x", "y", "t", "xmin", "xmax", "ymin", "ymax", "xc", "yc", "nx", "ny")
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS = {  # number of arguments: at least, at most
    "sin": (1, 1),
    "cos": (1, 1),
    "tan": (1, 1),
    "exp": (1, 1),
    "log": (1, 1),
    "sqrt": (1, 1),
    "abs": (1, 1),
    "min": (2, None),
    "max": (2, None),
    "arctan2": (2, 2),
    "where": (3, 3),
}
RESERVED = frozenset((*VARIABLES, *CONSTANTS, *FUNCTIONS, *keyword.kwlist))

MAX_LENGTH = 2000
MAX_DEPTH = 100
LOGIC = ("and", "or", "not")


@dataclass(frozen=True)
class Node:
    """One operation of a parsed expression.

    `op` is one of number, truth (a constant condition), name, flag (a name that stands for a condition),
    sum, product, power, negative, call, compare, and, or, not. `value` is the number, the name, the
    function or the operators between the arguments. `boolean` tells a condition from a number; `column` is
    the place in the text.
    """

    op: str
    args: tuple["Node", ...] = ()
    value: Any = None
    column: int = 0
    boolean: bool = False


def caret(text: str, column: int) -> str:
    """Two lines: the text (shortened around the column) and a caret under the column."""
    text = "".join(" " if c.isspace() else c if c.isprintable() else "?" for c in text)
    start = max(0, column - 60) if len(text) > 90 else 0
    shown = ("..." if start else "") + text[start : start + 90] + ("..." if len(text) > start + 90 else "")
    return f"    {shown}\n    {' ' * (column - start + (3 if start else 0))}^"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a hint: the known name that looks most like `name`, or nothing."""
    match = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{match[0]}`?" if match else ""


@dataclass(frozen=True)
class Source:
    """A text with its place; `shown` is what errors show, with the same columns as `text`."""

    text: str
    shown: str
    where: str | None = None

    def fail(self, message: str, column: int, hint: str | None = None) -> NoReturn:
        """Raise an `ExpressionError` that points at the column (counted from 0)."""
        raise ExpressionError(
            f"{message} (column {column + 1})\n{caret(self.shown, column)}", where=self.where, hint=hint
        )
