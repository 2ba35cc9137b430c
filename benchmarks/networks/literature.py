"""The problems of `networks.contest`, which others have set, with the best classical methods, as figures."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.core import figure
from networks.comparison.row import Row
from networks.contest import allen_cahn, classical, many_dimensions, problems
from networks.contest.trained import WAYS, trained

ON_A_PLANE = tuple(WAYS)
IN_SPACE = ("pinn", "pinn_natural", "ritz_natural")


def figures(problem: str, rows: Iterator[Row]) -> Iterator[dict]:
    """Rows of a problem as figures."""
    for row in rows:
        spread = f"{row.l2[1]:.2g} to {row.l2[2]:.2g} in {row.seeds} seeds; " if row.seeds > 1 else ""
        parts = f"{spread}at most {row.largest[0]:.2g}; {row.unknowns:,} unknowns; {row.train:.2g} s"
        yield figure(f"{problem}, {row.title}: relative L2 error", row.l2[0], parts)


def grossmann(quick: bool, seeds: int, seconds: float) -> Iterator[dict]:
    """Poisson problems in one to three dimensions, Allen-Cahn's equation, and an oscillation."""
    line, square, cube, wave = problems.line(), problems.square(), problems.cube(), problems.oscillation()
    tried = [
        (
            line,
            [classical.hats(line, n) for n in (64, 4096)] + [classical.chebyshev(line, 16)],
            16,
            ON_A_PLANE,
        ),
        (square, [], 4, ON_A_PLANE),
        (cube, [classical.sines(cube, n) for n in ((16,) if quick else (16, 32, 64, 128))], 8, IN_SPACE),
        (wave, [classical.hats(wave, 4096), classical.chebyshev(wave, 80)], 96, ON_A_PLANE),
    ]
    for contest, rows, cells, ways in tried[: 1 if quick else None]:
        yield from figures(contest.title, iter([*rows, classical.manifold(contest, cells, 5)]))
        for way in ways[:1] if quick else ways:
            yield from figures(contest.title, iter([trained(contest, WAYS[way], range(seeds), seconds)]))
    if not quick:
        yield from figures("1-D Allen-Cahn", iter(allen_cahn.rows(range(seeds))))


def many(quick: bool, seeds: int, seconds: float) -> Iterator[dict]:
    """Sums of products, and perceptrons, in many dimensions."""
    for axes in (2,) if quick else (2, 5, 10):
        sizes = {"rank": max(3, axes), "seeds": range(seeds)}
        tried = [
            (many_dimensions.additive(axes), {"cells": 8, "degree": 7}),
            (many_dimensions.additive(axes, 12.0), {"cells": 40, "degree": 5}),
            (many_dimensions.mixed(axes), {"cells": 8, "degree": 5, "sweeps": 200}),
        ]
        for problem, how in tried:
            yield from figures(problem.name, iter([many_dimensions.separable(problem, **sizes, **how)]))
            if not quick:
                row = many_dimensions.perceptron(problem, range(seeds), seconds, "natural")
                yield from figures(problem.name, iter([row]))
