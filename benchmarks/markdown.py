"""Markdown: values for a reader, and tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PASSED = {True: "yes", False: "**no**", None: "–"}


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(show(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def show(value: Any) -> str:
    """A value for a reader: four digits, thousands apart, – for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return PASSED[value]
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, float):
        return f"{value:.2e}" if value and not 1e-2 <= abs(value) < 1e5 else f"{value:.4g}"
    return str(value).replace("|", "\\|")


def percent(value: float | None) -> str:
    """A share in per cent with two decimals."""
    return "–" if value is None else f"{100 * value:.2f} %"


def reasons(skipped: Sequence[Mapping]) -> list[tuple[str, str, str]]:
    """One row for each method and reason, with all the problems it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in skipped:
        named = f"{item['problem']} ({item['cover']})" if "problem" in item else "all"
        found.setdefault((item["method"], item["reason"]), []).append(named)
    return [(method, reason, ", ".join(problems)) for (method, reason), problems in found.items()]
