"""Errors against exact solutions, and the quadrature they are measured in."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.expressions import parse
from nmm.manifold.manifold import Manifold
from nmm.manifold.rules import element_rule
from nmm.manifold.tips import at_tips
from nmm.physics.values import environment
from nmm.results.energies import energy_product
from nmm.results.recovery import raw_gradients


def exact_functions(exact: Any, components: int):
    """Exact solution as callables (points, environment) -> (n,)."""
    parts = [exact] if isinstance(exact, str) or callable(exact) else list(exact)
    if len(parts) != components:
        raise InputError(
            f"{components} exact component(s) are wanted, found {len(parts)}", where="exact.solution"
        )
    return [parse(p, where="exact.solution") if isinstance(p, str) else p for p in parts]


def errors(solution: Any, exact: Any) -> dict[str, float | None]:
    """See `Solution.errors`."""
    rule = energy_rule(solution.manifold, True)
    element, xi, weight = rule
    exact_u, exact_du = exact_values(solution, exact, rule)
    difference = solution._values(element, xi) - exact_u
    slope = raw_gradients(solution.manifold, solution.dofs, element, xi) - exact_du

    def norm(a):
        return float(np.sqrt(np.einsum("n,nm->", weight, a.reshape(len(a), -1) ** 2)))

    def ratio(a, b):
        return a / b if b > 0 else None

    return {
        "l2": ratio(norm(difference), norm(exact_u)),
        "h1": ratio(norm(slope), norm(exact_du)),
        "max": ratio(float(np.abs(difference).max()), float(np.abs(exact_u).max())),
    }


def energy_error(solution: Any, exact: Any) -> float:
    """See `Solution.energy_error`."""
    rule = energy_rule(solution.manifold, True)
    element, xi, weight = rule
    slope = solution._gradients(element, xi, False) - exact_values(solution, exact, rule)[1]
    product = energy_product(solution.problem.model.density, slope, solution._coefficients(element, xi))
    return float(np.sqrt(weight @ np.asarray(product)))


def exact_values(solution: Any, exact: Any, rule: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, components) and gradients (n, components, 2) of an exact solution at quadrature points."""
    manifold, problem = solution.manifold, solution.problem
    element, xi, _ = rule
    at = problem.places(manifold.element_cells()[element], xi, manifold.element_regions()[element])

    def value(function, points):
        if callable(function):
            return function(points)
        env = environment(at, solution.params) | {"x": points[:, 0], "y": points[:, 1]}
        return jnp.broadcast_to(jnp.asarray(function.evaluate(env, jnp), float), points.shape[:1])

    points = jnp.asarray(at.points)
    u, du = [], []
    for function in exact_functions(exact, problem.model.components):
        v, g = value_and_gradient(lambda p, f=function: value(f, p), points)
        u.append(np.asarray(v))
        du.append(np.asarray(g))
    return np.stack(u, -1), np.stack(du, 1)


def value_and_gradient(function, points):
    """Values (n,) and gradients (n, 2) of a pointwise function of points (n, 2)."""
    x = jnp.zeros_like(points).at[:, 0].set(1.0)
    y = jnp.zeros_like(points).at[:, 1].set(1.0)
    value, by_x = jax.jvp(function, (points,), (x,))
    _, by_y = jax.jvp(function, (points,), (y,))
    return value, jnp.stack([by_x, by_y], -1)


def energy_rule(manifold: Manifold, fine: bool):
    """Elements, positions and weights of the quadrature in which energies are measured."""
    rule = element_rule(manifold, fine)
    element, points, weights = rule.element, rule.points, rule.weights
    if manifold.host.tips is not None:
        keep = ~at_tips(manifold, element)
        more = manifold.host.tips.flat_rule()
        element, points, weights = (
            np.concatenate([a[keep], b]) for a, b in zip((element, points, weights), more, strict=True)
        )
    return element, points, weights * manifold.grid.h**2
