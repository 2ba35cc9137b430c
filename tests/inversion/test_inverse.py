"""The inverse map: derivatives, fits, strengths, posteriors, checkpoints, and what is wrong with an input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve

import nmm
from nmm.inversion.noise import Whitener
from nmm.inversion.search import Model

SQUARE = nmm.rectangle(0.0, 0.0, 1.0, 1.0)
SENSORS = np.stack(np.meshgrid(np.linspace(0.12, 0.88, 6), np.linspace(0.1, 0.9, 6)), -1).reshape(-1, 2)
TIGHT = nmm.Multigrid(1e-13)


def heads(solver=None, cells=12, conductivity="k"):
    """Flow from left to right with a well in the middle."""
    manifold = nmm.cut(SQUARE, nmm.lattice(cells=cells, angle=9.0))
    source = "50*exp(-60*((x - 0.5)**2 + (y - 0.55)**2))"
    terms = [nmm.value("x == 0", 0), nmm.value("x == 1", "h")]
    return nmm.forward(nmm.problem(manifold, nmm.poisson(conductivity, source=source), terms), solver)


def plate(solver=None):
    domain = SQUARE.with_region("in", nmm.disk((0.55, 0.5), 0.22))
    model = nmm.elasticity({"in": "E", "default": 2.0}, "nu")
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 1", ("t", 0.3))]
    return nmm.forward(nmm.problem(nmm.cut(domain, nmm.lattice(cells=10)), model, terms), solver)


def crack_plate(solver=None):
    domain = SQUARE.with_cracks([[(0.0, 0.5), (0.43, 0.52)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=16, tips="enriched", tip_radius=2.0))
    terms = [nmm.fixed("y == 0"), nmm.traction("y == 1", (0, "t"))]
    return nmm.forward(nmm.problem(manifold, nmm.elasticity("E", 0.3), terms), solver)


OBSERVATIONS = {
    "potential": (heads, {"k": 1.3, "h": 2.0}, nmm.observe.potential(SENSORS)),
    "flux": (heads, {"k": 1.3, "h": 2.0}, nmm.observe.flux(SENSORS[:5], normal=(0.6, 0.8))),
    "displacement": (plate, {"E": 5.0, "nu": 0.3, "t": 1.0}, nmm.observe.displacement(SENSORS)),
    "one component": (plate, {"E": 5.0, "nu": 0.3, "t": 1.0}, nmm.observe.displacement(SENSORS, 1)),
    "strain": (plate, {"E": 5.0, "nu": 0.3, "t": 1.0}, nmm.observe.strain(SENSORS[:4])),
    "stress": (plate, {"E": 5.0, "nu": 0.3, "t": 1.0}, nmm.observe.stress(SENSORS[:4])),
    "stress intensity": (crack_plate, {"E": 5.0, "t": 1.0}, nmm.observe.intensity()),
    "several": (
        heads,
        {"k": 1.3, "h": 2.0},
        nmm.observe.several(
            nmm.observe.potential(SENSORS[:3]),
            nmm.observe.flux(SENSORS[:2]),
            nmm.observe.function(lambda u: u.energy),
        ),
    ),
}


def model_of(inverse, start):
    start = inverse._spread(start)
    unknowns, model = inverse._model(start)
    return unknowns, model, np.asarray(unknowns.vector(start))


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_jacobians_pass_the_dot_and_the_taylor_test(name):
    make, start, observe = OBSERVATIONS[name]
    bounds = {name: (0, None) for name in ("k", "E") if name in start}
    inverse = nmm.inverse(make(TIGHT), observe, bounds=bounds)
    check_derivatives(inverse, start)


def check_derivatives(inverse, start, step=1e-2):
    """Rows equal columns, and the remainder of a linear prediction falls with the square of the step."""
    _, model, z = model_of(inverse, start)
    random = np.random.default_rng(0)
    move = random.standard_normal(len(z))
    data = model(z)
    by_rows, by_columns = (np.asarray(made(jnp.asarray(z))) for made in (model._rows, model._columns))
    assert np.abs(by_rows - by_columns).max() < 1e-10 * np.abs(by_rows).max()
    rest = [np.abs(model(z + h * move) - data - h * by_rows @ move).max() for h in (step, step / 2)]
    assert np.log2(rest[0] / rest[1]) == pytest.approx(2.0, abs=0.05) or rest[0] < 1e-11 * np.abs(data).max()
    difference = (model(z + 1e-5 * move) - model(z - 1e-5 * move)) / 2e-5
    assert np.abs(difference - by_rows @ move).max() < 1e-6 * np.abs(by_rows @ move).max() + 1e-9
