"""From text to a tree: Python's own parser, then a walk that lets only the language's nodes through."""

import ast
import math
import warnings
from collections.abc import Callable
from typing import NoReturn

import numpy as np

from nmm.expressions.evaluate import evaluate_node
from nmm.expressions.language import (
    CONSTANTS,
    FUNCTIONS,
    MAX_DEPTH,
    MAX_LENGTH,
    VARIABLES,
    Node,
    Source,
)
from nmm.expressions.scan import scan

_COMPARISONS: dict[type, str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


class Parser:
    """Parses one source; `names` and `uses` then hold the parameters and the variables found."""

    def __init__(
        self,
        source: Source,
        flags: frozenset[str] = frozenset(),
        check: Callable[[str, int], None] | None = None,
    ):
        self.source, self.flags, self.check = source, flags, check
        self.names: set[str] = set()
        self.uses: set[str] = set()

    def fail(self, message: str, column: int, hint: str | None = None) -> NoReturn:
        self.source.fail(message, column, hint)

    def parse(self) -> Node:
        text = self.source.text
        if len(text) > MAX_LENGTH:
            self.fail(f"the expression has {len(text)} characters, more than {MAX_LENGTH}", MAX_LENGTH)
        if not text.strip():
            self.fail("the expression is empty", 0)
        scan(self.source, self.flags)
        # Blanks in place of line breaks keep the columns and let a long expression span lines.
        text = "".join(" " if c.isspace() else c for c in text)
        self.indent = len(text) - len(text.lstrip())
        self.stripped = text.strip()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                body = ast.parse(self.stripped, mode="eval").body
        except SyntaxError as error:
            column = min(max((error.offset or 1) - 1, 0), len(self.stripped))
            self.fail("something is missing or misplaced", self.indent + column)
        except (RecursionError, MemoryError, ValueError):
            self.fail("the expression is nested too deeply", 0)
        return self.convert(body, 1)

    def column(self, node: ast.AST) -> int:
        # The parser counts bytes of UTF-8, people count characters.
        offset: int = node.col_offset  # type: ignore[attr-defined]
        return self.indent + len(self.stripped.encode()[:offset].decode())

    def convert(self, node: ast.AST, depth: int) -> Node:
        column = self.column(node)
        if depth > MAX_DEPTH:
            self.fail(f"the expression is nested more than {MAX_DEPTH} deep", column)
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self.number(value, column)
            case ast.Name(id=name):
                return self.name(name, column)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self.chain(node, "sum", {ast.Add: "+", ast.Sub: "-"}, depth)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self.chain(node, "product", {ast.Mult: "*", ast.Div: "/"}, depth)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                args = (self.convert(left, depth + 1), self.convert(right, depth + 1))
                return self.fold(Node("power", args, None, column))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.fold(Node("sum", (self.convert(operand, depth + 1),), ("+",), column))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.fold(Node("negative", (self.convert(operand, depth + 1),), None, column))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.fold(Node("not", (self.condition(operand, "not", depth),), None, column, True))
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                args = tuple(self.condition(value, word, depth) for value in values)
                return self.fold(Node(word, args, None, column, True))
            case ast.Compare(left=left, ops=ops, comparators=rest) if all(
                type(op) in _COMPARISONS for op in ops
            ):
                args = tuple(self.convert(arg, depth + 1) for arg in (left, *rest))
                return self.fold(
                    Node("compare", args, tuple(_COMPARISONS[type(op)] for op in ops), column, True)
                )
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                return self.call(name, arguments, column, depth)
            case ast.Tuple(elts=[]):
                self.fail("there is nothing between these parentheses", column)
            case ast.Tuple():
                self.fail("a comma has no place outside a function", column)
        self.fail("this is not part of the language", column)

    def number(self, value: float, column: int) -> Node:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail("the number is too large", column, f"the largest is {np.finfo(float).max:.3g}")
        return Node("number", (), number, column)

    def name(self, name: str, column: int) -> Node:
        if name in self.flags:
            return Node("flag", (), name, column, True)
        if name in CONSTANTS:
            return Node("number", (), CONSTANTS[name], column)
        if self.check is not None:
            self.check(name, column)
        (self.uses if name in VARIABLES else self.names).add(name)
        return Node("name", (), name, column)

    def condition(self, node: ast.AST, word: str, depth: int) -> Node:
        result = self.convert(node, depth + 1)
        if not result.boolean:
            self.fail(f"`{word}` needs a condition here, found a number", result.column, "for example x > 0")
        return result

    def chain(self, node: ast.AST, op: str, signs: dict[type, str], depth: int) -> Node:
        # A long sum nests to the left in Python's tree; it counts as one level here.
        links = []
        while isinstance(node, ast.BinOp) and type(node.op) in signs:
            links.append((signs[type(node.op)], node.right))
            node = node.left
        args, between = [self.convert(node, depth + 1)], ["+" if op == "sum" else "*"]
        for sign, right in reversed(links):
            args.append(self.convert(right, depth + 1))
            between.append(sign)
            node_so_far = Node(op, tuple(args), tuple(between), args[0].column)
            if len(args) == 2 and (folded := self.fold(node_so_far)).op == "number":
                args, between = [folded], between[:1]
        return args[0] if len(args) == 1 else Node(op, tuple(args), tuple(between), args[0].column)

    def call(self, name: str, arguments: list[ast.expr], column: int, depth: int) -> Node:
        least, most = FUNCTIONS[name]
        if len(arguments) < least or (most is not None and len(arguments) > most):
            expected = f"{least}" if most == least else f"at least {least}"
            plural = "" if expected == "1" else "s"
            self.fail(f"`{name}` takes {expected} argument{plural}, found {len(arguments)}", column)
        if name == "where":
            args = (self.condition(arguments[0], "where", depth),)
            args += tuple(self.convert(argument, depth + 1) for argument in arguments[1:])
        else:
            args = tuple(self.convert(argument, depth + 1) for argument in arguments)
        return self.fold(Node("call", args, name, column))

    def fold(self, node: Node) -> Node:
        """A constant in place of an operation on constants, so that one that is not finite has a position."""
        if not all(arg.op in ("number", "truth") for arg in node.args):
            return node
        with np.errstate(all="ignore"):
            value = evaluate_node(node, {}, np)
        if node.boolean:
            return Node("truth", (), bool(value), node.column, True)
        if not math.isfinite(value):
            self.fail(f"this constant is {float(value)}, not a finite number", node.column)
        return Node("number", (), float(value), node.column)
