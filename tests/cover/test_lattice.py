"""Numbering of lattices, and the weight functions as a partition of unity."""

import numpy as np
import pytest

import nmm
from nmm.cover import Weights
from nmm.cover.lattice import Grid
from nmm.errors import InputError, NotYet

SHAPES = ("quad", "triangle")
WEIGHTS = [Weights("quad", p) for p in (1, 2, 3)] + [Weights("triangle")]


def grid(shape, degree=1, nx=5, ny=4):
    return Grid(np.zeros(2), 0.5, np.eye(2), nx, ny, shape, np.zeros(2), degree)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_every_edge_lies_between_the_cells_that_name_it(weights):
    g = grid(weights.shape, weights.degree)
    cells = np.arange(g.cells)
    edges = np.unique(g.cell_edges(cells))
    sides = g.edge_cells(edges)
    for edge, pair in zip(edges, sides, strict=True):
        for cell in pair[pair >= 0]:
            assert edge in g.cell_edges(np.array([cell]))[0]
    inner = (sides >= 0).all(1)
    assert 2 * inner.sum() + (~inner).sum() == g.cells * (4 if g.shape == "quad" else 3)
    around = g.cell_nodes(sides[inner])
    for shared, first, second in zip(g.edge_nodes(edges[inner]), around[:, 0], around[:, 1], strict=True):
        assert set(shared) == set(first) & set(second) and len(set(shared)) == len(shared)


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
    start, stop = np.moveaxis(g.corner_units(g.edge_corners(edges)), 1, 0)
    for side, sign in ((0, 1), (1, -1)):
        cell = g.edge_cells(edges)[:, side]
        has = cell >= 0
        d, r = (stop - start)[has], g.centre(cell[has]) - start[has]
        assert (sign * (d[:, 0] * r[:, 1] - d[:, 1] * r[:, 0]) > 0).all()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_sum_to_one_and_reproduce_positions(weights):
    g = grid(weights.shape, weights.degree)
    rng = np.random.default_rng(1)
    units = rng.uniform([0, 0], [5, 4], (1000, 2))
    cell = g.cell_of(units)
    w = weights.values(units - g.corner(cell), cell % 2 == 1)
    assert np.abs(w.sum(1) - 1).max() <= 1e-14
    assert w.min() >= 0
    position = np.einsum("na,nad->nd", w, g.node_units(g.cell_nodes(cell)))
    assert np.abs(position - units).max() <= 1e-14 * 10


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weight_gradients_are_the_derivatives(weights):
    rng = np.random.default_rng(2)
    xi, upper, step = rng.uniform(size=(50, 2)), rng.uniform(size=50) > 0.5, 1e-6
    for axis in range(2):
        move = np.eye(2)[axis] * step
        slope = (weights.values(xi + move, upper) - weights.values(xi - move, upper)) / (2 * step)
        assert np.abs(slope - weights.gradients(xi, upper)[..., axis]).max() < 1e-9


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_neighbouring_cells_continue_a_spline_with_its_derivatives(degree):
    """Weight i of a cell is weight i - 1 of the next one, up to the derivative of order p - 1."""
    weights, y = Weights("quad", degree), np.linspace(0, 1, 5)
    end, start = (np.stack([np.full(5, x), y], -1) for x in (1.0, 0.0))
    k = degree + 1
    for function in (weights.values, weights.gradients)[:degree]:
        left, right = (function(at).reshape(5, k, k, -1) for at in (end, start))
        assert np.abs(left[:, :, 1:] - right[:, :, :-1]).max() < 1e-14
        assert np.abs(left[:, :, 0]).max() < 1e-14 and np.abs(right[:, :, -1]).max() < 1e-14


@pytest.mark.parametrize("weights", WEIGHTS)
def test_coarse_weights_are_sums_of_finer_ones(weights):
    rng = np.random.default_rng(3)
    fine = grid(weights.shape, weights.degree, 6, 6)
    coarse = grid(weights.shape, weights.degree, 3, 3)
    units = rng.uniform(0, 6, (200, 2))
    cell, home = fine.cell_of(units), coarse.cell_of(units / 2)
    upper = home % weights.types == 1
    within = (fine.corner(cell) - 2 * coarse.corner(home)).astype(int)
    relation = weights.two_scale(within, cell % weights.types, upper)
    here = weights.values(units - fine.corner(cell), cell % 2 == 1)
    above = weights.values(units / 2 - coarse.corner(home), upper)
    assert np.abs(np.einsum("na,nab->nb", here, relation) - above).max() < 1e-14


@pytest.mark.parametrize(
    "bad",
    [
        {}, {"cell": 0.1, "cells": 4}, {"cell": -1.0}, {"cell": float("nan")}, {"cells": 0}, {"cells": 2.5},
        {"cell": 1.0, "shape": "hexagon"}, {"cell": 1.0, "angle": float("inf")},
        {"cell": 1.0, "origin": (0.0, float("nan"))},
        {"cell": 1.0, "tips": "sharp"}, {"cell": 1.0, "weights": "box"}, {"cell": 1.0, "degree": 2},
        {"cell": 1.0, "weights": "bspline", "degree": 4}, {"cell": 1.0, "weights": "bspline", "degree": 0},
        {"cell": 1.0, "tips": "enriched", "tip_radius": -1.0},
    ],
)  # fmt: skip
def test_impossible_lattices_are_refused(bad):
    with pytest.raises(InputError, match=r"cover|cell"):
        nmm.lattice(**bad)


SPLINES = {"weights": "bspline", "degree": 2}


@pytest.mark.parametrize("early", [SPLINES | {"shape": "triangle"}, SPLINES | {"tips": "enriched"}])
def test_reserved_lattices_say_not_yet(early):
    with pytest.raises(NotYet, match="not yet"):
        nmm.lattice(cell=1.0, **early)
