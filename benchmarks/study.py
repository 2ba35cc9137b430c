"""The claims of Deep Manifold: what each experiment of `nmm study` measured, held against its thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.core import figure, measured
from benchmarks.registry import Report
from networks.study import command, record, registry
from networks.study.experiment import Effort
from nmm.progress import Stages
from nmm.results.files import folder


def run(quick: bool, report: Report, only: str = "") -> dict:
    """The record: a row for each threshold; experiments that lie finished in results/study are not run again.

    **Raises:** `InputError` where no experiment has `only` in its name.
    """
    effort = Effort(quick, command.SEEDS[quick])
    directory = folder(Path("results") / "study")
    measurements = {name: partial(rows, name, effort, directory) for name in registry.HOMES}
    about = f"experiments of nmm study, {effort.seeds} seeds"
    made = measured("study", measurements, only, quick, report, about)
    command.page(directory)
    return made


def rows(name: str, effort: Effort, directory: Path) -> Iterator[dict]:
    """Run an experiment unless it is finished, and make a row of each threshold."""
    if not record.finished(directory, name, effort):
        command.run(name, effort, directory, Stages(Console(stderr=True), quiet=True, verbose=False), name)
    kept = record.load(directory, name) or {}
    for each in kept["falsifier"]:
        value, quantity = each["measured"], each["quantity"]
        low, high = kept["spread"].get(quantity, (value, value))
        about = f"{low:.3g} to {high:.3g} by seed; " if low != high else ""
        yield figure(
            f"{kept['label']} {name}, {quantity}",
            float("nan") if value is None else value,
            f"{about}{each['why']}; {kept['seconds']:.0f} s in all",
            each["limit"],
            least=each["relation"] == ">=",
        )
