"""`nmm study NAME`, `nmm study all`."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import jax
import typer
from rich.console import Console
from rich.table import Table

from networks.study import registry
from networks.study.experiment import Effort
from networks.study.page import write_page
from networks.study.record import finished, load, record, save, verdict_line
from nmm.cli import DONE, INTERRUPTED, Debug, Output, Quiet, Verbose, complain
from nmm.errors import InputError
from nmm.progress import Stages
from nmm.results.files import folder

ALL = "all"
SEEDS = {False: 10, True: 3}
"""Of a full and of a quick run, where nobody says."""

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME...]", help="Experiments, or all; none lists them.", show_default=False),
]
Quick = Annotated[bool, typer.Option("--quick", help="Less of everything, in minutes for all of them.")]
Seeds = Annotated[int | None, typer.Option("--seeds", min=1, help="Seeds [10, quick 3].", show_default=False)]
Resume = Annotated[bool, typer.Option("--resume", help="Leave out what an earlier run has finished.")]


def command(
    names: Names = None,
    quick: Quick = False,
    seeds: Seeds = None,
    resume: Resume = False,
    output: Output = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Measure the claims of "Deep Manifold" one by one: a number, a figure and a verdict each.

    Writes NAME.json, NAME.png and the page index.html into results/study.
    """
    console = Console(soft_wrap=True, highlight=False)
    if not names:
        console.print(listing())
        return DONE
    wanted = chosen(names)
    stages = Stages(Console(stderr=True), quiet, verbose)
    effort = Effort(quick, seeds or SEEDS[quick], report=stages.step)
    directory = folder(output or Path("results") / "study")
    try:
        for number, name in enumerate(wanted, 1):
            if resume and finished(directory, name, effort):
                stages.note(f"{name} is finished already")
                continue
            line = run(name, effort, directory, stages, f"{name}, {number} of {len(wanted)}")
            if not quiet:
                console.print(line)
    except KeyboardInterrupt:
        complain(f"interrupted; what was finished is in {directory}, --resume goes on from it")
        return INTERRUPTED
    finally:
        page(directory)
    if not quiet:
        console.print(f"Written: {directory}/index.html, and a .json and .png for each")
    return DONE


def chosen(names: list[str]) -> list[str]:
    """The experiments that are asked for, each once.

    **Raises:** `InputError` for a name that nobody knows.
    """
    wanted = list(registry.HOMES) if ALL in names else list(dict.fromkeys(names))
    for name in names:
        if name != ALL and name not in registry.HOMES:
            known = ", ".join([ALL, *registry.HOMES])
            raise InputError(f"no experiment is called {name!r}; known: {known}", where="nmm study")
    return wanted


def run(name: str, effort: Effort, directory: Path, stages: Stages, label: str) -> str:
    """Measure one experiment, keep what it found, and return its verdict as a line."""
    began = time.perf_counter()
    with stages(name, label):
        experiment = registry.experiment(name)
        found = experiment.measure(replace(effort, report=lambda line: stages.step(f"{name}: {line}")))
        kept = record(experiment, found, effort, time.perf_counter() - began)
        save(experiment, found, kept, directory)
    jax.clear_caches()  # each program maps memory thousands of times, and Linux has a limit
    return verdict_line(kept)


def page(directory: Path) -> Path:
    """Write the page of what lies in `directory`, E1 first."""
    records = [load(directory, name) for name in registry.HOMES]
    known = [kept for kept in records if kept is not None]
    return write_page(sorted(known, key=lambda kept: place(kept["label"])), directory)


def place(label: str) -> tuple[int, int]:
    """Where an experiment stands on the page: E1, E2, …, and then those named after concepts, D3, …

    >>> sorted(["D9", "E11", "D4, D5", "E2"], key=place)
    ['E2', 'E11', 'D4, D5', 'D9']
    """
    first = label.split(",")[0]
    return "ED".index(first[0]), int(first[1:])


def listing() -> Table:
    """The experiments that there are."""
    made = Table(title="nmm study NAME", title_justify="left")
    for column in ("", "name", "what it measures", "concepts"):
        made.add_column(column)
    for name in registry.HOMES:
        each = registry.experiment(name)
        made.add_row(each.label, name, each.about, ", ".join(each.concepts))
    return made
