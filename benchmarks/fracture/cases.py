"""The cracked plates: geometry, loads, and what their factors are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.fracture.infinite import BorderCrack

YOUNG, NU = 1.0, 0.3
STIFFNESS = YOUNG / (1 - NU**2) / 8
"""E'/8 = μ/(κ + 1)."""


@dataclass(frozen=True)
class Factor:
    """A reference value: which factor (`KI` or `KII`) of which tip, and the name of its group of tips."""

    crack: int
    end: int
    key: str
    value: float
    group: str = ""

    @property
    def label(self) -> str:
        symbol = "K_I" if self.key == "KI" else "K_II"
        return f"{symbol}, {self.group}" if self.group else symbol


@dataclass(frozen=True)
class Case:
    """A rectangular plate with cracks.

    `length` is what cells are counted in, `unit` what errors are relative to (the largest K, or σ√πa in an
    infinite plane), `far` the stress (xx, yy, xy) at the edge. `edge`: "uniform" as it is; "exact" with the
    field of a straight crack; "own" with the field of the cracks' own opening, found by repetition; "clamped"
    below, `far` above; "bent" by three forces on a beam. `soft` is Young's modulus below y = 0, where it is
    another one, and `tips` the covers that the plate is solved with: "plain" tips, "enriched" ones, and these
    with local functions of "order 1".
    """

    name: str
    title: str
    box: tuple[float, float, float, float]
    cracks: Sequence[Sequence[tuple[float, float]]]
    length: float
    unit: float
    far: tuple[float, float, float]
    factors: Sequence[Factor]
    edge: str = "uniform"
    cells: tuple[int, ...] = (10, 20, 40)
    nu: float = NU
    about: str = ""
    soft: float | None = None
    tips: tuple[str, ...] = ("plain", "enriched", "order 1")


def edge_crack(ratio: float, height: float, factor: float, cells=(10, 20, 40, 80)) -> Case:
    """An edge crack in tension, width 1, whole height `height`."""
    value = factor * float(np.sqrt(np.pi * ratio))
    return Case(
        f"edge, a/W = {ratio:g}, L/W = {height:.3g}",
        "edge crack in tension",
        (0.0, 0.0, 1.0, height),
        [[(0.0, height / 2), (ratio, height / 2)]],
        ratio,
        value,
        (0.0, 1.0, 0.0),
        [Factor(0, 1, "KI", value), Factor(0, 1, "KII", 0.0)],
        cells=cells,
        about="graded quadratic elements and Williams collocation",
    )


def sheared_edge() -> Case:
    """Yau, Wang and Corten 1980; the values by collocation."""
    return Case(
        "edge, shear",
        "edge crack in a plate that is clamped below and sheared above",
        (0.0, 0.0, 7.0, 16.0),
        [[(0.0, 8.0), (3.5, 8.0)]],
        3.5,
        34.0,
        (0.0, 0.0, 1.0),
        [Factor(0, 1, "KI", 34.0), Factor(0, 1, "KII", 4.533)],
        "clamped",
        (10, 20, 40, 80),
        nu=0.25,
        about="Yau, Wang and Corten 1980: 34.0 and 4.55; Williams collocation",
    )


def bent_beam() -> Case:
    """A beam of height 1 on supports 4 apart, cracked to half its height, under a force 1 in the middle."""
    return Case(
        "bent beam, a/W = 0.5",
        "single-edge notched beam under three forces, S/W = 4",
        (-2.25, 0.0, 2.25, 1.0),
        [[(0.0, 0.0), (0.0, 0.5)]],
        0.5,
        10.575,
        (0.0, 0.0, 0.0),
        [Factor(0, 1, "KI", 10.575), Factor(0, 1, "KII", 0.0)],
        "bent",
        (10, 20, 40),
        about="graded quadratic elements, ± 0.001; the handbook's formula, within 1 %, says 10.65",
    )


def centre_crack(ratio: float, height: float, factor: float, cells=(10, 20, 40)) -> Case:
    """A centre crack in tension, half-width 1, half-height `height`."""
    value = factor * float(np.sqrt(np.pi * ratio))
    tips = [Factor(0, end, "KI", value) for end in (0, 1)]
    return Case(
        f"centre, a/W = {ratio:g}, H/W = {height:g}",
        "centre crack in tension",
        (-1.0, -height, 1.0, height),
        [[(-ratio, 0.0), (ratio, 0.0)]],
        ratio,
        value,
        (0.0, 1.0, 0.0),
        [*tips, *(Factor(0, end, "KII", 0.0) for end in (0, 1))],
        cells=cells,
        about="collocation, five digits",
    )


def inclined_crack(beta: int) -> Case:
    """A crack at `beta` degrees to a uniaxial tension in an infinite plane; exact."""
    angle = np.deg2rad(90 - beta)
    tip = (float(np.cos(angle)), float(np.sin(angle)))
    unit = np.sqrt(np.pi)
    one, two = np.cos(angle) ** 2 * unit, np.sin(angle) * np.cos(angle) * unit
    one, two = float(np.round(one, 12)), float(np.round(two, 12))
    factors = [Factor(0, e, k, v) for e in (0, 1) for k, v in (("KI", one), ("KII", two))]
    return Case(
        f"inclined, {beta}°",
        "inclined crack in an infinite plane",
        (-3.0, -3.0, 3.0, 3.0),
        [[(-tip[0], -tip[1]), tip]],
        1.0,
        unit,
        (0.0, 1.0, 0.0),
        factors,
        "exact",
        about="exact",
    )


def border_crack() -> Case:
    """A crack between a half-plane with Young's modulus 1 and one with 0.1, under tension; exact."""
    field = between()
    one, two = field.factor.real, field.factor.imag
    factors = [
        Factor(0, end, key, value)
        for end in (0, 1)
        for key, value in (("KI", one), ("KII", (2 * end - 1) * two))
    ]
    return Case(
        "between two materials",
        "crack along the border of two half-planes, E 10 : 1",
        (-3.0, -3.0, 3.0, 3.0),
        [[(-1.0, 0.0), (1.0, 0.0)]],
        1.0,
        float(np.sqrt(np.pi)),
        field.far,
        factors,
        "exact",
        about="Rice and Sih 1965, exact: (1 + 2iε)(2a)^−iε σ√πa, ε = −0.0758",
        soft=0.1 * YOUNG,
        tips=("plain",),
    )


def between() -> BorderCrack:
    """The exact field of `border_crack`."""
    return BorderCrack(1.0, (YOUNG, NU), (0.1 * YOUNG, NU), (0.0, 1.0, 0.0))


def star(arms: int, values, name: str, turn: float = 0.0, far=(1.0, 1.0, 0.0)) -> Case:
    """Arms of length 1 from one point in an infinite plane; `values` of each arm are (F_I, F_II, group)."""
    angles = turn + 2 * np.pi * np.arange(arms) / arms
    unit = np.sqrt(np.pi)
    factors = []
    for crack, angle in enumerate(angles):
        one, two, group = values(float(angle))
        factors += [Factor(crack, 1, "KI", one * unit, group), Factor(crack, 1, "KII", two * unit, group)]
    return Case(
        name,
        "equal arms from one point in an infinite plane",
        (-4.0, -4.0, 4.0, 4.0),
        [[(0.0, 0.0), (float(np.cos(t)), float(np.sin(t)))] for t in angles],
        1.0,
        unit,
        far,
        factors,
        "own",
        about="singular integral equation, nine digits",
    )


def stars() -> list[Case]:
    """Stars of two, four and six arms, and the cross under uniaxial tension, aligned and diagonal."""

    def aligned(angle: float):
        flat = abs(np.cos(angle)) > 0.5
        return (1.0811, 0.0, "across") if flat else (-0.2176, 0.0, "along")

    def diagonal(angle: float):
        return 0.43177, float(np.sign(np.sin(2 * angle))) * 0.43177, ""

    pull = (0.0, 1.0, 0.0)
    return [
        star(2, lambda t: (1.0, 0.0, ""), "star, 2 arms"),
        star(4, lambda t: (0.863542, 0.0, ""), "star, 4 arms"),
        star(6, lambda t: (0.742545, 0.0, ""), "star, 6 arms"),
        star(4, aligned, "cross, aligned", far=pull),
        star(4, diagonal, "cross, 45°", np.pi / 4, pull),
    ]


def branched(b: float, main: float, one: float, two: float, cells) -> Case:
    """Chen and Hasebe's crack of length 1 with two branches of length `b` at ±45°, in an infinite plane."""
    reach = b * float(np.sqrt(0.5))
    c = (1 + reach) / 2
    unit = float(np.sqrt(np.pi * c))
    left, fork = (-c, 0.0), (1 - c, 0.0)
    half = 4 * c
    factors = [Factor(0, 0, "KI", main * unit, "main"), Factor(0, 0, "KII", 0.0, "main")]
    for crack, sign in ((1, 1), (2, -1)):
        factors += [
            Factor(crack, 1, "KI", one * unit, "branches"),
            Factor(crack, 1, "KII", sign * two * unit, "branches"),
        ]
    return Case(
        f"branched, b/a = {b:g}",
        "crack with two branches at 45° in an infinite plane",
        (-half, -half, half, half),
        [[left, fork], *([fork, (fork[0] + reach, sign * reach)] for sign in (1, -1))],
        1.0,
        unit,
        (0.0, 1.0, 0.0),
        factors,
        "own",
        cells,
        about="Chen and Hasebe's geometry, singular integral equation",
    )


def kinked() -> Case:
    """A crack of length 1 that goes on for 0.5 at 45° to it, in an infinite plane."""
    reach = 0.5 * float(np.sqrt(0.5))
    c = (1 + reach) / 2
    unit = float(np.sqrt(np.pi * c))
    known = ((0, "main", 0.987613, -0.032697), (1, "kink", 0.569683, 0.619664))
    return Case(
        "kinked, b/a = 0.5",
        "crack with a kink of 45° in an infinite plane",
        (-4 * c, -4 * c, 4 * c, 4 * c),
        [[(-c, 0.0), (1 - c, 0.0), (c, reach)]],
        1.0,
        unit,
        (0.0, 1.0, 0.0),
        [
            Factor(0, end, key, value * unit, name)
            for end, name, *both in known
            for key, value in zip(("KI", "KII"), both, strict=True)
        ],
        "own",
        (20, 40),
        about="singular integral equation (`benchmarks/fracture/equations.py`), six digits",
    )


POINTS = {
    "A": (-3.0851, 0.75), "B": (0.5, 1.13327), "C": (0.20309, 1.5573), "D": (-2.1454, 1.09202),
    "E": (-1.3794, 0.44923), "F": (-3.0851, -0.25), "G": (-2.378, 0.45711), "H": (-1.3794, 1.09202),
    "I": (-0.5134, 1.59202), "J": (-0.43969, 0.79125),
    "A'": (3.08512, -0.75), "B'": (-0.5, -0.3667), "C'": (-0.2031, 0.0573), "D'": (2.14543, -0.408),
    "E'": (1.37939, -1.0508), "F'": (3.08512, -1.75), "G'": (2.37802, -1.0429), "H'": (1.37939, -0.408),
    "I'": (0.51336, 0.09202), "J'": (0.43969, -0.7087),
}  # fmt: skip
EIGHT = {
    "A": (1.7943, 2.8522), "B": (1.9932, 2.4042), "C": (-1.6920, -0.1337), "F": (0.0510, 0.2894),
    "G": (-0.5317, 0.1885), "H": (-0.0517, -0.1979), "I": (-0.1933, 0.0213),
    "A'": (3.7215, 2.3379), "B'": (2.6700, 1.0248), "C'": (5.3966, -0.1143), "F'": (4.3255, -0.1661),
    "G'": (3.6812, 0.9279), "H'": (0.4157, -0.3947), "I'": (1.0043, 0.0648),
}  # fmt: skip
TIPS_OF = {"A": (0, 0), "B": (0, 1), "C": (1, 1), "F": (2, 0), "G": (2, 1), "H": (3, 0), "I": (3, 1)}


def eight_cracks() -> Case:
    """Yavuz and Phoenix 2006, code_aster SSNP505: eight cracks, two of them forked, no contact."""
    cracks = []
    for mark in ("", "'"):
        for names in ("ADEJB", "JC", "FG", "HI"):
            cracks.append([POINTS[name + mark] for name in names])
    factors = []
    for name, (one, two) in EIGHT.items():
        crack, end = TIPS_OF[name[0]]
        crack += 4 if name.endswith("'") else 0
        factors += [Factor(crack, end, "KI", one, name), Factor(crack, end, "KII", two, name)]
    return Case(
        "eight cracks",
        "plate with eight cracks, two of them forked",
        (-10.0, -10.0, 10.0, 10.0),
        cracks,
        1.0,
        5.3966,
        (1.0, 1.0, 1.0),
        factors,
        cells=(10, 15, 20),
        about="code_aster SSNP505 after Yavuz and Phoenix 2006, in plane strain; relative to the largest K",
    )


def all_cases() -> list[Case]:
    """Every plate."""
    return [
        edge_crack(0.2, 2.0, 1.368, (10, 20, 40)),
        edge_crack(0.4, 2.0, 2.1126),
        edge_crack(0.5, 2.0, 2.8254),
        edge_crack(0.5, 16 / 7, 2.8246),
        edge_crack(0.5, 4.0, 2.8242, (10, 20, 40)),
        sheared_edge(),
        bent_beam(),
        centre_crack(0.2, 1.0, 1.0554, (10, 20, 40)),
        centre_crack(0.5, 1.0, 1.33371, (10, 20, 40, 80)),
        centre_crack(0.5, 2.0, 1.18763),
        *(inclined_crack(beta) for beta in range(0, 91, 15)),
        *stars(),
        branched(0.1, 1.0100, 0.5601, 0.3473, (40, 80)),
        branched(0.5, 1.0259, 0.4998, 0.4743, (20, 40)),
        branched(1.0, 1.0435, 0.4948, 0.5059, (10, 20, 40)),
        kinked(),
        border_crack(),
        eight_cracks(),
    ]


def worst_of_groups(case: Case, factors) -> dict[str, dict[str, Any]]:
    """Reference, value and error of the tip of each group that is farthest off; None where none was found."""
    found: dict[str, dict[str, Any]] = {}
    for factor in case.factors:
        tip = factors.get((factor.crack, factor.end))
        value = None if tip is None else tip[factor.key]
        error = None if value is None else (value - factor.value) / case.unit
        old = found.get(factor.label)
        if old is None or (error is not None and abs(error) > abs(old["error"] or 0.0)):
            found[factor.label] = {"reference": factor.value, "value": value, "error": error}
    return found
