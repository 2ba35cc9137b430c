"""Regions on covers that ignore their borders: exact bars, optimal rates, elastic bonds, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import same_system

import nmm
from nmm.errors import SelectionError
from nmm.solve.assemble import assemble
from nmm.solve.traced import _solve

SHAPES = ["quad", "triangle"]
EXACT = nmm.Direct(1e-13)


def bar(at=1.03, shape="quad", angle=0.0, cells=8):
    domain = nmm.rectangle(0, 0, 2, 1).with_region("right", nmm.rectangle(at, -1, 3, 2))
    return nmm.cut(domain, nmm.lattice(cells=cells, shape=shape, angle=angle))


def potential(at, ratio, resistance=0.0):
    """Exact potential of a bar between 0 and 1 with conductivities 1 and `ratio`."""
    flux = 1 / (at + resistance + (2 - at) / ratio)
    return f"where(x < {at!r}, {flux!r}*x, 1 - {flux!r}*(2 - x)/{ratio!r})"


@pytest.mark.parametrize(("shape", "angle"), [("quad", 0.0), ("quad", 17.0), ("triangle", 0.0)])
@pytest.mark.parametrize("at", [1.0, 1.03, 1.0 + 1e-9])
@pytest.mark.parametrize("ratio", [1.0, 1e6])
def test_a_bar_of_two_materials_is_exact_wherever_their_border_lies(shape, angle, at, ratio):
    model = nmm.poisson(1.0).in_region("right", conductivity=ratio)
    ends = [nmm.value("x == 0", 0), nmm.value("x == 2", 1)]
    errors = nmm.forward(nmm.problem(bar(at, shape, angle), model, ends))().errors(potential(at, ratio))
    assert errors["l2"] < 1e-12 and errors["h1"] < 1e-12


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("conductance", [1e-3, 1e15])
def test_a_bar_with_a_resistance_at_the_border_is_exact(shape, conductance):
    model = nmm.poisson(1.0).in_region("right", conductivity=10.0)
    ends = [nmm.value("x == 0", 0), nmm.value("x == 2", 1)]
    given = [*ends, nmm.bond("right", conductance=conductance)]
    solution = nmm.forward(nmm.problem(bar(shape=shape), model, given))()
    errors = solution.errors(potential(1.03, 10.0, 1 / conductance))
    assert errors["l2"] < 1e-10 and errors["h1"] < 1e-10


def sliding(stiffness, at=1.03):
    """A bar in tension and shear on an elastic bond, its loads and its exact displacement.

    Its right part has an initial stress in y, which the loads on its sides hold.
    """
    tension, shear, young = 0.7, 0.3, 10.0
    model = nmm.elasticity(1.0, 0.0, plane="stress", initial_stress=(0.2, 0, 0))
    model = model.in_region("right", young=young, initial_stress=(0.2, 0.1, 0))
    given = [
        nmm.fixed("x == 0"),
        nmm.traction("x == 2", (tension + 0.2, shear)),
        *(nmm.traction(f"y == 1 and x {side} {at}", (shear, t)) for side, t in (("<", 0), (">", 0.1))),
        *(nmm.traction(f"y == 0 and x {side} {at}", (-shear, t)) for side, t in (("<", 0), (">", -0.1))),
        nmm.bond("default", "right", normal=stiffness, tangential="3*k"),
    ]
    jumps = (tension + 0.2) / stiffness, shear / (3 * stiffness)
    fields = zip((tension, 2 * shear), jumps, strict=True)
    exact = [f"where(x < {at}, {s}*x, {s * at + jump!r} + (x - {at})*{s / young})" for s, jump in fields]
    return model, given, exact


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stiffness", [0.1, 1e14])
def test_an_elastic_bond_opens_and_slides_by_its_stiffnesses(shape, stiffness):
    model, given, exact = sliding(stiffness)
    solution = nmm.forward(nmm.problem(bar(shape=shape), model, given))({"k": stiffness})
    errors = solution.errors(exact)
    assert errors["l2"] < 1e-10 and errors["h1"] < 1e-10
    assert solution.balance["residual"] < 1e-10


def test_a_bond_without_a_normal_stiffness_only_slides():
    ends = [nmm.fixed("x == 0"), nmm.traction("x == 2", (1.0, 0.0))]
    model = nmm.elasticity(1.0, 0.0, plane="stress")
    solution = nmm.forward(nmm.problem(bar(), model, [*ends, nmm.bond("right", tangential=1e-2)]))()
    assert solution.errors(("x", "0*x"))["l2"] < 1e-10


def scale_of_condition(stiffness):
    model, given, _ = sliding(stiffness)
    manifold = bar(cells=6)
    system = assemble(nmm.problem(manifold, model, given), {"k": stiffness})
    active = np.repeat(manifold.active, 2)
    matrix = system.matrix.toarray()[np.ix_(active, active)]
    scale = 1 / np.sqrt(np.diag(matrix))
    return np.linalg.eigvalsh(matrix * scale * scale[:, None])


def test_no_stiffness_of_a_bond_makes_the_matrix_indefinite_or_harms_its_condition():
    softer, stiff, rigid = (scale_of_condition(k) for k in (1.0, 1e6, 1e300))
    assert min(softer[0], stiff[0], rigid[0]) > 0
    assert rigid[-1] / rigid[0] == pytest.approx(stiff[-1] / stiff[0], rel=1e-3)


THREE = (
    nmm.rectangle(0, 0, 2, 1)
    .with_region("right", nmm.rectangle(1.1, 0, 2, 1))
    .with_region("top", nmm.rectangle(0, 0.45, 2, 1))
    .with_cracks([[(0.5, 0.2), (0.9, 0.75)]])
)


def meeting():
    """Three regions that meet in a point, borders that touch the outline, and a crack across one of them."""
    manifold = nmm.cut(THREE, nmm.lattice(cells=12, shape="triangle", angle=17))
    model = nmm.elasticity("E", 0.3, initial_stress=(0.1, 0.2, 0.3))
    model = model.in_region("right", young="50*E").in_region("top", young="E/7", poisson=0.2)
    given = [
        nmm.fixed("x == 0", (0, "free")),
        nmm.fixed("y == 0", normal=0.1),
        nmm.traction("x == 2", ("q", 0)),
        nmm.bond("right", "top", normal="kn", tangential="1 + x"),
        nmm.bond("default", "top", tangential="kn"),
    ]
    return nmm.problem(manifold, model, given)


NUMBERS = {"E": 2.0, "q": 0.3, "kn": 5.0}


def flowing(dirichlet="nitsche"):
    """Flow across three regions."""
    model = nmm.poisson("E", source="q").in_region("top", conductivity=[[3.0, 1.0], [1.0, 2.0]])
    given = [nmm.value("x == 0", 0), nmm.value("x == 2", 1), nmm.bond("top", conductance="kn")]
    return nmm.problem(nmm.cut(THREE, nmm.lattice(cells=12)), model, given, dirichlet)


@pytest.mark.parametrize("kind", ["flow", "elastic"])
def test_the_compiled_system_is_the_assembled_one(kind):
    problem = flowing("penalty") if kind == "flow" else meeting()
    wanted = same_system(problem, NUMBERS)
    assert np.abs((wanted.matrix - wanted.matrix.T).data).max() < 1e-12 * np.abs(wanted.matrix.data).max()


@pytest.mark.parametrize("shape", SHAPES)
def test_regions_of_one_material_pass_the_patch_test(shape):
    manifold = nmm.cut(THREE, nmm.lattice(cells=12, shape=shape, angle=17))
    assert manifold.stats["parts"] == 1
    field = ("0.4*x + 0.2*y + 0.1", "0.3*x - 0.1*y")
    given = [nmm.fixed("outline", field), nmm.fixed("cracks", field)]
    model = nmm.elasticity(3.0, 0.3).in_region("top", young=3.0)
    errors = nmm.forward(nmm.problem(manifold, model, given))().errors(field)
    assert errors["l2"] < 1e-11 and errors["h1"] < 1e-11


def inclusion(inside, outside, a=1.2, b=2.0):
    """A disk in a disk that is stretched evenly: model, and the exact displacement."""
    lame = [y * n / ((1 + n) * (1 - 2 * n)) for y, n in ((inside, 0.25), (outside, 0.3))]
    mu = [y / (2 * (1 + n)) for y, n in ((inside, 0.25), (outside, 0.3))]
    below = (lame[1] + mu[1]) * a**2 + (lame[0] + mu[0]) * (b**2 - a**2) + mu[1] * b**2
    alpha = (lame[0] + mu[0] + mu[1]) * b**2 / below
    core = (1 - b**2 / a**2) * alpha + b**2 / a**2
    radial = f"where(x**2 + y**2 < {a**2!r}, {core!r}, {alpha!r} + {b**2 * (1 - alpha)!r}/(x**2 + y**2))"
    model = nmm.elasticity(outside, 0.3).in_region("in", young=inside, poisson=0.25)
    return model, (f"x*{radial}", f"y*{radial}")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("inside", "outside"), [(1.0, 10.0), (1e3, 1.0)])
def test_an_inclusion_has_optimal_rates_and_a_trustworthy_estimate(shape, inside, outside):
    model, exact = inclusion(inside, outside)
    domain = nmm.disk((0, 0), 2).with_region("in", nmm.disk((0, 0), 1.2))
    errors = []
    for cells in (48, 96) if shape == "triangle" else (24, 48):
        manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape, origin=(0.013, 0.007)))
        solution = nmm.forward(nmm.problem(manifold, model, [nmm.fixed("outline", ("x", "y"))]))()
        errors.append(solution.errors(exact))
        assert 0.7 < solution.estimate.total / solution.energy_error(exact) < 1.5
    rates = {norm: np.log2(errors[0][norm] / errors[1][norm]) for norm in ("l2", "h1")}
    assert rates["l2"] == pytest.approx(2.0, abs=0.15)
    assert rates["h1"] == pytest.approx(1.0, abs=0.15)


def taylor(function, start, direction):
    """Slopes of the remainder |f(x + h d) − f(x) − h f'd| in h."""
    value, slope = jax.jvp(function, (start,), (direction,))
    steps = [2.0**-k for k in (3, 4, 5)]
    moved = [function(jax.tree.map(lambda x, d: x + h * d, start, direction)) for h in steps]  # noqa: B023
    rest = [abs(m - value - h * slope) for m, h in zip(moved, steps, strict=True)]
    return np.log2(rest[0] / rest[1]), np.log2(rest[1] / rest[2])


def test_derivatives_by_moduli_and_stiffnesses_and_the_same_answers_under_jit():
    forward = nmm.forward(flowing(), EXACT)
    compiled = jax.jit(forward)
    points = np.array([[0.3, 0.4], [1.5, 0.2], [1.7, 0.8]])
    plain = forward(NUMBERS)
    assert compiled(NUMBERS).at(points) == pytest.approx(plain.at(points), rel=1e-9)

    def misfit(p):
        return jnp.sum((compiled(p).at(points) - 0.01) ** 2)

    start = {k: jnp.asarray(v) for k, v in NUMBERS.items()}
    for name in ("E", "kn"):
        direction = {k: jnp.asarray(0.3 * v * (k == name)) for k, v in NUMBERS.items()}
        assert taylor(misfit, start, direction) == pytest.approx([2.0, 2.0], abs=0.05)


def test_multigrid_hardly_feels_the_contrast_and_geometry_is_data():
    given, counts, compiled, manifold = [nmm.value("outline", 0)], [], None, None
    for k, (ratio, radius) in enumerate([(10.0, 0.25), (1e6, 0.2), (1e-6, 0.22)]):
        domain = nmm.rectangle(0, 0, 1, 1).with_region("in", nmm.disk((0.51 - 0.02 * k, 0.47), radius))
        model = nmm.poisson(1.0, source=1.0).in_region("in", conductivity=ratio)
        manifold = nmm.cut(domain, nmm.lattice(cells=20), capacity=manifold)
        problem = nmm.problem(manifold, model, given)
        solution = nmm.forward(problem, nmm.Multigrid())()
        direct = nmm.forward(problem)()
        assert solution.at([[0.3, 0.6]]) == pytest.approx(direct.at([[0.3, 0.6]]), rel=1e-6)
        counts.append(solution.iterations)
        compiled = compiled or _solve._cache_size()
    assert max(counts) <= 12
    assert _solve._cache_size() == compiled


def test_regions_that_move_are_one_batch():
    def plate(k):
        inside = nmm.disk((0.4 + 0.05 * k, 0.5), 0.2) if k < 2 else nmm.rectangle(-1, -1, 2, 2)
        return nmm.cut(nmm.rectangle(0, 0, 1, 1).with_region("in", inside), nmm.lattice(cells=10))

    given = [nmm.value("outline", 0)]
    model = nmm.poisson("k", source=1.0).in_region("in", conductivity=30.0)
    manifolds = [plate(k) for k in range(3)]
    assert len(manifolds[2].host.seams) == 0
    forward = nmm.forward(nmm.problem(manifolds[0], model, given), EXACT)
    for manifold, u in zip(manifolds, nmm.batch(forward, nmm.stack(manifolds), {"k": 2.0}), strict=True):
        alone = nmm.forward(nmm.problem(manifold, model, given), EXACT)({"k": 2.0})
        assert u.at([[0.3, 0.6]]) == pytest.approx(alone.at([[0.3, 0.6]]), rel=1e-9)


def test_a_border_moves_within_its_cells():
    manifold = bar(1.03)
    ends = [nmm.value("x == 0", 0), nmm.value("x == 2", 1)]
    problem = nmm.problem(manifold, nmm.poisson(1.0).in_region("right", conductivity=10.0), ends)
    on_border = np.isclose(manifold.vertices[:, 0], 1.03)
    moved = manifold.move(manifold.vertices + 0.05 * on_border[:, None] * [1.0, 0.0])
    solution = nmm.forward(problem)(manifold=moved)
    assert solution.errors(potential(1.08, 10.0))["h1"] < 1e-12
    with pytest.raises(nmm.GeometryError, match="topology"):
        manifold.move(manifold.vertices + 0.5 * on_border[:, None] * [1.0, 0.0])


PAIRS = (
    nmm.rectangle(0, 0, 2, 1)
    .with_region("a", nmm.disk((0.5, 0.5), 0.2))
    .with_region("b", nmm.disk((1.5, 0.5), 0.2))
)
WRONG = {
    "an unknown region": (dict(region="c", conductance=1.0), 'no region "c"; expected one of "a"'),
    "no common border": (dict(region="a", other="b", conductance=1.0), "expected a border"),
    "a stiffness of another physics": (dict(region="a", normal=1.0), "expected a conductance"),
    "a stiffness of zero": (dict(region="a", conductance=0.0), "must be greater than 0, found 0"),
    "a stiffness negative somewhere": (
        dict(region="a", conductance="0.4 - x"),
        r"must be greater than 0.* at",
    ),
    "no stiffness": (dict(region="a"), "expected normal or tangential"),
    "both kinds": (dict(region="a", normal=1.0, conductance=1.0), "expected normal or tangential"),
    "the same region twice": (dict(region="a", other="a", conductance=1.0), "two regions are expected"),
    "a value for each region": (dict(region="a", conductance={"a": 1.0}), "one value is expected"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bonds_that_make_no_sense_say_what_is_expected(name):
    given, message = WRONG[name]
    with pytest.raises(nmm.InputError, match=message):
        terms = [nmm.value("outline", 0), nmm.bond(**given)]
        nmm.forward(nmm.problem(nmm.cut(PAIRS, nmm.lattice(cells=10)), nmm.poisson(), terms))()


def test_two_bonds_on_one_border_are_an_error():
    terms = [nmm.bond("a", conductance=1.0), nmm.bond("a", "default", conductance=2.0)]
    with pytest.raises(SelectionError, match="both hold the border near") as error:
        nmm.problem(nmm.cut(PAIRS, nmm.lattice(cells=10)), nmm.poisson(), terms)
    assert "expected" in str(error.value)


def test_a_border_in_the_singular_patches_of_a_tip_is_an_error():
    domain = nmm.rectangle(0, 0, 2, 1).with_region("right", nmm.rectangle(1.1, 0, 2, 1))
    domain = domain.with_cracks([[(0.0, 0.52), (0.9, 0.52)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=12, tips="enriched"))
    with pytest.raises(nmm.InputError, match="border of a region") as error:
        nmm.problem(manifold, nmm.elasticity(1.0, 0.3))
    assert "must" in str(error.value)
