"""Limits of values on refined covers: exact for pure powers, cautious where no order shows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmm.results.richardson import error_order, limit, observed_order


def powers(value, size, order, count):
    return [value + size * (2.0**order) ** -k for k in range(count)]


@given(
    st.floats(-10, 10),
    st.floats(0.1, 10).flatmap(lambda size: st.sampled_from([size, -size])),
    st.floats(0.6, 2.0),
    st.integers(3, 6),
)
def test_a_pure_power_is_extrapolated_exactly(value, size, order, count):
    found = limit(powers(value, size, order, count))
    assert found is not None and found.kind == "extrapolated"
    assert found.value == pytest.approx(value, abs=1e-9)
    assert found.order == pytest.approx(order, abs=1e-6)
    finest = powers(value, size, order, count)[-1]
    assert found.uncertainty == pytest.approx(1.25 * abs(finest - value), rel=1e-6, abs=1e-9)


def test_two_covers_show_no_order_and_keep_the_finest_value():
    found = limit([1.0, 1.1])
    assert (found.value, found.order, found.kind) == (1.1, None, "finest")
    assert found.uncertainty == pytest.approx(0.3)


@pytest.mark.parametrize("values", [[1.0, 1.2, 1.1], [1.0, 1.1, 1.3], [1.0, 1.0, 1.2]])
def test_values_that_do_not_settle_are_not_extrapolated(values):
    found = limit(values)
    assert found.kind == "finest" and found.value == values[-1]
    assert found.uncertainty == pytest.approx(3 * (max(values) - min(values)))


def test_an_order_above_that_of_the_approximation_is_not_believed():
    found = limit(powers(1.0, 1.0, 4.0, 3), highest=2.0)
    step = (found.value - powers(1.0, 1.0, 4.0, 3)[-1]) * 3
    assert step == pytest.approx(2**-8 - 2**-4)
    assert found.uncertainty == pytest.approx(abs(step)) and found.order == pytest.approx(4.0)
    assert abs(found.value - 1.0) < found.uncertainty


def test_the_uncertainty_is_not_less_than_the_change_of_the_extrapolation():
    values = [1.0, 1.5, 1.75, 1.80]
    before, now = limit(values[:-1]), limit(values)
    assert now.uncertainty >= abs(now.value - before.value)


def test_differences_within_the_noise_are_none():
    found = limit([1.0, 1.0 + 1e-9, 1.0 - 1e-9], noise=1e-7)
    assert found.kind == "constant" and found.order is None and found.uncertainty == 1e-7


def test_a_missing_value_hides_what_is_coarser():
    assert limit([1.0, 1.5, None]) is None
    assert limit([1.0, None, 1.5]) is None
    assert limit([None, 1.0, 1.1]).kind == "finest"
    assert limit([1.0, math.nan, 1.0, 1.1]).kind == "finest"


def test_orders_of_values_and_errors():
    assert observed_order([1.0, 1.5, 1.75]) == pytest.approx(1.0)
    assert observed_order([1.0, 1.5]) is None
    assert error_order([None, 0.4, 0.1]) == pytest.approx(2.0)
    assert error_order([0.4, 0.0]) is None and error_order([0.4]) is None
