"""`report(model, data)`: the anatomy of anyone's network on one page."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from networks.anatomy.examine import Examined, as_json, data_of, examine
from networks.anatomy.models import Model, model_of
from nmm.results import html
from nmm.results.environment import versions
from nmm.results.files import folder, save_json, save_text

TOLD = {
    "Answers": "How well the network answers on these data.",
    "Degrees of freedom": "The rank of the derivatives of the outputs in the parameters, on a part of the "
    "data: directions in which parameters change the function there. N_eff = Σ λ/(λ + α) counts eigenvalues "
    "of the tangent kernel above α.",
    "Learning space": "What a step of training can reach to first order: the tangent space at these "
    "parameters (a definition of ours), and how much of the residual lies in it.",
    "Active sets": "Units that are on; the path of an input is the set of them. Dead units are on for none "
    "of the data. Overlap is the Jaccard similarity of two paths.",
    "Stability of pathways": "Overlap of the path of an input and of the input with noise, whose size is a "
    "share of the root mean square of inputs; and the distance to the nearest bend, exact for piecewise "
    "affine networks.",
    "Regions along lines": "Affine pieces met on straight lines between two data, found from bend to bend.",
}


@dataclass(frozen=True)
class Report:
    """`values` by section, `absent` what does not apply and why, `page` the HTML."""

    values: dict[str, dict[str, Any]]
    absent: dict[str, str]
    layers: list[dict[str, Any]]
    page: str
    data: Any

    def save(self, directory: str | os.PathLike) -> Path:
        """Write anatomy.html and anatomy.json into a folder, and return the path of the page."""
        where = folder(directory)
        save_json(where / "anatomy.json", self.data)
        save_text(where / "anatomy.html", self.page)
        return where / "anatomy.html"


def report(model: Any, data: Any, title: str = "The anatomy of a network", seed: int = 0) -> Report:
    """Measure a network on data, and make a page of it.

    **Arguments:** `model`, a flax `nnx` module, or (apply, params) with apply(params, x); `data`, inputs x
    (n, …) or (x, y) with classes (n,) or values (n, outputs). It is run in double precision and as it
    evaluates. Regions and bends are exact where the network is piecewise affine: linear maps, convolutions,
    skip connections, means, with relu, leaky relu, absolute values. Otherwise it is said what does not apply.

    **Raises:** `InputError` for what is no network, and data that do not fit it.
    """
    with doubled():
        known = model_of(model)
        found = examine(known, *data_of(data), seed)
    page = render(known, found, title)
    kept = {"title": title, **as_json(found, known), "versions": versions()}
    return Report(found.values, found.absent, found.layers, page, kept)


@contextmanager
def doubled() -> Iterator[None]:
    """Double precision in the block, whatever was switched on before."""
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def render(model: Model, found: Examined, title: str) -> str:
    """The page as text."""
    parts = [
        f"<h1>{html.text(title)}</h1>",
        html.facts(headline(model, found)),
        html.figure(
            picture(found), "Spectrum of the tangent kernel, units, and bends along lines between data"
        ),
    ]
    for section, about in TOLD.items():
        parts.append(f"<h2>{section}</h2>\n<p>{html.text(about)}</p>")
        if section in found.absent:
            parts.append(html.box("warn", "Does not apply:", found.absent[section]))
            continue
        parts.append(html.pairs(found.values[section]))
        if section == "Active sets":
            rows = [list(layer.values()) for layer in found.layers]
            parts.append(html.table(list(found.layers[0]), rows) if rows else "")
    rows = [(name, "×".join(map(str, shape)) or "1", int(np.prod(shape))) for name, shape in model.leaves]
    parts.append(f"<h2>Parameters</h2>\n{html.table(('name', 'shape', 'numbers'), rows)}")
    parts.append(f"<h2>Versions</h2>\n{html.pairs(versions())}")
    return html.page(title, parts)


def headline(model: Model, found: Examined) -> dict[str, Any]:
    """The few numbers that one looks for first."""
    picked = {
        "parameters": model.parameters,
        "functional rank": found.values.get("Degrees of freedom", {}).get("functional rank on these data"),
        "units": found.values.get("Active sets", {}).get("units"),
        "dead units": found.values.get("Active sets", {}).get("dead units"),
        "regions on a line": found.values.get("Regions along lines", {}).get("regions, mean"),
        "right answers": found.values.get("Answers", {}).get("right"),
    }
    return {name: value for name, value in picked.items() if value is not None}


def picture(found: Examined) -> bytes:
    """Spectrum, shares of data that units are on for, and where lines bend, as PNG."""
    made = Figure(figsize=(11, 3.4), layout="constrained")
    FigureCanvasAgg(made)
    left, middle, right = made.subplots(1, 3)
    spectrum = found.series.get("spectrum")
    if spectrum is not None:
        shown = spectrum[spectrum > 1e-16 * spectrum[0]]
        left.loglog(np.arange(1, len(shown) + 1), shown, color="#4477aa", lw=1.4)
    named(left, "number", "eigenvalue", "tangent kernel", spectrum is not None)
    shares = found.series.get("shares", [])
    for number, share in enumerate(shares[:7], 1):
        x = np.linspace(0, 1, len(share)) if len(share) > 1 else [0.5]
        middle.plot(x, np.sort(share), lw=1.4, label=f"layer {number}")
    if shares:
        middle.legend(fontsize=7.5, frameon=False)
    named(
        middle,
        "units of a layer, sorted (share)",
        "share of data that a unit is on for",
        "units",
        bool(shares),
    )
    cuts = found.series.get("cuts")
    for number, where in enumerate(cuts or []):
        right.plot(where, np.full(len(where), number + 1), "|", color="#ee6677", ms=9, mew=0.5)
    named(right, "share of the way", "line between two data", "bends", cuts is not None)
    kept = io.BytesIO()
    made.savefig(kept, dpi=150)
    return kept.getvalue()


def named(axes: Any, x: str, y: str, title: str, present: bool):
    """Labels, and a word where there is nothing to draw."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.set_title(title, fontsize=9.5, loc="left")
    axes.tick_params(labelsize=8)
    axes.grid(True, lw=0.4, alpha=0.6)
    if not present:
        axes.text(0.5, 0.5, "does not apply", transform=axes.transAxes, ha="center", color="0.4")
