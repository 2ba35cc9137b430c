"""Crack-tip fields in trigonometric form (Williams 1957), put in the place of a solution's own gradient."""

import jax
import jax.numpy as jnp
import numpy as np

import nmm

YOUNG, NU = 2.5, 0.3


def displacement(offset, KI, KII, T, plane):
    """u (2,) at an offset (2,) from the tip, in its frame."""
    kappa = 3 - 4 * NU if plane == "strain" else (3 - NU) / (1 + NU)
    mu = YOUNG / (2 * (1 + NU))
    x, y = offset
    r, angle = jnp.hypot(x, y), jnp.arctan2(y, x)
    c, s = jnp.cos(angle / 2), jnp.sin(angle / 2)
    one = KI * c * (kappa - 1 + 2 * s**2) + KII * s * (kappa + 1 + 2 * c**2)
    two = KI * s * (kappa + 1 - 2 * c**2) - KII * c * (kappa - 1 - 2 * s**2)
    root = jnp.sqrt(r / (2 * np.pi)) / (2 * mu)
    return root * jnp.stack([one, two]) + T / (8 * mu) * jnp.stack([(kappa + 1) * x, (kappa - 3) * y])


def cracked(crack, cell=1 / 16, plane="strain", terms=(), box=(-1, -1, 1, 1), **model):
    """A solution, without meaning of its own, on a square with one crack."""
    domain = nmm.rectangle(*box).with_cracks([crack])
    manifold = nmm.cut(domain, nmm.lattice(cell=cell, origin=(0.013, 0.021)))
    given = nmm.elasticity(YOUNG, NU, plane, **model)
    problem = nmm.problem(manifold, given, [nmm.fixed("outline"), *terms])
    return nmm.forward(problem)({})


def with_gradient(solution, function):
    """The solution with the gradient `function(points (n, 2)) -> (n, 2, 2)` instead of its own."""
    manifold = solution.manifold

    def gradients(element, xi, recovered):
        points = manifold.user_points(manifold.element_cells()[element], xi)
        return np.asarray(function(points))

    object.__setattr__(solution, "_gradients", gradients)
    return solution


def williams(tip, angle, KI, KII, T, plane="strain"):
    """Gradient of the crack-tip field of a tip that advances in the direction `angle`."""
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slope = jax.jit(jax.vmap(jax.jacfwd(lambda p: displacement(p, KI, KII, T, plane))))
    return lambda points: axes @ np.asarray(slope((points - np.asarray(tip)) @ axes)) @ axes.T
