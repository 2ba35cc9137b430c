"""The problem set that every benchmark and every peer shares: case files with what is known about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.checks import AtMost, Check, Rate, Target, Within
from benchmarks.fracture import cases as plates
from nmm.case import Case, read_case

if TYPE_CHECKING:
    from benchmarks.peers.interface import Answer

CASES = Path(__file__).parent / "cases"

# Overrides of a case file by the name that the tables give to a cover.
COVERS: Mapping[str, tuple[str, ...]] = {
    "quad": ('cover.shape="quad"',),
    "triangle": ('cover.shape="triangle"',),
    "quad, 20°": ('cover.shape="quad"', "cover.angle=20"),
    "triangle, 20°": ('cover.shape="triangle"', "cover.angle=20"),
    "quad, splines": ('cover.shape="quad"',),
    "quad, order 1": ('cover.shape="quad"',),
    "triangle, order 1": ('cover.shape="triangle"',),
}


@dataclass(frozen=True)
class Problem:
    """A case file, the refinements to run, and the checks on the result.

    `cells` along the longer side, `quick` their short form; `measure` takes figures from an `Answer`
    that the checks and tables name; `reference` says where the right answer comes from; `plate` has the
    factors of a cracked one.
    """

    name: str
    cells: tuple[int, ...]
    quick: tuple[int, ...]
    checks: tuple[Check, ...]
    reference: str
    covers: tuple[str, ...] = ("quad", "triangle")
    measure: Callable[[Answer], Mapping[str, float]] | None = None
    plate: plates.Case | None = None

    @property
    def effectivity(self) -> bool:
        """Whether the estimated error is compared with the true one: exact, and not linear."""
        return any(isinstance(check, Within) for check in self.checks)

    @property
    def smooth(self) -> bool:
        """Whether the estimated error is promised to be near the true one."""
        return EFFECTIVITY in self.checks

    @property
    def path(self) -> Path:
        return CASES / f"{self.name}.toml"

    @cached_property
    def title(self) -> str:
        return self.case().title

    def case(self, *overrides: str) -> Case:
        return read_case(self.path, overrides)

    def refined(self, cells: int, cover: str) -> Case:
        """The case on the cover `cover` with `cells` cells along its longer side."""
        return self.case(f"cover.cells={cells}", *COVERS[cover])


def deflection(x: float, y: float, name: str) -> Callable[[Answer], Mapping[str, float]]:
    """Measure the vertical displacement at a point."""

    def measure(answer: Answer) -> Mapping[str, float]:
        return {name: float(answer.at(np.array([[x, y]]))[0, 1])}

    return measure


def cracked(
    name: str,
    plate: plates.Case,
    cells: tuple[int, ...],
    limit: float,
    covers: tuple[str, ...] = ("quad", "triangle"),
) -> Problem:
    """The case file of a cracked plate whose factors are known; `limit` in the plate's own unit of K.

    Of tips that have one value by symmetry the worst counts, with the sign of the first.
    """
    first = {factor.label: factor.value for factor in reversed(plate.factors)}

    def measure(answer: Answer) -> Mapping[str, float]:
        tips = {(tip["crack"], tip["end"]): tip for tip in answer.tips}
        worst = plates.worst_of_groups(plate, tips)
        errors = [np.nan if w["error"] is None else abs(w["error"]) for w in worst.values()]
        values = {
            label: np.nan if w["value"] is None else w["value"] * np.sign(w["reference"] * first[label] or 1)
            for label, w in worst.items()
        }
        return {LARGEST: float(np.max(errors)), **{label: float(value) for label, value in values.items()}}

    shown = first.items() if len(first) < 6 else ()
    checks = [Target(label, round(value, 5), limit, plate.unit) for label, value in shown if value]
    checks = (*checks, AtMost(LARGEST, limit), Rate(LARGEST, 1.0, None))
    return Problem(name, cells, cells[:2], checks, plate.about, covers, measure, plate)


def cook_deflections(answer: Answer) -> Mapping[str, float]:
    middle, corner = answer.at(np.array([[48.0, 52.0], [48.0, 60.0]]))[:, 1]
    return {"v(48, 52)": float(middle), "v(48, 60)": float(corner)}


def kirsch_hoop(answer: Answer) -> Mapping[str, float]:
    """Hoop stress along the edge of the hole against 1 - 2 cos(2 t); fractions of the largest, 3."""
    assert answer.stress is not None
    angle = np.radians(np.linspace(0.25, 89.75, 359))
    tangent = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    edge = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + 1e-9)
    hoop = np.einsum("pi,pij,pj->p", tangent, answer.stress(edge), tangent)
    error = (hoop - (1 - 2 * np.cos(2 * angle))) / 3
    return {
        "largest hoop stress": float(hoop.max()),
        "hoop rms": float(np.sqrt(np.mean(error**2))),
        "hoop worst": float(np.abs(error).max()),
    }


def motz_coefficient(answer: Answer) -> Mapping[str, float]:
    """Leading coefficient a of the series Σ a_i r^(i + 1/2) cos((i + 1/2) θ), whose terms are orthogonal."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    angle, weights = (nodes + 1) * np.pi / 2, weights * np.pi / 2
    found = []
    for radius in (0.3, 0.5, 0.7):
        points = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        found.append(2 / (np.pi * radius**0.5) * float(weights @ (answer.at(points) * np.cos(angle / 2))))
    value = float(np.mean(found))
    return {"a": value, "error of a": abs(value / MOTZ - 1)}


def central_stresses(answer: Answer) -> Mapping[str, float]:
    assert answer.stress is not None
    stress = answer.stress(np.zeros((1, 2)))[0]
    return {"σ_x in the centre": float(stress[0, 0]), "σ_y in the centre": float(stress[1, 1])}


HONDROS = tuple(2 / np.pi * (sign * np.sin(np.radians(20)) - np.radians(10)) for sign in (1, -1))
"""Stresses in the centre of a disc with unit pressure on two arcs of 20 degrees (Hondros 1959)."""

MOTZ = 401.162453745
"""Leading coefficient of Motz's problem (Georgiou, Olson and Smyrlis 1996)."""

LARGEST = "largest error of K"
"""Of all tips, in the plate's own unit of K."""

EFFECTIVITY = Within("effectivity", 0.7, 1.5)
SMOOTH = (Rate("l2", 2.0), Rate("h1", 1.0), EFFECTIVITY)
OBSERVED = (Rate("l2", 2.0, None), Rate("h1", 1.0, None), EFFECTIVITY)
REGIONS = (Rate("l2", 2.0, 0.15), Rate("h1", 1.0, 0.15), EFFECTIVITY)
EXACT = (AtMost("l2", 1e-10, worst=True), AtMost("h1", 1e-10, worst=True))
MANUFACTURED = "manufactured solution"
TURNED = ("quad, 20°", "triangle, 20°")
"""Covers that have the origin for a node and cut everything else anyhow: a singular point keeps its place."""
EVERY = ("quad", "triangle", *TURNED)

PROBLEMS = (
    Problem("patch_poisson", (8, 16, 33), (16,), EXACT, "linear, hence exact", EVERY),
    Problem("patch_elasticity", (8, 16, 33), (16,), EXACT, "linear, hence exact", EVERY),
    Problem("disk_membrane", (16, 32, 64, 128), (8, 16, 32), SMOOTH, "u = (R² - r²)/4"),
    Problem("disk_poisson", (16, 32, 64, 128), (8, 16, 32), SMOOTH, MANUFACTURED),
    Problem("disk_elasticity", (16, 32, 64, 128), (8, 16, 32), SMOOTH, MANUFACTURED),
    Problem("flower_poisson", (16, 32, 64, 128), (8, 16, 32), SMOOTH, MANUFACTURED),
    Problem("flower_elasticity", (16, 32, 64, 128), (8, 16, 32), SMOOTH, MANUFACTURED),
    Problem(
        "flower_spline",
        (16, 32, 64),
        (16, 32),
        (Rate("l2", 4.0), Rate("h1", 3.0), EFFECTIVITY),
        MANUFACTURED,
        ("quad, splines",),
    ),
    Problem(
        "flower_order",
        (8, 16, 32, 64),
        (8, 16, 32),
        (Rate("l2", 3.0), Rate("h1", 2.0), EFFECTIVITY),
        MANUFACTURED,
        ("quad, order 1", "triangle, order 1"),
    ),
    Problem(
        "cook",
        (16, 32, 64, 128),
        (16, 32),
        (Target("v(48, 52)", 23.968, 0.003),),
        "23.968 ± 0.001, quadratic elements up to 128 per side",
        measure=cook_deflections,
    ),
    Problem(
        "cook_incompressible",
        (8, 16, 32, 64),
        (16, 32),
        (Target("v(48, 52)", 18.51, 0.02),),
        "18.51 ± 0.005, Taylor-Hood elements up to 96 per side",
        ("quad",),
        measure=cook_deflections,
    ),
    Problem(
        "kirsch",
        (32, 64, 128),
        (16, 32),
        (
            Target("largest hoop stress", 3.0, 0.02),
            AtMost("hoop rms", 0.02),
            AtMost("hoop worst", 0.07),
            *OBSERVED,
        ),
        "Kirsch 1898",
        measure=kirsch_hoop,
    ),
    Problem(
        "cantilever",
        (24, 48, 96, 192),
        (12, 24, 48),
        (Rate("l2", 2.0), Rate("h1", 1.0, faster=True), Target("v(48, 0)", -0.0089, 0.01), EFFECTIVITY),
        "Timoshenko and Goodier, art. 21",
        measure=deflection(48.0, 0.0, "v(48, 0)"),
    ),
    Problem(
        "brazilian_disc",
        (16, 32, 64, 128),
        (16, 32),
        (Target("σ_x in the centre", HONDROS[0], 0.01), Target("σ_y in the centre", HONDROS[1], 0.01)),
        "Hondros 1959",
        measure=central_stresses,
    ),
    Problem("lame", (16, 32, 64, 128), (8, 16, 32), SMOOTH, "Lamé 1852"),
    Problem(
        "l_poisson",
        (32, 64, 128, 256),
        (16, 32),
        (Rate("h1", 2 / 3, 0.02), Rate("l2", 4 / 3, None)),
        "r^(2/3) sin(2θ/3)",
        TURNED,
    ),
    Problem(
        "l_elasticity",
        (32, 64, 128, 256),
        (16, 32),
        (Rate("h1", 0.544484, 0.02), Rate("l2", 1.088967, None)),
        "Szabó and Babuška 1991, r^0.544484",
        TURNED,
    ),
    Problem(
        "motz",
        (32, 64, 128, 256),
        (16, 32),
        (Target("a", MOTZ, 0.001), Rate("error of a", 1.0, 0.15)),
        "Motz 1947; coefficient 401.162453745",
        TURNED,
        measure=motz_coefficient,
    ),
    Problem("bar", (8, 16, 32), (8, 16), EXACT, "linear in each material, hence exact"),
    Problem("inclusion", (16, 32, 64, 128), (16, 32), REGIONS, "radial solution, contrast 10"),
    Problem("stiff_inclusion", (16, 32, 64, 128), (16, 32), REGIONS, "radial solution, contrast 1000"),
    cracked("edge_crack", plates.edge_crack(0.5, 2.0, 2.8254), (40, 80, 160), 0.005),
    cracked("edge_crack_shear", plates.sheared_edge(), (48, 96, 192), 0.003),
    cracked("centre_crack", plates.centre_crack(0.5, 1.0, 1.33371), (40, 80, 160), 0.002),
    cracked("notched_beam", plates.bent_beam(), (90, 180, 360), 0.005),
    cracked("inclined_crack", plates.inclined_crack(45), (60, 120, 240), 0.002),
    cracked("star_four", plates.star(4, lambda t: (0.863542, 0.0, ""), ""), (50, 100, 200), 0.002),
    cracked("star_six", plates.star(6, lambda t: (0.742545, 0.0, ""), ""), (50, 100, 200), 0.002),
    cracked("branched_crack", plates.branched(1.0, 1.0435, 0.4948, 0.5059, ()), (60, 120, 240), 0.002),
    cracked("kinked_crack", plates.kinked(), (100, 200), 0.002),
    cracked("interface_crack", plates.border_crack(), (60, 120, 240), 0.01),
    cracked("eight_cracks", plates.eight_cracks(), (200, 300), 0.01, ("quad",)),
)
