"""Shape derivatives on a fixed cover against finite differences of cuts made anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nmm

DOMAIN = (
    (nmm.rectangle(0.0, 0.0, 2.0, 1.0) - nmm.disk((1.397, 0.603), 0.151))
    .with_cracks([[(0.513, 0.0), (0.527, 0.3)], [(0.707, 0.803), (1.013, 0.557)]])
    .with_region("in", nmm.disk((0.903, 0.197), 0.107))
)
POINTS = np.array([[0.3, 0.4], [1.1, 0.85], [1.8, 0.3]])


def scalar(manifold):
    terms = [nmm.value("outline", "x*y"), nmm.robin("holes", 1.0, "x - xmin")]
    return nmm.problem(manifold, nmm.poisson({"in": 5.0, "default": 2.0}, source=1.0), terms)


def elastic(manifold):
    terms = [
        nmm.fixed("x == xmin", ("0.1*y", 0)),
        nmm.traction("x == xmax", (0.3, 0.1)),
        nmm.pressure("holes", 0.2),
    ]
    model = nmm.elasticity("2 + 0.3*x*x", 0.3, body_force=(0, -0.1))  # varies: Gauss points in triangles
    return nmm.problem(manifold, model, terms)


def functional(problem, solver=None):
    forward = nmm.forward(problem, solver)

    def of(vertices):
        u = forward({}, problem.manifold.move(vertices))
        return jnp.sum(jnp.asarray(u.at(POINTS)) ** 2) + u.energy

    return of


def gradient(problem):
    return jax.jit(jax.grad(functional(problem, nmm.Multigrid(1e-13))))


def direction(manifold):
    """Everything inside moves; the outline, on lattice lines, stays."""
    vertices = manifold.vertices
    inside = ((vertices > 1e-9) & (vertices < np.array([2.0, 1.0]) - 1e-9)).all(1)
    return np.random.default_rng(0).standard_normal(vertices.shape) * inside[:, None]


@pytest.mark.parametrize(
    ("make", "shape", "angle"),
    [(scalar, "quad", 0), (elastic, "triangle", 17)],
)
def test_gradients_agree_with_differences_of_new_cuts(make, shape, angle):
    problem = make(nmm.cut(DOMAIN, nmm.lattice(cells=9, shape=shape, angle=angle)))
    of, start = functional(problem), problem.manifold.vertices
    along = direction(problem.manifold)
    slope = float(jnp.vdot(gradient(problem)(start), along))
    h = 2e-6
    near, far = (float(of(start + s * along)) - float(of(start - s * along)) for s in (h, 2 * h))
    assert slope == pytest.approx((8 * near - far) / (12 * h), rel=1e-6)


def test_remainders_fall_with_the_square():
    problem = scalar(nmm.cut(DOMAIN, nmm.lattice(cells=9)))
    of, start = functional(problem), problem.manifold.vertices
    along = direction(problem.manifold)
    slope = float(jnp.vdot(gradient(problem)(start), along))
    steps = np.array([8e-5, 4e-5, 2e-5])
    value = float(of(start))
    rest = [abs(float(of(start + h * along)) - value - h * slope) for h in steps]
    assert np.polyfit(np.log(steps), np.log(rest), 1)[0] == pytest.approx(2.0, abs=0.05)


def test_vertices_that_leave_their_cells_make_no_solution():
    problem = scalar(nmm.cut(DOMAIN, nmm.lattice(cells=9)))
    forward = nmm.forward(problem, nmm.Multigrid())
    solve = jax.jit(lambda v: forward({}, problem.manifold.move(v)))
    start, along = problem.manifold.vertices, direction(problem.manifold)
    assert solve(start).result.converged
    far = solve(start + 0.1 * along)
    assert not far.result.converged and "topology" in far.result.message
    assert np.isnan(far.at(POINTS)).all()


def test_what_traced_vertices_cannot_do_is_said():
    def trace(manifold, model, terms, wrong=0):
        forward = nmm.forward(nmm.problem(manifold, model, terms), nmm.Multigrid())
        jax.eval_shape(lambda v: forward({}, manifold.move(v)).dofs, manifold.vertices[wrong:])

    plain = nmm.cut(DOMAIN, nmm.lattice(cells=9))
    held, model = nmm.value("outline", 0.0), nmm.poisson(1.0)
    with pytest.raises(nmm.GeometryError, match="are expected"):
        trace(plain, model, held, wrong=1)
    with pytest.raises(nmm.InputError, match="must be held"):
        trace(plain, model, nmm.flux("x == xmin", 0.0))
    with pytest.raises(nmm.InputError, match=r"nmm\.energy_release"):
        trace(nmm.cut(DOMAIN, nmm.lattice(cells=24, tips="enriched", tip_radius=1)), model, held)
