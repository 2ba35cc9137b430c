"""The linear solvers: same answer, honest about failure."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import nmm
from nmm.solve import Auto, ConjugateGradient, Direct, Multigrid, solver


def problem():
    domain = nmm.rectangle(0, 0, 1, 1) - nmm.disk((0.5, 0.5), 0.2)
    manifold = nmm.cut(domain.with_cracks([[(0.0, 0.8), (0.4, 0.8)]]), nmm.lattice(cells=16))
    return nmm.problem(
        manifold, nmm.elasticity(1.0, 0.3), [nmm.fixed("x == 0"), nmm.traction("x == 1", (1.0, 0.2))]
    )


def test_direct_and_conjugate_gradients_agree():
    p = problem()
    direct, cg = (nmm.forward(p, s)() for s in (Direct(), ConjugateGradient(1e-11)))
    assert cg.dofs == pytest.approx(direct.dofs, abs=1e-7 * np.abs(direct.dofs).max())
    assert direct.stats.residual < 1e-13
    assert cg.stats.residual <= 1e-11
    assert len(cg.history) == cg.stats.iterations + 1


def test_a_solver_goes_by_its_name_and_a_single_term_without_a_list():
    manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=4))
    problem = nmm.problem(manifold, nmm.poisson(source=1.0), nmm.value("outline", 0))
    assert nmm.forward(problem, "direct")().result.converged
    with pytest.raises(nmm.InputError, match="magic"):
        nmm.forward(problem, "magic")


def test_too_few_iterations_are_a_result_with_a_sentence_or_an_exception():
    p = problem()
    with pytest.raises(nmm.NotConverged, match=r"largest number of iterations.*residual"):
        nmm.forward(p, ConjugateGradient(1e-10, 5))()
    solution = nmm.forward(p, ConjugateGradient(1e-10, 5), throw=False)()
    assert not solution.result.converged
    assert solution.stats.iterations == 5
    assert solution.stats.residual > 1e-10


def test_a_tolerance_below_rounding_is_a_result_of_its_own():
    answer = nmm.forward(problem(), ConjugateGradient(1e-18), throw=False)()
    assert not answer.result.converged


def test_an_indefinite_matrix_is_reported():
    matrix = csr_array(np.diag([1.0, -1.0, 2.0]))
    answer = ConjugateGradient().solve(matrix, np.ones(3))
    assert not answer.result.converged


@pytest.mark.parametrize("method", [Direct(), ConjugateGradient()])
def test_no_load_gives_no_motion(method):
    answer = method.solve(csr_array(np.eye(3)), np.zeros(3))
    assert answer.result.converged and not answer.value.any()


def test_solvers_go_by_the_names_of_case_files():
    assert isinstance(solver("direct"), Direct)
    assert isinstance(solver("cg", 1e-6, 10), Multigrid)
    assert isinstance(solver(), Auto)
    for bad in ({"method": "magic"}, {"tolerance": 2.0}, {"max_iterations": 0}):
        with pytest.raises(nmm.InputError, match="solve"):
            solver(**bad)
