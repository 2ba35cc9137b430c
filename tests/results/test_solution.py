"""Solutions: rates, sides of cracks, recovered stresses, published reference values."""

import numpy as np
import pytest

import nmm

SHAPES = ("quad", "triangle")


def flower():
    t = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    r = 0.7 + 0.2 * np.cos(5 * t)
    return nmm.polygon(np.stack([r * np.cos(t), r * np.sin(t)], -1))


def rates(errors):
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:])).mean(0)


POTENTIAL, SOURCE = "sin(2*x)*cos(3*y) + x*y", "13*sin(2*x)*cos(3*y)"
DISPLACEMENT = ("sin(2*x)*cos(y)", "cos(x)*sin(3*y)")


def body_force(young=1.0, nu=0.3):
    """−div σ of `DISPLACEMENT` in plane strain, differentiated by hand."""
    lame, mu = young * nu / (1 + nu) / (1 - 2 * nu), young / 2 / (1 + nu)
    xx, yy = "-4*sin(2*x)*cos(y)", "-sin(2*x)*cos(y)"
    xy = "-3*sin(x)*cos(3*y)"
    vxx, vyy, vxy = "-cos(x)*sin(3*y)", "-9*cos(x)*sin(3*y)", "-2*cos(2*x)*sin(y)"
    fx = f"-({lame + 2 * mu}*({xx}) + {lame + mu}*({xy}) + {mu}*({yy}))"
    fy = f"-({lame + 2 * mu}*({vyy}) + {lame + mu}*({vxy}) + {mu}*({vxx}))"
    return fx, fy


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["disk", "flower"])
@pytest.mark.parametrize("physics", ["poisson", "elasticity"])
def test_errors_fall_with_the_second_and_first_power_of_the_cell(shape, name, physics):
    domain = nmm.disk((0.013, 0.007), 1.0) if name == "disk" else flower()
    if physics == "poisson":
        model, exact = nmm.poisson(1.0, source=SOURCE), POTENTIAL
        terms = [nmm.value("outline", POTENTIAL)]
    else:
        model, exact = nmm.elasticity(1.0, 0.3, body_force=body_force()), DISPLACEMENT
        terms = [nmm.fixed("outline", DISPLACEMENT)]
    errors = []
    for cells in (32, 64, 128):
        manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape, angle=11.0))
        e = nmm.forward(nmm.problem(manifold, model, terms))().errors(exact)
        errors.append((e["l2"], e["h1"]))
    l2, h1 = rates(errors)
    assert l2 == pytest.approx(2.0, abs=0.1)
    assert h1 == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_true_circle_is_met_with_the_second_power(shape):
    errors = []
    for cells in (16, 32, 64, 128):
        manifold = nmm.cut(nmm.disk((0, 0), 1.5), nmm.lattice(cells=cells, shape=shape))
        problem = nmm.problem(manifold, nmm.poisson(1.0, source=1.0), [nmm.value("outline", 0)])
        e = nmm.forward(problem)().errors("(1.5**2 - x**2 - y**2)/4")
        errors.append((e["l2"], e["h1"]))
    assert rates(errors) == pytest.approx([2.0, 1.0], abs=0.1)


def test_cooks_membrane_within_three_tenths_of_a_per_cent():
    domain = nmm.polygon([(0, 0), (48, 44), (48, 60), (0, 44)])
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 48", (0.0, 1 / 16))]
    manifold = nmm.cut(domain, nmm.lattice(cells=128))
    solution = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 1 / 3, "stress"), terms))()
    assert solution.at([[48, 52]])[0, 1] == pytest.approx(23.968, rel=3e-3)


def kirsch(cells, shape):
    domain = nmm.rectangle(0, 0, 5, 5) - nmm.disk((0, 0), 1.0)
    r2 = "(x**2 + y**2)"
    c2, s2 = f"((x**2 - y**2)/{r2})", f"(2*x*y/{r2})"
    c4, s4 = f"(2*{c2}**2 - 1)", f"(2*{s2}*{c2})"
    sx = f"(1 - (1.5*{c2} + {c4})/{r2} + 1.5*{c4}/{r2}**2)"
    sy = f"(-(0.5*{c2} - {c4})/{r2} - 1.5*{c4}/{r2}**2)"
    sxy = f"(-(0.5*{s2} + {s4})/{r2} + 1.5*{s4}/{r2}**2)"
    terms = [
        nmm.fixed("x == 0", normal=0),
        nmm.fixed("y == 0", normal=0),
        nmm.traction("x == 5 or y == 5", (f"{sx}*nx + {sxy}*ny", f"{sxy}*nx + {sy}*ny")),
    ]
    manifold = nmm.cut(domain, nmm.lattice(cells=cells, shape=shape))
    return nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3, "stress"), terms))()


@pytest.mark.parametrize("shape", SHAPES)
def test_kirschs_hoop_stress_along_the_hole(shape):
    angle = np.linspace(0, np.pi / 2, 361)
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    tangent = np.stack([-np.sin(angle), np.cos(angle)], -1)
    stress = kirsch(128, shape).stress(circle)
    hoop = np.einsum("ni,nij,nj->n", tangent, stress, tangent)
    difference = (hoop - (1 - 2 * np.cos(2 * angle))) / 3
    assert hoop.max() == pytest.approx(3.0, rel=0.02)
    assert np.sqrt((difference**2).mean()) < 0.02
    assert np.abs(difference).max() < 0.07


def test_timoshenkos_cantilever_converges_to_its_deflection():
    P, E, nu, L, D = 1000.0, 3e7, 0.3, 48.0, 12.0
    inertia = D**3 / 12
    ux = f"{P}*y*((6*{L} - 3*x)*x + (2 + {nu})*(y**2 - {D}**2/4))/(6*{E}*{inertia})"
    uy = f"-{P}*(3*{nu}*y**2*({L} - x) + (4 + 5*{nu})*{D}**2*x/4 + (3*{L} - x)*x**2)/(6*{E}*{inertia})"
    end = ("0", f"-{P}/(2*{inertia})*({D}**2/4 - y**2)")
    domain = nmm.rectangle(0, -D / 2, L, D / 2)
    errors, tips = [], []
    for cells in (64, 128, 256):
        manifold = nmm.cut(domain, nmm.lattice(cells=cells, origin=(0.3, -0.2)))
        terms = [nmm.fixed("x == 0", (ux, uy)), nmm.traction(f"x == {L}", end)]
        solution = nmm.forward(nmm.problem(manifold, nmm.elasticity(E, nu, "stress"), terms))()
        e = solution.errors((ux, uy))
        errors.append((e["l2"], e["h1"]))
        tips.append(solution.at([[L, 0.0]])[0, 1])
    assert rates(errors) == pytest.approx([2.0, 1.0], abs=0.1)
    assert tips[-1] == pytest.approx(-0.0089, rel=5e-3)
    assert solution.reactions["fixed on x == 0"][1] == pytest.approx(P, rel=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_two_sides_of_a_crack_differ(shape):
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.0, 0.52), (0.6, 0.52)]])
    terms = [nmm.fixed("y == 0"), nmm.traction("y == 1", (0.0, 1.0))]
    manifold = nmm.cut(domain, nmm.lattice(cells=17, shape=shape))
    u = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), terms))()
    on = [[0.2, 0.52]]
    left, right = u.at(on)[0, 1], u.at(on, side=-1)[0, 1]
    assert left == pytest.approx(u.at([[0.2, 0.52 + 1e-7]])[0, 1], abs=1e-5)
    assert right == pytest.approx(u.at([[0.2, 0.52 - 1e-7]])[0, 1], abs=1e-5)
    assert left - right > 0.5
    ahead = [[0.9, 0.52]]
    assert u.at(ahead) == pytest.approx(u.at(ahead, side=-1))


def test_faces_that_interpenetrate_are_reported():
    domain = nmm.rectangle(0, 0, 1, 1).with_cracks([[(0.2, 0.52), (0.8, 0.52)]])
    manifold = nmm.cut(domain, nmm.lattice(cells=20))
    for load, closes in ((-1.0, True), (1.0, False)):
        terms = [nmm.fixed("y == 0"), nmm.traction("y == 1", (0.0, load))]
        overlap = nmm.forward(nmm.problem(manifold, nmm.elasticity(1.0, 0.3), terms))().overlap
        assert (overlap["length"] > 0.4) == closes
        assert (overlap["max"] > 0.05) == closes


def test_points_outside_give_nan_and_points_on_the_outline_do_not():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1) - nmm.disk((0.5, 0.5), 0.2), nmm.lattice(cells=8))
    u = nmm.forward(nmm.problem(manifold, nmm.poisson(), [nmm.value("outline", "x")]))()
    values = u.at([[0.5, 0.5], [1.5, 0.5], [np.nan, 0.0], [0.0, 0.0], [1.0, 1.0], [0.7, 0.5], [1.0, 0.33]])
    assert np.isnan(values).tolist() == [True, True, True, False, False, False, False]
    with pytest.raises(nmm.InputError, match=r"\(n, 2\)"):
        u.at([0.5, 0.5])


def test_fields_at_the_vertices_equal_evaluation_at_points():
    solution = kirsch(16, "quad")
    fields = solution.fields()
    assert set(fields) == set(solution.field_names)
    mesh = solution.mesh
    pick = np.arange(0, len(mesh.points), 7)
    inside = mesh.points[pick]
    assert fields["displacement"][pick] == pytest.approx(solution.at(inside), abs=1e-9)
    with pytest.raises(nmm.InputError, match="fields"):
        solution.fields(["temperature"])


def test_energy_is_half_the_work_of_the_loads():
    manifold = nmm.cut(nmm.rectangle(0, 0, 2, 1), nmm.lattice(cells=8))
    terms = [nmm.fixed("x == 0", normal=0), nmm.fixed("y == 0", normal=0), nmm.traction("x == 2", (3.0, 0.0))]
    u = nmm.forward(nmm.problem(manifold, nmm.elasticity(6.0, 0.0, "stress"), terms))()
    assert u.energy == pytest.approx(0.5 * 3.0 * 1.0, rel=1e-12)
    assert u.mean_stress() == pytest.approx(np.diag([3.0, 0.0]), abs=1e-12)
    assert u.von_mises([[1.0, 0.5]]) == pytest.approx([3.0])


def test_recovered_stress_is_better_than_raw_stress():
    angle = np.linspace(0.1, 1.4, 50)
    points = 1.3 * np.stack([np.cos(angle), np.sin(angle)], -1)
    u = kirsch(48, "quad")
    c2, r2 = np.cos(2 * angle), 1.3**2
    exact = 0.5 * (1 + 1 / r2) - 0.5 * (1 + 3 / r2**2) * c2
    tangent = np.stack([-np.sin(angle), np.cos(angle)], -1)
    worst = []
    for recovered in (True, False):
        s = u.stress(points, recovered=recovered)
        worst.append(np.abs(np.einsum("ni,nij,nj->n", tangent, s, tangent) - exact).max())
    assert worst[0] < 0.3 * worst[1]
