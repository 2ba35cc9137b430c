"""What a problem compiles to apart from its numbers, and where its values are evaluated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.cover.functions import Functions
from nmm.cover.weights import Weights
from nmm.manifold.rules import piece_rule, reference_rule
from nmm.physics.models import columns
from nmm.physics.problem import Problem
from nmm.physics.tangent import rank, uniform
from nmm.physics.tangent import samples as coefficient_samples
from nmm.physics.values import Places, evaluate
from nmm.solve.discretise import Discretisation
from nmm.solve.samples import Samples
from nmm.solve.small import inverse_2x2


@dataclass(frozen=True)
class Form:
    """What a problem compiles to, apart from numbers: equal forms share compiled code.

    `kinds` are the kinds of the boundary terms, `free` their free components; `entries` and `spanning` say
    which entries of the tangent vary (see `tangent.rank`); None where coefficients vary inside a cell.
    `rules` are points and weights of the whole cells by type; the points of pieces come in blocks of `block`.
    """

    density: Callable
    components: int
    functions: Functions
    lattice: tuple[int, int]
    regions: tuple[str, ...]
    kinds: tuple[str, ...]
    nitsche: bool
    fine: bool
    uniform: frozenset[str]
    entries: tuple[int, ...]
    spanning: tuple[Any, ...]
    rules: tuple[Any, ...]
    block: int
    structure: Any
    static: tuple[Any, ...]

    @property
    def weights(self) -> Weights:
        """The weight functions."""
        return self.functions.weights

    @property
    def stored(self) -> int:
        """Unknowns of a patch: components of each of its local functions, the constants first."""
        return self.functions.per_patch * self.components

    @property
    def columns(self) -> int:
        """Columns of the gradients that elements give to the density."""
        return columns(self.density)


def split_values(problem: Problem) -> tuple[list[Any], Any, tuple[Any, ...]]:
    """Numbers and arrays in the values of a problem, their structure, and everything else in them."""
    model = problem.model
    values = (
        dict(model.coefficients),
        model.source,
        tuple(t.values for t in problem.terms),
        tuple(p.values for p in problem.point_loads),
        tuple(b.values for b in problem.bonds),
    )
    leaves, structure = jax.tree.flatten(values)
    numeric = [(np.ndim(v) == 0 and isinstance(v, float | int)) or hasattr(v, "dtype") for v in leaves]
    data = [v for v, is_data in zip(leaves, numeric, strict=True) if is_data]
    static = tuple(None if is_data else v for v, is_data in zip(leaves, numeric, strict=True))
    return data, structure, static


def join_values(data, structure, static):
    """The values of a problem; the inverse of `split_values`."""
    numbers = iter(data)
    return jax.tree.unflatten(structure, [next(numbers) if v is None else v for v in static])


def form_of(problem: Problem, params: Mapping[str, Any]) -> tuple[Form, list[Any]]:
    """The form of a problem for parameters of given shapes, and its numbers."""
    manifold, model = problem.manifold, problem.model
    data, structure, static = split_values(problem)
    fixed = frozenset(k for k, v in model.coefficients.items() if uniform(v, params))
    fine = problem.fine or any(callable(v) for v in params.values())
    entries, spanning = ((), ()) if fine else tangent_span(model, fixed)
    rules = []
    for kind in range(manifold.grid.families - 1):
        points, weights = reference_rule(manifold, bool(kind), fine)
        rules.append((tuple(map(tuple, points.tolist())), tuple(weights.tolist())))
    form = Form(
        model.density,
        model.components,
        manifold.functions,
        (manifold.ny, manifold.nx),
        tuple(name for name, _ in manifold.geometry.regions),
        tuple(t.kind for t in problem.terms),
        problem.dirichlet == "nitsche",
        fine,
        fixed,
        entries,
        spanning,
        tuple(rules),
        piece_rule(manifold, problem.fine).block,
        structure,
        static,
    )
    return form, data


def tangent_span(model, fixed):
    """Entries that determine the tangent, and the coefficients that span it as hashable rows."""
    varying = frozenset(model.coefficients) - fixed
    if not varying:
        return (0,), ()
    entries, chosen = rank(model, varying)
    found = coefficient_samples(model, varying) if chosen else []
    rows = []
    for i in chosen:
        items = [(k, v) for k, v in sorted(found[i].items()) if k in varying]
        rows.append(tuple((k, np.asarray(v).tolist()) for k, v in items))
    return entries, jax.tree.map(lambda v: v, _hashable(rows))


def _hashable(value):
    return tuple(_hashable(v) for v in value) if isinstance(value, list | tuple) else value


def places(form: Form, arrays: Discretisation, at: Samples, normal=None) -> Places:
    """Where values are evaluated."""
    square = at.cell // form.weights.types
    corner = jnp.stack([square % form.lattice[1], square // form.lattice[1]], -1)
    points = jnp.asarray(arrays.origin) + (corner + at.xi) @ jnp.asarray(arrays.frame).T
    return Places(points, at.region, square, form.regions, arrays.box, form.lattice, normal)


def shape_functions(
    form: Form, arrays: Discretisation, at: Samples, centre=None
) -> tuple[jax.Array, jax.Array]:
    """Functions (n, m) of cells and their gradients (n, m, 2) in the user's coordinates.

    With mean dilatation and the centroids `centre` (n, 2) of the elements, gradients (n, m, 4).
    """
    upper = at.cell % 2 == 1
    values = form.functions.values(at.xi, upper, jnp)
    to_user = inverse_2x2(jnp.asarray(arrays.frame))
    gradients = form.functions.gradients(at.xi, upper, jnp) @ to_user
    if form.columns == 4 and centre is not None:
        mean = form.functions.gradients(centre, upper, jnp) @ to_user
        gradients = jnp.concatenate([gradients, jnp.broadcast_to(mean, gradients.shape)], -1)
    return values, gradients


def mean_points(rule: Samples, count: int) -> jax.Array:
    """Centroids (count, 2) of what the points of a rule add to."""
    weight = jnp.asarray(rule.weight)
    total = jax.ops.segment_sum(weight, rule.owner, count)
    moment = jax.ops.segment_sum(weight[:, None] * jnp.asarray(rule.xi), rule.owner, count)
    empty = total[:, None] <= 0
    return jnp.where(empty, 0.5, moment / jnp.where(empty, 1.0, total[:, None]))


def host_centres(form: Form, arrays: Discretisation) -> jax.Array | None:
    """Centroids (hosts, 2) of the elements that give the flux, where the dilatation is a mean."""
    return mean_points(arrays.hosts.rule, len(arrays.hosts.centre)) if form.columns == 4 else None


def coefficients(form: Form, values, at: Places, params) -> dict[str, Any]:
    """Coefficients of the model at places."""
    return {k: evaluate(v, at, params, f"physics.{k}", jnp) for k, v in values.items()}


def cell_size(arrays: Discretisation):
    """Side of a square."""
    return jnp.sqrt(jnp.abs(jnp.linalg.det(jnp.asarray(arrays.frame))))
