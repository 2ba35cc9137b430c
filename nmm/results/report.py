"""`report.html`: one page that says what was asked, what was done to it, what came out, and what to trust."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmm.errors import InputError

from . import html
from .files import save_text
from .sections import SECTIONS


def write_report(directory: str | os.PathLike) -> Path:
    """Write `report.html` from the files in `directory` alone, and return its path.

    Needs `summary.json`; uses `case.toml`, `report.json` and the figures where they exist.

    **Raises:** `InputError` when there is no summary in `directory` or a file of it is damaged.
    """
    directory = Path(directory)
    summary = _json(directory / "summary.json")
    if summary is None:
        raise InputError(
            "there is no result here: found no summary.json",
            where=str(directory),
            hint="give the directory that `nmm solve` wrote, for example `nmm report results/plate`",
        )
    extra = _json(directory / "report.json") or {}
    case = directory / "case.toml"
    extra["case_text"] = case.read_text(encoding="utf-8", errors="replace") if case.is_file() else None
    path = directory / "report.html"
    try:
        page = render(summary, extra, directory)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"summary.json or report.json is damaged ({error})",
            where=str(directory),
            hint="run the case again",
        ) from error
    save_text(path, page)
    return path


def render(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    """The page as text; figures are read from `directory`."""
    title = extra.get("title") or extra.get("name") or "nmm result"
    sections = [(name, make(summary, extra, directory)) for name, make in SECTIONS.items()]
    sections = [(name, inner) for name, inner in sections if inner]
    links = "".join(f'<a href="#{_anchor(name)}">{html.text(name)}</a>' for name, _ in sections)
    body = [
        f"<h1>{html.text(title)}</h1>",
        _search(extra),
        _verdict(summary, extra),
        _overlap(summary, extra),
        _loose(summary),
        *(html.box("warn", "Warning.", warning) for warning in _warnings(extra)),
        _headline(summary),
        f"<nav>{links}</nav>",
        *(f'<h2 id="{_anchor(name)}">{html.text(name)}</h2>\n{inner}' for name, inner in sections),
    ]
    return html.page(title, body)


def _verdict(summary: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    solver = extra.get("solver") or {}
    status, residual, iterations = (summary.get(key) for key in ("status", "residual", "iterations"))
    said = [f"relative residual {residual:.2e}"] if residual is not None else []
    said += [f"{iterations} iteration{'s' if iterations > 1 else ''}"] if iterations else []
    said += [f"tolerance {solver['tolerance']:.0e}"] if solver.get("tolerance") else []
    numbers = ", ".join(said)
    message = solver.get("message") or ""
    searched = extra.get("search") or {}
    if status == "converged" or (searched and solver.get("converged")):
        imbalance = (extra.get("equilibrium") or {}).get("residual")
        balance = f" Loads and reactions balance to {imbalance:.1e}." if imbalance is not None else ""
        return html.box("good", "The solver converged", f"({numbers}).{balance}" if numbers else balance)
    if status == "not converged":
        rest = f"({numbers}). {message} The fields below are not a solution of the problem."
        return html.box("bad", "The solver did not converge", rest)
    return html.box("bad", "The run failed.", message)


def _search(extra: Mapping[str, Any]) -> str:
    """The verdict on the search for parameters, where there was one."""
    search = extra.get("search") or {}
    if not search:
        return ""
    if search.get("converged"):
        return html.box("good", "The search converged.", str(search.get("numbers") or ""))
    rest = f"{search.get('message')}. {search.get('numbers') or ''} The parameters below are not an estimate."
    return html.box("bad", "The search did not converge:", rest)


def _overlap(summary: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    overlap = summary.get("overlap") or {}
    if not overlap.get("length"):
        return ""
    unit = (extra.get("units") or {}).get("length", "")
    rest = (
        f"over a length of {overlap['length']:.4g} {unit}".rstrip()
        + (f", by up to {overlap['max']:.3g} {unit}".rstrip() if overlap.get("max") is not None else "")
        + ". Contact is not modelled: where faces would close, stresses and displacements are those of "
        "faces that pass through each other."
    )
    return html.box("warn", "Crack faces interpenetrate", rest)


def _loose(summary: Mapping[str, Any]) -> str:
    held = summary.get("held") or ()
    if not held:
        return ""
    area = sum(part.get("area") or 0.0 for part in held)
    share = f", {area / summary['area']:.1%} of the area" if summary.get("area") else ""
    rest = f"{len(held)} of {summary.get('parts')}{share}; see below."
    return html.box("warn", "Parts that no boundary holds:", rest)


def _warnings(extra: Mapping[str, Any]) -> list[str]:
    """Warnings of the run, less those that the page gives at length by itself."""
    message = (extra.get("solver") or {}).get("message")
    given = [str(warning) for warning in extra.get("warnings") or ()]
    told = (message, "interpenetrate", "held by no boundary")
    return [warning for warning in given if not any(part and part in warning for part in told)]


def _headline(summary: Mapping[str, Any]) -> str:
    seconds = summary.get("seconds") or {}
    known = {
        "unknowns": summary.get("dofs"),
        "manifold elements": summary.get("elements"),
        "physical patches": summary.get("patches"),
        "connected parts": summary.get("parts"),
        "stored energy": summary.get("energy"),
        "estimated error": _share(summary.get("error_estimate")),
        "seconds in all": None if seconds.get("total") is None else round(seconds["total"], 2),
    }
    return html.facts({name: value for name, value in known.items() if value is not None})


def _share(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.2g} %"


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise InputError(f"is not JSON: {error}", where=str(path), hint="run the case again") from error
    if not isinstance(found, dict):
        raise InputError("found no table of keys and values", where=str(path), hint="run the case again")
    return found
