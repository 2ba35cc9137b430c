"""Measurements of anatomy where theory knows the answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nmm
from networks import ReLU, covers
from networks.anatomy import (
    bottleneck,
    boundaries,
    curvature,
    duality,
    fixed_point,
    negative_time,
    plasticity,
    stack_error,
)


def test_a_right_gradient_passes_and_a_wrong_one_does_not():
    w = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    x = {"a": jnp.array([0.3, -0.2, 0.5])}
    key = jax.random.key(0)
    assert duality.dot_test(lambda x: jnp.tanh(w @ x["a"]), x, key) < 1e-14
    left = duality.taylor_test(lambda x: jnp.sum(jnp.tanh(w @ x["a"]) ** 2), x, key)
    assert duality.order_of(left) == pytest.approx(2.0, abs=0.03)

    @jax.custom_jvp
    def wrong(x):
        return jnp.sum(x["a"] ** 3)

    wrong.defjvp(lambda x, t: (wrong(*x), jnp.sum(3.1 * x[0]["a"] ** 2 * t[0]["a"])))
    assert duality.order_of(duality.taylor_test(wrong, x, key)) < 1.5


def test_unrolled_gradients_come_to_the_implicit_one_as_fast_as_the_layer_contracts():
    """Golden values for ρ = 0.8; of a seed and size that we do not know, so that digits differ."""
    theta = fixed_point.random_layer(20, 5, 0.8, seed=0, drive=0.2)
    errors = np.asarray(jax.jit(fixed_point.unrolled_errors)(theta))
    golden = np.array([4.2e-2, 2.4e-3, 9.1e-6, 5.6e-10])
    assert np.all(errors < 3 * golden) and np.all(errors > golden / 3)
    assert np.all(errors < 0.8 ** np.array([10, 20, 40, 80]))


def test_anderson_finds_the_fixed_point_in_fewer_evaluations():
    theta = fixed_point.random_layer(20, 5, 0.9, seed=1)
    z, count = fixed_point.anderson(lambda z: fixed_point.layer(theta, z), jnp.zeros(20))
    assert jnp.linalg.norm(fixed_point.layer(theta, z) - z) < 1e-12 and count < 60
    path = fixed_point.iterate(lambda z: fixed_point.layer(theta, z), jnp.zeros(20), 60)
    assert path.residuals[int(count)] > 1e-9


def test_descent_on_a_quadratic_contracts_as_its_spectrum_says():
    h = np.diag([0.0, 0.1, 1.0, 1.7])
    start = jnp.array([1.0, 1.0, 1.0, 1.0])
    path = fixed_point.iterate(lambda t: t - 1.0 * jnp.asarray(h) @ t, start, 200)
    expected = fixed_point.contraction_expected(h, 1.0)
    assert expected == pytest.approx(0.9, abs=1e-12)
    assert fixed_point.contraction_seen(path.residuals) == pytest.approx(expected, abs=1e-3)
    assert path.end[0] == 1.0  # the null space stays where it started


def test_the_factor_of_alternating_covers_is_that_of_schwarz():
    for alpha, beta in ((0.4, 0.6), (0.25, 0.5)):
        values = boundaries.alternating_splines(12, alpha, beta, lambda x: np.sin(3 * x))
        expected = boundaries.schwarz_factor(alpha, beta)
        assert boundaries.factor_of(values) == pytest.approx(expected, rel=1e-9)
        exact = (np.sin(3 * beta) - beta * np.sin(3)) / 9
        assert values[-1] == pytest.approx(exact, abs=0.02)
    assert boundaries.schwarz_factor(0.4, 0.6) == pytest.approx(0.4444, abs=5e-5)
    with pytest.raises(nmm.InputError, match="0 < α < β < 1"):
        boundaries.schwarz_factor(0.6, 0.4)


def test_least_squares_hand_over_value_and_slope():
    """Cubics on both sides, put together by hand for one double sweep."""
    alpha, beta = 0.4, 0.6

    def cubic(at, value, slope):
        a, b = np.linalg.solve([[at, at**3], [1.0, 3 * at**2]], [value, slope])
        return lambda x: (a * x + b * x**3, a + 3 * b * x**2)

    state = np.array([1.0, 0.3])
    for _ in range(40):
        value, slope = cubic(beta, *state)(alpha)
        value, slope = cubic(1 - alpha, value, -slope)(1 - beta)
        new = np.array([value, -slope])
        factor, state = new[0] / state[0], new / np.linalg.norm(new)
    assert boundaries.clamped_factor(alpha, beta) == pytest.approx(abs(factor), rel=1e-8)


def test_layers_add_faces_and_fronts_end_at_the_first_error():
    tent = [[[1.0], [1.0]], [[2.0, -4.0], [2.0, -4.0]], [[2.0, -4.0]]]
    network = ReLU.of(tent, [[0.0, -0.5], [0.0, -0.5], [0.0]])
    assert boundaries.faces_by_layer(network, (0, 1)) == [1, 2]
    crossing = ReLU.of([np.eye(2), [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    assert boundaries.faces_by_layer(crossing, (-1, -1, 1, 1)) == [4]
    found = boundaries.front([0.0, 0.5, 1.0], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], 0.5)
    np.testing.assert_array_equal(found, [1.0, 0.0, 0.0])


@pytest.mark.parametrize("power", [1, 2])
def test_the_residual_squares_the_condition_of_the_energy(power):
    values = np.linalg.eigvalsh(np.linalg.matrix_power(bottleneck.stiffness(16), power))
    assert values[-1] / values[0] == pytest.approx(bottleneck.condition_expected(16, power), rel=1e-9)
    e = np.random.default_rng(0).normal(size=15)
    applied = bottleneck.power_of_stiffness(16, power)(jnp.asarray(e))
    by_matrix = np.linalg.matrix_power(bottleneck.stiffness(16) / 16, power) @ e
    np.testing.assert_allclose(applied, by_matrix, atol=1e-12)


def test_steps_follow_the_condition_and_its_root():
    start = jnp.asarray(np.random.default_rng(0).normal(size=15))
    descent = int(bottleneck.descent_steps(16, 1, 1e-3, start, 10_000))
    factor = (bottleneck.condition_expected(16) - 1) / (bottleneck.condition_expected(16) + 1)
    assert 0.7 < descent / (np.log(1e-3) / np.log(factor)) <= 1.01
    assert int(bottleneck.conjugate_steps(16, 1, 1e-3, start, 10_000)) <= 15


def test_rank_of_activations():
    a = np.random.default_rng(0).normal(size=(20, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    assert bottleneck.activation_ranks([a, np.zeros((20, 3)), np.eye(4)]) == [2, 0, 4]


def test_lanczos_finds_the_largest_eigenvalue():
    values = np.concatenate([[10.0, 7.0], np.linspace(0, 5, 40)])
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(42, 42)))[0]
    h = jnp.asarray(q * values @ q.T)
    found = jax.jit(lambda z: curvature.sharpness(lambda z: z["a"] @ h @ z["a"] / 2, z))({"a": jnp.ones(42)})
    assert found == pytest.approx(10.0, rel=1e-6)


def test_a_smooth_function_bends_by_the_turn_of_its_slope():
    x = np.linspace(0, np.pi, 2001)
    assert curvature.bend_on_grid(jnp.sin(x), x[1]) == pytest.approx(2.0, abs=2e-3)


def test_numbers_of_plasticity():
    on = jnp.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    assert plasticity.dead_share([on, jnp.ones((2, 1))]) == 0.25
    assert plasticity.effective_rank(jnp.eye(5)) == pytest.approx(5.0)
    assert plasticity.effective_rank(jnp.ones((4, 3))) == pytest.approx(1.0, abs=1e-6)
    assert plasticity.mean_size([jnp.array([-3.0]), jnp.array([1.0])]) == 2.0


def test_how_many_modes_of_the_past_can_be_told():
    """Golden values for T = 0.1: 6, 9, 13, 18."""
    made = negative_time.heat(covers.splines((0, np.pi), 48, degree=3))
    found = [
        [negative_time.recoverable_modes(s, noise) for noise in (1e-2, 1e-4, 1e-8, 1e-15)]
        for s in (negative_time.singular_values(0.1, 40), np.exp(-made.rates * 0.1))
    ]
    assert found == [[6, 9, 13, 18]] * 2
    np.testing.assert_allclose(made.rates[:8], np.arange(1, 9) ** 2, rtol=1e-6)
    x = np.linspace(0, np.pi, 50)
    mode = made.at(x, 0.1)[:, 2]
    np.testing.assert_allclose(
        np.abs(mode), np.exp(-0.9) * np.sqrt(2 / np.pi) * abs(np.sin(3 * x)), atol=1e-6
    )


def test_truncation_and_regularisation_give_back_what_is_not_lost():
    f = np.diag([1.0, 0.5, 1e-6])
    a = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(negative_time.truncated(f, f @ a, 1e-3), [1, 2, 0], atol=1e-12)
    np.testing.assert_allclose(negative_time.tikhonov(f, f @ a, 1e-4), [1, 2, 3e-4], atol=1e-3)


def test_errors_grow_by_the_gain_in_every_layer():
    """Mean square c^L, and at c = 1 a log-variance of 5 Σ 1 / n (Hanin and Nica)."""
    keys = jax.random.split(jax.random.key(0), 200)
    look = jax.jit(jax.vmap(lambda key, gain: stack_error.growth(key, 32, 4, gain), (0, None)))
    damped, kept = look(keys, 0.7)[:, -1], look(keys, 1.0)[:, -1]
    assert damped.mean() == pytest.approx(0.7**4, rel=0.2) and kept.mean() == pytest.approx(1, rel=0.2)
    assert np.var(np.log(kept)) == pytest.approx(5 * 4 / 32, rel=0.3)
