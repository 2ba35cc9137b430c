"""The demonstration: a real fractured outcrop, pulled and drained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from rich.table import Table

from nmm.case import Case, read_case
from nmm.progress import Stages
from nmm.results.files import save_json
from nmm.run import Run, solve_case


@dataclass(frozen=True)
class Demo:
    """The outcrop's effective values next to those of the rock without fractures, which are known exactly.

    The stiffness is the mean horizontal stress over the outline's area divided by the strain that the
    outline imposes: E (1 - nu) / ((1 + nu) (1 - 2 nu)) without fractures, since the outline holds the
    vertical strain at zero. The conductivity is the mean horizontal flux by the imposed gradient of the head.
    """

    pull: Run
    drain: Run
    stiffness: float
    intact_stiffness: float
    conductivity: float
    intact_conductivity: float
    directory: Path
    seconds: float

    @property
    def converged(self) -> bool:
        return self.pull.converged and self.drain.converged

    def values(self) -> dict[str, float]:
        return {
            "effective_stiffness": self.stiffness,
            "intact_stiffness": self.intact_stiffness,
            "effective_conductivity": self.conductivity,
            "intact_conductivity": self.intact_conductivity,
            "seconds": self.seconds,
        }

    def table(self) -> Table:
        """The comparison as `nmm demo` prints it."""
        cut = self.pull.solution.manifold.stats
        report = self.pull.solution.manifold.geometry.report
        table = Table(title="KB7: 240 fracture traces in 535 m² of bedrock", title_justify="left", box=None)
        for name in ("", "fractured", "intact", "ratio"):
            table.add_column(name, justify="left" if not name else "right")
        rows = (
            ("stiffness, horizontal (GPa)", self.stiffness / 1e9, self.intact_stiffness / 1e9),
            ("conductivity, horizontal (µm/s)", self.conductivity * 1e6, self.intact_conductivity * 1e6),
        )
        for name, fractured, intact in rows:
            table.add_row(name, f"{fractured:.4g}", f"{intact:.4g}", f"{fractured / intact:.3f}")
        table.add_section()
        for name, run in (("pulled", self.pull), ("drained", self.drain)):
            stats = run.solution.stats
            text = "converged" if run.converged else "not converged"
            table.add_row(f"{name}: {stats.dofs:,} unknowns", text, f"{stats.residual:.1e}", "")
        inside = cut["crack_length_cut"] / report.length_inside
        table.add_row(
            f"parts {cut['parts']:,}, elements {cut['elements']:,}", f"{inside:.1%} of traces felt", "", ""
        )
        table.add_row(f"{self.seconds:.1f} s", "", "", "")
        table.add_row(f"reports in {self.directory}/pull and {self.directory}/drain", "", "", "")
        return table


def run_demo(directory: Path, overrides: Sequence[str], stages: Stages) -> Demo:
    """Solve both cases with the same `overrides` and write their results under `directory`."""
    with as_file(files("nmm") / "data" / "kb7") as folder:
        pull = _solve(read_case(folder / "pull.toml", overrides), directory, stages)
        drain = _solve(read_case(folder / "drain.toml", overrides), directory, stages)
    stiffness, intact = effective_stiffness(pull)
    conductivity, intact_conductivity = effective_conductivity(drain)
    demo = Demo(pull, drain, stiffness, intact, conductivity, intact_conductivity, directory, stages.total)
    save_json(directory / "effective.json", demo.values())
    return demo


def _solve(case: Case, directory: Path, stages: Stages) -> Run:
    own = Stages(stages.console, stages.quiet, stages.verbose)
    with own("read", f"{case.name}: reading"):
        case.domain()
    run = solve_case(case, own)
    run.save(directory / case.name, own)
    return run


def effective_stiffness(run: Run) -> tuple[float, float]:
    """Mean horizontal stress by imposed strain: of the outcrop, and of intact rock in plane strain."""
    parameters, nu = run.case.parameters, run.case.parameters["nu"]
    mean = np.asarray(run.solution.mean_stress())[0, 0] / parameters["strain"]
    return float(mean), parameters["E"] * (1 - nu) / ((1 + nu) * (1 - 2 * nu))


def effective_conductivity(run: Run) -> tuple[float, float]:
    """Mean horizontal flux by the imposed gradient of the head: of the outcrop, and of intact rock.

    The head falls along x with a gradient of -1; flux is k times the gradient.
    """
    return float(-np.asarray(run.solution.mean_flux())[0]), run.case.parameters["k"]
