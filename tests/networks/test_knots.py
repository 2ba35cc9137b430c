"""Knots that move give back the rate that a singular function takes from those that stay."""

import jax.numpy as jnp
import numpy as np
import pytest

import nmm
from networks import covers
from networks.knots import fit_knots


def power(x):
    return x[:, 0] ** 0.6


def test_free_knots_reach_the_second_order_where_equal_gaps_do_not():
    """Issue: N^-2 for x^0.6 against N^-1.1; from equal gaps."""
    found = {n: fit_knots(power, covers.splines((0, 1), n)) for n in (16, 32)}
    fixed, free = (np.log2(getattr(found[16], e) / getattr(found[32], e)) for e in ("before", "error"))
    assert fixed == pytest.approx(1.1, abs=0.01) and free == pytest.approx(2.0, abs=0.05)
    x = ((np.arange(20_000) + 0.5) / 20_000)[:, None]
    distance = np.sqrt(np.mean((np.asarray(found[16].net(x))[:, 0] - power(x)) ** 2))
    assert distance == pytest.approx(found[16].error, rel=0.01)
    # The best knots grow as (i / N)^(1 / 0.44): equal integrals of |u''|^(2/5) (de Boor).
    np.testing.assert_allclose(found[32].cover.knots, (np.arange(33) / 32) ** (1 / 0.44), atol=0.02)


def test_knots_go_to_the_bends_of_a_piecewise_affine_function():
    def bent(x):
        return jnp.stack([jnp.abs(x[:, 0] - 0.37), jnp.abs(x[:, 0] - 0.81)], -1)

    found = fit_knots(bent, covers.splines((0, 1), 3))
    np.testing.assert_allclose(found.cover.knots[1:-1], [0.37, 0.81], atol=1e-6)
    assert found.error < 1e-6 < found.before and found.steps > 0


def test_knots_stay_where_asked_and_what_is_no_spline_is_refused():
    cover = covers.splines((0, 1), 4, degree=3)
    found = fit_knots(lambda x: x[:, 0] ** 3, cover, steps=0)
    assert found.error < 1e-12 and found.steps == 0
    np.testing.assert_array_equal(found.cover.gaps, cover.gaps)
    with pytest.raises(nmm.InputError, match="splines of one variable"):
        fit_knots(power, covers.splines((0, 0, 1, 1), 4))
    with pytest.raises(nmm.InputError, match="0 or more"):
        fit_knots(power, cover, steps=-1)
    with pytest.raises(nmm.InputError, match="expected"):
        fit_knots(lambda x: x[None], cover)
