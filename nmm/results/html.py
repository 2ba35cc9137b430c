"""Small pieces of HTML. Everything that comes in as text is escaped here, and nowhere else."""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from numbers import Real
from typing import Any

MISSING = "–"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


class Shown(str):
    """A number that has its digits already; stands among numbers in a table."""


def coordinate(value: float | None) -> Shown:
    """A coordinate with all digits that matter, never rounded to five and never with a power of ten."""
    return Shown(MISSING if value is None else f"{value:.12g}".replace("-", "−"))


def text(value: Any) -> str:
    """Anything as escaped HTML: numbers rounded for reading, lists in brackets, None as a dash."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Real):
        return number(float(value)) if not isinstance(value, int) else grouped(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{escape(str(key))} {text(item)}" for key, item in value.items()) or MISSING
    if isinstance(value, list | tuple):
        return f"({', '.join(text(item) for item in value)})" if value else MISSING
    return escape(str(value))


def number(value: float, digits: int = 5) -> str:
    """A number with `digits` significant digits; a power of ten outside 0.001 to 100,000."""
    if not math.isfinite(value):
        return MISSING
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits}g}".replace("-", "−")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa).replace("-", "−")
    return f"{mantissa}&nbsp;·&nbsp;10<sup>{str(int(exponent)).replace('-', '−')}</sup>"


def grouped(value: int) -> str:
    """A count with thin spaces between groups of three digits."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", "−")


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table that scrolls sideways when it is wider than the screen; columns of numbers to the right."""
    rows = [list(row) for row in rows]
    if not rows:
        return ""
    width = max(len(head), *map(len, rows))
    numeric = [any(_numeric(row[i : i + 1]) for row in rows) for i in range(width)]
    kinds = ["number" if flag else "text" for flag in numeric]
    top = "".join(f'<th class="{kind}">{text(name)}</th>' for name, kind in zip(head, kinds, strict=False))
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{k}">{text(v)}</td>' for v, k in zip(row, kinds, strict=False))
        + "</tr>"
        for row in rows
    )
    header = f"<thead><tr>{top}</tr></thead>" if head else ""
    return f'<div class="scroll"><table>{header}<tbody>{body}</tbody></table></div>'


def pairs(items: Mapping[Any, Any]) -> str:
    """A table of names and values."""
    return table((), [(str(name).replace("_", " "), value) for name, value in items.items()])


def box(kind: str, lead: str, rest: str = "") -> str:
    """A paragraph that catches the eye; `kind` is good, bad or warn. Plain text in."""
    return f'<p class="box {kind}"><strong>{text(lead)}</strong> {text(rest) if rest else ""}</p>'


def facts(items: Mapping[str, Any]) -> str:
    """The few numbers that a reader looks for first."""
    inner = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in items.items()
    )
    return f'<dl class="facts">{inner}</dl>'


def figure(png: bytes, caption: str) -> str:
    """A picture inside the page."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{escape(caption, quote=True)}">'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def details(title: str, inner: str, opened: bool = False) -> str:
    """A part that folds; `inner` is HTML."""
    return f"<details{' open' if opened else ''}><summary>{text(title)}</summary>{inner}</details>"


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page that needs no other file; `parts` are HTML, empty ones are left out."""
    style = resources.files("nmm.results").joinpath("page.css").read_text(encoding="utf-8")
    return _PAGE.format(title=text(title), style=style, body="\n".join(part for part in parts if part))


def _numeric(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Real | Shown) and not isinstance(value, bool) for value in values)
