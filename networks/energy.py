"""The energy of a problem for any function of a point.

    E(u) = ∫ W(∇u) − f·u dx + ∫ ½ u·H u − q·u ds − Σ F·u(x_F)

The minimum over the functions of a manifold is the classical solution; over a network it is another
approximation of the same. H and q come from the boundary terms: q is a flux, traction or pressure, H = h and
q = h v a Robin term, and H = β P, q = β P g holds the components P u at g, with the penalty β of
`nmm.problem(dirichlet="penalty")`. Nitsche's method adds −∫ t(u)·P(u − g) ds with the flux t, and has a β of
its own. It needs an inverse inequality: the functions of a lattice obey one, those of a network do not.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from networks.sampling import Quadrature, Samples, places, quadrature
from nmm.errors import InputError
from nmm.physics.boundary import Term
from nmm.physics.models import columns
from nmm.physics.problem import Problem, check_values
from nmm.physics.values import check_parameters, evaluate
from nmm.pytrees import tree

Fields = tuple[jax.Array, jax.Array, jax.Array, jax.Array]
"""Values (n, c) and derivatives (n, c, 2) in the domain, values (m, c) on its boundary, derivatives (k, c, 2)
where Nitsche's method asks for a flux."""


@tree()
class Flux:
    """Where Nitsche's method asks for a flux: points in the elements that give it, and what is held there.

    `rows` (k,) of the points among those of the boundary, `normal` (k, 2), the projector P (k, c, c) and the
    values g (k, c); `coefficients` of the model.
    """

    samples: Samples
    coefficients: dict[str, jax.Array]
    rows: jax.Array
    normal: jax.Array
    projector: jax.Array
    given: jax.Array


@tree("density", "components")
class Functional:
    """The energy of a problem; see `functional`.

    `coefficients` of the model and `force` (n, c) at the points of the domain; `stiffness` H (m, c, c) and
    `load` q (m, c) at those of the boundary, where concentrated forces are points of weight 1; the `flux` of
    Nitsche's method, if it is asked for.
    """

    domain: Samples
    coefficients: dict[str, jax.Array]
    force: jax.Array
    boundary: Samples
    stiffness: jax.Array
    load: jax.Array
    density: Callable
    components: int
    flux: Flux | None = None

    def __call__(self, u: Callable) -> jax.Array:
        """Energy of u(points (n, 2), element (n,)) -> (n, components), differentiable once in the points."""
        return self.value(self.fields(u))

    def fields(self, u: Callable) -> Fields:
        """What the energy needs of a function, linear in it."""

        def both(at: Samples) -> tuple[jax.Array, jax.Array]:
            return value_and_slope(lambda x: u(x, at.element), at.points)

        value, slope = both(self.domain)
        on, steep = value[:0], slope[:0]
        if len(self.boundary.points):  # covers cannot tell the patches of no points
            on = u(self.boundary.points, self.boundary.element)
        if self.flux is not None:
            steep = both(self.flux.samples)[1]
        return value, slope, on, steep

    def value(self, fields: Fields) -> jax.Array:
        """The energy of fields: quadratic for linear models of nmm, and convex unless there is a flux."""
        value, slope, on, steep = fields
        inside = jax.vmap(self.density)(slope, self.coefficients) - jnp.sum(self.force * value, -1)
        along = jnp.einsum("nc,ncd,nd->n", on, self.stiffness, on) / 2 - jnp.sum(self.load * on, -1)
        total = jnp.dot(self.domain.weight, inside) + jnp.dot(self.boundary.weight, along)
        if self.flux is None:
            return total
        flux = self.flux
        stress = jax.vmap(jax.grad(self.density))(steep, flux.coefficients)
        apart = jnp.einsum("ncd,nd->nc", flux.projector, on[flux.rows]) - flux.given
        work = jnp.einsum("nc,nci,ni->n", apart, stress, flux.normal)
        return total - jnp.dot(flux.samples.weight, work)


def value_and_slope(u: Callable, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Values (n, c) and derivatives (n, c, d) of a pointwise function at points (n, d)."""

    def along(way):
        return jax.jvp(u, (x,), (jnp.broadcast_to(way, x.shape),))

    values, slopes = jax.vmap(along, out_axes=(None, -1))(jnp.eye(x.shape[1], dtype=x.dtype))
    return values, slopes


def functional(
    problem: Problem, params: Mapping[str, Any] | None = None, dirichlet: str = "penalty"
) -> Functional:
    """The energy of a problem for given parameters, in the quadrature of nmm, made once on the host.

    **Arguments:** `dirichlet`, how values are held: by "penalty", or by Nitsche's method, "nitsche", whose
    energy has a minimum among the functions of the problem's own cover, as `ManifoldNet.on` makes them of
    `lattice_cover(manifold)`.

    **Raises:** `InputError` for what is no sum over points: mean dilatation, enriched tips, borders between
    regions, a ghost penalty; `ParameterError` as `nmm.forward` does.
    """
    given = checked(problem, params)
    if dirichlet not in ("penalty", "nitsche"):
        raise InputError(f'found dirichlet = "{dirichlet}", expected "penalty" or "nitsche"')
    points = jax.tree.map(jnp.asarray, quadrature(problem, given, dirichlet == "nitsche"))
    return functional_on(problem, given, points)


def checked(problem: Problem, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters of a problem whose energy a network can have.

    **Raises:** `InputError` and `ParameterError` as `functional` does.
    """
    check_points(problem)
    given = dict(params or {})
    check_parameters(problem.parameters, given)
    check_values(problem, given)
    return given


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


def functional_on(
    problem: Problem, params: Mapping[str, Any], q: Quadrature, hold: bool = True
) -> Functional:
    """The energy in given points, traceable; `hold`, whether the penalty holds Dirichlet values."""
    model, c = problem.model, problem.model.components
    terms = [
        (samples, *(held if term.dirichlet else natural)(problem, term, samples, params))
        for term, samples in zip(problem.terms, q.edges, strict=True)
        if hold or not term.dirichlet
    ]
    force = point_forces(problem, q.loads, params)
    terms.append((q.loads, jnp.zeros((len(force), c, c)), force))
    points, element, weight = (
        jnp.concatenate([getattr(samples, name) for samples, *_ in terms])
        for name in ("points", "element", "weight")
    )
    made = Functional(
        q.domain,
        coefficients(problem, params, q.domain),
        source(problem, params, q.domain),
        Samples(points, element, weight, None, None),
        jnp.concatenate([stiffness for _, stiffness, _ in terms]),
        jnp.concatenate([load for *_, load in terms]),
        model.density,
        c,
        flux_on(problem, params, q) if q.hosts and hold else None,
    )
    return as_type(made, q.domain.points.dtype)


def flux_on(problem: Problem, params: Mapping[str, Any], q: Quadrature) -> Flux:
    """The flux of Nitsche's method in given points, traceable."""
    found, rows, start = [], [], 0
    for term, samples in zip(problem.terms, q.edges, strict=True):
        if term.dirichlet:
            found.append((samples.normal, *prescribed(problem, term, samples, params)))
            rows.append(start + jnp.arange(len(samples.points)))
        start += len(samples.points)
    at = [Samples(h.points, h.element, h.weight, h.region, h.square) for h in q.hosts]
    samples, there, normal_and_values = (
        jax.tree.map(lambda *a: jnp.concatenate(a), *each)
        for each in (at, [coefficients(problem, params, h) for h in q.hosts], found)
    )
    return Flux(samples, there, jnp.concatenate(rows), *normal_and_values)


def as_type(arrays: Any, dtype: Any) -> Any:
    """Floating arrays in another precision."""

    def cast(a):
        a = jnp.asarray(a)
        return a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a

    return jax.tree.map(cast, arrays)


def coefficients(problem: Problem, params: Mapping[str, Any], samples: Samples) -> dict[str, jax.Array]:
    """Coefficients of the model at points, traceable."""
    at = places(problem, samples)
    return {k: evaluate(v, at, params, f"physics.{k}", jnp) for k, v in problem.model.coefficients.items()}


def source(problem: Problem, params: Mapping[str, Any], samples: Samples) -> jax.Array:
    """Force (n, c) per unit area at points, traceable."""
    name = "physics.source" if problem.model.components == 1 else "physics.body_force"
    return evaluate(problem.model.source, places(problem, samples), params, name, jnp)


def prescribed(problem: Problem, term: Term, samples: Samples, params) -> tuple[jax.Array, jax.Array]:
    """Projector P (n, c, c) on what a Dirichlet term holds, and the values g (n, c)."""
    at, c = places(problem, samples), problem.model.components
    values = [evaluate(0.0 if v is None else v, at, params, term.name, jnp) for v in term.values]
    if term.kind == "normal":
        normal = samples.normal
        return normal[:, :, None] * normal[:, None, :], values[0][:, None] * normal
    mask = jnp.diag(jnp.array([v is not None for v in term.values], samples.points.dtype))
    return jnp.broadcast_to(mask, (len(samples.points), c, c)), jnp.stack(values, -1)


def held(problem: Problem, term: Term, samples: Samples, params) -> tuple[jax.Array, jax.Array]:
    """Stiffness (n, c, c) and load (n, c) of the penalty of a Dirichlet term."""
    projector, values = prescribed(problem, term, samples, params)
    stiffness = samples.penalty[:, None, None] * projector
    return stiffness, jnp.einsum("ncd,nd->nc", stiffness, values)


def natural(problem: Problem, term: Term, samples: Samples, params) -> tuple[jax.Array, jax.Array]:
    """Stiffness (n, c, c) and load (n, c) of a flux, traction, pressure or Robin term."""
    at, c = places(problem, samples), problem.model.components
    values = [evaluate(0.0 if v is None else v, at, params, term.name, jnp) for v in term.values]
    none = jnp.zeros((len(samples.points), c, c))
    if term.kind == "robin":
        exchange, outside = values
        return exchange[:, None, None] * jnp.eye(1), (exchange * outside)[:, None]
    if term.kind == "pressure":
        return none, -values[0][:, None] * samples.normal
    return none, jnp.stack(values, -1)


def point_forces(problem: Problem, samples: Samples, params) -> jax.Array:
    """Concentrated forces (n, c)."""
    at = places(problem, samples)
    found = [
        jnp.stack([evaluate(v, at, params, load.name, jnp)[number] for v in load.values])
        for number, load in enumerate(problem.point_loads)
    ]
    return jnp.stack(found) if found else jnp.zeros((0, problem.model.components))
