"""What a finished experiment leaves: `NAME.json` with verdict and thresholds, and the figure `NAME.png`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from networks.study.experiment import Effort, Experiment, Measured
from nmm._version import __version__
from nmm.errors import InputError
from nmm.results.environment import hardware, versions
from nmm.results.files import plain, save_json
from nmm.results.plot import save_figure

SIGNS = {"<=": "≤", ">=": "≥"}


def record(experiment: Experiment, found: Measured, effort: Effort, seconds: float) -> dict[str, Any]:
    """All that the page and a later reader need of a run, in the types of JSON.

    `falsifier` has the thresholds that the verdict was computed from, each with what was found.
    """
    verdict = experiment.verdict(found.values)
    return plain(
        {
            "name": experiment.name,
            "label": experiment.label,
            "concepts": experiment.concepts,
            "about": experiment.about,
            "frame": experiment.frame,
            "claim": experiment.claim,
            "definition": experiment.definition,
            "statement": experiment.statement,
            "expected": experiment.expected,
            "verdict": verdict,
            "means": experiment.means[verdict],
            "means_otherwise": {key: text for key, text in experiment.means.items() if key != verdict},
            "falsifier": experiment.judged(found.values),
            "values": found.values,
            "spread": found.spread,
            "tables": [{"title": t.title, "columns": t.columns, "rows": t.rows} for t in found.tables],
            "quick": effort.quick,
            "seeds": effort.seeds,
            "first_seed": effort.first_seed,
            "seconds": round(seconds, 3),
            "versions": versions(),
            "hardware": hardware(),
        }
    )


def save(experiment: Experiment, found: Measured, kept: Mapping[str, Any], directory: Path):
    """Write the figure and then the record, which says that the experiment is finished."""
    (directory / f"{experiment.name}.json").unlink(missing_ok=True)
    save_figure(experiment.draw(found), directory / f"{experiment.name}.png")
    save_json(directory / f"{experiment.name}.json", kept)


def load(directory: Path, name: str) -> dict[str, Any] | None:
    """The record of an experiment, None where it has not been run.

    **Raises:** `InputError` for a file that is damaged.
    """
    path = directory / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        hint = f"run it again: nmm study {name}"
        raise InputError(f"is not JSON: {error}", where=str(path), hint=hint) from error


def finished(directory: Path, name: str, effort: Effort) -> bool:
    """Whether this version has run an experiment with this effort before."""
    kept = load(directory, name)
    if kept is None or not (directory / f"{name}.png").is_file():
        return False
    same = (kept["quick"], kept["seeds"], kept["first_seed"]) == (
        effort.quick,
        effort.seeds,
        effort.first_seed,
    )
    return same and kept["versions"]["nmm"] == __version__


def verdict_line(kept: Mapping[str, Any]) -> str:
    """What was measured, what was expected, the verdict, and what that says about the papers' claim."""
    return (
        f"{kept['label']} {kept['name']}: measured {measured(kept['falsifier'])}; "
        f"expected {kept['expected']}; {kept['verdict']} with the claim as tested\n  -> {kept['means']}"
    )


def measured(judged: Sequence[Mapping[str, Any]]) -> str:
    """Each quantity with its value and the limits it is held against."""
    limits: dict[str, list[str]] = {}
    for each in judged:
        limits.setdefault(each["quantity"], []).append(f"{SIGNS[each['relation']]} {each['limit']:g}")
    values = {each["quantity"]: each["measured"] for each in judged}
    parts = []
    for quantity, held in limits.items():
        value = "nothing" if values[quantity] is None else f"{values[quantity]:.4g}"
        parts.append(f"{quantity} {value} (limit {', '.join(held)})")
    return "; ".join(parts)
