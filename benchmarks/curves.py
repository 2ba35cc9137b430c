"""Rows of a record that belong together, and the rate of their errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.checks import observed_rate


def groups(rows: Sequence[Mapping]) -> Iterable[tuple[str, str, str, list[Mapping]]]:
    """Rows of one problem, method and cover together, problems first, in the order of their appearance."""
    found: dict[tuple[str, str, str], list[Mapping]] = {}
    for row in rows:
        found.setdefault((row["problem"], row["method"], row["cover"]), []).append(row)
    order = list(dict.fromkeys(row["problem"] for row in rows))
    for key in sorted(found, key=lambda key: order.index(key[0])):
        yield *key, found[key]


def rate(rows: Sequence[Mapping], key: str) -> float | None:
    """The observed rate, unless the error is at rounding."""
    errors = [row.get(key) for row in rows]
    if None in errors or max(errors) < 1e-9:
        return None
    return observed_rate([row["cells"] for row in rows], errors)
