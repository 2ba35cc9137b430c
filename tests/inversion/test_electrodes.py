"""The complete electrode model: against a series on the disk, reciprocity, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nmm
from nmm.inversion.electrodes import electrodes, on_circle

COUNT = 8


def model(cells, block=1):
    return electrodes(nmm.cut(nmm.disk((0, 0), 1), nmm.lattice(cells=cells)), on_circle(COUNT), block)


def series(z, panels=80, modes=6000):
    """C of the unit disk with σ = 1 and electrodes on half of its rim.

    A density j of the current that is constant on panels gives the potential Σ j_n cos(nθ)/n on the rim, and
    fulfils z j + potential + c = U_l on electrode l with no current in all.
    """
    total = COUNT * panels
    width, n = 2 * np.pi / total, np.arange(1, modes)
    decay = np.sinc(n * width / 2 / np.pi) ** 2 / n
    table = np.array([decay @ np.cos(n * k * width) for k in range(total)]) * width / np.pi
    index = np.flatnonzero(np.arange(total) % panels < panels // 2)
    size = len(index)
    matrix = np.ones((size + 1, size + 1))
    matrix[:size, :size] = table[np.abs(index[:, None] - index)] + z * np.eye(size)
    matrix[size, size] = 0
    member = np.zeros((size + 1, COUNT))
    member[np.arange(size), index // panels] = 1
    return width * member.T @ np.linalg.solve(matrix, member)


@pytest.fixture(scope="module")
def coarse():
    return model(12)


@pytest.fixture(scope="module")
def field(coarse):
    return np.exp(0.5 * np.random.default_rng(0).standard_normal(coarse.shape))


def test_currents_on_the_disk_converge_to_the_series():
    exact = series(0.1)
    found = [model(cells).solve(1.0, 0.1).currents for cells in (16, 32, 64)]
    errors = np.array([np.linalg.norm(currents - exact) / np.linalg.norm(exact) for currents in found])
    assert (np.log2(errors[:-1] / errors[1:]) > 1.4).all() and errors[-1] < 3e-3


def test_currents_are_symmetric_add_up_to_zero_and_dissipate(coarse, field):
    currents = coarse.solve(field, np.linspace(0.05, 0.2, COUNT)).currents
    np.testing.assert_allclose(currents.sum(0), 0, atol=1e-12)
    np.testing.assert_allclose(currents, currents.T, atol=1e-14)
    assert np.linalg.eigvalsh(currents)[1] > 0.1


def test_voltages_drive_the_currents_that_were_asked_for(coarse, field):
    found = coarse.solve(field, 0.1)
    injections = np.eye(COUNT)[:, 1:] - np.eye(COUNT)[:, :-1]
    volts = found.voltages(injections)
    np.testing.assert_allclose(found.currents @ volts, injections, atol=1e-10)
    np.testing.assert_allclose(volts.sum(0), 0, atol=1e-12)


def test_currents_are_those_of_the_forward_map(coarse):
    volts = np.random.default_rng(1).standard_normal(COUNT)
    terms = [nmm.robin(on, 10.0, volts[k], name=str(k)) for k, on in enumerate(on_circle(COUNT))]
    solution = nmm.forward(nmm.problem(coarse.manifold, nmm.poisson(2.0), terms))()
    wanted = coarse.solve(2.0, 0.1).currents @ volts
    found = [float(np.squeeze(solution.reactions[str(k)])) for k in range(COUNT)]
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-9)


def test_slopes_by_conductivity_are_those_of_differences():
    coarse = model(12, block=2)
    rng = np.random.default_rng(2)
    sigma, change = np.exp(rng.standard_normal((2, *coarse.shape)))
    pattern = np.eye(COUNT)[:, :3] - np.eye(COUNT)[:, 1:4]
    injections = np.eye(COUNT)[:, 4:6] - np.eye(COUNT)[:, 6:8]
    slopes = coarse.solve(sigma, 0.1).by_conductivity(injections, pattern)
    step = 1e-5
    ends = [pattern.T @ coarse.solve(sigma + s * change, 0.1).voltages(injections) for s in (step, -step)]
    np.testing.assert_allclose(slopes @ change.ravel(), (ends[0] - ends[1]) / (2 * step), rtol=1e-6)


def test_gradients_by_jax_are_those_of_differences(coarse, field):
    z = jnp.linspace(0.05, 0.2, COUNT)
    weights = np.random.default_rng(3).standard_normal((COUNT, COUNT))

    def power(sigma, z):
        return jnp.sum(weights * coarse.currents(sigma, z) ** 2)

    by_sigma, by_z = jax.grad(power, (0, 1))(jnp.asarray(field), z)
    step = 1e-5
    for k, slope in ((0, jnp.vdot(by_sigma, field)), (1, jnp.vdot(by_z, z))):
        values = [float(power(*((field, z * (1 + s)) if k else (field * (1 + s), z)))) for s in (step, -step)]
        np.testing.assert_allclose(slope, (values[0] - values[1]) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize("sigma, z", [(0.0, 0.1), (1.0, -0.1), (np.nan, 0.1)])
def test_values_that_are_not_positive_are_refused(coarse, sigma, z):
    with pytest.raises(nmm.InputError, match="must be positive"):
        coarse.solve(sigma, z)


def test_products_of_the_jacobian_are_those_of_all_derivatives():
    found = nmm.electrodes(nmm.cut(nmm.disk((0, 0), 1), nmm.lattice(cells=8)), nmm.on_circle(6)).solve(
        2.0, 0.1
    )
    random = np.random.default_rng(0)
    drive = random.standard_normal((6, 3))
    drive, read = drive - drive.mean(0), np.eye(6)[:, :2] - 1 / 6
    whole = found.by_conductivity(drive, read)
    change, weights = random.standard_normal(found.model.shape), random.standard_normal((2, 3))
    assert found.pushed(drive, read, change) == pytest.approx(whole @ change.ravel())
    pulled = found.pulled(drive, read, weights).ravel()
    assert pulled == pytest.approx(np.einsum("mn,mnj->j", weights, whole))
