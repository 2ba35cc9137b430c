"""Conductivity from heads in nmm; `estimate` is what a user writes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import nmm
from benchmarks.inversions.heads import BOX, SOURCE, Found, Heads
from nmm.inversion.prior import Prior


def inverse_of(heads: Heads, cells: int) -> nmm.Inverse:
    manifold = nmm.cut(nmm.rectangle(*BOX), nmm.lattice(cells=cells))
    terms = [nmm.value("x == xmin", 1.0), nmm.value("x == xmax", 0.0)]
    forward = nmm.forward(nmm.problem(manifold, nmm.poisson("k", source=SOURCE), terms))
    sensors = nmm.observe.potential(heads.points)
    return nmm.inverse(forward, sensors, prior_of(heads), heads.noise, {"k": (0, None)})


def prior_of(heads: Heads) -> Prior:
    return nmm.prior.smooth("k", heads.length, heads.std)


def estimate(heads: Heads, inverse: nmm.Inverse) -> Any:
    return inverse(heads.data, start={"k": start(heads, np.ones(heads.nodes))})


def start(heads: Heads, values: np.ndarray) -> nmm.Field:
    return nmm.Field(values, BOX)


USER = (inverse_of, prior_of, estimate, start)
"""What a user writes."""


def runs(heads: Heads, cells: int) -> dict[str, Found]:
    """The first run, which compiles, and the second one."""
    begin = time.perf_counter()
    inverse = inverse_of(heads, cells)
    setup = time.perf_counter() - begin
    names = "nmm, Gauss-Newton, first run with compilation", "nmm, Gauss-Newton"
    return {name: timed(heads, inverse, setup) for name in names}


def timed(heads: Heads, inverse: nmm.Inverse, setup: float) -> Found:
    begin, clock = time.perf_counter(), time.time()
    found = estimate(heads, inverse)
    seconds = time.perf_counter() - begin
    trace = [(line["time"] - clock, line["objective"]) for line in found.stats.history]
    logs = np.log(np.asarray(found.params["k"].values))
    return Found(logs, np.asarray(found.data), trace, setup, seconds)
