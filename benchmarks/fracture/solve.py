"""One plate on one cover: the factors at its tips."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import nmm
from benchmarks.fracture.cases import STIFFNESS, YOUNG, Case, between
from benchmarks.fracture.infinite import Opening, StraightCrack, edge_tractions, opening_of

TIPS = {
    "plain": {"tips": "plain"},
    "enriched": {"tips": "enriched"},
    "order 1": {"tips": "enriched", "order": 1},
}
"""The covers that plates are solved with."""
GENERIC = (0.382, 0.236)
"""A lattice node relative to the lower left corner, in cells: nothing lies on a lattice line."""


@dataclass(frozen=True)
class Answer:
    """Factors by (crack, end), unknowns, seconds, and the opening for a finer cover to start from."""

    factors: Mapping[tuple[int, int], Mapping[str, float]]
    unknowns: int
    seconds: float
    opening: Opening | None


def solve(
    case: Case,
    cells: int,
    tips: str,
    opening: Opening | None = None,
    node: tuple[float, float] = GENERIC,
    angle: float = 0.0,
    repeats: int | None = None,
) -> Answer:
    """Solve a plate with `cells` to its length.

    With its own far field `repeats` times; each time what is left of the plate's edge falls by a factor of 8
    in a plate 4 arms wide and of 100 in one of 8, so that a few are enough.
    """
    begin = time.perf_counter()
    h = case.length / cells
    origin = (case.box[0] + node[0] * h, case.box[1] + node[1] * h)
    domain, model = nmm.rectangle(*case.box).with_cracks(case.cracks), nmm.elasticity(YOUNG, case.nu)
    if case.soft is not None:
        xmin, ymin, xmax, _ = case.box
        domain = domain.with_region("below", nmm.rectangle(xmin, ymin, xmax, 0))
        model = model.in_region("below", young=case.soft)
    manifold = nmm.cut(domain, nmm.lattice(cell=h, origin=origin, angle=angle, **TIPS[tips]))
    u = nmm.forward(nmm.problem(manifold, model, loads(case, opening)))({})
    if case.edge == "own":
        for _ in range((repeats or (2 if opening else 4)) - 1):
            opening = opening_of(u, case.far, STIFFNESS)
            u = nmm.forward(nmm.problem(manifold, model, loads(case, opening)))({})
        opening = opening_of(u, case.far, STIFFNESS)
    found = {(tip["crack"], tip["end"]): tip for tip in nmm.stress_intensity(u)}
    return Answer(found, u.stats.dofs, time.perf_counter() - begin, opening)


def loads(case: Case, opening: Opening | None) -> list[Any]:
    """The boundary terms of a plate."""
    if case.edge == "clamped":
        _, yy, xy = case.far
        return [nmm.fixed(f"y == {case.box[1]!r}"), nmm.traction(f"y == {case.box[3]!r}", (xy, yy))]
    if case.edge == "bent":
        forces = (((0, 1), (0, -1.0)), ((-2, 0), (0, 0.5)), ((2, 0), (0, 0.5)))
        return [nmm.point_load(at, force) for at, force in forces]
    if case.soft is not None:
        return edge_tractions(case.box, between())
    if case.edge == "exact":
        (start, end) = case.cracks[0]
        half = float(np.hypot(end[0] - start[0], end[1] - start[1])) / 2
        angle = float(np.arctan2(end[1] - start[1], end[0] - start[0]))
        return edge_tractions(case.box, StraightCrack(half, angle, case.far))
    if case.edge == "own" and opening is not None:
        return edge_tractions(case.box, opening)
    return edge_tractions(case.box, lambda points: np.broadcast_to(case.far, (len(points), 3)))
