"""Nitsche's method on every cut: positive definite, and with reactions that keep their digits on slivers."""

import numpy as np
import pytest

import nmm
from nmm.solve.assemble import assemble

SHAPES = ("quad", "triangle")


def random_domain(rng, h):
    """A plate that overhangs the lattice by a sliver, with a hole, a crack and two regions."""
    over = 10.0 ** rng.uniform(-12, 0) * h
    domain = nmm.rectangle(0, 0, 1 + over, 1 + rng.choice([0.0, 0.3 * h, over]))
    domain = domain - nmm.disk(tuple(rng.uniform(0.3, 0.7, 2)), rng.uniform(0.05, 0.25))
    domain = domain.with_cracks([[(0.0, rng.uniform(0.1, 0.9)), tuple(rng.uniform(0.1, 0.9, 2))]])
    domain = domain.with_region("a", nmm.rectangle(-0.1, -0.1, rng.uniform(0.1, 0.9), 1.5))
    return domain.with_region("b", nmm.rectangle(rng.uniform(0.1, 0.9), rng.uniform(-0.1, 0.8), 2.0, 2.0))


def random_problem(rng, physics, shape):
    h = 1 / int(rng.integers(4, 8))
    angle = float(rng.choice([0.0, rng.uniform(0, 90)]))
    manifold = nmm.cut(random_domain(rng, h), nmm.lattice(cell=h, shape=shape, angle=angle, origin=(0, 0)))
    stiff = 10.0 ** rng.choice([-1.5, 0.0, 1.5], 3)
    if physics == "poisson":
        model = nmm.poisson(stiff[0]).in_region("a", conductivity=stiff[1])
        model = model.in_region("b", conductivity=stiff[2])
        return nmm.problem(manifold, model, [nmm.value("outline", 0.0), nmm.value("holes", 0.0)])
    nu = rng.choice([0.0, 0.3, 0.49], 3)
    model = nmm.elasticity(stiff[0], nu[0]).in_region("a", young=stiff[1], poisson=nu[1])
    model = model.in_region("b", young=stiff[2], poisson=nu[2])
    terms = [
        nmm.fixed("outline and x < 0.5"),
        nmm.fixed("outline and x > 0.5", normal=0.0),
        nmm.fixed("holes", ("free", 0.0)),
    ]
    return nmm.problem(manifold, model, terms)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("physics", ["poisson", "elasticity"])
def test_the_scaled_matrix_is_positive_definite_whatever_the_cut_and_the_contrast(physics, shape):
    for seed in range(12):
        problem = random_problem(np.random.default_rng(seed), physics, shape)
        matrix = assemble(problem, {}).matrix.toarray()
        free = np.repeat(problem.manifold.active, problem.model.components)
        matrix = matrix[np.ix_(free, free)]
        scale = 1 / np.sqrt(np.diag(matrix))
        assert np.linalg.eigvalsh(matrix * scale * scale[:, None])[0] > 1e-8


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("beyond", [1e-12, 1e-9, 1e-7])
def test_slivers_that_a_region_or_a_crack_cuts_off_keep_errors_and_reactions_at_rounding(shape, beyond):
    domain = nmm.rectangle(-beyond, 0, 1 + beyond, 1).with_region("inside", nmm.rectangle(0, 0, 1, 1))
    domain = domain.with_cracks([[(5e-8, 0.2), (5e-8, 1.0)]])
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 7, shape=shape, origin=(0, 0)))
    terms = [nmm.value("outline", "0.4*x + 0.2*y"), nmm.flux("cracks", "0.4*nx + 0.2*ny")]
    solution = nmm.forward(nmm.problem(manifold, nmm.poisson(1.0), terms))()
    assert manifold.stats["smallest_piece"] < 1e-5
    assert solution.errors("0.4*x + 0.2*y")["h1"] < 1e-11
    assert solution.balance["residual"] < 1e-12
