"""Forward maps that the tests of inversion share."""

import numpy as np

import nmm

SQUARE = nmm.rectangle(0.0, 0.0, 1.0, 1.0)
SENSORS = np.stack(np.meshgrid(np.linspace(0.12, 0.88, 6), np.linspace(0.1, 0.9, 6)), -1).reshape(-1, 2)
TIGHT = nmm.Multigrid(1e-13)


def heads(solver=None, cells=12, conductivity="k"):
    """Flow from left to right with a well in the middle."""
    manifold = nmm.cut(SQUARE, nmm.lattice(cells=cells, angle=9.0))
    source = "50*exp(-60*((x - 0.5)**2 + (y - 0.55)**2))"
    terms = [nmm.value("x == 0", 0), nmm.value("x == 1", "h")]
    return nmm.forward(nmm.problem(manifold, nmm.poisson(conductivity, source=source), terms), solver)


def plate(solver=None, cells=10):
    domain = SQUARE.with_region("in", nmm.disk((0.55, 0.5), 0.22))
    model = nmm.elasticity({"in": "E", "default": 2.0}, "nu")
    terms = [nmm.fixed("x == 0"), nmm.traction("x == 1", ("q", 0.3))]
    return nmm.forward(nmm.problem(nmm.cut(domain, nmm.lattice(cells=cells)), model, terms), solver)


def model_of(inverse, start):
    start = inverse._spread(start)
    unknowns, model, _ = inverse._model(start)
    return unknowns, model, np.asarray(unknowns.vector(start))
