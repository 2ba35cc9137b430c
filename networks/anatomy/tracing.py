"""Where a function bends: the operations of any JAX function, walked through one by one.

A gate is a number whose sign decides which affine piece a network is on: what goes into a relu, an absolute
value, or a comparison. Convolutions, skip connections and means are affine and pass through; products of two
values that depend on the input, and functions such as tanh or exp, make a network smooth.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Literal

AFFINE = frozenset(
    "add add_any broadcast_in_dim concatenate convert_element_type copy copy_p cumsum dynamic_slice "
    "expand_dims gather neg pad reduce_sum reduce_window_sum reshape rev select_n slice split squeeze "
    "stop_gradient sub transpose and or not".split()
)
BILINEAR = frozenset(("mul", "dot_general", "conv_general_dilated"))
COMPARED = frozenset(("max", "min", "ge", "gt", "le", "lt"))
ORDERED = frozenset(
    ("reduce_max", "reduce_min", "reduce_window_max", "argmax", "argmin", "sort", "reduce_window")
)
"""Piecewise affine too, with bends that are not counted here."""


@dataclass
class Findings:
    """Gates met on the way (arrays, with the batch first), and what stands in the way of exact counting.

    `smooth` names operations that are not piecewise affine, `uncounted` those whose bends are not seen.
    """

    gates: list[Any] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    smooth: set[str] = field(default_factory=set)
    uncounted: set[str] = field(default_factory=set)


def walk(apply: Callable[[Any, Any], Any], params: Any, x: Any) -> Findings:
    """All gates of apply(params, x) at inputs x (n, …), and what it is made of. May run inside jit."""
    closed = jax.make_jaxpr(apply)(params, x)
    found = Findings()
    given = jax.tree.leaves((params, x))
    moving = [False] * len(jax.tree.leaves(params)) + [True] * len(jax.tree.leaves(x))
    _evaluate(closed, given, moving, found)
    return found


def outline(apply: Callable[[Any, Any], Any], params: Any, x: Any) -> Findings:
    """The same without computing anything: gates are shapes (n, …)."""
    kept: list[Findings] = []

    def run(params, x):
        kept.append(walk(apply, params, x))
        return kept[0].gates

    shapes = jax.eval_shape(run, params, x)
    return replace(kept[0], gates=shapes)


def gate_values(apply: Callable[[Any, Any], Any], params: Any, x: Any) -> jax.Array:
    """Gates (n, units) of apply(params, x) at inputs x (n, …), those of the first layer first."""
    gates = [g.reshape(len(g), -1) for g in walk(apply, params, x).gates]
    return jnp.concatenate(gates, 1) if gates else jnp.zeros((len(x), 0))


def _evaluate(closed: ClosedJaxpr, given: list[Any], moving: list[bool], found: Findings):
    """Values of a program and whether each depends on the input."""
    known: dict[Any, tuple[Any, bool]] = {}
    jaxpr = closed.jaxpr
    for variable, value in zip(jaxpr.constvars, closed.consts, strict=True):
        known[variable] = value, False
    for variable, value, moves in zip(jaxpr.invars, given, moving, strict=True):
        known[variable] = value, moves

    def read(atom: Any) -> tuple[Any, bool]:
        return (atom.val, False) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        values, moves = (
            map(list, zip(*map(read, equation.invars), strict=True)) if equation.invars else ([], [])
        )
        inner = _inner(equation)
        if inner is not None:
            made = _evaluate(inner, values, moves, found)
        else:
            outcome = equation.primitive.bind(*values, **equation.params)
            results = outcome if equation.primitive.multiple_results else [outcome]
            _judge(equation.primitive.name, values, moves, found)
            made = [(value, any(moves)) for value in results]
        known.update(zip(equation.outvars, made, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _inner(equation: Any) -> ClosedJaxpr | None:
    """The program inside a call that does nothing but call: jit, custom derivatives, checkpoints."""
    if equation.primitive.name in ("scan", "while", "cond"):
        return None
    for key in ("call_jaxpr", "jaxpr", "fun_jaxpr"):
        inner = equation.params.get(key)
        if inner is not None:
            return inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
    return None


def _judge(name: str, values: list[Any], moves: list[bool], found: Findings) -> None:
    """Note a gate, or what is not piecewise affine."""
    if not any(moves) or name in AFFINE:
        return
    if name in COMPARED:
        if jnp.issubdtype(jnp.result_type(values[0]), jnp.floating):
            found.gates.append(values[0] - values[1])
            found.names.append(name)
    elif name == "abs":
        found.gates.append(values[0])
        found.names.append(name)
    elif name in ORDERED:
        found.uncounted.add(name)
    elif name not in (*BILINEAR, "div", "sign", "eq", "ne") or sum(moves) > 1 or (name == "div" and moves[1]):
        found.smooth.add(name)
