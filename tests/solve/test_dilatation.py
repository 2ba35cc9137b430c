"""Mean dilatation: nearly incompressible material without locking, on whole and on cut cells."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import same_system

import nmm
from nmm.solve.energy import domain_energy
from nmm.solve.form import form_of
from nmm.solve.system import apply, system_of
from nmm.solve.traced import arrays_of

NEARLY = 0.4999
COOK = nmm.polygon([(0, 0), (48, 44), (48, 60), (0, 44)])
COOK_TIP = 18.51
"""v(48, 52) for ν = 0.4999 in plane strain: Taylor-Hood elements, 96 a side 18.505 and rising by less."""

PLATE = (nmm.rectangle(0, 0, 2, 1) - nmm.disk((1.4, 0.6), 0.15)).with_cracks(
    [[(0.5, 0.0), (0.5, 0.3)], [(0.7, 0.8), (1.0, 0.55)]]
)
REGIONS = PLATE.with_region("in", nmm.disk((0.9, 0.2), 0.11))
POINTS = np.array([[0.3, 0.4], [1.1, 0.85], [1.8, 0.3]])
EXACT = nmm.Direct(1e-13)


def mean(young=1.0, poisson=NEARLY, **options):
    return nmm.elasticity(young, poisson, dilatation="mean", **options)


def cook(cells, dilatation, shape="quad"):
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 48", (0, 1 / 16))]
    model = nmm.elasticity(1.0, NEARLY, dilatation=dilatation)
    return nmm.forward(nmm.problem(nmm.cut(COOK, nmm.lattice(cells=cells, shape=shape)), model, terms))()


def test_cooks_membrane_does_not_lock():
    found = [cook(cells, "mean").at([[48, 52]])[0, 1] for cells in (16, 32, 64)]
    errors = abs(np.array(found) / COOK_TIP - 1)
    assert errors[2] < 0.005 and errors[1] < 0.01 and errors[0] < 0.02
    locked = [cook(64, "pointwise", shape).at([[48, 52]])[0, 1] for shape in ("quad", "triangle")]
    assert max(locked) < 0.8 * COOK_TIP


def manufactured(nu):
    """Displacement, body force and traction; the pressure does not depend on ν, the dilatation vanishes."""
    mu, lame = 1 / (2 * (1 + nu)), nu / ((1 + nu) * (1 - 2 * nu))
    u1, u2 = "(-1.5*sin(2*x + 0.3)*sin(3*y - 0.2))", "(-cos(2*x + 0.3)*cos(3*y - 0.2))"
    more = f"(1 + {2 * mu / lame!r})"
    strain = f"{6 * mu!r}*cos(2*x + 0.3)*sin(3*y - 0.2)"
    xx, yy = f"({more}*cos(x) - {strain})", f"(cos(x) + {strain})"
    xy = f"({-2.5 * mu!r}*sin(2*x + 0.3)*cos(3*y - 0.2))"
    displacement = (f"{u1} + sin(x)/{lame!r}", u2)
    force = (f"{more}*sin(x) + {13 * mu!r}*{u1}", f"{13 * mu!r}*{u2}")
    return displacement, force, (f"{xx}*nx + {xy}*ny", f"{xy}*nx + {yy}*ny")


def solved(cells, nu, held, options):
    u, force, traction = manufactured(nu)
    manifold = nmm.cut(nmm.disk((0.1, 0.05), 0.9), nmm.lattice(cells=cells, angle=20))
    terms = [nmm.fixed(held, u)]
    if held != "outline":
        terms.append(nmm.traction(f"not ({held})", traction))
    problem = nmm.problem(manifold, mean(poisson=nu, body_force=force), terms, quadrature="gauss", **options)
    solution = nmm.forward(problem)()
    return [*(solution.errors(u)[key] for key in ("l2", "h1")), solution.energy_error(u)]


@pytest.mark.parametrize("options", [{}, {"ghost": 0.25}, {"dirichlet": "penalty"}], ids=str)
@pytest.mark.parametrize("held", ["outline", "x < 0.1"])
def test_rates_and_errors_do_not_know_how_incompressible_it_is(held, options):
    cells = (16, 32)
    nearly = np.array([solved(n, NEARLY, held, options) for n in cells])
    soft = np.array([solved(n, 0.3, held, options) for n in cells])
    rates = np.log2(nearly[0] / nearly[1])
    assert (rates > [1.85, 0.9, 0.9]).all() and (rates < [2.3, 1.2, 1.2]).all()
    assert (nearly[:, :2] < 1.5 * soft[:, :2]).all()


SLOPE = np.array([[0.4, 0.2], [0.3, -0.1]])
FIELD = ("0.4*x + 0.2*y + 0.1", "0.3*x - 0.1*y")


@pytest.mark.parametrize("nu", [0.3, NEARLY])
@pytest.mark.parametrize("sliver", [0.0, 1e-12, 1e-8, 1e-5])
@pytest.mark.parametrize("angle", [0.0, 17.0])
def test_linear_fields_are_exact_on_every_cut(angle, sliver, nu):
    lame = nu / (1 + nu) / (1 - 2 * nu)
    stress = (SLOPE + SLOPE.T) / 2 / (1 + nu) + lame * np.trace(SLOPE) * np.eye(2)
    traction = tuple(f"{row[0]:.17g}*nx + {row[1]:.17g}*ny" for row in stress)
    domain = nmm.rectangle(0, 0, 1 + sliver / 12, 1) - nmm.disk((0.6, 0.6), 0.17)
    domain = domain.with_cracks([[(0.2, 0.1), (0.45, 0.35)]]).with_region("in", nmm.disk((0.3, 0.7), 0.1))
    manifold = nmm.cut(domain, nmm.lattice(cell=1 / 12, angle=angle))
    terms = [nmm.fixed("outline", FIELD), nmm.traction("hole 0", traction), nmm.traction("cracks", traction)]
    solution = nmm.forward(nmm.problem(manifold, mean(poisson=nu), terms))()
    errors = solution.errors(FIELD)
    assert errors["l2"] < 1e-10 and errors["h1"] < 1e-10
    density = np.sum(stress * SLOPE) / 2
    assert solution.energy == pytest.approx(density * manifold.element_areas().sum(), rel=1e-9)
    for recovered in (False, True):
        found = solution.stress([[0.2, 0.8], [0.31, 0.72]], recovered=recovered)
        assert found == pytest.approx(np.stack([stress] * 2), rel=1e-6)


GHOST, PENALTY = {"ghost": 0.25}, {"dirichlet": "penalty"}
CASES = {
    "uniform": (mean(initial_stress=(1.0, 2.0, 0.5)), {}, 17, GHOST),
    "regions": (
        mean({"default": "E", "in": 30.0}, {"default": 0.3, "in": "nu"}),
        {"E": 2.0, "nu": 0.499},
        0,
        {},
    ),
    "varying": (mean("1 + x*x", body_force=(0, -1), initial_stress=(1.0, 2.0, "y")), {}, 17, PENALTY),
}
TERMS = [nmm.fixed("x == xmin", ("y", 0)), nmm.fixed("x == xmax", normal=0.1), nmm.pressure("holes", 1.0)]


@pytest.mark.parametrize("name", CASES)
def test_the_compiled_system_is_the_assembled_one(name):
    model, params, angle, options = CASES[name]
    domain = REGIONS if name == "regions" else PLATE
    manifold = nmm.cut(domain, nmm.lattice(cells=12, angle=angle))
    same_system(nmm.problem(manifold, model, TERMS, **options), params, 1e-11)


def bulk(cells=12):
    manifold = nmm.cut(PLATE, nmm.lattice(cells=cells))
    terms = [nmm.fixed("x == 0", ("y", 0)), nmm.traction("x == 2", (0.3, 0.1)), nmm.pressure("holes", 0.2)]
    return nmm.problem(manifold, mean("E", "nu", body_force=(0, -0.1)), terms)


NUMBERS = {"E": 2.0, "nu": 0.49}


def test_jit_gives_what_the_host_gives():
    forward = nmm.forward(bulk(), EXACT)
    compiled, plain = jax.jit(forward)(NUMBERS), forward(NUMBERS)
    assert compiled.result.converged
    assert np.abs(compiled.at(POINTS) - plain.at(POINTS)).max() < 1e-10 * np.abs(plain.dofs).max()
    assert compiled.energy == pytest.approx(plain.energy, rel=1e-10)
    for recovered in (False, True):
        found, wanted = (u.stress(POINTS, recovered=recovered) for u in (compiled, plain))
        assert found == pytest.approx(wanted, rel=1e-7, abs=1e-7)


def test_taylor_remainders_in_both_moduli_fall_with_the_square():
    forward = nmm.forward(bulk(), EXACT)

    def misfit(params):
        u = forward(params)
        return jnp.sum((u.at(POINTS) - 0.01) ** 2) + 0.1 * u.energy + jnp.sum(u.stress(POINTS, 1, False) ** 2)

    both = jax.jit(jax.value_and_grad(misfit))
    value, slopes = both(NUMBERS)
    for name, step in {"E": 0.2, "nu": 2e-4}.items():
        moved = [NUMBERS | {name: NUMBERS[name] + h * step} for h in (1.0, 0.5, 0.25)]
        rest = [abs(both(p)[0] - value - (p[name] - NUMBERS[name]) * slopes[name]) for p in moved]
        assert np.log2(rest[0] / rest[1]) == pytest.approx(2.0, abs=0.1)
        assert np.log2(rest[1] / rest[2]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("young", [2.0, "2 + x*y"])
def test_the_energy_of_the_domain_has_the_tangent_of_the_system(young):
    manifold = nmm.cut(PLATE, nmm.lattice(cells=9, angle=17))
    problem = nmm.problem(manifold, mean(young, body_force=(0.1, "x")))
    arrays = arrays_of(problem)[0]
    form, data = form_of(problem, {})
    system = replace(system_of(form, data, {}, arrays), pairs=(), pair_patches=())
    u = jnp.asarray(np.random.default_rng(0).standard_normal(system.load.shape)) * np.asarray(manifold.active)
    found = jax.jit(jax.grad(lambda v: domain_energy(form, data, {}, arrays, v)))(u)
    wanted = apply(system, u) - system.load
    assert float(jnp.abs(found - wanted).max()) < 1e-12 * float(jnp.abs(wanted).max())


def test_supports_balance_the_loads():
    manifold = nmm.cut(PLATE, nmm.lattice(cells=16, angle=17))
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 2", (0.3, 0.1))]
    solution = nmm.forward(nmm.problem(manifold, mean(), terms))()
    assert solution.balance["residual"] < 1e-9
    assert solution.reactions["fixed on x == 0"] == pytest.approx([-0.3, -0.1], rel=1e-8)


def test_vertices_move_with_the_mean():
    manifold = nmm.cut(PLATE, nmm.lattice(cells=9))
    terms = [nmm.fixed("x == xmin"), nmm.traction("x == xmax", (0.3, 0.1))]
    problem = nmm.problem(manifold, mean(poisson=0.49), terms)
    start = manifold.vertices
    inside = ((start > 1e-9) & (start < np.array([2.0, 1.0]) - 1e-9)).all(1)
    along = np.random.default_rng(0).standard_normal(start.shape) * inside[:, None]

    def functional(solver):
        forward = nmm.forward(problem, solver)

        def of(vertices):
            u = forward({}, manifold.move(vertices))
            return jnp.sum(jnp.asarray(u.at(POINTS)) ** 2) + u.energy

        return of

    slope = float(jnp.vdot(jax.jit(jax.grad(functional(nmm.Multigrid(1e-12, 500))))(start), along))
    of, h = functional(None), 2e-6
    near, far = (float(of(start + s * along)) - float(of(start - s * along)) for s in (h, 2 * h))
    assert slope == pytest.approx((8 * near - far) / (12 * h), rel=1e-5)


@pytest.mark.parametrize("depth", [1e-8, 1e-5, 1e-2])
def test_slivers_change_nothing(depth):
    """A plate that reaches `depth` cells into the next row, clamped there, against one that does not."""

    def pulled(height):
        manifold = nmm.cut(nmm.rectangle(0, 0, 1, height), nmm.lattice(cell=1 / 12, origin=(0, 0)))
        terms = [nmm.fixed("y == ymax"), nmm.traction("y == ymin", (0.2, -1.0))]
        return nmm.forward(nmm.problem(manifold, mean(), terms))()

    found, wanted = pulled(1 + depth / 12), pulled(1.0)
    difference = np.abs(found.at([[0.3, 0.1], [0.8, 0.6]]) - wanted.at([[0.3, 0.1], [0.8, 0.6]])).max()
    assert difference < (3e-2 if depth == 1e-2 else 1e-3) * np.abs(wanted.dofs).max()
    assert found.balance["residual"] < 1e-8


def test_an_unknown_dilatation_or_one_without_effect_is_an_error():
    with pytest.raises(nmm.InputError, match='dilatation must be "pointwise" or "mean", found "average"'):
        nmm.elasticity(1.0, 0.3, dilatation="average")
    with pytest.raises(nmm.InputError, match='expected plane "strain"'):
        nmm.elasticity(1.0, 0.3, plane="stress", dilatation="mean")
    with pytest.raises(nmm.InputError, match='"triangle", expected "quad"'):
        nmm.problem(nmm.cut(PLATE, nmm.lattice(cells=8, shape="triangle")), mean())
    splines = nmm.cut(PLATE, nmm.lattice(cells=8, weights="bspline", degree=2))
    with pytest.raises(nmm.InputError, match=r"degree \+ order 2, expected 1"):
        nmm.problem(splines, mean())
    tips = nmm.cut(PLATE, nmm.lattice(cells=24, tips="enriched"))
    with pytest.raises(nmm.InputError, match="enriched crack tips, expected plain ones"):
        nmm.problem(tips, mean())
