"""Everything that a run leaves in its directory, all of it at once or nothing."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .archive import save_archive
from .drawing import Drawing, drawings
from .environment import hardware, versions
from .files import plain, save_json, save_npz, save_text, staging
from .report import write_report
from .summary import failed_summary, statistic, summary
from .vtu import cell_fields, write_vtu

DEFAULT_FIELDS = ("displacement", "potential", "stress", "von_mises", "flux")


def save_case(
    directory: str | os.PathLike,
    solution: Any,
    *,
    case_text: str,
    title: str | None = None,
    fields: Sequence[str] | None = None,
    probes: ArrayLike = (),
    units: Mapping[str, str] | None = None,
    errors: Mapping[str, float | None] | None = None,
    seconds: Mapping[str, float | None] | None = None,
    tolerance: float | None = None,
    log: str | Iterable[str] = "",
    warnings: Sequence[str] = (),
    tables: Sequence[Mapping[str, Any]] = (),
    figures: Iterable[Drawing] = (),
    data: Mapping[str, Any] | None = None,
    arrays: Mapping[str, Mapping[str, Any]] | None = None,
    facts: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    peak_memory_mb: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Write case.toml, summary.json, solution.npz, solution.vtu, figures, report.json, report.html, log.txt.

    They are prepared in a hidden folder inside `directory` and moved into place together; files there that
    are not nmm's stay as they are.

    **Arguments:**

    - `fields`: names of fields to write and draw; default: those of `DEFAULT_FIELDS` that there are.
    - `probes (n, 2)`, `errors`, `seconds`, `peak_memory_mb`: see `summary`.
    - `units`: labels by kind (length, stress, or a field's name); `tolerance` of the solver.
    - `warnings`: sentences for the top of the report. `tables`: further tables of results, each a dict with
      `rows` and optionally `title`, `head`, `text`. `figures`: further figures, shown after the solution's.
    - `data`, `arrays`: further JSON files, and archives of arrays, by name, among those of `files.OWN_FILES`.
    - `facts`: further entries of summary.json. `search`: `converged`, `message` and `numbers` of the search
      for parameters that ended in this solution.
    - `log`: the text or the lines of log.txt. `progress`: is told what is being written.

    Returns what summary.json holds.

    **Raises:** `InputError` when `directory` cannot be written to.
    """
    tell = progress or (lambda text: None)
    mesh = solution.manifold.mesh()
    names = [name for name in DEFAULT_FIELDS if name in solution.field_names] if fields is None else fields
    tell("evaluating the fields")
    values = dict(solution.fields(list(names)))
    found = summary(solution, seconds=seconds, errors=errors, probes=probes, memory=peak_memory_mb)
    found |= plain(facts or {})

    with staging(directory) as stage:
        _save_texts(stage, case_text, log)
        for name, content in (data or {}).items():
            save_json(stage / name, content)
        for name, content in (arrays or {}).items():
            save_npz(stage / name, content)
        tell("writing solution.npz")
        save_archive(stage / "solution.npz", solution, mesh, values)
        tell("writing solution.vtu")
        write_vtu(stage / "solution.vtu", mesh, values, cell_fields(solution, mesh))
        drawn = []
        for drawing in (*drawings(solution, mesh, values, units, tolerance), *figures):
            tell(f"drawing {drawing.name}")
            drawn.append(drawing.save(stage))
        extra = report_data(solution, title=title, units=units, tolerance=tolerance)
        extra |= {"figures": drawn, "warnings": list(warnings), "tables": list(tables)}
        extra |= {"search": dict(search)} if search else {}
        _save_pages(stage, found, extra)
    return found


def save_failure(
    directory: str | os.PathLike,
    *,
    case_text: str,
    message: str,
    title: str | None = None,
    seconds: Mapping[str, float | None] | None = None,
    log: str | Iterable[str] = "",
) -> dict[str, Any]:
    """What a run without a solution leaves: case.toml, summary.json ("failed"), report and log.

    Results of an earlier run in `directory` go: they are not results of this case. `message` says in a
    sentence what happened. Returns what summary.json holds.
    """
    found = failed_summary(seconds)
    extra = {**_made(title), "solver": {"message": message}, "figures": []}
    with staging(directory) as stage:
        _save_texts(stage, case_text, log)
        _save_pages(stage, found, extra)
    return found


def report_data(
    solution: Any,
    *,
    title: str | None = None,
    units: Mapping[str, str] | None = None,
    tolerance: float | None = None,
) -> dict[str, Any]:
    """What `report.json` holds beyond figures: all that the page needs and summary.json does not have."""
    manifold = solution.manifold
    stats = {name: value for name, value in manifold.stats.items() if name != "crack_lost"}
    return {
        **_made(title),
        "units": dict(units or {}),
        "parameters": {name: _described(value) for name, value in (solution.params or {}).items()},
        "cut": stats,
        "lost": manifold.stats.get("crack_lost", []),
        "cleanup": _cleanup(manifold.geometry.report),
        "equilibrium": {
            **(solution.balance or {}),
            "supports": list(solution.reactions),
        },
        "tips_left_out": solution.tips_left_out,
        "solver": {
            "message": solution.result.message,
            "converged": bool(solution.result.converged),
            "method": statistic(solution, "method"),
            "tolerance": tolerance,
            "history": solution.history,
        },
    }


def _described(value: Any) -> Any:
    """A parameter for a table: a number, or what a field ranges over."""
    values = np.asarray(getattr(value, "values", value))
    return value if values.ndim == 0 else f"a field from {values.min():.6g} to {values.max():.6g}"


def _made(title: str | None) -> dict[str, Any]:
    return {
        "title": title,
        "made": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "versions": versions(),
        "hardware": hardware(),
    }


def _cleanup(report: Any) -> dict[str, Any]:
    return {
        "counts": report.counts,
        "junctions_before": report.junctions_before,
        "junctions_after": report.junctions_after,
        "measures": {
            "length of the traces": report.length_total,
            "inside the domain": report.length_inside,
            "outside the domain": report.length_outside,
            "kept": report.length_kept,
            "largest move of a vertex": report.moved_max,
        },
        "items": [vars(item) for item in report.items],
    }


def _save_texts(stage: Path, case_text: str, log: str | Iterable[str]) -> None:
    lines = log if isinstance(log, str) else "".join(f"{line}\n" for line in log)
    save_text(stage / "case.toml", case_text)
    save_text(stage / "log.txt", lines)


def _save_pages(stage: Path, found: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
    save_json(stage / "report.json", extra)
    save_json(stage / "summary.json", found)
    write_report(stage)
