"""Stress intensity factors by the domain interaction integral.

With the auxiliary field ᵃ, the weight q (1 at the tip, 0 on the rim) and the frame of the tip

    I = ∫ (s_ij ∂₁uᵃ_i + σᵃ_ij ∂₁u_i − σᵃ:ε δ_1j) ∂_j q dA
      + ∫ ((S s − ε) : ∂₁σᵃ − b·∂₁uᵃ) q dA − ∫ t·∂₁uᵃ q ds,          K = E'/2 I, T = E' I.

s is the stress less the initial stress at the tip, S the compliance at the tip, so that S s − ε is zero
where the material and the initial stress are those of the tip; b is the body force and t the traction that
belongs to s on the faces. The integrals do not depend on the radius, also across borders of regions.

A crack along a border has one material on its left and another on its right; the auxiliary fields are those
of the pair, and K = E* cosh²(πε) I / 2 with 1/E* the mean of 1/E' (Rice 1988). T is that of the left side.

Sources: Yau, Wang and Corten (1980); Moran and Shih (1987); Shih and Asaro (1988), also for borders; for
materials that vary, Yu, Wu, Guo, Du and He (2009); for T, Kfouri (1986).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.fracture.discs import Disc, selections
from nmm.fracture.fields import Fields, tip_fields
from nmm.fracture.rule import Points, area_points, bare_faces, face_points, frame, joined, padded
from nmm.manifold.locate import locate
from nmm.physics.models import PLANE_STRAIN
from nmm.physics.values import by_cell, evaluate

BESIDE = 1e-3
"""Where the materials on the two sides of a border are looked up, in sides of a cell from the tip."""


@dataclass(frozen=True, eq=False)
class Rules:
    """Quadrature of all discs: over areas, along loaded faces (None: none), along bare faces.

    `axes` (discs, 2, 2) of the tips; whether they lie on a `border` (discs,); `element` (discs, 2) and `xi`
    (discs, 2, 2) on the left and on the right of the tips.
    """

    area: Points
    loaded: Points | None
    bare: Points
    axes: np.ndarray
    border: np.ndarray
    element: np.ndarray
    xi: np.ndarray

    @property
    def count(self) -> int:
        """Number of discs."""
        return len(self.axes)


def rules(problem: Any, found: list[Disc]) -> Rules:
    """Quadrature of the discs, and the element of each tip."""
    manifold, model = problem.manifold, problem.model
    varied = any(isinstance(v, Mapping) or by_cell(v) for v in model.coefficients.values())
    everywhere = varied or any(part != 0.0 for part in model.source)
    area = [area_points(manifold, n, disc, everywhere) for n, disc in enumerate(found)]
    chosen = selections(problem)
    loaded = [part for n, disc in enumerate(found) for part in face_points(problem, n, disc, chosen)]
    axes, border = np.stack([frame(disc.tip) for disc in found]), np.array([disc.border for disc in found])
    tips = np.array([disc.tip.point for disc in found]) + manifold.geometry.shift
    aside = BESIDE * manifold.grid.h * border[:, None] * axes[:, :, 1]
    element, xi = locate(manifold, np.stack([tips + aside, tips - aside], 1).reshape(-1, 2))
    return Rules(
        area=padded(joined(area)),
        loaded=padded(joined(loaded)) if loaded else None,
        bare=joined([bare_faces(n, disc) for n, disc in enumerate(found)]),
        axes=axes,
        border=border,
        element=element.reshape(-1, 2),
        xi=xi.reshape(-1, 2, 2),
    )


@dataclass(frozen=True)
class Material:
    """The material on the left and on the right of the crack at each of the tips.

    μ, κ, the `share` E' / mean E' (discs, 2) and the initial stress (discs, 2, 2, 2) in the tip's frame of
    both sides; the index `epsilon` of the pair and E* cosh² πε, E' of one material (discs,).
    """

    mu: Any
    kappa: Any
    share: Any
    initial: Any
    epsilon: Any
    modulus: Any

    @property
    def parallel(self) -> Any:
        """E' (discs,) on the left."""
        return 8 * self.mu[:, 0] / (1 + self.kappa[:, 0])

    def fields(self, at: Points, xp: Any) -> Fields:
        """The auxiliary fields at points."""
        radius, pair = np.hypot(*at.offset.T), (at.disc, side(at))
        return tip_fields(radius, at.angle, self.epsilon[at.disc], self.share[pair], xp)

    def displacement(self, fields: Fields, at: Points) -> Any:
        """∂₁ and ∂₂ of the auxiliary displacements, (3, n, 2, 2)."""
        pair = (at.disc, side(at))
        kappa, mu = self.kappa[pair][:, None, None], self.mu[pair][:, None, None]
        return (fields.rigid + kappa * fields.kolosov) / (2 * mu)


def side(at: Points) -> np.ndarray:
    """0 for points on the left of the crack and its tangent, 1 on the right."""
    return (at.angle < 0).astype(np.int64)


def material(solution: Any, rule: Rules, xp: Any) -> Material:
    """The material at the tips."""
    both = (rule.count, 2)
    values = solution._coefficients(rule.element.ravel(), rule.xi.reshape(-1, 2))
    young, nu = (values[key].reshape(both) for key in ("young", "poisson"))
    strain = solution.problem.model.density in PLANE_STRAIN
    kappa = 3 - 4 * nu if strain else (3 - nu) / (1 + nu)
    mu = young / (2 * (1 + nu))
    initial = xp.zeros((2 * rule.count, 2, 2))
    if "initial_stress" in values:
        xx, yy, xy = values["initial_stress"].T
        initial = xp.stack([xp.stack([xx, xy], -1), xp.stack([xy, yy], -1)], -2)
    initial = turned(initial, np.repeat(rule.axes, 2, axis=0), xp).reshape(*both, 2, 2)
    plane = 8 * mu / (1 + kappa)
    if not rule.border.any():
        return Material(mu, kappa, np.ones(both), initial, np.zeros(rule.count), plane[:, 0])
    epsilon = xp.log((kappa / mu + 1 / mu[:, ::-1])[:, 0] / (kappa / mu + 1 / mu[:, ::-1])[:, 1]) / (
        2 * np.pi
    )
    modulus = 2 / (1 / plane).sum(1) * xp.cosh(np.pi * epsilon) ** 2
    return Material(mu, kappa, 2 * plane / plane.sum(1)[:, None], initial, epsilon, modulus)


def turned(tensor: Any, axes: np.ndarray, xp: Any) -> Any:
    """Tensors (n, 2, 2) in the frames `axes` (n, 2, 2)."""
    return xp.einsum("nki,nkl,nlj->nij", axes, tensor, axes)


def interaction(solution: Any, rule: Rules) -> tuple[Any, Material]:
    """K_I, K_II and T (discs, 3) and the `Material` at the tips."""
    xp = jnp if solution._traced else np
    tip = material(solution, rule, xp)
    integral = area_integral(solution, rule, tip, xp) - initial_integral(rule, tip, xp)
    across = -tip.initial[:, :, 1, 1].mean(1)
    if rule.loaded is not None:
        traction = face_traction(solution, rule, xp)
        integral = integral - face_integral(rule.loaded, traction, tip, rule.count, xp)
        across = across + nearest_normal(rule, traction)
    factors = integral * xp.stack([tip.modulus / 2, tip.modulus / 2, tip.parallel], -1)
    # A stress across the crack acts on the point force's field, whose displacement jumps there.
    parallel = factors[:, 2] + tip.share[:, 0] * across + tip.initial[:, 0, 0, 0]
    return xp.stack([factors[:, 0], factors[:, 1], parallel], -1), tip


def area_integral(solution: Any, rule: Rules, tip: Material, xp: Any) -> Any:
    """The integrals over the discs, (discs, 3)."""
    at = rule.area
    axes, disc = rule.axes[at.disc], at.disc
    slope = turned(xp.asarray(solution._gradients(at.element, at.xi, False)), axes, xp)
    s = (
        turned(xp.asarray(solution._stresses(at.element, at.xi, False)), axes, xp)
        - tip.initial[disc, side(at)]
    )
    fields = tip.fields(at, xp)
    du = tip.displacement(fields, at)
    weighted = at.weight[:, None] * at.dq
    found = xp.einsum("nij,mni,nj->mn", s, du[..., 0], weighted)
    found = found + xp.einsum("mnij,ni,nj->mn", fields.stress, slope[..., 0], weighted)
    found = found - xp.einsum("mnij,nij,n->mn", fields.stress, slope, weighted[:, 0])
    everywhere = at.weight * at.q
    strain = (slope + xp.swapaxes(slope, 1, 2)) / 2
    mu, kappa = tip.mu[disc, side(at)][:, None, None], tip.kappa[disc, side(at)]
    mean = (3 - kappa) / 4 * (s[:, 0, 0] + s[:, 1, 1])
    surplus = (s - mean[:, None, None] * np.eye(2)) / (2 * mu) - strain
    found = found + xp.einsum("mnij,nij,n->mn", fields.slope, surplus, everywhere)
    if any(part != 0.0 for part in solution.problem.model.source):
        force = xp.einsum("nki,nk->ni", axes, body_force(solution, at, xp))
        found = found - xp.einsum("mni,ni,n->mn", du[..., 0], force, everywhere)
    return gathered(found, disc, rule.count, xp)


def body_force(solution: Any, at: Points, xp: Any) -> Any:
    """Body force (n, 2) at points."""
    problem, manifold = solution.problem, solution.manifold
    cell, region = manifold.element_cells()[at.element], manifold.element_regions()[at.element]
    places = problem.places(cell, at.xi, region)
    return evaluate(problem.model.source, places, solution.params, "physics.body_force", xp)


def face_traction(solution: Any, rule: Rules, xp: Any) -> Any:
    """Traction (n, 2) at the points on loaded faces, in the tips' frames."""
    at, problem, manifold = rule.loaded, solution.problem, solution.manifold
    assert at is not None
    total = xp.zeros((len(at.element), 2))
    cell, region = manifold.element_cells()[at.element], manifold.element_regions()[at.element]
    places = problem.places(cell, at.xi, region, at.normal)
    for number in np.unique(at.term):
        term = problem.terms[number]
        value = [evaluate(v, places, solution.params, term.name, xp) for v in term.values]
        given = -value[0][:, None] * at.normal if term.kind == "pressure" else xp.stack(value, -1)
        total = xp.where((at.term == number)[:, None], given, total)
    return xp.einsum("nki,nk->ni", rule.axes[at.disc], total)


def initial_integral(rule: Rules, tip: Material, xp: Any) -> Any:
    """The integrals of −σ⁰n over the bare faces, (discs, 3)."""
    at = rule.bare
    normal = np.einsum("nki,nk->ni", rule.axes[at.disc], at.normal)
    traction = -xp.einsum("nij,nj->ni", tip.initial[at.disc, side(at)], normal)
    return face_integral(at, traction, tip, rule.count, xp)


def face_integral(at: Points, traction: Any, tip: Material, count: int, xp: Any) -> Any:
    """∫ t·∂₁uᵃ q ds over faces, (discs, 3)."""
    du = tip.displacement(tip.fields(at, xp), at)
    return gathered(xp.einsum("mni,ni,n->mn", du[..., 0], traction, at.weight * at.q), at.disc, count, xp)


def nearest_normal(rule: Rules, traction: Any) -> Any:
    """σ₂₂ (discs,) that the load puts on the faces at the tip, taken from the nearest point of a face."""
    at = rule.loaded
    assert at is not None
    distance = np.where(at.weight > 0, np.hypot(*at.offset.T), np.inf)
    nearest = np.array([np.where(at.disc == d, distance, np.inf).argmin() for d in range(rule.count)])
    there = (at.disc[nearest] == np.arange(rule.count)) & np.isfinite(distance[nearest])
    return there * traction[nearest, 1] * -np.sign(at.angle[nearest])


def gathered(values: Any, disc: np.ndarray, count: int, xp: Any) -> Any:
    """Sums (discs, 3) of values (3, n) over the points of each disc."""
    if xp is np:
        return np.stack([np.bincount(disc, row, count) for row in values], -1)
    return jax.ops.segment_sum(values.T, disc, count)
