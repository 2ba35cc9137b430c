"""Stages of a run: times for the summary, lines for the log, and a progress display for what takes long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

PATIENCE = 2.0
"""Seconds of a run that pass in silence."""
SHORT = 0.5
"""Seconds that a later stage may take without being shown."""
PLAIN: dict[str, Any] = {"highlight": False, "markup": False, "soft_wrap": True}


class Stages:
    """Times named stages; shows them on `console` once the run has taken longer than two seconds.

    `seconds` holds the time of each finished stage, `log` every line that was noted, with the second
    at which it was, `warnings` those that ask for attention. With `quiet` nothing is shown; with
    `verbose` every note is.
    """

    def __init__(self, console: Console, quiet: bool = False, verbose: bool = False):
        self.console, self.quiet, self.verbose = console, quiet, verbose
        self.seconds: dict[str, float] = {}
        self.log: list[str] = []
        self.warnings: list[str] = []
        self.began = time.perf_counter()
        self._progress: Progress | None = None
        self._task, self._label = TaskID(0), ""

    @property
    def total(self) -> float:
        return time.perf_counter() - self.began

    @contextmanager
    def __call__(self, name: str, label: str | None = None) -> Iterator[None]:
        label, began = label or name, time.perf_counter()
        timer = Timer(max(PATIENCE - self.total, SHORT), self._show, (label,))
        timer.daemon = True
        if not self.quiet:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._hide()
            spent = time.perf_counter() - began
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
            self.note(f"{label}: {spent:.2f} s")

    def residual(self, stage: str, residual: float) -> None:
        """Show how far a solver has come; called now and then."""
        self._describe(f"residual {residual:.1e}")

    def step(self, line: str) -> None:
        """Show how far a search has come, and note it."""
        self._describe(line)
        self.note(line)

    def _describe(self, text: str) -> None:
        if self._progress is not None:
            self._progress.update(self._task, description=f"{self._label}, {text}")

    def note(self, line: str) -> None:
        """A line for the log; shown with -v."""
        self.log.append(f"[{self.total:8.2f} s] {line}")
        if self.verbose and not self.quiet:
            self.console.print(line, style="dim", **PLAIN)

    def warn(self, line: str) -> None:
        """A line for the log that is shown unless -q was given."""
        self.log.append(f"[{self.total:8.2f} s] warning: {line}")
        self.warnings.append(line)
        if not self.quiet:
            self.console.print(f"warning: {line}", style="yellow", **PLAIN)

    def _show(self, label: str) -> None:
        if not self.console.is_terminal:
            self.console.print(f"{label} ...", **PLAIN)
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = progress = Progress(*columns, console=self.console, transient=True)
        self._task, self._label = progress.add_task(label, total=None), label
        progress.start()

    def _hide(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
