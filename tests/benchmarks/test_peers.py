"""Peers solve the problem set on their own, and one that is missing is named."""

import sys

import numpy as np
import pytest
import scipy.sparse

from benchmarks import tables, verification
from benchmarks.peers import PEERS, Unsupported, load
from benchmarks.peers.meshes import fitted
from benchmarks.problems import PROBLEMS

KNOWN = {problem.name: problem for problem in PROBLEMS}


@pytest.fixture
def scikit_fem():
    peer = load("scikit-fem")
    if peer.missing():
        pytest.skip(peer.missing())
    return peer


@pytest.mark.parametrize("cover", ["quad", "triangle"])
def test_a_fitted_mesh_covers_the_area(cover):
    areas = {"bar": 2.0, "cantilever": 48 * 12, "cook": 48 * 60 - 48 * 44 / 2 - 48 * 16 / 2, "kirsch": None}
    areas["kirsch"] = 25 - np.pi / 4
    for name, area in areas.items():
        mesh = fitted(name, 40, cover)
        x, y = mesh.points[mesh.cells].transpose(2, 0, 1)
        signed = 0.5 * (x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)
        assert signed.min() > 0
        assert signed.sum() == pytest.approx(area, rel=1e-3)


def test_a_bar_of_two_materials_is_exact(scikit_fem):
    for cover in ("quad", "triangle"):
        answer = scikit_fem.solve(KNOWN["bar"], 8, cover)
        assert answer.errors["l2"] < 1e-10 and answer.errors["h1"] < 1e-10
        assert answer.at(np.array([[2.0, 0.5]]))[0, 0] == pytest.approx(1.1)
        assert answer.stress(np.array([[0.5, 0.5], [1.6, 0.4]]))[:, 0, 0] == pytest.approx(1.0)


def test_a_manufactured_solution_converges_with_its_rate(scikit_fem):
    for name in ("disk_poisson", "disk_elasticity"):
        rows = list(verification.solve_all(scikit_fem, KNOWN[name], "triangle", quick=True))
        verdicts = [check.judge(rows, quick=False) for check in KNOWN[name].checks]
        assert all(v.passed for v in verdicts if v.check != "effectivity")  # a peer estimates no error


def test_what_a_peer_cannot_do_is_said_with_its_reason(scikit_fem):
    with pytest.raises(Unsupported, match="no fitted mesh"):
        scikit_fem.solve(KNOWN["patch_poisson"], 8, "quad")


def test_a_problem_that_a_peer_skips_is_recorded_with_its_cover_and_drawn(scikit_fem, monkeypatch, tmp_path):
    monkeypatch.setattr(verification, "PROBLEMS", (KNOWN["disk_membrane"],))
    monkeypatch.setattr(verification, "PEERS", ("scikit-fem",))
    result = verification.run(True, lambda line: None)
    (skipped,) = result["skipped"]
    assert (skipped["problem"], skipped["cover"]) == ("disk_membrane", "quad")
    assert "disk_membrane (quad)" in tables.write(result, tmp_path).read_text(encoding="utf-8")


def test_a_missing_peer_is_named_as_skipped(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfem", None)
    monkeypatch.setattr(verification, "PROBLEMS", ())
    said = []
    result = verification.run(True, said.append)
    assert result["skipped"][0]["method"] == "scikit-fem"
    assert "pip install" in result["skipped"][0]["reason"]
    assert said and said[0].startswith("skipped scikit-fem")


def test_every_peer_follows_the_interface():
    for name in PEERS:
        peer = load(name)
        assert peer.name == name
        assert set(peer.covers) & {"quad", "triangle"}


def test_taylor_hood_elements_give_the_reference_of_the_incompressible_membrane(scikit_fem):
    found = [taylor_hood(fitted("cook", cells, "quad"), 0.4999) for cells in (16, 32)]
    (target,) = KNOWN["cook_incompressible"].checks
    assert found[0] < found[1] < target.value and found[1] == pytest.approx(target.value, rel=2e-3)
    mean = scikit_fem.solve(KNOWN["cook_incompressible"], 32, "quad").at(np.array([[48.0, 52.0]]))[0, 1]
    assert mean == pytest.approx(found[1], rel=5e-3)


def taylor_hood(mesh, nu):
    """v(48, 52) of Cook's membrane in plane strain by biquadratic displacements and bilinear pressures."""
    import skfem
    from skfem.helpers import ddot, div, sym_grad

    quads = skfem.MeshQuad(np.ascontiguousarray(mesh.points.T), np.ascontiguousarray(mesh.cells.T))
    element = skfem.ElementVector(skfem.ElementQuad2())
    u, p = (skfem.Basis(quads, e, intorder=5) for e in (element, skfem.ElementQuad1()))
    shear, lame = 1 / (2 * (1 + nu)), nu / ((1 + nu) * (1 - 2 * nu))
    a = skfem.BilinearForm(lambda u, v, _: 2 * shear * ddot(sym_grad(u), sym_grad(v))).assemble(u)
    b = skfem.BilinearForm(lambda u, q, _: div(u) * q).assemble(u, p)
    c = skfem.BilinearForm(lambda p, q, _: p * q / lame).assemble(p)
    right = quads.facets_satisfying(lambda x: np.isclose(x[0], 48), boundaries_only=True)
    pull = skfem.LinearForm(lambda v, _: v[1] / 16).assemble(skfem.FacetBasis(quads, element, facets=right))
    left = quads.facets_satisfying(lambda x: np.isclose(x[0], 0), boundaries_only=True)
    matrix = scipy.sparse.bmat([[a, b.T], [b, -c]]).tocsc()
    load = np.concatenate([pull, np.zeros(p.N)])
    values = skfem.solve(*skfem.condense(matrix, load, D=u.get_dofs(left).all()))
    return (u.probes(np.array([[48.0], [52.0]])) @ values[: u.N])[1]
