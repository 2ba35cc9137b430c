"""Measurements from a CSV file: a header, then a point and what was measured there in each row."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nmm.case.inverse_tables import COLUMNS
from nmm.case.values import shown, suggestion
from nmm.errors import CaseError

NAMES = "experiment"
"""The column whose entries are names."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Measurements of one `kind` at `points` (n, 2): `values` and their standard deviations `std`
    (n, columns), the `lines` (n,) of the file that they come from, and the experiments (n,) that the file
    names, if it does."""

    kind: str
    file: str
    columns: tuple[str, ...]
    points: np.ndarray
    values: np.ndarray
    std: np.ndarray
    lines: tuple[int, ...]
    experiments: tuple[str, ...] | None = None

    @property
    def experiment(self) -> str | None:
        """The one experiment that they are of."""
        return None if self.experiments is None else self.experiments[0]

    def named(self, experiment: str) -> Measured:
        """The same, all of one experiment."""
        return replace(self, experiments=(experiment,) * len(self.points))

    def of(self, experiment: str) -> Measured | None:
        """Those of one experiment, if there are any."""
        rows = [i for i, name in enumerate(self.experiments or ()) if name == experiment]
        if not rows:
            return None
        points, values, std = self.points[rows], self.values[rows], self.std[rows]
        lines = tuple(self.lines[i] for i in rows)
        found = replace(self, points=points, values=values, std=std, lines=lines, experiments=None)
        return found.named(experiment)

    def check_inside(self, inside: np.ndarray, box: np.ndarray) -> None:
        """**Raises:** `CaseError` for the first point that does not lie in the domain."""
        for i in np.flatnonzero(~inside)[:1]:
            x, y = self.points[i]
            more = int((~inside).sum()) - 1
            also = f", and so do{'es' * (more == 1)} {more} more" if more else ""
            raise CaseError(
                f"the point ({x:.10g}, {y:.10g}) lies outside the domain{also}",
                where=f"{self.file}, line {self.lines[i]}",
                hint=f"leave it out, or correct it; the domain spans {box[0]:.6g} ≤ x ≤ {box[2]:.6g}, "
                f"{box[1]:.6g} ≤ y ≤ {box[3]:.6g}",
            )


def read_measured(path: Path, kind: str, noise: float | None, file: str | None = None) -> Measured:
    """Read the measurements of `kind`; `noise` is their standard deviation, where the file has none.

    Columns are found by their names; blank lines and those that begin with # are skipped.

    **Raises:** `CaseError` with the line and the column.
    """
    file = file or path.name
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = list(_rows(csv.reader(stream, skipinitialspace=True)))
    except UnicodeDecodeError as error:
        raise CaseError(
            f"this is not a text in UTF-8 (byte {error.start})", where=file, hint="save it as CSV in UTF-8"
        ) from None
    except (OSError, csv.Error) as error:
        raise CaseError(f"it cannot be read: {error}", where=file, hint="it has to be a CSV file") from None
    if not rows:
        raise CaseError("the file is empty", where=file, hint=_expected(kind))
    line, head = rows[0]
    columns = _columns(head, kind, f"{file}, line {line}")
    has_std = "std" in head
    if has_std and noise is not None:
        raise CaseError(
            'found the column "std" and noise in the case file, expected one of them',
            where=f"{file}, line {line}",
            hint="leave one of them out",
        )
    if not has_std and noise is None:
        raise CaseError(
            'found no column "std" and no noise in the case file',
            where=f"{file}, line {line}",
            hint="add noise = ... to [[data]]: the standard deviation of the measurements, in their units",
        )
    if len(rows) == 1:
        raise CaseError("found a header and no measurements", where=file, hint="add a row for each point")
    numbers = np.array([_numbers(row, head, f"{file}, line {line}") for line, row in rows[1:]])
    experiments = tuple(row[head.index(NAMES)] for _, row in rows[1:]) if NAMES in head else None
    column = {name: numbers[:, i] for i, name in enumerate(head)}
    values = np.stack([column[name] for name in columns], 1)
    std = np.broadcast_to(column["std"][:, None] if has_std else float(noise or 0), values.shape)
    points = np.stack([column["x"], column["y"]], 1)
    return Measured(
        kind, file, columns, points, values, std, tuple(line for line, _ in rows[1:]), experiments
    )


def _rows(reader) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells) and not cells[0].startswith("#"):
            yield reader.line_num, cells


def _expected(kind: str) -> str:
    columns = COLUMNS[kind]
    one = f" (or only one of {' and '.join(columns)})" if kind == "displacement" else ""
    return f'kind = "{kind}" expects the header [experiment,]x,y,{",".join(columns)}[,std]{one}'


def _columns(head: Sequence[str], kind: str, where: str) -> tuple[str, ...]:
    """Those of the measured columns that the header has."""
    possible = COLUMNS[kind]
    for i, name in enumerate(head):
        if name not in ("x", "y", "std", NAMES, *possible):
            close = suggestion(name, ("x", "y", *possible, "std", NAMES))
            raise CaseError(f"found the column {shown(name)}: {close}", where=where, hint=_expected(kind))
        if name in head[:i]:
            raise CaseError(f'found the column "{name}" twice', where=where, hint=_expected(kind))
    found = tuple(name for name in possible if name in head)
    wanted = ("x", "y") if kind == "displacement" and found else ("x", "y", *possible)
    for name in wanted:
        if name not in head:
            raise CaseError(f'the column "{name}" is missing', where=where, hint=_expected(kind))
    return found


def _numbers(row: Sequence[str], head: Sequence[str], where: str) -> list[float]:
    if len(row) != len(head):
        raise CaseError(
            f"found {len(row)} entries, expected {len(head)}: {','.join(head)}",
            where=where,
            hint="separate them with commas, and write decimals with a point",
        )
    pairs = zip(row, head, strict=True)
    return [0.0 if name == NAMES else _number(text, name, where) for text, name in pairs]


def _number(text: str, column: str, where: str) -> float:
    place = f"{where}, column {column}"
    try:
        value = float(text)
    except ValueError:
        raise CaseError(
            f"found {shown(text)}, expected a number",
            where=place,
            hint="leave out rows that were not measured, and write decimals with a point",
        ) from None
    if not math.isfinite(value):
        raise CaseError(
            f"found {text}, expected a finite number",
            where=place,
            hint="leave out rows without a measurement",
        )
    if column == "std" and value <= 0:
        raise CaseError(
            f"found {text}, expected a standard deviation greater than 0", where=place, hint="correct it"
        )
    return value
