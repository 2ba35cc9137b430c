"""Stress intensity factors of a solution."""

from typing import Any

import numpy as np

from nmm.errors import InputError
from nmm.fracture.discs import Disc, LeftOut, discs
from nmm.fracture.interaction import interaction, rules


def stress_intensity(solution: Any, radius: float | None = None) -> list[dict[str, Any]]:
    """K_I, K_II, G and T at the crack tips, by domain interaction integrals.

    A dict for each tip with `crack`, `end` (0: first, 1: last point of the crack), `x`, `y`, `KI`, `KII`
    (stress × √length, no √π left out; K_II > 0 when the face on the left of the tip's advance moves
    forward), `G = (K_I² + K_II²) / E'`, `T` (the constant stress along the crack) and the `radius` of the
    integral. Tips without room for an integral are left out; `tips_left_out` says why.

    A tip of a crack along the straight border of two regions also has the index `epsilon` of their materials:
    K = K_I + iK_II is then that of the traction σ₂₂ + iσ₁₂ = K r^iε / √2πr ahead of the tip, r in units of
    length, `G = |K|² / (E* cosh² πε)` with 1/E* the mean of 1/E', and T that of the material on the left.

    The factors are functions of the unknowns and parameters and go through `jax.grad` and `jax.jit`.

    **Arguments:** `radius` of the integrals in units of length, shortened where something is nearer; ten
    cells by default.

    **Raises:** `InputError` for a model that is not elastic.
    """
    found = [d for d in around(solution, radius) if isinstance(d, Disc)]
    if not found:
        return []
    problem = solution.problem
    rule = problem.manifold.cached(("tip rules", problem, radius), lambda: rules(problem, found))
    factors, material = interaction(solution, rule)
    release = (factors[:, 0] ** 2 + factors[:, 1] ** 2) / material.modulus
    plain = (lambda value: value) if solution._traced else float
    return [
        {
            **place(solution, disc),
            "KI": plain(factors[n, 0]),
            "KII": plain(factors[n, 1]),
            "G": plain(release[n]),
            "T": plain(factors[n, 2]),
            "radius": disc.radius,
            **({"epsilon": plain(material.epsilon[n])} if disc.border else {}),
        }
        for n, disc in enumerate(found)
    ]


def tips_left_out(solution: Any, radius: float | None = None) -> list[dict[str, Any]]:
    """The tips that `stress_intensity` leaves out: `crack`, `end`, `x`, `y` and the `reason`."""
    found = [d for d in around(solution, radius) if isinstance(d, LeftOut)]
    return [{**place(solution, tip), "reason": tip.reason} for tip in found]


def enriched(manifold: Any) -> bool:
    """Whether the cover has local functions for crack tips."""
    return getattr(manifold.host, "tips", None) is not None


def around(solution: Any, radius: float | None) -> list[Disc | LeftOut]:
    """See `discs`; checked."""
    if solution.problem.model.name != "elasticity":
        raise InputError("stress intensity factors belong to elasticity")
    if radius is not None and not (np.isfinite(radius) and radius > 0):
        raise InputError(f"the radius must be a positive length, found {radius}")
    return discs(solution.problem, radius)


def place(solution: Any, found: Disc | LeftOut) -> dict[str, Any]:
    """Which tip, and where it is in the user's coordinates."""
    x, y = found.tip.point + solution.manifold.geometry.shift
    return {"crack": found.tip.crack, "end": found.tip.end, "x": float(x), "y": float(y)}
