"""Signs and meaning of every boundary term and load."""

import numpy as np
import pytest

import nmm


def solve(domain, model, terms, cells=6, params=None, **options):
    manifold = nmm.cut(domain, nmm.lattice(cells=cells))
    return nmm.forward(nmm.problem(manifold, model, terms, **options))(params or {})


SQUARE = nmm.rectangle(0, 0, 1, 1)


def test_source_flux_and_value_have_the_contracts_signs():
    solution = solve(
        SQUARE, nmm.poisson(2.0, source=3.0), [nmm.value("x == 0", 1), nmm.flux("x == 1", 4.0)], 32
    )
    assert solution.errors("1 + (4 + 3)/2*x - 3/4*x**2")["l2"] < 1e-4
    assert solution.loads["flux on x == 1"] == pytest.approx([4.0])
    assert solution.reactions["value on x == 0"] == pytest.approx([-7.0])


def test_robin_exchanges_with_its_surroundings():
    solution = solve(SQUARE, nmm.poisson(1.0), [nmm.value("x == 0", 0), nmm.robin("x == 1", 2.0, 3.0)])
    assert solution.errors("2*x")["l2"] < 1e-12
    assert solution.reactions["robin on x == 1"] == pytest.approx([2.0])


def test_robin_alone_holds_the_body():
    solution = solve(SQUARE, nmm.poisson(1.0), [nmm.robin("outline", 2.0, 3.0)])
    assert solution.held == []
    assert solution.at([[0.4, 0.3]]) == pytest.approx([3.0])


def test_tension_is_positive_and_pressure_pushes():
    rollers = [nmm.fixed("x == 0", normal=0), nmm.fixed("y == 0", normal=0)]
    pulled = solve(
        SQUARE, nmm.elasticity(10.0, 0.2, "stress"), [*rollers, nmm.traction("x == 1", (1.0, 0.0))]
    )
    pushed = solve(SQUARE, nmm.elasticity(10.0, 0.2, "stress"), [*rollers, nmm.pressure("x == 1", 1.0)])
    assert pulled.errors(("x/10", "-0.2*y/10"))["h1"] < 1e-12
    assert pushed.errors(("-x/10", "0.2*y/10"))["h1"] < 1e-12


def test_a_free_component_is_free():
    terms = [
        nmm.fixed("x == 0", (0, "free")),
        nmm.fixed("y == 0", ("free", 0)),
        nmm.traction("y == 1", (0.0, 2.0)),
    ]
    solution = solve(SQUARE, nmm.elasticity(10.0, 0.2, "stress"), terms)
    assert solution.errors(("-0.04*x", "0.2*y"))["h1"] < 1e-12


def test_gravity_is_density_times_gravity():
    one = nmm.elasticity(1.0, 0.0, body_force=(0.0, -6.0))
    two = nmm.elasticity(1.0, 0.0, density="rho", gravity=(0.0, -3.0))
    terms = [nmm.fixed("y == 0")]
    a, b = solve(SQUARE, one, terms), solve(SQUARE, two, terms, params={"rho": 2.0})
    assert a.dofs == pytest.approx(b.dofs, abs=1e-12)
    assert b.loads["body force"] == pytest.approx([0.0, -6.0])


def test_initial_stress_pushes_a_held_body_without_moving_it():
    model = nmm.elasticity(1.0, 0.25, initial_stress=(-1.0, -2.0, 0.5))
    solution = solve(SQUARE - nmm.disk((0.5, 0.5), 0.2), model, [nmm.fixed("outline")], 16)
    assert np.abs(solution.dofs).max() > 0.01
    full = solve(SQUARE, model, [nmm.fixed("outline")])
    assert np.abs(full.dofs[full.manifold.active]).max() < 1e-12
    assert full.stress([[0.3, 0.4]])[0] == pytest.approx(np.array([[-1.0, 0.5], [0.5, -2.0]]))
    assert full.mean_stress() == pytest.approx(np.array([[-1.0, 0.5], [0.5, -2.0]]))


def test_a_point_load_enters_with_its_full_force():
    solution = solve(
        SQUARE, nmm.elasticity(1.0, 0.3), [nmm.fixed("y == 0"), nmm.point_load((0.5, 1.0), (0.0, -2.0))]
    )
    assert solution.reactions["fixed on y == 0"] == pytest.approx([0.0, 2.0], abs=1e-9)
    with pytest.raises(nmm.InputError, match="outside the domain"):
        solve(SQUARE, nmm.elasticity(1.0, 0.3), [nmm.fixed("y == 0"), nmm.point_load((5, 5), (0, 1))])


def test_values_of_every_kind_say_the_same():
    terms = [nmm.value("x == 0", 0), nmm.value("x == 1", 1)]
    manifold = nmm.cut(SQUARE.with_region("a", nmm.rectangle(0, 0, 0.5, 1)), nmm.lattice(cells=6))

    def k(points):
        return np.where(points[:, 0] < 0.5, 2.0, 3.0)

    array = np.where(np.arange(6) < 3, 2.0, 3.0) * np.ones((6, 1))
    grid = nmm.GridValue([[2.0, 3.0]], (0, 0, 1, 1), "nearest")
    values = ["where(x < 0.5, 2, 3)", {"a": 2.0, "default": 3.0}, array, k, grid, "where(x < 0.5, two, 3)"]
    solutions = []
    for value in values:
        problem = nmm.problem(manifold, nmm.poisson(value), terms)
        solutions.append(nmm.forward(problem)({"two": 2.0} if problem.parameters else {}))
    for other in solutions[1:]:
        assert other.dofs == pytest.approx(solutions[0].dofs, abs=1e-12)


def test_parameters_must_be_given_and_used():
    problem = nmm.problem(nmm.cut(SQUARE, nmm.lattice(cells=4)), nmm.poisson("k*m"), [nmm.value("x == 0", 0)])
    assert problem.parameters == {"k", "m"}
    with pytest.raises(nmm.ParameterError, match="m"):
        nmm.forward(problem)({"k": 1.0})
    with pytest.raises(nmm.ParameterError, match="young"):
        nmm.forward(problem)({"k": 1.0, "m": 1.0, "young": 1.0})


@pytest.mark.parametrize(
    "model",
    [
        nmm.elasticity(-1.0, 0.3), nmm.elasticity(1.0, 0.5), nmm.elasticity("x - 0.5", 0.2),
        nmm.elasticity(1.0, -1.0), nmm.elasticity(1.0, 0.6, "stress"),
    ],
)  # fmt: skip
def test_material_out_of_range_is_refused_with_its_place(model):
    with pytest.raises(nmm.InputError, match=r"must be .*; at \("):
        solve(SQUARE, model, [nmm.fixed("x == 0")])


def test_conductivity_must_be_positive_definite():
    with pytest.raises(nmm.InputError, match="positive"):
        solve(SQUARE, nmm.poisson([[1.0, 2.0], [2.0, 1.0]]), [nmm.value("x == 0", 0)])
    with pytest.raises(nmm.InputError, match="symmetric"):
        nmm.poisson([[1.0, 2.0], [1.0, 4.0]])


def test_contradictory_terms_name_both():
    manifold = nmm.cut(SQUARE, nmm.lattice(cells=4))
    terms = [nmm.value("x == 0", 0, name="left"), nmm.value("y < 0.5", 1, name="low")]
    with pytest.raises(nmm.InputError, match='"left" and "low"'):
        nmm.problem(manifold, nmm.poisson(), terms)
    with pytest.raises(nmm.InputError, match='"a" and "b"'):
        nmm.problem(
            manifold,
            nmm.elasticity(1, 0.3),
            [nmm.fixed("x == 0", (0, "free"), name="a"), nmm.traction("x == 0", (1.0, 0), name="b")],
        )
    nmm.problem(
        manifold,
        nmm.elasticity(1, 0.3),
        [nmm.fixed("x == 0", (0, "free"), name="a"), nmm.traction("x == 0", (0, 1.0), name="b")],
    )


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_source_that_overflows_is_refused_with_its_place():
    with pytest.raises(nmm.InputError, match=r"physics.source: the value is not finite at \("):
        solve(SQUARE, nmm.poisson(1.0, source="exp(1000*x)"), [nmm.value("x == 0", 0)])


def test_terms_of_another_physics_are_refused():
    manifold = nmm.cut(SQUARE, nmm.lattice(cells=4))
    with pytest.raises(nmm.InputError, match="does not belong"):
        nmm.problem(manifold, nmm.poisson(), [nmm.traction("x == 0", (1, 0))])
