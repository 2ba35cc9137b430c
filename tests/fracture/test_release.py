"""Energy release by differentiating the total energy with respect to the tip's position."""

import jax
import numpy as np
import pytest

import nmm

MODEL = nmm.elasticity(young="E", poisson=0.3, plane="strain", body_force=("b", 0.0))


@pytest.fixture(scope="module")
def slanted():
    domain = nmm.rectangle(0, -1, 1, 1).with_cracks([[(0.0, -0.1), (0.4, 0.06)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 40, tips="enriched"))
    terms = [nmm.fixed("y == -1"), nmm.traction("y == 1", ("s", "q")), nmm.pressure("cracks", "p")]
    return nmm.forward(nmm.problem(manifold, MODEL, terms))


@pytest.mark.parametrize(
    "load",
    [{"q": 1.0}, {"s": 1.0}, {"p": 1.0}, {"b": 1.0, "q": 1.0}],
    ids=["tension", "shear", "pressure", "body force"],
)
def test_agrees_with_the_stress_intensity_factors(slanted, load):
    u = slanted({"E": 3.0, "s": 0.0, "q": 0.0, "p": 0.0, "b": 0.0} | load)
    (release,), (factors,) = nmm.energy_release(u), nmm.stress_intensity(u)
    assert release["G"] == pytest.approx(factors["G"], rel=5e-3)
    assert (release["crack"], release["end"]) == (0, 1)


def test_does_not_depend_on_the_radius(slanted):
    u = slanted({"E": 3.0, "s": 0.5, "q": 1.0, "p": 0.0, "b": 0.0})
    near, far = (nmm.energy_release(u, radius)[0]["G"] for radius in (0.12, 0.3))
    assert near == pytest.approx(far, rel=1e-2)


def test_is_differentiable():
    domain = nmm.rectangle(0, -1, 1, 1).with_cracks([[(0.0, 0.03), (0.43, 0.03)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 10, tips="enriched", tip_radius=1.0))
    terms = [nmm.fixed("y == -1"), nmm.traction("y == 1", (0.0, "q"))]
    model = nmm.elasticity(young=3.0, poisson=0.3, plane="strain")
    forward = nmm.forward(nmm.problem(manifold, model, terms), nmm.Multigrid(tolerance=1e-11))

    def release(q):
        return nmm.energy_release(forward({"q": q}))[0]["G"]

    value, slope = jax.value_and_grad(release)(1.0)
    assert float(slope) == pytest.approx(2 * float(value), rel=1e-7)  # quadratic in the load


def test_belongs_to_elasticity():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.5), (0.5, 0.5)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 8))
    u = nmm.forward(nmm.problem(manifold, nmm.poisson(), [nmm.value("y == 0", 0.0)]))()
    with pytest.raises(nmm.InputError, match="elasticity"):
        nmm.energy_release(u)


def test_follows_the_energy_of_longer_cracks():
    """−dΠ/da from cuts of cracks of several lengths, the tip at the same place in its cell."""
    h, energies = 1 / 40, []
    lengths = 0.4 + h * np.array([-2, -1, 0, 1, 2])
    for length in lengths:
        domain = nmm.rectangle(0, -1, 1, 1).with_cracks([[(0.0, 0.01), (length, 0.01)]])
        lattice = nmm.lattice(cell=h, tips="enriched")
        terms = [nmm.fixed("y == -1"), nmm.traction("y == 1", (0.0, 1.0))]
        model = nmm.elasticity(young=1.0, poisson=0.3, plane="strain")
        u = nmm.forward(nmm.problem(nmm.cut(domain, lattice), model, terms))()
        energies.append(u.energy)  # dead loads: the total energy is −½ a(u, u)
        if length == lengths[2]:
            found = nmm.energy_release(u)[0]["G"]
    slope = (energies[0] - 8 * energies[1] + 8 * energies[3] - energies[4]) / (12 * h)
    assert found == pytest.approx(slope, rel=1e-2)
