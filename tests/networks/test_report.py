"""`networks.anatomy.report`: the anatomy of networks that others made."""

import json
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import nmm
from networks import ReLU
from networks.anatomy import events, functions, models, regions, report, tracing

DRAW = np.random.default_rng(0)


class Perceptron(nnx.Module):
    def __init__(self, sizes, act=nnx.relu):
        rngs = nnx.Rngs(0)
        self.layers = nnx.List([nnx.Linear(a, b, rngs=rngs) for a, b in pairwise(sizes)])
        self.act = act

    def __call__(self, x):
        x = x.reshape(len(x), -1)
        for layer in list(self.layers)[:-1]:
            x = self.act(layer(x))
        return self.layers[-1](x)


class Convolutions(nnx.Module):
    def __init__(self, pool):
        rngs = nnx.Rngs(1)
        self.first, self.second = (nnx.Conv(a, b, (3, 3), rngs=rngs) for a, b in ((1, 3), (3, 3)))
        self.norm, self.drop = nnx.BatchNorm(3, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)
        self.out, self.pool = nnx.Linear(3 * 4, 2, rngs=rngs), pool

    def __call__(self, x):
        x = nnx.relu(self.norm(self.first(x)))
        x = x + nnx.leaky_relu(self.second(x))  # a residual block
        return self.out(self.drop(self.pool(x, (2, 2), (2, 2))).reshape(len(x), -1))


def digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16).astype(np.float32), y


def trained(net, x, y, steps):
    optimiser = nnx.Optimizer(net, optax.adam(1e-2), wrt=nnx.Param)

    def loss(net, x, y):
        return optax.softmax_cross_entropy_with_integer_labels(net(x), y).mean()

    @nnx.jit
    def step(net, optimiser, x, y):
        optimiser.update(net, nnx.grad(loss)(net, x, y))

    for _ in range(steps):
        batch = DRAW.choice(len(x), 64)
        step(net, optimiser, x[batch], y[batch])
    return net


def test_a_classifier_of_digits_has_a_page(tmp_path):
    x, y = digits()
    net = trained(Perceptron((64, 24, 10)), x[:1400], y[:1400], 200)
    made = report(net, (x[1400:1500], y[1400:1500]), title="Digits <24>")
    values = made.values
    assert values["Answers"]["right"] > 0.85
    freedom = values["Degrees of freedom"]
    assert freedom["parameters"] == 64 * 24 + 24 + 24 * 10 + 10
    assert 100 < freedom["functional rank on these data"] <= freedom["rows (data × outputs)"] == 300
    paths = values["Active sets"]
    assert paths["units"] == 24 and paths["overlap, one class"] > paths["overlap, two classes"]
    assert values["Regions along lines"]["exact"] and 2 < values["Regions along lines"]["regions, mean"] <= 25
    page = made.save(tmp_path)
    text = page.read_text()
    assert "Digits &lt;24&gt;" in text and "Regions along lines" in text and "data:image/png" in text
    kept = json.loads((tmp_path / "anatomy.json").read_text())
    assert kept["parameters"]["layers.0.kernel"] == [64, 24] and kept["layers"][0]["units"] == 24


def test_bends_from_bend_to_bend_are_those_of_the_enumeration():
    network = ReLU.random((10, 20, 20, 2), 0, 0.5)
    params = functions.parameters_of(network)
    starts, ends = DRAW.normal(size=(2, 3, 10))
    found = events.bends(lambda x: tracing.gate_values(functions.forward, params, x), starts, ends)
    for a, b, where in zip(starts, ends, found, strict=True):
        np.testing.assert_allclose(where, regions.on_line(network, a, b).nodes[1:-1], rtol=0, atol=1e-12)


def test_convolutions_and_skip_connections_are_exact_against_brute_force():
    model = models.model_of(Convolutions(nnx.avg_pool))
    starts, ends = DRAW.normal(size=(2, 2, 4, 4, 1))

    def gates(x):
        return tracing.gate_values(model.apply, model.params, x)

    found = events.bends(gates, starts, ends)
    share = np.linspace(0, 1, 20_001).reshape(-1, 1, 1, 1)
    for a, b, where in zip(starts, ends, found, strict=True):
        signs = np.asarray(jax.jit(gates)(jnp.asarray(a + share * (b - a)))) > 0
        assert len(where) == (signs[1:] != signs[:-1]).sum()


def test_what_is_not_seen_or_does_not_apply_is_said():
    images = DRAW.normal(size=(12, 4, 4, 1))
    pooled = report(Convolutions(nnx.max_pool), images)
    lines = pooled.values["Regions along lines"]
    assert not lines["exact"] and "reduce_window_max" in lines["not counted"]
    assert pooled.absent == {"Answers": "the data have none"}
    smooth = report(Perceptron((16, 5, 2), nnx.gelu), (images, DRAW.normal(size=(12, 2))))
    assert "tanh" in smooth.absent["Regions along lines"] and "Does not apply" in smooth.page
    assert smooth.values["Answers"]["root mean square error"] > 0


def test_a_dead_unit_is_found():
    network = ReLU.random((3, 6, 1), 0)
    network.biases[0][2] = -1e3
    made = report((functions.forward, functions.parameters_of(network)), DRAW.normal(size=(40, 3)))
    assert made.values["Active sets"]["dead units"] >= 1
    assert made.layers[0]["units"] == 6 and made.values["Degrees of freedom"]["parameters"] == 31


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ("a net", np.zeros((4, 3)), "expected a flax nnx module"),
        (None, np.zeros(4), "expected"),
        (None, (np.zeros((4, 3)), np.zeros(3)), "4 inputs and 3 answers"),
        (None, np.zeros((4, 2)), "does not take inputs"),
        (None, (np.zeros((4, 3)), np.zeros((4, 2))), "found answers"),
    ],
)
def test_what_does_not_fit_is_named(model, data, message):
    params = functions.parameters_of(ReLU.random((3, 4, 1)))
    with pytest.raises(nmm.InputError, match=message):
        report(model or (functions.forward, params), data)
