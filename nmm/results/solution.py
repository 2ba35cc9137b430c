"""A solution: evaluation anywhere, stresses, errors, reactions."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from nmm.errors import InputError
from nmm.fracture.intensity import enriched, stress_intensity, tips_left_out
from nmm.manifold.locate import locate
from nmm.manifold.manifold import Manifold
from nmm.manifold.mesh import Mesh
from nmm.manifold.tips import at_tips, singular_basis
from nmm.physics.dilatation import centroids
from nmm.physics.models import PLANE_STRAIN, columns
from nmm.physics.problem import coefficient_values
from nmm.physics.values import evaluate
from nmm.pytrees import tree
from nmm.results.energies import energy_product, stresses
from nmm.results.errors import energy_error, energy_rule, errors
from nmm.results.estimate import Estimate, estimate
from nmm.results.forces import Forces, balance, mean_moment, supports
from nmm.results.overlap import overlap
from nmm.results.record import Record, Several, Stats
from nmm.results.recovery import (
    add_rows,
    averaged_gradients,
    element_dofs,
    raw_gradients,
    recover,
    recovered_gradients,
)
from nmm.results.single import plot_solution, save_solution
from nmm.solve.assemble import System, assemble
from nmm.solve.krylov import outcome
from nmm.solve.linear import Result
from nmm.solve.shape import moved_rule


@tree("problem", "record", eq=False)
class Solution:
    """Values of the unknowns on the physical patches, and everything that follows from them.

    `dofs` (patches, components of each local function, the constants first); `held` lists the parts that no
    boundary holds. Points are (n, 2) in the user's coordinates; outside the domain the answers are nan; on a
    crack `side=+1` is its left face.

    A pytree: `jax.jit`, `jax.grad` and `jax.vmap` may return it or go through it. Values (`at`, `gradient`,
    raw stresses, `energy`) are then traced; tables, figures and files need numbers. `vertices` (n, 2): where
    traced vertices of the domain moved to; None where it stayed.
    """

    problem: Any
    params: Mapping[str, Any]
    dofs: Any
    iterations: Any
    residual: Any
    code: Any
    record: Record = field(default_factory=Record)
    vertices: Any = None

    def split(self) -> "list[Solution]":
        """The members of a batch: one solution for each geometry or set of parameters."""
        several = self.problem.problems if isinstance(self.problem, Several) else None
        members = [jax.tree.map(lambda leaf, i=i: leaf[i], self) for i in range(len(self.code))]
        if several is None:
            return members
        return [replace(u, problem=several[i]) for i, u in enumerate(members)]

    @property
    def manifold(self) -> Manifold:
        """The manifold that the solution lives on."""
        return self.problem.manifold

    @property
    def result(self) -> Result:
        """Whether the solver converged, and a sentence about it."""
        return outcome(self.code)

    @cached_property
    def system(self) -> System:
        """The linear system, assembled on the host for the parameters of this solution."""
        return self.record.system or assemble(self.problem, self.params)

    @property
    def held(self) -> list[dict[str, Any]]:
        """The parts that no boundary holds."""
        return list(self.record.held)

    @property
    def stats(self) -> Stats:
        """Unknowns, iterations, residual and seconds."""
        dofs = int(self.manifold.active.sum()) * self.dofs.shape[1]
        seconds, history = dict(self.record.seconds), list(self.record.history)
        return Stats(dofs, self.iterations, self.residual, seconds, history)

    @cached_property
    def tips(self) -> list[dict[str, Any]]:
        """Stress intensity factors (`nmm.stress_intensity`) at enriched crack tips.

        Also at tips of cracks along the border of two regions, which cannot be enriched; no other plain ones.
        """
        if self._enriched:
            return stress_intensity(self)
        along = self.problem.model.name == "elasticity" and len(self.manifold.geometry.interfaces)
        return [tip for tip in stress_intensity(self) if "epsilon" in tip] if along else []

    @cached_property
    def tips_left_out(self) -> list[dict[str, Any]]:
        """Enriched crack tips without room for an integral, and why; see `nmm.tips_left_out`."""
        return tips_left_out(self) if self._enriched else []

    @property
    def _enriched(self) -> bool:
        return self.problem.model.name == "elasticity" and enriched(self.manifold)

    @property
    def history(self) -> np.ndarray:
        """Relative residuals (k,) of the solver."""
        return np.asarray(self.record.history)

    def _at(self, points, side) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(f"points must be an array (n, 2), found shape {points.shape}")
        if side not in (-1, 1):
            raise InputError(f"the side of a crack is +1 (left) or -1 (right), found {side}")
        element, xi = locate(self.manifold, points, side)
        return np.maximum(element, 0), np.where(element[:, None] >= 0, xi, 0.5), element < 0

    def at(self, points, side: int = 1) -> Any:
        """Solution at points: (n,) for scalar models, (n, 2) displacements otherwise."""
        element, xi, outside = self._at(points, side)
        u = blank(self._values(element, xi), outside)
        return u[:, 0] if u.shape[1] == 1 else u

    def _values(self, element, xi) -> Any:
        cell = self.manifold.element_cells()[element]
        local = element_dofs(self.manifold, self.dofs, element)
        u = module_of(local).einsum("na,nac->nc", self.manifold.functions.values(xi, cell % 2 == 1), local)
        rows, patches, values, _ = singular_basis(self.manifold, element, xi)
        if len(rows):
            at_tips = self.dofs[patches].reshape(*values.shape, local.shape[2])
            u = add_rows(u, rows, module_of(local).einsum("na,nac->nc", values, at_tips))
        return u

    @cached_property
    def _recovered(self):
        if self._traced:
            raise InputError(
                "recovered stresses are not traced", hint="ask for recovered=False inside jit, grad or vmap"
            )
        return recover(self.manifold, self._strained)

    @cached_property
    def _centroids(self) -> Any:
        """Centroids (elements, 2) in their squares."""
        if self.vertices is None:
            return centroids(self.manifold)
        element, xi, weight = energy_rule(self.manifold, self.problem.fine)
        xi, weight = moved_rule(self.problem, self.vertices, xi, weight)
        count = len(self.manifold.element_cells())
        moment = jax.ops.segment_sum(weight[:, None] * xi, element, count)
        return moment / jax.ops.segment_sum(weight, element, count)[:, None]

    def _strained(self, element, xi) -> Any:
        """The gradients that the energy is of: with mean dilatation, averaged ones."""
        if columns(self.problem.model.density) == 2:
            return raw_gradients(self.manifold, self.dofs, element, xi)
        return averaged_gradients(self.manifold, self.dofs, element, xi, self._centroids[element])

    def _gradients(self, element, xi, recovered: bool) -> Any:
        """The gradients that stresses and energies are of, recovered or not."""
        if not recovered:
            return self._strained(element, xi)
        gradient = recovered_gradients(self.manifold, self._recovered, element, xi)
        singular = at_tips(self.manifold, element)
        gradient[singular] = self._strained(element[singular], xi[singular])
        return gradient

    def _slopes(self, element, xi, recovered: bool) -> Any:
        """Derivatives of the solution itself, unless they are recovered."""
        if recovered:
            return self._gradients(element, xi, True)
        return raw_gradients(self.manifold, self.dofs, element, xi)

    def _stresses(self, element, xi, recovered: bool) -> Any:
        gradient = jnp.asarray(self._gradients(element, xi, recovered))
        return self._plain(stresses(self.problem.model.density, gradient, self._coefficients(element, xi)))

    def _coefficients(self, element, xi) -> dict[str, Any]:
        cell = self.manifold.element_cells()[element]
        at = self.problem.places(cell, xi, self.manifold.element_regions()[element])
        if self._traced:
            values = self.problem.model.coefficients.items()
            return {k: evaluate(v, at, self.params, f"physics.{k}", jnp) for k, v in values}
        return coefficient_values(self.problem.model, at, self.params)

    @property
    def _traced(self) -> bool:
        leaves = jax.tree.leaves((self.dofs, self.params))
        return any(isinstance(leaf, Tracer) for leaf in leaves)

    def _plain(self, array):
        """A NumPy array outside of tracing."""
        return array if isinstance(array, Tracer) else np.asarray(array)

    def _masked(self, make, points, side, recovered):
        element, xi, outside = self._at(points, side)
        return blank(make(element, xi, recovered), outside)

    def gradient(self, points, side: int = 1, recovered: bool = False) -> Any:
        """Derivatives (n, components, 2) of the solution; `recovered` smooths them patch by patch."""
        return self._masked(self._slopes, points, side, recovered)

    def strain(self, points, side: int = 1, recovered: bool = True) -> Any:
        """Strains (n, 2, 2) that the stresses belong to: with mean dilatation, the averaged ones."""
        self._elastic("strain")
        g = self._masked(self._gradients, points, side, recovered)
        return (g + np.swapaxes(g, 1, 2)) / 2

    def stress(self, points, side: int = 1, recovered: bool = True) -> Any:
        """Stresses (n, 2, 2), recovered patch by patch unless `recovered=False`."""
        self._elastic("stress")
        return self._masked(self._stresses, points, side, recovered)

    def flux(self, points, side: int = 1, recovered: bool = True) -> Any:
        """k∇u (n, 2) of a scalar model (the flow itself is its negative)."""
        if self.problem.model.components != 1:
            raise InputError("flux belongs to scalar models; use stress")
        return self._masked(self._stresses, points, side, recovered)[:, 0]

    def von_mises(self, points, side: int = 1, recovered: bool = True) -> Any:
        """Equivalent stresses (n,), with σzz = ν (σxx + σyy) in plane strain."""
        self._elastic("von Mises stress")
        element, xi, outside = self._at(points, side)
        return blank(self._mises(element, xi, self._stresses(element, xi, recovered)), outside)

    def _elastic(self, what: str):
        if self.problem.model.components != 2:
            raise InputError(f"{what} belongs to elasticity; use gradient or flux")

    def _mises(self, element, xi, stress) -> Any:
        xx, yy, xy = stress[:, 0, 0], stress[:, 1, 1], stress[:, 0, 1]
        zz = self._out_of_plane(element, xi, stress)
        zz = 0.0 if zz is None else zz
        square = ((xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2) / 2 + 3 * xy**2
        return module_of(square).sqrt(square)

    def _out_of_plane(self, element, xi, stress) -> Any:
        """σzz (n,) in plane strain, None in plane stress."""
        if self.problem.model.density not in PLANE_STRAIN:
            return None
        nu = self._plain(self._coefficients(element, xi)["poisson"])
        return nu * (stress[:, 0, 0] + stress[:, 1, 1])

    @cached_property
    def mesh(self) -> Mesh:
        """The manifold elements as polygons."""
        return self.manifold.mesh()

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names that `fields` knows."""
        if self.problem.model.components == 1:
            return ("potential", "gradient", "flux")
        return ("displacement", "gradient", "strain", "stress", "von_mises")

    def fields(self, names: Sequence[str] | None = None, recovered: bool = True) -> dict[str, np.ndarray]:
        """Fields at the vertices of `mesh`: (nv,) or (nv, components); strain as xx, yy,
        xy, stress as xx, yy, xy and, in plane strain, zz."""
        names = self.field_names if names is None else names
        mesh = self.mesh
        element = mesh.element_of_point
        corner = self.manifold.grid.corner(mesh.cell)[element]
        xi = self.manifold.grid.to_units(mesh.points - self.manifold.grid.shift) - corner
        result = {}
        for name in names:
            if name not in self.field_names:
                raise InputError(f'no field is called "{name}"; fields: {", ".join(self.field_names)}')
            result[name] = self._field(name, element, xi, recovered)
        return result

    def _field(self, name, element, xi, recovered) -> np.ndarray:
        if name in ("potential", "displacement"):
            u = self._values(element, xi)
            return u[:, 0] if name == "potential" else u
        if name in ("gradient", "strain"):
            g = (self._slopes if name == "gradient" else self._gradients)(element, xi, recovered)
            if name == "gradient":
                return g.reshape(len(g), -1)
            return np.stack([g[:, 0, 0], g[:, 1, 1], (g[:, 0, 1] + g[:, 1, 0]) / 2], -1)
        s = self._stresses(element, xi, recovered)
        if name == "flux":
            return s[:, 0]
        if name == "stress":
            zz = self._out_of_plane(element, xi, s)
            columns = [s[:, 0, 0], s[:, 1, 1], s[:, 0, 1]]
            return np.stack(columns if zz is None else [*columns, zz], -1)
        return self._mises(element, xi, s)

    @cached_property
    def energy(self) -> Any:
        """Stored energy ½ a(u, u), without boundary terms."""
        element, xi, weight = energy_rule(self.manifold, self.problem.fine)
        if self.vertices is not None:
            xi, weight = moved_rule(self.problem, self.vertices, xi, weight)
        gradient, values = self._gradients(element, xi, False), self._coefficients(element, xi)
        energy = 0.5 * jnp.dot(weight, energy_product(self.problem.model.density, gradient, values))
        return energy if isinstance(energy, Tracer) else float(energy)

    @cached_property
    def estimate(self) -> Estimate:
        """Estimated error of the raw stress in the energy norm: per element, in all, and relative.

        The distance of the recovered from the raw stress (Zienkiewicz and Zhu 1987). It is no bound.

        **Raises:** `InputError` inside jit, grad or vmap.
        """
        return estimate(self)

    @cached_property
    def reactions(self) -> dict[str, np.ndarray]:
        """Force (components,) of the support on the body for each entry that holds the solution."""
        return {name: force.sum(0) for name, (_, force) in self._supports.items()}

    @cached_property
    def _supports(self) -> Forces:
        return supports(self)

    @cached_property
    def loads(self) -> dict[str, np.ndarray]:
        """Force (components,) on the body for each boundary entry and load, supports included."""
        robin = {t.name for t in self.problem.terms if t.kind == "robin"}
        given = {k: f.sum(0) for k, (_, f) in self.system.forces.items() if k not in robin and len(f)}
        return given | self.reactions

    @cached_property
    def _all_forces(self) -> tuple[np.ndarray, np.ndarray]:
        robin = {t.name for t in self.problem.terms if t.kind == "robin"}
        pairs = [v for k, v in self.system.forces.items() if k not in robin] + list(self._supports.values())
        return np.concatenate([p for p, _ in pairs]), np.concatenate([f for _, f in pairs])

    @cached_property
    def balance(self) -> dict[str, Any]:
        """Sum of all forces (and the moment about the centre of the box) relative to their magnitude."""
        return balance(*self._all_forces, self.manifold.box)

    def mean_stress(self) -> np.ndarray:
        """Mean stress (2, 2) over the area inside the outline, from the forces on the body (∫σ = Σ f ⊗ x)."""
        self._elastic("mean stress")
        m = mean_moment(*self._all_forces, self.manifold)
        return (m + m.T) / 2

    def mean_flux(self) -> np.ndarray:
        """Mean of k∇u (2,) over the area inside the outline, from the fluxes through the boundary."""
        if self.problem.model.components != 1:
            raise InputError("mean_flux belongs to scalar models; use mean_stress")
        return mean_moment(*self._all_forces, self.manifold)[0]

    @cached_property
    def overlap(self) -> dict[str, float]:
        """Length of crack faces that interpenetrate, and by how much at most; see `results.overlap`."""
        return overlap(self)

    def errors(self, exact: Any) -> dict[str, float | None]:
        """Relative errors against an exact solution: l2, h1 (seminorm) and max at quadrature points.

        None where the norm of the exact solution is zero.

        `exact` is one expression or callable for a scalar field, a pair of them for displacements;
        callables take points (n, 2).
        """
        return errors(self, exact)

    def energy_error(self, exact: Any) -> float:
        """True error √a(u − exact, u − exact) in the energy norm: what `estimate.total` estimates.

        `exact` is as for `errors`.
        """
        return energy_error(self, exact)

    def save(self, path: str | Path) -> None:
        """Write `.vtu` (for ParaView) or `.npz` (the unknowns and the patches)."""
        save_solution(self, path)

    def plot(self, path: str | Path, field: str | None = None, **options: Any) -> None:
        """Draw a field on the manifold elements into an image file; options: `deformed`, `units`."""
        plot_solution(self, path, field, **options)


def module_of(array):
    """jax.numpy for arrays that may be traced, NumPy for the rest."""
    return jnp if isinstance(array, jax.Array) else np


def blank(values, outside):
    """`values` (n, ...) with nan where `outside` (n,)."""
    mask = outside.reshape(-1, *(1,) * (values.ndim - 1))
    return module_of(values).where(mask, np.nan, values)
