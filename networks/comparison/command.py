"""`nmm compare CASE.toml`."""

import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from networks.comparison.figure import figure
from networks.comparison.measure import SECONDS, SEEDS, Comparison, Row, as_exact, compare, verdict
from networks.comparison.methods import NAMES
from nmm.case import read_case
from nmm.cli import CaseFile, Debug, Output, Quiet, Settings, Verbose
from nmm.progress import Stages
from nmm.results.files import replacing
from nmm.results.plot import save_figure

COLUMNS = ("unknowns", "L2", "gradient", "seeds", "compile", "solve", "nmm", "values", "end")
WIDTH = 145
"""Of the table, where the terminal does not say."""


def command(
    case_file: CaseFile,
    output: Output = None,
    settings: Settings = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """The classical method and networks on one problem: relative errors, seconds, and which of them won.

    Errors of values (L2) and of the gradient, with the least and largest of the seeds; seconds of
    compilation, of a solve or of training a seed, and of the quickest solve of nmm that is at least as exact;
    milliseconds of values at a thousand points.
    """
    stages = Stages(Console(stderr=True), quiet, verbose)
    with stages("read", "reading"):
        case = read_case(case_file, settings or [])
    wanted = case.spec.compare
    methods = (wanted.methods if wanted else None) or NAMES
    seeds = (wanted.seeds if wanted else None) or SEEDS
    seconds = (wanted.seconds if wanted else None) or SECONDS
    found = compare(case, methods, seeds, seconds, stages)
    directory = output or Path("results") / case.name
    directory.mkdir(parents=True, exist_ok=True)
    with replacing(directory / "compare.json") as path:
        path.write_text(json.dumps(plain(found.as_json()), indent=2) + "\n", encoding="utf-8")
    save_figure(figure(found), directory / "compare.png")
    if not quiet:
        console = Console(width=max(WIDTH, Console().width))
        console.print(table(found))
        console.print(verdict(found.rows))
        console.print(f"Errors are those against {found.against}.")
        console.print(f"Written: {directory}/compare.json, compare.png")


def table(found: Comparison) -> Table:
    """The rows, as a table for the terminal."""
    made = Table(title=f"{found.title}: nmm and networks", title_justify="left")
    made.add_column("method", no_wrap=True)
    for name in COLUMNS:
        made.add_column(name, justify="right", no_wrap=True)
    for row in found.rows:
        made.add_row(*cells(row, as_exact(found.rows, row)))
    return made


def cells(row: Row, as_exact: float | None) -> list[str]:
    """A row in words; `as_exact` are the seconds of nmm at its accuracy."""
    if not np.isfinite(row.gradient[0]):
        return [row.title, *[""] * (len(COLUMNS) - 1), row.result]
    spread = f"{row.gradient[1]:.1e}, {row.gradient[2]:.1e}" if row.seeds > 1 else ""
    same = "" if as_exact is None else f"{as_exact:.2g}"
    numbers = [f"{row.compile:.1f}", f"{row.train:.2g}", same, f"{1e3 * row.evaluate:.1f}"]
    return [
        row.title,
        f"{row.unknowns:,}",
        f"{row.l2[0]:.1e}",
        f"{row.gradient[0]:.1e}",
        spread,
        *numbers,
        row.result,
    ]


def plain(value):
    """Without numbers that JSON does not know."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
