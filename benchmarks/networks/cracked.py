"""A cracked plate in antiplane shear: manifold networks that are cut by the crack, and ones that are not.

The crack from (-a, 0) to (a, 0) in the square [-1, 1]²; u = Im √(z² − a²), in closed form, held on the sides.
Both networks minimise the same energy on the same cut, for the same seconds, with as many weights, and for
each the best of the same learning rates counts. The energy error is the relative one of the gradient. No
patch that holds a tip is cut through, so that the error of a cut network falls with the root of the cell; with
the functions of the tips among its local functions it does not have to. These jump: a network that had them
would be cut, and so the uncut one has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

import nmm
from benchmarks.core import figure
from networks import ManifoldNet, covers, fit_seeds, lattice_cover

HALF = 0.5
PLATE = nmm.rectangle(-1, -1, 1, 1).with_cracks([[(-HALF, 0.0), (HALF, 0.0)]])
REAL, IMAGINARY = f"(x**2 - y**2 - {HALF**2})", "(2*x*y)"
EXACT = f"where(y < 0, -1, 1)*sqrt(abs(sqrt({REAL}**2 + {IMAGINARY}**2) - {REAL})/2)"
REACH = 0.9 * 2 * HALF
STEPS = 2000
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
SHARE = 0.2
"""Of the error of the uncut network, at most."""


def problem(cells: int) -> nmm.Problem:
    """The plate on so many cells a side; an even number would put nodes on the crack."""
    manifold = nmm.cut(PLATE, nmm.lattice(cells=cells))
    return nmm.problem(manifold, nmm.poisson(1.0), nmm.value("outline", EXACT))


def networks(where: nmm.Problem) -> dict[str, Callable[[int], nnx.Module]]:
    """A network on the physical patches of the cut, and one on splines that move, of as many weights."""
    cover = lattice_cover(where.manifold)
    side = round(np.sqrt(cover.patches)) - 2  # quadratic splines have two more on each axis, and moving knots
    box: Any = tuple(where.manifold.box)
    return {
        "cut": lambda seed: ManifoldNet.on([cover], learn=False, seed=seed),
        "uncut": lambda seed: ManifoldNet.on([covers.splines(box, side, degree=2)], seed=seed),
    }


def tip(side: int) -> Callable[[Any], Any]:
    """√r sin θ/2 about the tip at ±a, brought down to 0 before the other tip."""

    def function(points):
        x, y = side * points[:, 0] - HALF, points[:, 1]
        square = x**2 + y**2
        fade = jnp.where(square < REACH**2, (1 - square / REACH**2) ** 3, 0.0)
        return fade * square**0.25 * jnp.sin(jnp.arctan2(y, x) / 2)

    return function


def rows(cells: int, seconds: float, seeds: int, rates=RATES) -> Iterator[dict]:
    """Energy errors of the networks at their best rate, and their ratios."""
    where = problem(cells)
    plain = networks(where)
    tried = {name: (build, ()) for name, build in plain.items()}
    tried["cut, with functions of the tips"] = plain["cut"], (tip(1), tip(-1))
    best = {}
    for name, (build, functions) in tried.items():
        found = {}
        for rate in rates:
            fits = fit_seeds(
                where,
                build,
                range(seeds),
                optimiser="adam",
                steps=STEPS,
                rate=rate,
                seconds=seconds * seeds,
                functions=functions,
            )
            found[rate] = [one.solution.errors(EXACT)["energy"] for one in fits], fits[0]
        rate = min(found, key=lambda r: float(np.median(found[r][0])))
        errors, one = found[rate]
        best[name] = float(np.median(errors))
        spread = f"{min(errors):.3g} to {max(errors):.3g}, {seeds} seeds"
        parts = f"{spread}; rate {rate:g}, {one.solution.z.size} weights"
        yield figure(f"cracked plate, energy error of the {name} network", best[name], parts)
    for name in ("cut", "cut, with functions of the tips"):
        ratio = best[name] / best["uncut"]
        yield figure(f"cracked plate, energy error {name} / uncut", ratio, f"{seconds:g} s a seed", SHARE)
