"""`index.html`: every claim with its definition, figure and verdict, and what would refute it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from networks.study.experiment import CONSISTENT
from networks.study.record import SIGNS, measured
from nmm.results import html
from nmm.results.files import save_text

FRAMES = {
    "degrees of freedom": "What degree of freedom does the system have?",
    "nonlinearity": "What degree of non-linearity can the system handle?",
    "boundary conditions": "What kind of boundary conditions can the system handle?",
}
"""The questions by which Ma and Shi want any numerical architecture to be judged (Part 1, section 1)."""

TITLE = "The anatomy of a network, measured"
ABOUT = (
    "Max Y. Ma and Gen-Hua Shi describe neural networks as numerical manifolds (Deep Manifold, arXiv "
    "2409.17592 and 2512.06563). Each statement below is taken as a hypothesis: it has a definition, a "
    "number that theory leads to expect, and a limit beyond which it counts as refuted, stored before the "
    "verdict is computed. The papers do not define all that they name; where the operational definition is "
    "ours, it says so. A verdict is about the tested statement only."
)


def write_page(records: Sequence[Mapping[str, Any]], directory: Path) -> Path:
    """Write the page of the experiments that have been run, with the figures that lie in `directory`."""
    path = directory / "index.html"
    save_text(path, render(records, directory))
    return path


def render(records: Sequence[Mapping[str, Any]], directory: Path) -> str:
    """The page as text: a summary by the papers' own three questions, then every experiment."""
    links = "".join(f'<a href="#{kept["name"]}">{html.text(kept["label"])}</a>' for kept in records)
    parts = [
        f"<h1>{TITLE}</h1>",
        f"<p>{html.text(ABOUT)}</p>",
        f"<nav>{links}</nav>",
        f"<h2>Summary</h2>\n{summary(records)}",
        *(section(kept, directory) for kept in records),
        f"<h2>How it was measured</h2>\n{how(records)}",
    ]
    return html.page(TITLE, parts)


def summary(records: Sequence[Mapping[str, Any]]) -> str:
    """A table for each of the three questions."""
    parts = []
    for frame, question in FRAMES.items():
        rows = [
            (kept["label"], kept["statement"], measured(kept["falsifier"]), kept["verdict"], kept["means"])
            for kept in records
            if kept["frame"] == frame
        ]
        if rows:
            head = ("", "statement that is tested", "measured", "verdict", "what it says about the claim")
            parts.append(f"<h3>{html.text(frame.capitalize())}</h3>\n<p>“{html.text(question)}”</p>")
            parts.append(html.table(head, rows))
    return "\n".join(parts)


def section(kept: Mapping[str, Any], directory: Path) -> str:
    """One experiment."""
    good = kept["verdict"] == CONSISTENT
    told = [
        ("Claim", kept["claim"]),
        ("Tested statement", kept["statement"]),
        ("Definition", kept["definition"]),
        ("Expected", kept["expected"]),
    ]
    picture = directory / f"{kept['name']}.png"
    where = f"nmm study {kept['name']} · concepts {', '.join(kept['concepts'])} · {kept['frame']}"
    tables = [
        f"<h3>{html.text(t['title'])}</h3>\n{html.table(t['columns'], t['rows'])}" for t in kept["tables"]
    ]
    parts = [
        f'<h2 id="{kept["name"]}">{html.text(kept["label"])} · {html.text(kept["about"])}</h2>',
        f'<p class="dim">{html.text(where)}</p>',
        *(f"<p><strong>{name}.</strong> {html.text(text)}</p>" for name, text in told),
        html.box("good" if good else "bad", f"{kept['verdict'].capitalize()}.", kept["means"]),
        html.figure(picture.read_bytes(), kept["about"]) if picture.is_file() else "",
        f"<h3>What would refute it</h3>\n{limits(kept['falsifier'])}",
        *(f"<p>Had it been {key}: {html.text(text)}</p>" for key, text in kept["means_otherwise"].items()),
        html.details("Tables", "\n".join(tables)) if tables else "",
        html.details("All numbers", numbers(kept)),
    ]
    return "\n".join(part for part in parts if part)


def limits(judged: Iterable[Mapping[str, Any]]) -> str:
    """Each threshold with what was found."""
    rows = [
        (
            each["quantity"],
            f"{SIGNS[each['relation']]} {each['limit']:g}",
            each["measured"],
            "holds" if each["holds"] else "refuted",
            each["why"],
        )
        for each in judged
    ]
    return html.table(("quantity", "must be", "measured", "", "why this limit"), rows)


def numbers(kept: Mapping[str, Any]) -> str:
    """Values with the least and largest of the seeds."""
    rows = [(name, value, *kept["spread"].get(name, ("", ""))) for name, value in kept["values"].items()]
    return html.table(("quantity", "value", "least", "largest"), rows)


def how(records: Sequence[Mapping[str, Any]]) -> str:
    """Effort, seconds, versions and hardware."""
    rows = [
        (kept["label"], kept["name"], kept["seeds"], "quick" if kept["quick"] else "full", kept["seconds"])
        for kept in records
    ]
    parts = [html.table(("", "experiment", "seeds", "effort", "seconds"), rows)]
    if records:
        parts.append(html.pairs({**records[-1]["versions"], **records[-1]["hardware"]}))
    return "\n".join(parts)
