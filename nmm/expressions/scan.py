"""The first look at an expression: every character and word must have a place in the language."""

import keyword
import re
import unicodedata

from nmm.expressions.language import (
    CONSTANTS,
    FUNCTIONS,
    LOGIC,
    MAX_DEPTH,
    VARIABLES,
    Source,
    nearest,
)

_OPERANDS = ("number", "name", ")")  # what a value can end with
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|//|<>|=>|=<|&&|\|\||:=|.)",
    re.DOTALL,
)
_OPERATORS = frozenset("** <= >= == != + - * / < > ( ) ,".split())
_INSTEAD = {
    "^": "powers are written **, for example x**2",
    "=": "comparisons are written ==",
    "&": "write `and`",
    "&&": "write `and`",
    "|": "write `or`",
    "||": "write `or`",
    "!": "write `not`",
    "~": "write `not`",
    "<>": "write !=",
    "=>": "write >=",
    "=<": "write <=",
    "≠": "write !=",
    "≤": "write <=",
    "≥": "write >=",
    "×": "write *",
    "·": "write *",
    "−": "write the minus sign of the keyboard, -",
    "–": "write the minus sign of the keyboard, -",
    "²": "write **2",
    "³": "write **3",
    "//": "the language has only the division /",
    ".": "there are no attributes; decimals are written like 0.5",
    "[": "there is no indexing; group with parentheses ( )",
    "{": "group with parentheses ( )",
    "'": "there are no strings in expressions",
    '"': "there are no strings in expressions",
}
_SIMILAR = {"atan2": "arctan2", "ln": "log", "fabs": "abs", "minimum": "min", "maximum": "max"}


def scan(source: Source, flags: frozenset[str]) -> None:
    """Refuse, in the order of the text, what has no place in the language.

    What passes consists of known tokens, with operators between values and parentheses that match, so
    that little is left for Python's parser to complain about.
    """
    before, opened = "", []
    for token in _TOKEN.finditer(source.text):
        kind, word, column = token.lastgroup, token.group(), token.start()
        if kind == "space":
            continue
        if kind == "operator":
            _scan_operator(source, word, column, before, opened)
        elif kind == "name":
            _scan_name(source, flags, word, token.end(), column)
        operand = kind == "number" or (kind == "name" and word not in ("and", "or"))
        if operand and before in _OPERANDS:
            joined = kind == "name" and before == "number" and not source.text[column - 1].isspace()
            message = "a number runs into a letter" if joined else "an operator is missing"
            source.fail(message, column, _join(flags))
        if word in ("and", "or") and before not in _OPERANDS:
            source.fail(f"a condition is missing before `{word}`", column)
        before = word if kind == "operator" or word in LOGIC or word in FUNCTIONS else str(kind)
    if opened:
        source.fail("this parenthesis is not closed", opened[-1])
    if before not in _OPERANDS:
        source.fail(f"a value is missing after `{before}`", len(source.text.rstrip()))


def _join(flags: frozenset[str]) -> str:
    return "join conditions with `and` or `or`" if flags else "a product needs *, for example 2*x"


def _scan_operator(source: Source, word: str, column: int, before: str, opened: list[int]) -> None:
    if word not in _OPERATORS:
        shown = word if word.isprintable() else ascii(word)
        source.fail(f"`{shown}` is not part of the language", column, _INSTEAD.get(word))
    if word not in ("+", "-", "(", ")") and before not in _OPERANDS:
        source.fail(f"a value is missing before `{word}`", column)
    if word == "(":
        if before in _OPERANDS:
            source.fail("an operator is missing", column, "a product needs *, for example 2*(x + 1)")
        opened.append(column)
        if len(opened) > MAX_DEPTH:
            source.fail(f"parentheses are nested more than {MAX_DEPTH} deep", column)
    elif word == ")":
        if not opened:
            source.fail("this parenthesis was never opened", column)
        if before not in (*_OPERANDS, "("):
            source.fail(f"a value is missing after `{before}`", column)
        opened.pop()


def _scan_name(source: Source, flags: frozenset[str], word: str, end: int, column: int) -> None:
    if word in LOGIC:
        return
    if keyword.iskeyword(word):
        hint = "rename it if it is a parameter"
        if word in ("if", "else"):
            hint = "write where(condition, a, b)"
        elif word in ("True", "False", "None"):
            hint = "write a number or a condition"
        source.fail(f"`{word}` is not part of the language", column, hint)
    if not word.isidentifier():
        offset = next(i for i in range(1, len(word) + 1) if not word[:i].isidentifier()) - 1
        source.fail(f"`{word[offset]}` cannot be used in a name", column + offset, _INSTEAD.get(word[offset]))
    if unicodedata.normalize("NFKC", word) != word:
        source.fail(f"`{word}` has special letters", column, f"write {unicodedata.normalize('NFKC', word)}")
    if word.startswith("__"):
        source.fail(f"`{word}` cannot be a name", column, "names do not start with two underscores")
    called = source.text[end:].lstrip().startswith("(")
    if called and word not in FUNCTIONS:
        if word in flags:
            source.fail("an operator is missing", source.text.index("(", end), _join(flags))
        if word in VARIABLES or word in CONSTANTS:
            source.fail(f"`{word}` is not a function", column, f"a product needs *: {word}*(...)")
        hint = "powers are written a**b" if word == "pow" else f"known functions: {', '.join(FUNCTIONS)}"
        similar = f"; did you mean `{_SIMILAR[word]}`?" if word in _SIMILAR else nearest(word, FUNCTIONS)
        source.fail(f"unknown function `{word}`", column, hint + similar)
    if word in FUNCTIONS and not called:
        source.fail(f"`{word}` is a function", column, f"write {word}(...)")
