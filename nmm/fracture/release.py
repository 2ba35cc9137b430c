"""Energy release by differentiating the total energy with respect to the position of a crack tip.

The lattice, the unknowns on it and the material are carried along with the tip by the field a q e: q is 1 at
the tip and 0 on the rim of a disc, e the tip's direction of advance. At equilibrium the change of the
unknowns does not count, and −dΠ/da is the energy release rate in its domain form (Rice 1968; deLorenzi 1982;
Li, Shih and Needleman 1985), for every energy density.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from nmm.fracture.discs import Disc
from nmm.fracture.intensity import around, place
from nmm.fracture.interaction import Rules, rules
from nmm.fracture.rule import Points
from nmm.physics.values import evaluate


def energy_release(solution: Any, radius: float | None = None) -> list[dict[str, Any]]:
    """Energy release rates at the crack tips: a dict for each with `crack`, `end`, `x`, `y`, `G`, `radius`.

    It needs no auxiliary field and no isotropy; the mixed-mode parts are what `stress_intensity` gives.
    `radius` and the tips that are left out are those of `stress_intensity`.

    **Raises:** `InputError` for a model that is not elastic.
    """
    found = [d for d in around(solution, radius) if isinstance(d, Disc)]
    if not found:
        return []
    problem = solution.problem
    rule = problem.manifold.cached(("tip rules", problem, radius), lambda: rules(problem, found))
    slope = jax.grad(lambda advance: total_energy(solution, rule, advance))(jnp.zeros(rule.count))
    plain = (lambda value: value) if solution._traced else float
    return [
        {**place(solution, disc), "G": plain(-slope[n]), "radius": disc.radius}
        for n, disc in enumerate(found)
    ]


def total_energy(solution: Any, rule: Rules, advance: jax.Array) -> jax.Array:
    """Stored energy less the work of loads in the discs, for tips advanced by `advance` (discs,)."""
    problem, at = solution.problem, rule.area
    model = problem.model
    move = advance[at.disc][:, None] * rule.axes[at.disc][:, :, 0]
    slope = jnp.einsum("nki,ni->nk", rule.axes[at.disc], at.dq)
    volume = 1 + (move * slope).sum(1)  # the map's gradient is 1 + move ⊗ slope; Sherman and Morrison 1950
    inverse = jnp.eye(2) - move[:, :, None] * slope[:, None, :] / volume[:, None, None]
    gradient = jnp.asarray(solution._gradients(at.element, at.xi, False)) @ inverse
    places = moved(solution, at, move)
    values = {
        k: evaluate(v, places, solution.params, f"physics.{k}", jnp) for k, v in model.coefficients.items()
    }
    density = jax.vmap(model.density)(gradient, values)
    energy = jnp.sum(at.weight * volume * density)
    if any(part != 0.0 for part in model.source):
        force = evaluate(model.source, places, solution.params, "physics.body_force", jnp)
        work = (force * jnp.asarray(solution._values(at.element, at.xi))).sum(1)
        energy = energy - jnp.sum(at.weight * volume * work)
    return energy if rule.loaded is None else energy - face_work(solution, rule, rule.loaded, advance)


def moved(solution: Any, at: Points, move: jax.Array) -> Any:
    """Where values are evaluated at points that move with their tip."""
    problem, manifold = solution.problem, solution.manifold
    cell, region = manifold.element_cells()[at.element], manifold.element_regions()[at.element]
    places = problem.places(cell, at.xi, region, at.normal)
    return replace(places, points=places.points + at.q[:, None] * move)


def face_work(solution: Any, rule: Rules, at: Points, advance: jax.Array) -> jax.Array:
    """Work of the tractions on crack faces, which are stretched along themselves."""
    problem = solution.problem
    move = advance[at.disc][:, None] * rule.axes[at.disc][:, :, 0]
    places = moved(solution, at, move)
    length = 1 + advance[at.disc] * at.dq[:, 0]
    u = jnp.asarray(solution._values(at.element, at.xi))
    total = jnp.zeros(len(at.element))
    for number, term in enumerate(problem.terms):
        mine = at.term == number
        if not mine.any():
            continue
        value = [evaluate(v, places, solution.params, term.name, jnp) for v in term.values]
        given = -value[0][:, None] * at.normal if term.kind == "pressure" else jnp.stack(value, -1)
        total = jnp.where(mine, (given * u).sum(1), total)
    return jnp.sum(at.weight * length * total)
