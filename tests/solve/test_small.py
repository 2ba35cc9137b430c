"""Small matrices without LAPACK, against NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from nmm.solve.small import inverse, inverse_2x2, largest_of_tridiagonal


def positive(n, m, condition=1e3):
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.standard_normal((n, m, m)))
    return np.einsum("nij,j,nkj->nik", turn, np.geomspace(1, 1 / condition, m), turn)


@pytest.mark.parametrize("m", [1, 3, 8])
def test_inverses_are_those_of_numpy(m):
    blocks = positive(20, m)
    assert np.asarray(inverse(jnp.asarray(blocks))) == pytest.approx(
        np.linalg.inv(blocks), rel=1e-9, abs=1e-9
    )


def test_a_singular_block_gets_a_generalised_inverse_without_negative_directions():
    block = np.ones((1, 2, 2))
    found = np.asarray(inverse(jnp.asarray(block), 1e-12))
    assert block @ found @ block == pytest.approx(block)
    assert np.linalg.eigvalsh(found).min() >= 0


def test_the_bound_is_above_the_largest_eigenvalue_and_close():
    rng = np.random.default_rng(1)
    main, off = rng.uniform(1, 3, 10), rng.uniform(0.1, 1, 9)
    largest = np.linalg.eigvalsh(np.diag(main) + np.diag(off, 1) + np.diag(off, -1))[-1]
    found = float(largest_of_tridiagonal(jnp.asarray(main), jnp.asarray(off)))
    assert largest * (1 - 1e-12) <= found <= 1.02 * largest


def test_two_by_two():
    matrix = np.array([[2.0, 1.0], [-0.5, 3.0]])
    assert np.asarray(inverse_2x2(jnp.asarray(matrix))) == pytest.approx(np.linalg.inv(matrix))
