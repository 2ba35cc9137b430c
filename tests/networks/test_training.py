"""Networks trained on the problems of nmm: what is held is held, and what is known is found again."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.flatten_util import ravel_pytree

import nmm
from networks import MLP, LocalNet, ManifoldNet, covers, fit, fit_seeds, lattice_cover
from networks.ansatz import ansatz
from networks.distance import curves_of
from networks.energy import value_and_slope
from networks.fitted import Fitted
from networks.sampling import Ground, ground
from networks.task import task

PLATE = nmm.rectangle(0, 0, 2, 1) - nmm.disk((0.7, 0.5), 0.2)
HELD = [nmm.value("x == 0", "sin(3*y)"), nmm.value("hole 0", "x*y + ny"), nmm.value("x == 2", 1.0)]
ROBIN = [nmm.robin("outline", 2.0, "x"), nmm.value("hole 0", "y")]


def problem(cells=6, model=None, terms=HELD, domain=PLATE, **lattice):
    manifold = nmm.cut(domain, nmm.lattice(cells=cells, **lattice))
    return nmm.problem(manifold, model or nmm.poisson(1.5, source="1 + x*y"), terms)


@pytest.mark.parametrize("lattice", [{}, dict(shape="triangle"), dict(weights="bspline", degree=2)])
def test_points_drawn_integrate_polynomials_exactly_and_lie_in_their_elements(lattice):
    where = ground(problem(**lattice), {}, 5)
    assert where.degree == 5
    judge = jax.jit(lambda where: where.gauss(2).domain)(where)
    for degree in (1, 2, 5):
        drawn = jax.jit(Ground.draw)(replace(where, degree=degree), jax.random.key(3)).domain
        for power in range(degree + 1):

            def function(x, power=power):
                return (x[:, 0] - 2 * x[:, 1] + 0.3) ** power

            expected = judge.weight @ function(judge.points)
            assert drawn.weight @ function(drawn.points) == pytest.approx(float(expected), rel=1e-12)
        assert (np.bincount(drawn.element) > 0).all()


def test_a_known_function_that_is_the_solution_leaves_nothing_to_learn():
    """Its values on the sides of the corner are rounding, and must count as the 0 that they are."""
    corner = nmm.polygon([(0, 0), (-1, -1), (1, -1), (1, 1), (-1, 1)])
    value = "(x**2 + y**2)**(1/3)*sin(2/3*(arctan2(y, x) + 0.75*pi))"

    def known(x):
        angle = jnp.arctan2(x[:, 1], x[:, 0]) + 0.75 * jnp.pi
        return (x[:, 0] ** 2 + x[:, 1] ** 2) ** (1 / 3) * jnp.sin(2 / 3 * angle)

    given = problem(4, nmm.poisson(1.0), [nmm.value("outline", value)], corner)
    made = task(given, [MLP(given.manifold.box, (2,))], None, "energy", "exact", (known,), None, 1.0)
    z = jnp.zeros(made.trial.size).at[-1].set(1 / made.trial.scale)
    found = Fitted(made, z, jax.tree.map(lambda a: a[0], made.rest))
    assert found.errors(value)["h1"] < 1e-12


def test_nitsche_holds_values_of_one_layer_on_the_cover_and_of_nothing_else():
    """In random points, exact for these polynomials, the solve is that of nmm."""
    where = problem(5, nmm.poisson(1.5, source=1.0), [nmm.value("outline", "x"), nmm.flux("hole 0", 0.3)])
    on = lattice_cover(where.manifold)
    how = dict(boundary="nitsche", optimiser="alternating", steps=1)
    found = fit(where, ManifoldNet.on([on], learn=False), **how)
    expected = nmm.forward(where)()
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (200, 2))
    np.testing.assert_allclose(found.solution.at(points), expected.at(points), rtol=0, atol=1e-9)
    for net in (ManifoldNet.on([on], learn=True), MLP(where.manifold.box, (4,))):
        with pytest.raises(nmm.InputError, match="Nitsche"):
            fit(where, net, **how)


def test_points_are_others_at_every_draw():
    where = ground(problem(), {})
    one, two = (jax.jit(Ground.draw)(where, jax.random.key(k)).domain.points for k in (0, 1))
    assert np.abs(one - two).max() > 0.01


@pytest.mark.parametrize("lattice", [{}, dict(weights="bspline", degree=2)])
def test_nearness_is_an_integral_over_segments_and_arcs(lattice):
    given = problem(**lattice)
    curves = [curves_of(given, number) for number in range(3)]
    assert [c.parts for c in curves] == [1, 1, 1] and len(curves[1].radius) == 1
    x = jnp.array([[0.1, 0.3], [0.95, 0.5], [1.7, 0.999], [-0.5, 0.0], [0.0, 1.2]])
    t = (np.arange(20000) + 0.5) / 20000
    circle = np.array([0.7, 0.5]) + 0.2 * np.stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)], -1)
    lines = [(np.stack([0 * t, t], -1), 1.0), (circle, 0.4 * np.pi), (np.stack([2 + 0 * t, t], -1), 1.0)]
    for curve, (y, length) in zip(curves, lines, strict=True):
        expected = [length * np.mean(1 / np.sum((p - y) ** 2, -1)) for p in np.asarray(x)]
        np.testing.assert_allclose(curve.nearness(x)[:, 0], expected, rtol=1e-6)


def test_inside_a_circle_held_values_go_on_as_harmonic_functions():
    """Then the values of a harmonic function are the function itself, and nothing is left to learn."""
    given = problem(4, nmm.poisson(1.0), [nmm.value("outline", "exp(x)*cos(y)")], nmm.disk((0.1, 0.05), 0.9))
    x = jnp.asarray(np.random.default_rng(0).uniform(-0.5, 0.6, (40, 2)))
    shape = ansatz(given)
    found = jax.jit(lambda x: shape.extension(x, {})[:, 0])(x)
    np.testing.assert_allclose(found, np.exp(x[:, 0]) * np.cos(x[:, 1]), atol=1e-12)


def test_held_values_hold_to_rounding_and_are_smooth_inside():
    shape, t = ansatz(problem()), np.linspace(0.05, 0.95, 9)
    around = np.stack([np.cos(6 * t), np.sin(6 * t)], -1)
    hole = np.array([0.7, 0.5]) + 0.2 * around
    sides = [
        (np.stack([0 * t, t], -1), np.sin(3 * t)),
        (hole, hole[:, 0] * hole[:, 1] - around[:, 1]),
        (np.stack([0 * t + 2, t], -1), 1 + 0 * t),
    ]
    extension = jax.jit(lambda x: shape.extension(x, {}))
    for points, expected in sides:
        np.testing.assert_allclose(extension(jnp.asarray(points))[:, 0], expected, atol=1e-12)
        assert jax.jit(shape.distance)(jnp.asarray(points)).max() < 1e-12
    x = jnp.asarray(np.random.default_rng(0).uniform(0.05, 0.45, (50, 2)))
    value, slope = jax.jit(lambda x: value_and_slope(extension, x))(x)
    h, way = 1e-6, jnp.array([0.6, 0.8])
    change = (extension(x + h * way) - extension(x - h * way)) / (2 * h)
    np.testing.assert_allclose(slope @ way, change, atol=1e-7)
    assert np.isfinite(value).all()


def test_a_value_that_is_constant_on_a_side_is_not_looked_up_beyond_it():
    """r^(2/3) sin(2/3 angle) is 0 on both sides of a corner, and singular on their lines through it."""
    corner = nmm.polygon([(0, 0), (-1, -1), (1, -1), (1, 1), (-1, 1)])
    value = "(x**2 + y**2)**(1/3)*sin(2/3*(arctan2(y, x) + 0.75*pi))"
    shape = ansatz(problem(4, terms=[nmm.value("outline", value)], domain=corner))
    assert sorted(hold.curves.parts for hold in shape.holds) == [2, 3]
    x = jnp.array([[0.3, 0.3 - 1e-9], [0.2, -0.2], [-0.3, 0.3]])
    slope = jax.jit(lambda x: value_and_slope(lambda p: shape.extension(p, {}), x)[1])(x)
    assert np.abs(slope).max() < 3


def test_known_functions_lose_their_boundary_values():
    shape = ansatz(problem())
    points = jnp.array([[0.0, 0.2], [0.0, 0.7], [0.9, 0.5], [2.0, 0.4]])

    def known(x):
        return jnp.exp(x[:, 0]) * x[:, 1]

    trace = shape.trace(known)
    taken_off = jax.jit(lambda x: known(x)[:, None] - trace.extension(x, {}))(points)
    np.testing.assert_allclose(taken_off, 0.0, atol=1e-12)


def test_a_network_linear_in_its_weights_is_solved_in_one_step():
    """With values held by penalty the least energy on the patches of a lattice is the classical solution.

    Up to the points: nmm's are others, and with nmm's own `minimise` finds it to 1e-10.
    """
    given = problem(5, terms=ROBIN, domain=PLATE)
    classical = nmm.forward(nmm.problem(given.manifold, given.model, given.terms, dirichlet="penalty"))()
    net = ManifoldNet.on([lattice_cover(given.manifold)], learn=False)
    found = fit(given, net, optimiser="alternating", boundary="penalty", steps=1).solution
    x = np.random.default_rng(1).uniform(0, 1, (200, 2)) * [2, 1]
    expected = classical.at(x)
    inside = ~np.isnan(expected)
    assert np.isnan(found.at(x)[~inside]).all()
    np.testing.assert_allclose(found.at(x)[inside], expected[inside], atol=2e-2 * np.nanmax(expected))


SMOOTH = "sin(2*x)*cos(3*y)"
DISK = (nmm.poisson(1.0, source=f"13*{SMOOTH}"), [nmm.value("outline", SMOOTH)], nmm.disk((0.1, 0.05), 0.9))


@pytest.mark.parametrize(
    "loss, optimiser, steps, limit",
    [
        ("energy", "adam", 400, 0.2),
        ("energy", "natural", 25, 0.1),
        ("energy", "lbfgs", 60, 0.2),
        ("residual", "natural", 40, 0.05),
        ("weak", "natural", 15, 0.2),
        ({"energy": 1.0, "data": 1.0}, optax.adam(1e-2), 300, 0.2),
    ],
)
def test_every_loss_and_optimiser_comes_near_the_exact_solution(loss, optimiser, steps, limit):
    model, terms, domain = DISK
    given = problem(5, model, terms, domain)
    data = None
    if not isinstance(loss, str):
        x = np.random.default_rng(2).uniform(-0.4, 0.4, (30, 2))
        data = x, np.sin(2 * x[:, 0]) * np.cos(3 * x[:, 1])
    found = fit(given, MLP(given.manifold.box, (8,)), loss=loss, optimiser=optimiser, steps=steps, data=data)
    assert found.result.name == "done" and found.result.converged
    assert found.solution.errors(SMOOTH)["l2"] < limit
    edge = np.array([[0.1 + 0.9 * np.cos(1.0), 0.05 + 0.9 * np.sin(1.0)]])
    np.testing.assert_allclose(
        found.solution(edge)[0, 0], np.sin(2 * edge[0, 0]) * np.cos(3 * edge[0, 1]), atol=1e-12
    )


def test_elasticity_lowers_the_same_energy():
    terms = [
        nmm.fixed("x == 0"),
        nmm.fixed("y == 0", normal=0.0),
        nmm.traction("x == 2", (0.1, 0.05)),
    ]
    given = problem(8, nmm.elasticity(1.0, 0.3), terms)
    net = MLP(given.manifold.box, (16, 16), outputs=2)
    found = fit(given, net, steps=1500).solution
    fine = nmm.forward(given.on(nmm.cut(PLATE, nmm.lattice(cells=24))))()
    assert found.energy == pytest.approx(float(fine.energy), rel=0.1)
    assert -1.02 * float(fine.energy) < found.potential < -0.9 * float(fine.energy)
    assert found.errors(fine)["energy"] < 0.35


def test_a_net_on_cut_patches_jumps_across_a_crack_and_others_do_not():
    domain = nmm.rectangle(-1, -1, 1, 1).with_cracks([[(-1.0, 0.0), (0.1, 0.0)]])
    given = problem(
        6, nmm.poisson(1.0), [nmm.value("y == 1", 1.0), nmm.value("y == -1", -1.0)], domain, shape="triangle"
    )
    classical = nmm.forward(given)()
    on = np.array([[-0.6, 0.0]])
    jump = classical.at(on) - classical.at(on, side=-1)
    net = LocalNet(lattice_cover(given.manifold), (2,), features=True)
    cut = fit(given, net, optimiser="alternating", steps=1).solution
    assert (cut.at(on) - cut.at(on, side=-1))[0] == pytest.approx(jump[0], rel=0.2)
    whole = fit(given, MLP(given.manifold.box, (8,)), steps=20).solution
    assert whole.at(on) == pytest.approx(whole.at(on, side=-1))


def test_fitting_data_finds_a_function_and_one_step_solves_what_is_linear():
    x = np.linspace(0, 1, 40)[:, None]
    y = 3 * x[:, 0] ** 2 - x[:, 0]
    net = ManifoldNet.on([covers.splines((0, 1), 4, degree=2)], learn=False)
    found = fit((x, y), net, optimiser="alternating", steps=1)
    np.testing.assert_allclose(found.solution(x)[:, 0], y, atol=1e-9)


def test_seeds_at_once_are_seeds_one_by_one():
    model, terms, domain = DISK
    given = problem(4, model, terms, domain)
    together = fit_seeds(given, lambda s: MLP(given.manifold.box, (4,), seed=s), (3, 5), steps=30)
    alone = fit(given, MLP(given.manifold.box, (4,), seed=5), key=5, steps=30)
    np.testing.assert_allclose(together[1].solution.z, alone.solution.z, rtol=1e-6, atol=1e-8)


def test_single_precision_stays_single():
    model, terms, domain = DISK
    given = problem(4, model, terms, domain)
    net = MLP(given.manifold.box, (4,))
    graph, state = nnx.split(net)
    single = nnx.merge(graph, jax.tree.map(lambda a: a.astype(jnp.float32), state))
    found = fit(given, single, steps=5)
    assert found.solution.z.dtype == jnp.float32
    assert np.isfinite(found.history["loss"]).all()


def test_training_goes_on_after_an_interruption_as_if_there_had_been_none(tmp_path):
    model, terms, domain = DISK
    given = problem(4, model, terms, domain)

    def run(folder, progress=None):
        return fit(given, MLP(given.manifold.box, (4,)), steps=60, checkpoint=folder, progress=progress)

    def stop(step, steps, loss):
        if step >= 20:
            raise KeyboardInterrupt

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", stop)
    resumed = run(tmp_path / "killed")
    np.testing.assert_allclose(resumed.solution.z, whole.solution.z, rtol=1e-12)
    assert resumed.history["step"][-1] == 60
    with pytest.raises(nmm.InputError, match="another network"):
        fit(given, MLP(given.manifold.box, (5,)), steps=60, checkpoint=tmp_path / "killed")


def test_an_energy_below_the_reference_ends_training():
    model, terms, domain = DISK
    given = problem(4, model, terms, domain)
    classical = nmm.forward(given)()
    net = MLP(given.manifold.box, (4,))
    made = task(given, [net], None, "energy", "exact", (), None, 1.0, classical)
    assert made.undercut(np.full((1, 30), made.floor - 1.0))
    assert not made.undercut(np.full((1, 30), made.floor + 1.0))


@pytest.mark.parametrize("loss", ["energy", "residual", "weak"])
def test_losses_have_derivatives_by_the_weights(loss):
    """Taylor slope 2, and ⟨J v, w⟩ = ⟨v, Jᵀ w⟩ for the fields."""
    model, terms, domain = DISK
    given = problem(4, model, terms, domain)
    made = task(given, [MLP(given.manifold.box, (4,))], None, loss, "exact", (), None, 1.0)
    rest, z = jax.tree.map(lambda a: a[0], made.rest), made.start[0]
    part = made.part(jax.random.key(0), made.shared)
    way = jnp.cos(jnp.arange(len(z)) + 1.0)

    def fields(z):
        return ravel_pytree(part.fields(made.trial.function(z, rest)))[0]

    def value(z):
        return part(made.trial.function(z, rest))

    @jax.jit
    def tested(z):
        slope = jax.grad(value)(z) @ way
        left = [abs(value(z + h * way) - value(z) - h * slope) for h in (1e-2, 5e-3)]
        out, forward = jax.linearize(fields, z)
        w = jnp.sin(jnp.arange(len(out)) + 1.0)
        one, two = jnp.vdot(forward(way), w), jnp.vdot(way, jax.linear_transpose(forward, z)(w)[0])
        return left, one, two, jnp.linalg.norm(w) * jnp.linalg.norm(forward(way))

    left, one, two, size = tested(z)
    assert np.log2(left[0] / left[1]) == pytest.approx(2, abs=0.1)
    assert abs(one - two) < 1e-13 * size


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(loss="energies"), "expected one of energy"),
        (dict(optimiser="sgd"), "expected one of adam"),
        (dict(boundary="weak"), "expected one of exact"),
        (dict(loss="data"), "belong together"),
        (dict(net=lambda x: x), "expected a flax nnx module"),
        (dict(net=MLP((0, 0, 1, 1), (3,), outputs=2)), "expected"),
        (dict(steps=0), "more than 0"),
        (dict(problem=problem(terms=[nmm.flux("outline", 1.0)])), "nothing holds the body"),
        (dict(data=([[9.0, 9.0]], [1.0]), loss={"data": 1.0}), "outside the domain"),
    ],
)
def test_what_makes_no_sense_is_said(change, message):
    given = {"problem": problem(), "net": MLP((0, 0, 2, 1), (3,)), **change}
    with pytest.raises(nmm.InputError, match=message):
        fit(given.pop("problem"), given.pop("net"), **given)


def test_values_that_no_construction_holds_are_named():
    terms = [nmm.fixed("hole 0", normal=0.0), nmm.fixed("x == 0")]
    with pytest.raises(nmm.InputError, match='boundary="penalty"'):
        ansatz(problem(model=nmm.elasticity(1.0, 0.3), terms=terms))
