"""The forward map under jit, grad, jvp and vmap: the same answers, exact derivatives, one compilation."""

import re
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import same_system

import nmm
from nmm.solve.form import form_of
from nmm.solve.traced import _solve, arrays_of

PLATE = (nmm.rectangle(0, 0, 2, 1) - nmm.disk((1.4, 0.6), 0.15)).with_cracks(
    [[(0.5, 0.0), (0.5, 0.3)], [(0.7, 0.8), (1.0, 0.55)]]
)
REGIONS = PLATE.with_region("in", nmm.disk((0.9, 0.2), 0.11))
POINTS = np.array([[0.3, 0.4], [1.1, 0.85], [1.8, 0.3]])
EXACT = nmm.Direct(1e-13)


@partial(jax.tree_util.register_dataclass, data_fields=["a"], meta_fields=[])
@dataclass(frozen=True)
class Wave:
    """A field with amplitudes: a parameter that is a pytree."""

    a: jax.Array

    def __call__(self, points):
        return 1 + self.a[0] * points[:, 0] + self.a[1] * jnp.sin(3 * points[:, 1])


def elastic(shape="quad", young="E", cells=16, angle=0.0):
    manifold = nmm.cut(PLATE, nmm.lattice(cells=cells, shape=shape, angle=angle))
    model = nmm.elasticity(young, "nu", body_force=(0, "g"))
    terms = [nmm.fixed("x == 0", ("d", 0)), nmm.traction("x == 2", ("q", 0)), nmm.pressure("holes", "p")]
    return nmm.problem(manifold, model, terms)


NUMBERS = {"E": 2.0, "nu": 0.3, "g": -0.1, "d": 0.02, "q": 0.3, "p": 0.2}


def scalar(young, manifold):
    return nmm.problem(manifold, nmm.poisson(young, source=1.0), [nmm.value("outline", "b")])


CASES = {
    "Poisson": (nmm.poisson(2.0, source=3.0), [nmm.value("outline", "x + y")], {}),
    "anisotropic": (
        nmm.poisson([[2.0, 0.3], [0.3, 1.0]], source="x"),
        [nmm.value("x == xmin", "x"), nmm.flux("x == xmax", 2.0), nmm.robin("holes", 1.0, 2.0)],
        {},
    ),
    "variable": (nmm.poisson("1 + k*x*x", source="y"), [nmm.value("outline", "x")], {"k": 0.5}),
    "elastic": (
        nmm.elasticity("E", 0.3, body_force=(0, -1)),
        [nmm.fixed("x == xmin"), nmm.pressure("holes", 1.0), nmm.point_load((0.3, 0.9), (0, 1.0))],
        {"E": 2.0},
    ),
    "regions": (
        nmm.elasticity({"default": 1.0, "in": 30.0}, {"default": 0.3, "in": "nu"}),
        [nmm.fixed("x == xmin", ("y", 0))],
        {"nu": 0.4},
    ),
    "initial stress": (
        nmm.elasticity(1.0, 0.3, plane="stress", initial_stress=(1.0, 2.0, "y")),
        [nmm.fixed("x == xmin", normal=0.1), nmm.fixed("y == ymin", (0, "free"))],
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("shape", "angle", "dirichlet"), [("triangle", 0, "penalty"), ("quad", 17, "nitsche")]
)
def test_slices_and_batches_are_the_assembled_matrix(name, shape, angle, dirichlet):
    model, terms, params = CASES[name]
    domain = REGIONS if name == "regions" else PLATE
    manifold = nmm.cut(domain, nmm.lattice(cells=12, shape=shape, angle=angle))
    problem = nmm.problem(manifold, model, terms, dirichlet=dirichlet)
    same_system(problem, params)


def test_jit_gives_what_the_host_gives():
    forward = nmm.forward(elastic(), EXACT)
    compiled = jax.jit(forward)(NUMBERS)
    plain = forward(NUMBERS)
    assert compiled.result.converged
    scale = np.abs(plain.dofs).max()
    assert np.abs(compiled.at(POINTS) - plain.at(POINTS)).max() < 1e-11 * scale
    assert compiled.energy == pytest.approx(plain.energy, rel=1e-10)
    assert compiled.stress(POINTS) == pytest.approx(plain.stress(POINTS), rel=1e-8)
    assert compiled.reactions["fixed on x == 0"] == pytest.approx(plain.reactions["fixed on x == 0"])


def test_floating_parts_stand_still_under_jit_too():
    loop = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1).with_cracks([loop]), nmm.lattice(cells=12))
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 1", ("q", 0))]
    model = nmm.elasticity(1.0, 0.3, initial_stress=(0.1, 0.2, 0.3))
    forward = nmm.forward(nmm.problem(manifold, model, terms), EXACT)
    plain, compiled = forward({"q": 1.0}), jax.jit(forward)({"q": 1.0})
    assert len(plain.held) == 1 and compiled.result.converged
    points = [[0.5, 0.5], [0.4, 0.6], [0.1, 0.1]]
    assert compiled.at(points) == pytest.approx(plain.at(points), abs=1e-10)


def taylor(function, start, direction):
    """Slope of the remainder |f(x + h d) − f(x) − h f'd| in h."""
    both = jax.jit(lambda p, d: jax.jvp(function, (p,), (d,)))
    value, slope = both(start, direction)
    steps = [2.0**-k for k in (3, 4, 5)]
    moved = [both(jax.tree.map(lambda x, d: x + h * d, start, direction), direction)[0] for h in steps]  # noqa: B023
    rest = [abs(m - value - h * slope) for m, h in zip(moved, steps, strict=True)]
    return np.log2(rest[0] / rest[1]), np.log2(rest[1] / rest[2])


@pytest.mark.parametrize("kind", ["modulus", "ratio", "everything", "per square", "callable"])
def test_taylor_remainders_fall_with_the_square(kind):
    rng = np.random.default_rng(1)
    params = {k: jnp.asarray(v) for k, v in NUMBERS.items()}
    if kind == "per square":
        params["E"] = jnp.asarray(rng.uniform(1, 2, (8, 16)))
    if kind == "callable":
        params["E"] = Wave(jnp.array([0.3, 0.2]))
    names = {"modulus": ["E"], "ratio": ["nu"]}.get(kind, list(params))
    direction = jax.tree.map(
        lambda x: jnp.asarray(rng.uniform(0.5, 1, np.shape(x))) * jnp.maximum(abs(x), 0.01) * 0.3, params
    )
    direction = {k: d if k in names else jax.tree.map(jnp.zeros_like, d) for k, d in direction.items()}
    forward = nmm.forward(elastic(), EXACT)

    def misfit(p):
        u = forward(p)
        return jnp.sum((u.at(POINTS) - 0.01) ** 2) + 0.1 * u.energy

    assert taylor(misfit, params, direction) == pytest.approx([2.0, 2.0], abs=0.05)


def test_forward_and_reverse_derivatives_agree():
    forward = nmm.forward(elastic(cells=20), EXACT)
    rng = np.random.default_rng(2)
    params = {k: jnp.asarray(v) for k, v in NUMBERS.items()}

    def observe(p):
        return forward(p).at(POINTS)

    direction = {k: jnp.asarray(rng.standard_normal()) for k in params}
    _, out = jax.jit(lambda p, d: jax.jvp(observe, (p,), (d,)))(params, direction)
    weight = jnp.asarray(rng.standard_normal(out.shape))
    back = jax.jit(lambda p, w: jax.vjp(observe, p)[1](w)[0])(params, weight)
    left, right = jnp.vdot(weight, out), sum(back[k] * direction[k] for k in params)
    assert abs(left - right) < 1e-11 * abs(left)


def test_second_derivatives_and_batches():
    forward = nmm.forward(elastic(), EXACT)

    def misfit(e):
        return jnp.sum(forward(NUMBERS | {"E": e}).at(POINTS) ** 2)

    h, e = 1e-3, jnp.asarray(2.0)
    twice = jax.jit(lambda at: jax.jvp(jax.grad(misfit), (at,), (jnp.ones(()),)))
    (high, _), (_, second), (low, _) = map(twice, (e + h, e, e - h))
    assert float(second) == pytest.approx(float((high - low) / (2 * h)), rel=1e-5)
    many = np.linspace(1.0, 3.0, 4)
    one = np.array([*map(jax.jit(misfit), many)])
    assert np.asarray(jax.jit(jax.vmap(misfit))(many)) == pytest.approx(one, rel=1e-10)


def test_other_numbers_and_geometry_do_not_compile_again():
    before = None
    for centre, k in (((0.5, 0.5), 1.0), ((0.45, 0.56), 2.0), ((0.52, 0.41), 5.0)):
        manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1) - nmm.disk(centre, 0.2), nmm.lattice(cells=16))
        problem = nmm.problem(manifold, nmm.poisson(k, source="s"), [nmm.value("outline", 0)])
        jax.jit(nmm.forward(problem))({"s": 1.0})
        before = before or _solve._cache_size()
    assert _solve._cache_size() == before


def test_a_solve_that_does_not_converge_says_so_under_jit():
    forward = nmm.forward(elastic(cells=40), nmm.Multigrid(1e-10, max_iterations=3))
    solution = jax.jit(forward)(NUMBERS)
    assert not solution.result.converged
    assert "largest number of iterations" in solution.result.message
    assert solution.stats.residual > 1e-10


def test_a_parameter_may_be_an_array_with_a_value_per_square():
    modulus = np.random.default_rng(0).uniform(1, 2, (8, 16))
    named = nmm.forward(elastic(), nmm.Direct(1e-12))(NUMBERS | {"E": modulus})
    rest = {k: v for k, v in NUMBERS.items() if k != "E"}
    given = nmm.forward(elastic(young=modulus), EXACT)(rest)
    assert named.at(POINTS) == pytest.approx(given.at(POINTS), rel=1e-9)


def test_fields_are_checked_like_numbers():
    modulus = np.ones((8, 16))
    modulus[3, 5] = -1.0
    with pytest.raises(nmm.InputError, match="young must be positive; at"):
        nmm.forward(elastic())(NUMBERS | {"E": modulus})


def test_the_residuals_on_the_way_are_kept():
    solution = nmm.forward(elastic(cells=40), nmm.Multigrid())(NUMBERS)
    history = solution.stats.history
    assert len(history) == solution.stats.iterations + 1
    assert history[0] == 1.0 and history[-1] == solution.stats.residual <= 1e-8


def test_nothing_in_the_program_waits_for_batched_lapack():
    problem = elastic(cells=40)
    form, data = form_of(problem, NUMBERS)
    options = (1e-8, 200, (3, 2, True), "float64")
    text = _solve.lower(form, options, data, NUMBERS, arrays_of(problem)).as_text()
    calls = [line for line in text.splitlines() if "@lapack" in line]
    assert calls and not any(re.search(r"tensor<\d+x\d+x\d+x", line) for line in calls)
