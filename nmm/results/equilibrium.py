"""The solution of a nonlinear problem: the field on the cover, with the stresses of its law."""

from typing import Any

import jax
import jax.numpy as jnp

from nmm.pytrees import tree
from nmm.results.errors import energy_rule
from nmm.results.solution import Solution, blank
from nmm.solve.linear import Result
from nmm.solve.newton import outcome


@tree(eq=False)
class Equilibrium:
    """What `nmm.nonlinear` finds: values of a field, and stresses by the law.

    `field` has the unknowns and knows of the linear reference alone; `law` is the energy density;
    `iterations` of conjugate gradients in `steps` of Newton's method. Points are (n, 2), outside the domain
    the answers are nan, and on a crack `side=+1` is its left face. A pytree, as `Solution` is.
    """

    field: Solution
    law: Any
    steps: Any
    iterations: Any
    residual: Any
    code: Any

    @property
    def result(self) -> Result:
        """Whether Newton's method converged, and a sentence about it."""
        return outcome(self.code)

    @property
    def dofs(self) -> Any:
        """Unknowns (patches, stored)."""
        return self.field.dofs

    def at(self, points: Any, side: int = 1) -> Any:
        """Solution at points: (n,) for scalar models, (n, 2) displacements otherwise."""
        return self.field.at(points, side)

    def gradient(self, points: Any, side: int = 1) -> Any:
        """Derivatives (n, components, 2) of the solution."""
        return self.field.gradient(points, side)

    def stress(self, points: Any, side: int = 1, recovered: bool = False) -> Any:
        """Stresses (n, 2, 2) by the law, of the gradient as it is or `recovered` patch by patch."""
        self.field._elastic("stress")
        return self._stresses(points, side, recovered)

    def flux(self, points: Any, side: int = 1, recovered: bool = False) -> Any:
        """Derivative (n, 2) of the law by the gradient (the flow itself is its negative)."""
        return self._stresses(points, side, recovered)[:, 0]

    def _stresses(self, points: Any, side: int, recovered: bool) -> Any:
        element, xi, outside = self.field._at(points, side)
        gradient = jnp.asarray(self.field._gradients(element, xi, recovered))
        found = _stresses(self.law, gradient, self.field._coefficients(element, xi))
        return blank(self.field._plain(found), outside)

    @property
    def energy(self) -> Any:
        """Stored energy ∫ W(∇u), without boundary terms."""
        element, xi, weight = energy_rule(self.field.manifold, True)
        gradient = jnp.asarray(self.field._gradients(element, xi, False))
        density = _densities(self.law, gradient, self.field._coefficients(element, xi))
        return self.field._plain(jnp.dot(jnp.asarray(weight), density))

    def errors(self, exact: Any) -> dict[str, float | None]:
        """Relative errors against an exact solution, as `Solution.errors`."""
        return self.field.errors(exact)


_stresses = jax.jit(lambda law, gradient, values: jax.vmap(jax.grad(law))(gradient, values))
_densities = jax.jit(lambda law, gradient, values: jax.vmap(law)(gradient, values))
