"""The compact tables that commands print at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from nmm.memory import available_memory, memory_estimate
from nmm.results.levels import ERRORS, Refinement
from nmm.results.richardson import SOURCE
from nmm.results.summary import probe

_TIPS = 8


def solution_table(run: Any, directory: Path) -> Table:
    """What a run found."""
    solution, case = run.solution, run.case
    stats, cut = solution.stats, solution.manifold.stats
    why = solution.result.message.removeprefix("not converged: ")
    rows = [
        ("result", "converged" if run.converged else f"not converged: {why}"),
        ("unknowns", f"{stats.dofs:,} on {cut['patches']:,} patches"),
        ("elements", f"{cut['elements']:,}, {cut['elements'] - cut['whole']:,} of them cut"),
        (
            "parts",
            f"{cut['parts']:,}" + (f", {len(solution.held)} held by no boundary" if solution.held else ""),
        ),
        ("iterations", f"{stats.iterations}, relative residual {stats.residual:.1e}"),
        (
            "seconds",
            ", ".join(f"{name} {value:.1f}" for name, value in run.seconds.items() if value is not None),
        ),
        ("energy", f"{solution.energy:.6g}{_unit(case.units, 'energy')}"),
    ]
    if solution.estimate.relative is not None:
        share = f"{100 * solution.estimate.relative:.2g} % in the energy norm"
        rows.append(("estimated error", share))
    for name, load in _entries(solution.loads):
        if name in solution.reactions:
            continue
        rows.append((f"load on {name}", load))
    for name, load in _entries(solution.reactions):
        rows.append((f"reaction at {name}", load))
    if solution.overlap["length"] > 0:
        rows.append(
            ("overlap", f"length {solution.overlap['length']:.4g}, max {solution.overlap['max']:.3g}")
        )
    if run.errors:
        rows.append(
            (
                "relative errors",
                ", ".join(
                    f"{name} " + ("none: the exact one is zero" if value is None else f"{value:.3e}")
                    for name, value in run.errors.items()
                ),
            )
        )
    for tip in solution.tips[:_TIPS]:
        where = f"tip of crack {tip['crack']} at ({tip['x']:.6g}, {tip['y']:.6g})"
        rows.append((where, f"K_I {tip['KI']:.5g}, K_II {tip['KII']:.5g}, G {tip['G']:.5g}"))
    if len(solution.tips) > _TIPS:
        rows.append(("further tips", f"{len(solution.tips) - _TIPS} in summary.json and the report"))
    if solution.tips_left_out:
        count = len(solution.tips_left_out)
        rows.append(("tips left out", f"{count} without room for an integral, see the report"))
    for row in probe(solution, case.output.probes):
        value = "outside the domain" if row["value"] is None else _numbers(row["value"])
        rows.append((f"at ({row['x']:.10g}, {row['y']:.10g})", value))
    rows.append(("results", str(directory)))
    return _two_columns(case.title, rows)


def cut_table(case: Any, manifold: Any, picture: Path) -> Table:
    """What the clean-up did and what the cut is."""
    cut, geometry = manifold.stats, manifold.geometry
    report, unit = geometry.report, _unit(case.units, "length")
    stored = case.stored
    rows = [
        ("cells of the lattice", f"{cut['cells']:,}"),
        ("elements", f"{cut['elements']:,}: {cut['whole']:,} whole cells and {cut['pieces']:,} pieces"),
        ("physical patches", f"{cut['patches']:,}, {cut['patches'] * stored:,} unknowns"),
        ("split weights", f"{cut['split']:,}"),
        ("connected parts", f"{cut['parts']:,}"),
        ("smallest piece", f"{cut['smallest_piece']:.3g} of a cell"),
        ("area", f"{cut['area']:.10g}"),
        ("boundary length", f"{cut['boundary_length']:.10g}{unit}"),
    ]
    if report.length_total > 0:
        rows += [
            ("length of cracks", f"{report.length_total:.6g}{unit}, {report.length_inside:.6g} inside"),
            ("felt by this cover", f"{cut['crack_length_cut']:.6g}{unit}"),
            ("without effect here", f"{cut['crack_length_lost']:.6g}{unit}: ends and traces within a cell"),
            (
                "junctions",
                _junctions(report.junctions_before) + " before, " + _junctions(report.junctions_after),
            ),
            ("moved by at most", f"{report.moved_max:.3g}{unit}"),
        ]
    for kind, number in report.counts.items():
        if number:
            rows.append((f"clean-up: {kind}", f"{number:,}"))
    # Elements rather than the lattice's cells: where the domain is not, nothing is stored.
    needed, free = memory_estimate(cut["elements"], stored), available_memory()
    rows.append(("memory to solve", f"about {needed / 2**20:,.0f} MiB of {free / 2**20:,.0f} MiB"))
    rows.append(("covers", str(picture)))
    return _two_columns(case.title, rows)


def convergence_rows(refinement: Refinement) -> dict[str, Any]:
    """The refinement as a table of the report, without zeros and loads that are the same on all covers."""
    rows: list[list[Any]] = [["unknowns", *(level.dofs for level in refinement.levels), None, None, None]]
    for one in refinement.series():
        found = one.limit
        given = found is not None and found.kind == "constant" and one.name.startswith("load on")
        if not one.negligible and not given:
            order = found.order if found and found.kind == "extrapolated" else None
            limits = [found.value, found.uncertainty] if found else [None, None]
            rows.append([one.name, *one.values, None if order is None else f"{order:.2f}", *limits])
    for decay in refinement.decays():
        order = None if decay.order is None else f"{decay.order:.2f}"
        values = [None if value is None else f"{value:.3g}" for value in decay.values]
        rows.append([ERRORS[decay.name], *values, order, None, None])
    cells = [f"cell {cell:.4g}" for cell in refinement.cells]
    head = ["", *cells, "order", "limit", "uncertainty"]
    text = f"Errors are relative. A limit without an order is the value on the finest cover. {SOURCE}"
    return {"title": "Convergence", "head": head, "rows": rows, "text": text}


def convergence_table(refinement: Refinement, width: int = 80) -> Table:
    """The refinement for a terminal of `width` columns: as many of the finest covers as there is room for."""
    rows = convergence_rows(refinement)
    label = min(max(len(row[0]) for row in rows["rows"]), 34)
    count = len(refinement.levels)
    shown = min(count, max(2, (width - label - 36) // 13))
    of = f", the {shown} finest of {count} covers" if shown < count else ""
    table = Table(box=None, title=Text(f"convergence{of}"), title_justify="left", title_style="bold")
    table.add_column("", style="dim", overflow="fold", min_width=min(label, 16))
    keep = [0, *range(1 + count - shown, len(rows["head"]))]
    for i in keep[1:]:
        table.add_column(Text(rows["head"][i]), justify="right", no_wrap=True)
    for row in rows["rows"]:
        table.add_row(*(Text(_cell(row[i], i == keep[-1])) for i in keep))
    return table


def _cell(value: Any, short: bool) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else f"{value:.2g}" if short else f"{value:.6g}"


def removals(manifold: Any) -> Iterator[str]:
    """One line for each thing that the clean-up did or that the cover cannot feel."""
    for item in manifold.geometry.report.items:
        yield f"crack {item.crack} at ({item.x:.10g}, {item.y:.10g}): {item.text}"
    for crack, length in manifold.stats["crack_lost"]:
        yield f"crack {crack}: a stretch of {length:.4g} has no effect on this cover"


def _two_columns(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=Text(title), show_header=False, box=None, title_justify="left", title_style="bold")
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _entries(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        yield name, _numbers(value)


def _numbers(value: Any) -> str:
    return ", ".join(f"{number:.6g}" for number in (value if hasattr(value, "__len__") else [value]))


def _junctions(counts: Mapping[str, int]) -> str:
    return " ".join(f"{kind} {number}" for kind, number in counts.items())


def _unit(units: Mapping[str, str], name: str) -> str:
    return f" {units[name]}" if name in units else ""
