"""Piecewise constant fields: their shares add up to one, and they are found from heads."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_flow import flow

import nmm

BOX = (0.0, 0.0, 1.0, 1.0)
LEVEL = nmm.field(BOX, 1 / 7)
FINE = np.stack(np.meshgrid(np.linspace(0.01, 0.99, 50), np.linspace(0.01, 0.99, 50)), -1).reshape(-1, 2)


def disk(x, y, radius):
    """Distance into a disk, at the nodes of `LEVEL`."""
    return replace(LEVEL, values=jnp.asarray(radius - np.hypot(*(LEVEL.nodes - (x, y)).transpose(2, 0, 1))))


def dice(found, truth):
    """Twice the common area over the sum of both."""
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def test_shares_add_up_and_the_first_level_set_lies_on_top():
    made = nmm.phases([disk(0.3, 0.5, 0.2), disk(0.45, 0.5, 0.2)], [1.0, 5.0, 0.1], 0.1)
    shares = np.asarray(made.shares(jnp.asarray(FINE)))
    assert shares.sum(0) == pytest.approx(1.0)
    places = jnp.array([[0.9, 0.9], [0.35, 0.5], [0.58, 0.5]])
    assert np.asarray(made(places)) == pytest.approx([1.0, 5.0, 0.1], rel=0.05)
    slopes = jax.grad(lambda p: p(places).sum())(made)
    assert np.abs(np.asarray(slopes.levels[1].values)).max() > 0
    with pytest.raises(nmm.InputError, match="one value more"):
        nmm.phases([LEVEL], [1.0])
    with pytest.raises(nmm.InputError, match="positive number of cells"):
        nmm.phases([LEVEL], [1.0, 2.0], 0.0)


def test_inclusions_and_a_conductivity_come_from_heads():
    """Three phases: one inclusion conducts well, one badly, and the value of the first is unknown too."""
    width, values = 1.0, (1.0, 6.0, 0.15)

    def forward(params):
        levels = params["first"], params["second"]
        return flow({"k": nmm.phases(levels, (values[0], params["k"], values[2]), width)})

    truth = {"first": disk(0.3, 0.65, 0.19), "second": disk(0.68, 0.4, 0.2), "k": values[1]}
    exact = np.asarray(forward(truth))
    noise = 0.002 * np.ptp(exact)
    data = exact + noise * np.random.default_rng(0).standard_normal(len(exact))
    priors = [nmm.prior.smooth(name, 0.4, std=0.3) for name in ("first", "second")]
    start = {"first": disk(0.3, 0.5, 0.1), "second": disk(0.7, 0.5, 0.1), "k": 4.0}
    find = nmm.inverse(forward, lambda u: u, priors, noise, {"k": (0, None)}, max_iterations=12, throw=False)
    found = find(data, start).params
    for name in ("first", "second"):
        before, inside, wanted = (
            np.asarray(which[name](jnp.asarray(FINE))) > 0 for which in (start, found, truth)
        )
        assert dice(inside, wanted) > max(0.7, dice(before, wanted) + 0.2)
    assert float(found["k"]) == pytest.approx(values[1], rel=0.4)
