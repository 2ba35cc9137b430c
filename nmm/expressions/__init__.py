"""The expression language of case files and of strings given to the Python interface.

A text is parsed into a syntax tree of this module's own and evaluated in float64 with NumPy or `jax.numpy`.
It never reaches `eval`: only the numbers, names, operators and functions listed here exist.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import ModuleType
from typing import Any

import numpy as np

from nmm.errors import ExpressionError
from nmm.expressions.evaluate import evaluate_node
from nmm.expressions.language import CONSTANTS, FUNCTIONS, RESERVED, VARIABLES, Node, Source, nearest
from nmm.expressions.tree import Parser

__all__ = [
    "CONSTANTS",
    "FUNCTIONS",
    "RESERVED",
    "VARIABLES",
    "Expression",
    "number_or_expression",
    "parameter_name",
    "parse",
]


@dataclass(frozen=True)
class Expression:
    """A parsed expression; two are equal when their texts are.

    `names` are the identifiers that the language does not know, hence parameters; `uses` the variables
    among `VARIABLES` that occur.
    """

    text: str
    tree: Node = field(compare=False, repr=False)
    names: frozenset[str] = field(compare=False, repr=False)
    uses: frozenset[str] = field(compare=False, repr=False)

    @property
    def is_boolean(self) -> bool:
        """Whether the value is a condition (true or false) and not a number."""
        return self.tree.boolean

    def evaluate(self, env: Mapping[str, Any], xp: ModuleType = np) -> Any:
        """The value for the variables and parameters in `env` (scalars or arrays that broadcast).

        `xp` is `numpy` or `jax.numpy`; with the latter the evaluation can be traced, differentiated and
        batched, and a branch of `where` that is not taken contributes no nan to a derivative. Values of
        `env` are converted to float64 (with JAX: to its default float). The result is an array of the
        broadcast shape of what the expression uses, so a constant gives shape ().

        Raises `ExpressionError` when `env` lacks a name that the expression uses.
        """
        missing = sorted((self.names | self.uses) - set(env))
        if missing:
            raise ExpressionError(
                f"`{self.text}` needs {', '.join(missing)}, which is not known here",
                hint=f"known here: {', '.join(sorted(env)) or 'no names at all'}" + nearest(missing[0], env),
            )
        values = {name: xp.asarray(env[name], dtype=float) for name in self.names | self.uses}
        with np.errstate(all="ignore"):
            result = evaluate_node(self.tree, values, xp)
        return xp.asarray(result, dtype=bool if self.is_boolean else float)


def parse(
    text: str,
    where: str | None = None,
    *,
    shown: str | None = None,
    flags: frozenset[str] = frozenset(),
    check: Callable[[str, int], None] | None = None,
) -> Expression:
    """Parse `text`; `where` names its place (file and key) in errors.

    The rest is for texts with more than expressions in them, such as `on`: `flags` are names that stand for
    conditions; `shown` is the text to show in errors, with the same columns, when it differs from `text`;
    `check` is called with every other name and its column, and may raise.

    Raises `ExpressionError`, which shows the text with a caret under the position.

    >>> expression = parse("E*(1 + 0.1*x)")
    >>> sorted(expression.names), sorted(expression.uses)
    (['E'], ['x'])
    >>> float(expression.evaluate({"E": 2.0, "x": 5.0}))
    3.0
    """
    if not isinstance(text, str):
        raise ExpressionError(f"expected a text, found {text!r}", where=where)
    parser = Parser(Source(text, text if shown is None else shown, where), flags, check)
    tree = parser.parse()
    return Expression(parser.source.shown, tree, frozenset(parser.names), frozenset(parser.uses))


def number_or_expression(value: Any, where: str | None = None) -> float | Expression:
    """A finite number as float, a string parsed; anything else is an `ExpressionError`."""
    if isinstance(value, str):
        return parse(value, where)
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise ExpressionError(f"expected a number or an expression, found {value!r}", where=where)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ExpressionError(f"expected a finite number, found {value}", where=where)
    return number


def parameter_name(name: str, where: str | None = None) -> str:
    """`name` if a parameter can have it: an identifier that the language does not use itself."""
    if name in RESERVED:
        raise ExpressionError(
            f"`{name}` has a meaning in expressions", where=where, hint="rename the parameter"
        )
    if not name.isidentifier() or name.startswith("__") or unicodedata.normalize("NFKC", name) != name:
        raise ExpressionError(
            f"`{name}` cannot be the name of a parameter", where=where, hint="use letters, digits and _"
        )
    return name
