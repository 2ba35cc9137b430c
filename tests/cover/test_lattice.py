"""Numbering of lattices, and the weight functions as a partition of unity."""

import numpy as np
import pytest

import nmm
from nmm.cover import hat_gradients, hat_values
from nmm.cover.lattice import Grid
from nmm.errors import InputError, NotYet

SHAPES = ("quad", "triangle")


def grid(shape, nx=5, ny=4):
    return Grid(np.zeros(2), 0.5, np.eye(2), nx, ny, shape, np.zeros(2))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_edge_lies_between_the_cells_that_name_it(shape):
    g = grid(shape)
    cells = np.arange(g.cells)
    edges = np.unique(g.cell_edges(cells))
    sides = g.edge_cells(edges)
    for edge, pair in zip(edges, sides, strict=True):
        for cell in pair[pair >= 0]:
            assert edge in g.cell_edges(np.array([cell]))[0]
            assert set(g.edge_nodes(np.array([edge]))[0]) <= set(g.cell_nodes(np.array([cell]))[0])
    inner = (sides >= 0).all(1)
    assert 2 * inner.sum() + (~inner).sum() == g.cells * g.nodes_per_cell


@pytest.mark.parametrize("shape", SHAPES)
def test_edge_numbers_are_the_inverse_of_their_parts(shape):
    g = grid(shape)
    edges = np.unique(g.cell_edges(np.arange(g.cells)))
    family, i, j = g.edge_parts(edges)
    assert (g.edge(family, i, j) == edges).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_left_cell_of_an_edge_is_on_its_left(shape):
    g = grid(shape)
    edges = np.unique(g.cell_edges(np.arange(g.cells)))
    start, stop = np.moveaxis(g.node_units(g.edge_nodes(edges)), 1, 0)
    for side, sign in ((0, 1), (1, -1)):
        cell = g.edge_cells(edges)[:, side]
        has = cell >= 0
        d, r = (stop - start)[has], g.centre(cell[has]) - start[has]
        assert (sign * (d[:, 0] * r[:, 1] - d[:, 1] * r[:, 0]) > 0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_sum_to_one_and_reproduce_positions(shape):
    g = grid(shape)
    rng = np.random.default_rng(1)
    units = rng.uniform([0, 0], [5, 4], (1000, 2))
    cell = g.cell_of(units)
    w = hat_values(shape, units - g.corner(cell), cell % 2 == 1)
    assert np.abs(w.sum(1) - 1).max() <= 1e-14
    assert w.min() >= 0
    position = np.einsum("na,nad->nd", w, g.node_units(g.cell_nodes(cell)))
    assert np.abs(position - units).max() <= 1e-14 * 10


@pytest.mark.parametrize("shape", SHAPES)
def test_weight_gradients_are_the_derivatives(shape):
    rng = np.random.default_rng(2)
    xi, upper, step = rng.uniform(size=(50, 2)), rng.uniform(size=50) > 0.5, 1e-6
    for axis in range(2):
        move = np.eye(2)[axis] * step
        slope = (hat_values(shape, xi + move, upper) - hat_values(shape, xi - move, upper)) / (2 * step)
        assert np.abs(slope - hat_gradients(shape, xi, upper)[..., axis]).max() < 1e-9


@pytest.mark.parametrize(
    "bad",
    [
        {}, {"cell": 0.1, "cells": 4}, {"cell": -1.0}, {"cell": float("nan")}, {"cells": 0}, {"cells": 2.5},
        {"cell": 1.0, "shape": "hexagon"}, {"cell": 1.0, "angle": float("inf")},
        {"cell": 1.0, "origin": (0.0, float("nan"))},
        {"cell": 1.0, "tips": "sharp"},
        {"cell": 1.0, "tips": "enriched", "tip_radius": -1.0},
    ],
)  # fmt: skip
def test_impossible_lattices_are_refused(bad):
    with pytest.raises(InputError, match=r"cover|cell"):
        nmm.lattice(**bad)


@pytest.mark.parametrize("early", [{"weights": "bspline"}, {"order": 1}, {"degree": 2}])
def test_reserved_lattices_say_not_yet(early):
    with pytest.raises(NotYet, match="not yet"):
        nmm.lattice(cell=1.0, **early)
