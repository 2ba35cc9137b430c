"""The compiled linear system against the assembled one."""

import jax
import jax.numpy as jnp
import numpy as np

from nmm.solve.assemble import assemble
from nmm.solve.discretise import discretise
from nmm.solve.form import form_of
from nmm.solve.system import apply, diagonal, system_of


def same_system(problem, params, tolerance=1e-13):
    """Assert that products, diagonal and load agree to the tolerance; returns the assembled system."""
    wanted = assemble(problem, params)
    form, data = form_of(problem, params)
    active = np.asarray(problem.manifold.active)
    unknowns = problem.manifold.patches, form.stored
    u = np.random.default_rng(0).standard_normal(unknowns) * active[:, None]

    def close(found, full):
        full = full.reshape(u.shape)[active]
        assert np.abs(np.asarray(found).T[active] - full).max() <= tolerance * np.abs(full).max()

    @jax.jit
    def made(data, params, arrays, u):
        system = system_of(form, data, params, arrays)
        return apply(system, u), diagonal(system), system.load

    product, main, load = made(data, params, discretise(problem), jnp.asarray(u.T))
    close(product, wanted.matrix @ u.ravel())
    close(main, wanted.matrix.diagonal())
    close(load, wanted.load)
    return wanted
