"""The value of a tree, with NumPy or with `jax.numpy`."""

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from nmm.expressions.language import Node


def evaluate_node(node: Node, env: Mapping[str, Any], xp: ModuleType) -> Any:
    """The value of a node; `env` holds float arrays for names and boolean arrays for flags."""
    match node.op:
        case "number" | "truth":
            return node.value
        case "name" | "flag":
            return env[node.value]
        case "and" | "or":
            combine = xp.logical_and if node.op == "and" else xp.logical_or
            result = evaluate_node(node.args[0], env, xp)
            for arg in node.args[1:]:
                result = combine(result, evaluate_node(arg, env, xp))
            return result
        case "not":
            return xp.logical_not(evaluate_node(node.args[0], env, xp))
        case "call" if node.value == "where":
            condition = evaluate_node(node.args[0], env, xp)
            return xp.where(condition, *(_number(arg, env, xp) for arg in node.args[1:]))
    args = [_number(arg, env, xp) for arg in node.args]
    match node.op:
        case "sum":
            result = args[0]
            for sign, arg in zip(node.value[1:], args[1:], strict=True):
                result = result + arg if sign == "+" else result - arg
            return result
        case "product":
            result = args[0]
            for sign, arg in zip(node.value[1:], args[1:], strict=True):
                result = result * arg if sign == "*" else _divide(result, arg, xp)
            return result
        case "negative":
            return -args[0]
        case "power":
            return _power(args[0], args[1], xp)
        case "compare":
            result = compare(node.value[0], args[0], args[1])
            for i in range(1, len(node.value)):
                result = xp.logical_and(result, compare(node.value[i], args[i], args[i + 1]))
            return result
        case "call":
            return _call(node.value, args, xp)
    raise AssertionError(node.op)


def compare(operator: str, left: Any, right: Any) -> Any:
    """`left operator right` elementwise."""
    match operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "==":
            return left == right
    return left != right


def _number(node: Node, env: Mapping[str, Any], xp: ModuleType) -> Any:
    value = evaluate_node(node, env, xp)
    return xp.where(value, 1.0, 0.0) if node.boolean else value


# A derivative through a branch of `where` that is not taken is 0 * inf = nan unless the singular operation
# itself is kept away from its singular points; the functions below do that for JAX and keep the values.


def _divide(a: Any, b: Any, xp: ModuleType) -> Any:
    if xp is np:
        return np.divide(a, b)
    if isinstance(b, float) and b != 0:
        return a / b
    valid = xp.not_equal(b, 0)
    pole = xp.where(xp.greater(a, 0), math.inf, xp.where(xp.less(a, 0), -math.inf, math.nan))
    return xp.where(valid, a / xp.where(valid, b, 1.0), pole)


def _power(a: Any, b: Any, xp: ModuleType) -> Any:
    constant = isinstance(b, float)
    whole = constant and b.is_integer() and abs(b) <= 64
    if xp is np:
        return np.power(np.asarray(a, dtype=float), b)
    if not constant or (whole and b >= 0):
        return xp.power(a, int(b)) if whole else xp.power(a, b)
    valid = xp.not_equal(a, 0) if whole else xp.greater(a, 0)
    power = xp.power(xp.where(valid, a, 1.0), int(b) if whole else b)
    at_zero = xp.where(xp.equal(a, 0), math.inf if b < 0 else 0.0, math.nan)
    return xp.where(valid, power, at_zero)


def _call(name: str, args: list[Any], xp: ModuleType) -> Any:
    if name in ("min", "max"):
        extreme = xp.minimum if name == "min" else xp.maximum
        result = args[0]
        for arg in args[1:]:
            result = extreme(result, arg)
        return result
    if xp is np or name not in ("sqrt", "log", "arctan2"):
        return getattr(xp, name)(*args)
    if name == "arctan2":
        valid = xp.logical_or(xp.not_equal(args[0], 0), xp.not_equal(args[1], 0))
        return xp.where(valid, xp.arctan2(args[0], xp.where(valid, args[1], 1.0)), 0.0)
    valid = xp.greater(args[0], 0)
    value = getattr(xp, name)(xp.where(valid, args[0], 1.0))
    at_zero = 0.0 if name == "sqrt" else -math.inf
    return xp.where(valid, value, xp.where(xp.equal(args[0], 0), at_zero, math.nan))
