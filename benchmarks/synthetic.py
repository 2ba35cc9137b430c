"""Makes the measurements of the inverse cases: `python -m benchmarks.synthetic`.

They come from a cover that is finer than that of the case, shifted and turned, with the true values of the
case's unknowns and noise of a known size: an inversion cannot undo its own discretisation error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

import nmm
from nmm.case import Case, read_case
from nmm.expressions import parse
from nmm.results.files import save_text

CASES = Path(__file__).parent / "cases" / "inverse"
FINER = ("cover.angle=17.0", "cover.origin=[0.0137, 0.0071]")


def true_solution(case: Case) -> Any:
    """The forward problem solved for the true values of the case's unknowns."""
    assert case.spec.inverse is not None
    truth = {name: table.truth for name, table in case.spec.inverse.unknown.items()}
    case = case.with_parameters({k: v for k, v in truth.items() if isinstance(v, float)})
    problem = case.problem()
    fields = {k: Partial(true_field(v)) for k, v in truth.items() if isinstance(v, str)}
    return nmm.forward(problem)({**case.values(problem), **fields})


def own(case: Case, points: np.ndarray) -> np.ndarray:
    """Values of our own solution."""
    return true_solution(case).at(points)


def scikit_fem_heads(case: Case, points: np.ndarray) -> np.ndarray:
    """Heads of scikit-fem's quadratic triangles on the rectangle: -Δu = source, u = 0 on the outline."""
    import skfem
    from skfem.models.poisson import laplace

    assert case.spec.inverse is not None
    truth = {name: table.truth for name, table in case.spec.inverse.unknown.items()}
    source = parse(str(case.spec.physics.source))
    cells = int(case.spec.cover.cells or 0)
    xmin, ymin, xmax, ymax = case.domain().bounds
    mesh = skfem.MeshTri.init_tensor(
        np.linspace(xmin, xmax, cells + 1), np.linspace(ymin, ymax, cells // 2 + 1)
    )
    basis = skfem.Basis(mesh, skfem.ElementTriP2(), intorder=6)

    @skfem.LinearForm
    def load(v, w):
        return source.evaluate({**truth, "x": w.x[0], "y": w.x[1]}) * v

    found = skfem.solve(*skfem.condense(laplace.assemble(basis), load.assemble(basis), D=basis.get_dofs()))
    return basis.probes(points.T) @ found


def concentric(case: Case, points: np.ndarray) -> np.ndarray:
    """Voltages outside of a core of radius r and conductivity k in the unit disk of conductivity 1.

    A flux cos nθ through the rim makes (ρⁿ + μ r²ⁿ ρ⁻ⁿ)/(1 - μ r²ⁿ) cos(nθ)/n with μ = (1 - k)/(1 + k).
    """
    assert case.spec.inverse is not None
    truth = {name: float(table.truth or 0) for name, table in case.spec.inverse.unknown.items()}
    mu = (1 - truth["k"]) / (1 + truth["k"])
    radius, angle, total = np.hypot(*points.T), np.arctan2(*points.T[::-1]), np.zeros(len(points))
    for n in (1, 2, 3):
        core = mu * truth["r"] ** (2 * n)
        wave = (radius**n + core * radius**-n) / (1 - core) * np.cos(n * angle) / n
        total += case.parameters[f"i{n}"] * wave
    return total


def true_field(text: str) -> Callable[[Any], Any]:
    """The function of points (n, 2) that an expression in x and y describes."""
    expression = parse(text)

    def at(points):
        return jnp.broadcast_to(expression.evaluate({"x": points[:, 0], "y": points[:, 1]}, jnp), len(points))

    return at


@dataclass(frozen=True)
class Recipe:
    """Where and how exactly the data of one case are taken: `noise` relative to the largest value of each
    experiment."""

    case: str
    file: str
    cells: int | None
    points: np.ndarray
    header: str
    noise: float
    columns: tuple[int, ...]
    with_std: bool
    seed: int
    solve: Callable[[Case, np.ndarray], np.ndarray] = own
    source: str = "%d cells along the longer side, turned"

    @property
    def made_by(self) -> str:
        return self.source if self.cells is None else self.source % self.cells

    def make(self) -> str:
        """The text of the data file."""
        finer = [] if self.cells is None else [f"cover.cells={self.cells}", *FINER]
        case = read_case(CASES / self.case, finer)
        assert case.spec.inverse is not None
        random, lines, noises = np.random.default_rng(self.seed), [], []
        for name, values in (case.spec.inverse.experiment or {"": {}}).items():
            exact = np.asarray(self.solve(case.with_parameters(values), self.points))
            exact = exact.reshape(len(self.points), -1)[:, list(self.columns)]
            std = float(f"{self.noise * np.abs(exact).max():.2g}")
            rows = np.concatenate([self.points, exact + std * random.standard_normal(exact.shape)], 1)
            begin, end = f"{name}," if name else "", f",{std:g}" if self.with_std else ""
            lines += [begin + ",".join(f"{v:.6g}" for v in row) + end for row in rows]
            noises.append(f"{std:g}")
        first = f"# {self.made_by}; noise {' and '.join(noises)}, seed {self.seed}"
        named = "experiment," if case.spec.inverse.experiment else ""
        head = named + self.header + (",std" if self.with_std else "")
        return "\n".join([first, head, *lines]) + "\n"


def grid(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points (n, 2) at all pairs of x and y."""
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def rim() -> np.ndarray:
    """Points on the sides and the top of the unit square."""
    s = np.linspace(0.08, 1.0, 10)
    sides = [np.stack([np.full_like(s, x), s], -1) for x in (0.0, 1.0)]
    return np.concatenate([*sides, np.stack([s[:-1], np.ones(9)], -1)])


def three_sides(count: int) -> np.ndarray:
    """Points on the sides and the top of the unit square."""
    s = np.linspace(0.04, 0.96, count)
    return np.concatenate([np.stack(pair, -1) for pair in ((0 * s + 1, s), (0 * s, s), (s, 0 * s + 1))])


def around(radius: float, count: int) -> np.ndarray:
    """Points on a circle about the origin."""
    angle = 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angle), np.sin(angle)], -1)


RECIPES = (
    Recipe(
        "heads.toml", "heads.csv", 90, grid(np.linspace(0.14, 1.86, 10), np.linspace(0.1, 0.9, 6)),
        "x,y,value", 0.01, (0,), False, 1,
    ),
    Recipe("inclusion.toml", "boundary.csv", 72, rim(), "x,y,ux,uy", 0.01, (0, 1), True, 2),
    Recipe(
        "traction.toml", "deflection.csv", 120, grid(np.linspace(0.4, 3.9, 15), np.array([0.02])),
        "x,y,uy", 0.01, (1,), False, 3,
    ),
    Recipe("crack.toml", "crack.csv", 64, three_sides(16), "x,y,ux,uy", 0.01, (0, 1), True, 4),
    Recipe(
        "source.toml", "wells.csv", 120, grid(np.linspace(0.25, 1.75, 4), np.array([0.2, 0.5, 0.8])),
        "x,y,value", 0.01, (0,), False, 5, scikit_fem_heads, "scikit-fem, quadratic triangles, %d along",
    ),
    Recipe(
        "core.toml", "rim.csv", None, around(0.97, 32), "x,y,value", 0.01, (0,), True, 6, concentric,
        "closed form of concentric disks",
    ),
)  # fmt: skip


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    for recipe in RECIPES:
        save_text(CASES / recipe.file, recipe.make())
        print(CASES / recipe.file)


if __name__ == "__main__":
    main()
