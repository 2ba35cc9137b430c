"""Derivatives of observations by every kind of parameter: rows against columns, remainders, differences."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from forward_maps import SENSORS, SQUARE, TIGHT, heads, model_of, plate

import nmm
from nmm.pytrees import tree


def crack_plate(solver=None):
    domain = SQUARE.with_cracks([[(0.0, 0.5), (0.43, 0.52)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=10, tips="enriched", tip_radius=1.2))
    terms = [nmm.fixed("y == 0"), nmm.traction("y == 1", (0, "q"))]
    return nmm.forward(nmm.problem(manifold, nmm.elasticity("E", 0.3), terms), solver)


OBSERVATIONS = {
    "scalar": (
        heads,
        {"k": 1.3, "h": 2.0},
        nmm.observe.several(
            nmm.observe.potential(SENSORS[::5]),
            nmm.observe.flux(SENSORS[:2]),
            nmm.observe.flux(SENSORS[:5], normal=(0.6, 0.8)),
            nmm.observe.function(lambda u: u.energy),
        ),
    ),
    "elastic": (
        plate,
        {"E": 5.0, "nu": 0.3, "q": 1.0},
        nmm.observe.several(
            nmm.observe.displacement(SENSORS[::7]),
            nmm.observe.displacement(SENSORS[:3], 1),
            nmm.observe.strain(SENSORS[:2]),
            nmm.observe.stress(SENSORS[:2]),
        ),
    ),
    "several experiments": (
        lambda solver: nmm.experiments(heads(solver, cells=8), [{"h": 2.0}, {"h": -1.0}]),
        {"k": 1.3},
        nmm.observe.each(nmm.observe.potential(SENSORS[::5]), nmm.observe.potential(SENSORS[:3])),
    ),
    "stress intensity": (crack_plate, {"E": 5.0, "q": 1.0}, nmm.observe.intensity()),
}


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
    by_rows, by_columns = model.rows(z, len(data)), model.columns(z, len(data))
    assert np.abs(by_rows - by_columns).max() < 1e-10 * np.abs(by_rows).max()
    rest = [np.abs(model(z + h * move) - data - h * by_rows @ move).max() for h in (step, step / 2)]
    assert np.log2(rest[0] / rest[1]) == pytest.approx(2.0, abs=0.05) or rest[0] < 1e-11 * np.abs(data).max()
    difference = (model(z + 1e-5 * move) - model(z - 1e-5 * move)) / 2e-5
    assert np.abs(difference - by_rows @ move).max() < 1e-6 * np.abs(by_rows @ move).max() + 1e-9


@tree()
class Net:
    """A small network as an unknown field, positive everywhere."""

    first: Any
    bias: Any
    second: Any

    def __call__(self, points):
        return jnp.exp(0.3 * jnp.tanh(points @ self.first + self.bias) @ self.second)


def hole_and_sensors():
    """A map from the centre and size of a hole to the displacements around it, by its vertices."""
    hole = nmm.polygon([(0.44, 0.36), (0.61, 0.41), (0.63, 0.58), (0.46, 0.63)])
    manifold = nmm.cut(SQUARE - hole, nmm.lattice(cells=9))
    start = manifold.vertices
    inside = (np.abs(start - 0.5) < 0.3).all(1)[:, None]
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 1", (1.0, 0.3))]
    forward = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), terms), TIGHT)

    def moved(params):
        centre = jnp.array([0.53, 0.49])
        place = centre + params["move"] + params["size"] * (start - centre)
        return forward({}, manifold.move(jnp.where(inside, place, start)))

    return moved


def test_every_kind_of_parameter_passes_the_same_tests():
    """A number, an array with a value per square, a field on its own cover and a network, all at once."""
    random = np.random.default_rng(3)
    net = Net(*(random.standard_normal(shape) for shape in ((2, 4), (4,), (4,))))
    forward = heads(TIGHT, cells=8, conductivity="k*m + n")
    shape = forward.problem.manifold.ny, forward.problem.manifold.nx
    nodes = nmm.field((0, 0, 1, 1), 0.3, 1.3)
    nodes = replace(nodes, values=nodes.values + 0.2 * random.standard_normal(nodes.values.shape))
    start = {"k": nodes, "m": net, "n": 1.5 + random.uniform(size=shape), "h": 2.0}
    check_derivatives(nmm.inverse(forward, nmm.observe.potential(SENSORS[::4])), start)


def test_the_place_and_the_size_of_a_hole_pass_the_same_tests():
    points = np.array([[0.9, 0.2], [0.8, 0.85], [0.3, 0.15]])
    start = {"move": np.array([1e-3, 2e-3]), "size": 1.01}
    check_derivatives(nmm.inverse(hole_and_sensors(), nmm.observe.displacement(points)), start, 5e-4)
