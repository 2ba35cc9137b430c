"""The sections of the report: each takes the summary, the extra tables and the directory, and gives HTML."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import html

_SHOWN_ITEMS = 2000
_TIP_HEADS = {"KI": "K_I", "KII": "K_II", "G": "G", "T": "T", "radius": "radius", "epsilon": "ε"}
_BETWEEN = (
    " ε is the index of the materials on the two sides of the crack: K_I + iK_II = K is that of the traction "
    "K r^iε / √2πr ahead of the tip, and T that of the left side."
)
_STATS = {
    "cells": "cells of the lattice",
    "elements": "manifold elements",
    "whole": "of them whole cells",
    "pieces": "of them cut pieces",
    "patches": "physical patches",
    "split": "weights with several patches",
    "parts": "connected parts",
    "smallest_piece": "smallest piece, in cells",
    "crack_length_cut": "length of cracks with effect",
    "crack_length_lost": "length of cracks without effect",
    "facets": "straight pieces of boundary and crack faces",
    "cell": "side of a cell",
}


def _results(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    parts = []
    for given in extra.get("tables") or ():
        parts.append(f"<h3>{html.text(given['title'])}</h3>" if given.get("title") else "")
        parts.append(html.table(given.get("head") or (), given["rows"]))
        parts.append(f'<p class="dim">{html.text(given["text"])}</p>' if given.get("text") else "")
    estimate = summary.get("error_estimate")
    if estimate is not None:
        parts.append(
            f"<p>Estimated error of the stress (or flux) in the energy norm: {100 * estimate:.2g} % of the "
            "norm of the solution. It is the distance between raw and recovered stress, no bound.</p>"
        )
    errors = {name: value for name, value in (summary.get("errors") or {}).items() if value is not None}
    if errors:
        names = {"l2": "L2 norm", "h1": "H1 seminorm", "max": "maximum"}
        parts.append("<p>Errors against the exact solution, each relative to the same norm of it:</p>")
        parts.append(html.pairs({names.get(name, name): value for name, value in errors.items()}))
    return "\n".join(parts)


def _figures(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    listed = extra.get("figures")
    if listed is None:
        names = sorted(path.name for path in directory.glob("figure_*.png"))
        listed = [{"file": name, "caption": name[7:-4].replace("_", " ")} for name in names]
    parts = [_picture(directory, given) for given in listed if given.get("section", "figures") == "figures"]
    return "\n".join(part for part in parts if part)


def _estimate(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    given = [figure for figure in extra.get("figures") or () if figure.get("section") == "estimate"]
    return "\n".join(_picture(directory, figure) for figure in given)


def _picture(directory: Path, given: Mapping[str, Any]) -> str:
    # Only a plain name: report.json must not be able to pull other files into the page.
    path = directory / Path(str(given["file"])).name
    return html.figure(path.read_bytes(), given.get("caption") or path.stem) if path.is_file() else ""


def _probes(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    probes = summary.get("probes") or ()
    rows = []
    for probe in probes:
        value = probe["value"]
        values = value if isinstance(value, list) else [value]
        rows.append([html.coordinate(probe["x"]), html.coordinate(probe["y"]), *values])
    width = max((len(row) - 2 for row in rows), default=0)
    names = ["value"] if width == 1 else [f"{symbol}" for symbol in ("u_x", "u_y", "u_z")[:width]]
    rows = [[*row, *[None] * (2 + width - len(row))] for row in rows]
    outside = any(probe["value"] is None for probe in probes)
    note = '<p class="dim">A dash: the point lies outside the domain.</p>' if outside else ""
    return html.table(["x", "y", *names], rows) + note


def _tips(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    tips, left_out = summary.get("tips") or (), extra.get("tips_left_out") or ()
    parts = []
    if tips:
        numbered = [{"tip": number, **tip} for number, tip in enumerate(tips)]
        known = {key for tip in numbered for key in tip}
        keys = [key for key in ("tip", "crack", "end", "x", "y", *_TIP_HEADS) if key in known]
        between = _BETWEEN if "epsilon" in known else ""
        units = extra.get("units") or {}
        stress, length = units.get("stress", "stress"), units.get("length", "length")
        parts += [
            html.table([_TIP_HEADS.get(key, key) for key in keys], _rows(numbered, keys)),
            _left_out(len(tips)),
            '<p class="dim">Stress intensity factors by domain interaction integrals, in '
            f"{html.text(stress)} × √{html.text(length)}; K_II is positive when the face on the left of the "
            "advancing tip moves forward. End 0 is the first point of a crack, end 1 its last. The radius is "
            f"that of the integral.{between}</p>",
        ]
    if left_out:
        head = list(left_out[0])
        inner = html.table(head, _rows(left_out, head)) + _left_out(len(left_out))
        parts.append(html.details(f"tips without room for an integral ({len(left_out)})", inner))
    return "\n".join(parts)


def _equilibrium(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    balance, loads = extra.get("equilibrium") or {}, summary.get("loads") or {}
    if not loads:
        return ""
    supports = set(balance.get("supports") or ())
    rows = [[name, "support" if name in supports else "load", *_components(loads[name])] for name in loads]
    if balance.get("resultant") is not None:
        rows.append(["sum", "", *_components(balance["resultant"])])
    width = max(len(row) for row in rows) - 2
    parts = [html.table(["entry", "kind", *(["into the body"] if width == 1 else ["F_x", "F_y"])], rows)]
    if balance.get("moment") is not None:
        parts.append(f"<p>Moment about the centre of the box: {html.number(balance['moment'])}.</p>")
    if balance.get("residual") is not None:
        left = html.number(balance["residual"], 2)
        parts.append(f"<p>What is left over, relative to the sum of the sizes of all loads: {left}.</p>")
    return "\n".join(parts)


def _held(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    held = summary.get("held") or ()
    if not held:
        return ""
    head = list(dict.fromkeys(key for part in held for key in part))
    text = (
        f"<p>Of {html.text(summary.get('parts'))} connected parts, {len(held)} touch no boundary that holds "
        "them. Their rigid motions (or constants) are zero on average: where they lie is a convention, how "
        "they deform is not.</p>"
    )
    rows = _rows(held, head)
    inner = html.table(head, rows) + _left_out(len(held))
    return text + html.details(f"one by one ({len(held)})", inner, opened=len(held) <= 8)


def _cleanup(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    report = extra.get("cleanup") or {}
    if not report:
        return ""
    parts = []
    measures = report.get("measures") or {}
    if any(value for value in measures.values()):
        parts.append(html.pairs(measures))
    before, after = report.get("junctions_before") or {}, report.get("junctions_after") or {}
    if any(before.values()) or any(after.values()):
        kinds = list(dict.fromkeys([*before, *after]))
        rows = [["as given", *map(before.get, kinds)], ["after clean-up", *map(after.get, kinds)]]
        parts.append(html.table(["junctions", *kinds], rows))
    counts = {name: value for name, value in (report.get("counts") or {}).items() if value}
    parts.append(html.pairs(counts) if counts else "<p>Nothing had to be changed.</p>")
    items = report.get("items") or ()
    if items:
        head = list(dict.fromkeys(key for item in items for key in item))
        rows = _rows(items, head)
        inner = html.table(head, rows) + _left_out(len(items))
        parts.append(html.details(f"every change, one by one ({len(items)})", inner))
    return "\n".join(parts)


def _cut(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    stats = {_STATS.get(name, name): value for name, value in (extra.get("cut") or {}).items()}
    parts = [html.pairs(stats)] if stats else []
    lost = extra.get("lost") or ()
    if lost:
        text = "stretches of cracks that have no effect on this cover: a trace inside one cell, or from a "
        text += f"tip to the last cell edge ({len(lost)})"
        inner = html.table(["crack", "length without effect"], lost[:_SHOWN_ITEMS]) + _left_out(len(lost))
        parts.append(html.details(text, inner))
    parts += [_picture(directory, f) for f in extra.get("figures") or () if f.get("section") == "cut"]
    return "\n".join(part for part in parts if part)


def _solver(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    solver = extra.get("solver") or {}
    known = {
        "method": solver.get("method"),
        "unknowns": summary.get("dofs"),
        "iterations": summary.get("iterations"),
        "relative residual": summary.get("residual"),
        "tolerance": solver.get("tolerance"),
        "peak memory (MB)": summary.get("peak_memory_mb"),
    }
    for name, value in (summary.get("seconds") or {}).items():
        known[f"seconds, {name}"] = None if value is None else html.Shown(f"{value:.3g}")
    known = {name: value for name, value in known.items() if value is not None}
    parts = [html.pairs(known)] if known else []
    parts += [_picture(directory, f) for f in extra.get("figures") or () if f.get("section") == "solver"]
    return "\n".join(part for part in parts if part)


def _inputs(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    parts = []
    if extra.get("parameters"):
        parts.append(html.pairs(extra["parameters"]))
    case = extra.get("case_text")
    if case is not None:
        parts.append(html.details("the case file", f"<pre>{html.text(case)}</pre>", opened=True))
    return "\n".join(parts)


def _provenance(summary: Mapping[str, Any], extra: Mapping[str, Any], directory: Path) -> str:
    known = {"made": extra.get("made"), **(extra.get("hardware") or {}), **(extra.get("versions") or {})}
    known.setdefault("nmm", summary.get("version"))
    return html.pairs({name: value for name, value in known.items() if value is not None})


def _components(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _rows(items: Sequence[Mapping[str, Any]], head: Sequence[str]) -> list[list[Any]]:
    return [
        [html.coordinate(item.get(key)) if key in ("x", "y") else item.get(key) for key in head]
        for item in items[:_SHOWN_ITEMS]
    ]


def _left_out(count: int) -> str:
    more = count - _SHOWN_ITEMS
    return f'<p class="dim">{html.grouped(more)} more in report.json.</p>' if more > 0 else ""


_Maker = Callable[[Mapping[str, Any], Mapping[str, Any], Path], str]
SECTIONS: dict[str, _Maker] = {
    "Results": _results,
    "Estimate": _estimate,
    "Figures": _figures,
    "Crack tips": _tips,
    "Probes": _probes,
    "Equilibrium": _equilibrium,
    "Parts that nothing holds": _held,
    "Input": _inputs,
    "Geometry clean-up": _cleanup,
    "The cut": _cut,
    "Solver": _solver,
    "Versions and hardware": _provenance,
}
"""Title -> what makes it, in the order of the page; a section without content is left out."""
