"""The energy of a problem for any function of a point, in the quadrature of nmm.

    E(u) = ∫ W(∇u) − f·u dx + ∫ ½ u·H u − q·u ds − Σ F·u(x_F)

The minimum over the functions of a manifold is the classical solution; over a network it is another
approximation of the same. H and q come from the boundary terms: q is a flux, traction or pressure, H = h and
q = h v a Robin term, and H = β P, q = β P g holds the components P u at g, with the penalty β of
`nmm.problem(dirichlet="penalty")`. Nitsche's terms need an inverse inequality, which a network does not obey.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.manifold.locate import locate
from nmm.physics.models import columns
from nmm.physics.problem import Edge, Problem, coefficient_values
from nmm.physics.values import check_parameters, evaluate
from nmm.pytrees import tree
from nmm.results.errors import energy_rule
from nmm.solve.boundary import PENALTY, edge_places, held_at


@tree()
class Samples:
    """Points (n, 2) with their manifold element (n,) and weight (n,)."""

    points: jax.Array
    element: jax.Array
    weight: jax.Array


@tree("density", "components")
class Functional:
    """The energy of a problem; see `functional`.

    `coefficients` of the model and `force` (n, c) at the points of the domain; `stiffness` H (m, c, c) and
    `load` q (m, c) at those of the boundary, where concentrated forces are points of weight 1.
    """

    domain: Samples
    coefficients: dict[str, jax.Array]
    force: jax.Array
    boundary: Samples
    stiffness: jax.Array
    load: jax.Array
    density: Callable
    components: int

    def __call__(self, u: Callable) -> jax.Array:
        """Energy of u(points (n, 2), element (n,)) -> (n, components), differentiable once in the points."""
        value, slope = value_and_slope(lambda x: u(x, self.domain.element), self.domain.points)
        inside = jax.vmap(self.density)(slope, self.coefficients) - jnp.sum(self.force * value, -1)
        on = u(self.boundary.points, self.boundary.element)
        held = jnp.einsum("nc,ncd,nd->n", on, self.stiffness, on) / 2 - jnp.sum(self.load * on, -1)
        return jnp.dot(self.domain.weight, inside) + jnp.dot(self.boundary.weight, held)


def value_and_slope(u: Callable, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Values (n, c) and derivatives (n, c, d) of a pointwise function at points (n, d)."""

    def along(way):
        return jax.jvp(u, (x,), (jnp.broadcast_to(way, x.shape),))

    values, slopes = jax.vmap(along, out_axes=(None, -1))(jnp.eye(x.shape[1], dtype=x.dtype))
    return values, slopes


def functional(problem: Problem, params: Mapping[str, Any] | None = None) -> Functional:
    """The energy of a problem for given parameters, made once on the host.

    **Raises:** `InputError` for what is no sum over points: mean dilatation, enriched tips, borders between
    regions, a ghost penalty; `ParameterError` as `nmm.forward` does.
    """
    check_points(problem)
    given = dict(params or {})
    check_parameters(problem.parameters, given)
    manifold, model = problem.manifold, problem.model
    element, xi, weight = energy_rule(manifold, problem.fine)
    at = problem.places(manifold.element_cells()[element], xi, manifold.element_regions()[element])
    name = "physics.source" if model.components == 1 else "physics.body_force"
    edges = [edge_samples(problem, i, given) for i in range(len(problem.terms))]
    parts = [*edges, *point_samples(problem, given)]
    c = model.components
    empty = np.zeros((0, 2)), np.zeros(0, int), np.zeros(0), np.zeros((0, c, c)), np.zeros((0, c))
    points, where, share, stiffness, load = (
        jnp.asarray(np.concatenate(column)) for column in zip(empty, *parts, strict=True)
    )
    return Functional(
        Samples(jnp.asarray(at.points), jnp.asarray(element), jnp.asarray(weight)),
        {k: jnp.asarray(v) for k, v in coefficient_values(model, at, given).items()},
        jnp.asarray(evaluate(model.source, at, given, name)),
        Samples(points, where, share),
        stiffness,
        load,
        model.density,
        c,
    )


def check_points(problem: Problem):
    """**Raises:** `InputError` for energies that are no sum over the points of one function."""
    found = {
        "mean dilatation": columns(problem.model.density) != 2,
        "enriched crack tips": problem.manifold.host.tips is not None,
        "borders between regions": len(problem.seams.bond) > 0,
        "a ghost penalty": problem.ghost is not None,
    }
    names = [name for name, is_there in found.items() if is_there]
    if names:
        raise InputError(
            f"found {', '.join(names)}, expected an energy of one function and its gradient",
            where="functional",
        )


def edge_samples(problem: Problem, number: int, params):
    """Points, elements, weights, stiffness and load of a boundary term."""
    manifold, c = problem.manifold, problem.model.components
    term, edge = problem.terms[number], problem.edges[number]
    place = edge.points, len(manifold.whole_list) + edge.piece, edge.weight
    if term.dirichlet:
        hold = held_at(problem, term, edge, params)
        beta = PENALTY * hold.stiffness / manifold.grid.h
        stiffness = beta[:, None, None] * hold.projector
        return *place, stiffness, np.einsum("ncd,nd->nc", stiffness, hold.prescribed)
    return *place, *natural(problem, number, edge, params, c)


def natural(problem: Problem, number: int, edge: Edge, params, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Stiffness (n, c, c) and load (n, c) of a flux, traction, pressure or Robin term."""
    term, at = problem.terms[number], edge_places(problem, edge)
    values = [np.asarray(evaluate(0.0 if v is None else v, at, params, term.name)) for v in term.values]
    none = np.zeros((len(edge.piece), c, c))
    if term.kind == "robin":
        exchange, outside = values
        return exchange[:, None, None] * np.eye(1), (exchange * outside)[:, None]
    if term.kind == "pressure":
        return none, -values[0][:, None] * edge.normal
    return none, np.stack(values, -1)


def point_samples(problem: Problem, params):
    """The same of each point load, with weight 1."""
    manifold, c = problem.manifold, problem.model.components
    for term in problem.point_loads:
        element, xi = locate(manifold, np.array([term.at]))
        at = problem.places(manifold.element_cells()[element], xi, manifold.element_regions()[element])
        force = np.stack([np.asarray(evaluate(v, at, params, term.name)) for v in term.values], -1)
        yield np.array([term.at]), element, np.ones(1), np.zeros((1, c, c)), force
