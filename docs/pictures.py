"""Draws the pictures of the documentation from the examples on its pages: `python docs/pictures.py`."""

import re
import shutil
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import jax
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from benchmarks.networks import law
from networks.study import cells
from networks.study.experiment import Effort
from nmm.cli import main
from nmm.results.plot import save_figure

DOCS = Path(__file__).parent
BLOCK = re.compile(r'^```toml title="(?P<name>[^"]+)"\n(?P<text>.*?)^```$', re.M | re.S)
INVERSE = DOCS.absolute().parent / "benchmarks" / "cases" / "inverse"
PICTURES = {
    # picture: (the page or the case that it is of; command; file among the results)
    "plate.png": ("../README.md", "solve", "figure_von_mises.png"),
    "cover.png": ("../README.md", "check", "cover.png"),
    "seepage.png": ("case-files.md", "solve", "figure_potential.png"),
    "tips.png": ("fracture.md", "solve", "figure_stress_yy.png"),
    "traces.png": ("kb7/drain.toml", "check", "cover.png"),
    "kb7.png": ("kb7/pull.toml", "solve", "figure_stress_xx.png"),
    "estimate.png": ("errors.md", "solve", "figure_error_estimate.png"),
    "convergence.png": ("errors.md", "solve", "convergence.png"),
    "inverse.png": (f"{INVERSE}/heads.toml", "invert", "figure_estimate_k.png"),
    "crack.png": (f"{INVERSE}/crack.toml", "invert", "figure_estimate_shape.png"),
    "core.png": (f"{INVERSE}/core.toml", "invert", "figure_data_fit.png"),
    "moduli.png": (f"{INVERSE}/inclusion.toml", "invert", "figure_data_fit.png"),
    "compare.png": (f"{INVERSE.parent}/disk_poisson.toml", "compare", "compare.png"),
}
SETTINGS = {
    "cover.png": ["--set", "cover.cell=0.05", "--set", "cover.angle=20"],
    "traces.png": ["--set", "cover.cells=60"],
    "convergence.png": ["--converge", "4"],
    "compare.png": ["--set", "cover.cells=64"],
}
PYTHON = re.compile(r"^```python\n(?P<text>.*?)^```$", re.M | re.S)
BENCHMARKS = (
    "accuracy.png",
    "forward.png",
    "fracture.png",
    "inverse_peers.png",
    "ktc2023.png",
    "multigrid.png",
    "profile.png",
    "verification.png",
)


def run(command: str, case: Path, folder: Path, settings: list[str]) -> None:
    try:
        main([command, str(case), "-q", "-o", str(folder), *settings])
    except SystemExit as end:
        if end.code:
            raise


def draw(name: str, images: Path) -> None:
    """Draw one picture into the folder `images`, or fetch it from the results of the benchmarks."""
    if name in OWN:
        OWN[name](images)
        return
    if name in BENCHMARKS:
        shutil.copyfile(DOCS.parent / "benchmarks" / "results" / name, images / name)
        return
    source, command, picture = PICTURES[name]
    with tempfile.TemporaryDirectory() as scratch, as_file(files("nmm") / "data") as data:
        case, folder = data / source, Path(scratch)
        if source.endswith(".md"):
            block = BLOCK.search((DOCS / source).read_text(encoding="utf-8"))
            assert block is not None
            case = folder / block["name"]
            case.write_text(block["text"], encoding="utf-8")
        run(command, case, folder / "results", SETTINGS.get(name, []))
        shutil.copyfile(folder / "results" / picture, images / name)


def tada(ratio: np.ndarray) -> np.ndarray:
    """Energy release rate E G / σ²W of an edge crack of length `ratio` W in plane strain, ν = 0.3.

    Tada, Paris and Irwin, The Stress Analysis of Cracks Handbook, 2.11; within 0.5 %.
    """
    half = np.pi * ratio / 2
    bend = 0.752 + 2.02 * ratio + 0.37 * (1 - np.sin(half)) ** 3
    shape = np.sqrt(np.tan(half) / half) * bend / np.cos(half)
    return (1 - 0.3**2) * np.pi * ratio * shape**2


def draw_batches(images: Path) -> None:
    """The energy release rates of the first example on the page of batches."""
    block = PYTHON.search((DOCS / "batches.md").read_text(encoding="utf-8"))
    assert block is not None
    names: dict = {}
    exec(compile(block["text"], "batches.md", "exec"), names)
    lengths, release = names["lengths"], names["release"]
    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.subplots()
    fine = np.linspace(lengths[0], lengths[-1], 200)
    axes.plot(fine, tada(fine), color="C1", label="Tada's formula")
    axes.plot(
        (lengths[1:] + lengths[:-1]) / 2, release, "o", color="C0", label="ΔU / Δa of neighbours in the batch"
    )
    axes.set_xlabel("crack length / width")
    axes.set_ylabel("energy release rate E G / σ²W")
    axes.set_ylim(bottom=0)
    axes.grid(True, alpha=0.3)
    axes.legend()
    figure.savefig(images / "batches.png", dpi=130)


def draw_interfaces(images: Path) -> None:
    """The example on the page of interfaces along its axis, with the elements of the cover."""
    block = PYTHON.search((DOCS / "interfaces.md").read_text(encoding="utf-8"))
    assert block is not None
    names: dict = {}
    exec(compile(block["text"], "interfaces.md", "exec"), names)
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    mesh = names["manifold"].mesh()
    rings = np.split(mesh.points, mesh.offsets[1:-1])
    colours = np.where(mesh.region >= 0, "#f3d9b1", "#dde7f0")
    left.add_collection(PolyCollection(rings, facecolors=colours.tolist(), edgecolors="0.55", linewidths=0.4))
    left.set_aspect("equal")
    left.autoscale()
    left.set_axis_off()
    x = np.linspace(1e-6, 0.999, 800)
    points = np.stack([x, np.zeros_like(x)], -1)
    for number, c in enumerate((1e9, 10.0, 1.0)):
        line = eval(names["exact"](c), {"where": np.where, "x": x, "y": 0 * x})
        u = names["forward"]({"c": c}).at(points)
        label = "perfect bond" if c > 1e6 else f"conductance {c:g}"
        right.plot(x, np.where(abs(x - 0.5) < 1e-3, np.nan, line), color=f"C{number}", label=label)
        right.plot(x[::25], u[::25], "o", color=f"C{number}", markersize=4)
    right.axvline(0.5, color="0.6", linewidth=0.8, linestyle=":")
    right.set_xlabel("x, from the centre of the fibre to the rim of the plate")
    right.set_ylabel("potential")
    right.grid(True, alpha=0.3)
    right.legend()
    figure.savefig(images / "interfaces.png", dpi=130)


def draw_shape(images: Path) -> None:
    """The guesses of the example on the page of shape derivatives, on the solution for the true hole."""
    block = PYTHON.search((DOCS / "shape.md").read_text(encoding="utf-8"))
    assert block is not None
    names: dict = {}
    exec(compile(block["text"], "shape.md", "exec"), names)
    path, sensors = np.array(names["path"]), names["sensors"]
    u = names["nmm"].forward(names["forward"].problem.on(names["truth"]))()
    x, y = np.meshgrid(np.linspace(1e-6, 2 - 1e-6, 401), np.linspace(1e-6, 1 - 1e-6, 201))
    values = u.at(np.stack([x.ravel(), y.ravel()], -1)).reshape(x.shape)
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.9, 1))
    drawn = left.contourf(x, y, values, levels=np.linspace(0, 1, 21), cmap="viridis")
    figure.colorbar(drawn, ax=left, label="potential", ticks=np.linspace(0, 1, 6), shrink=0.8)
    turn = np.linspace(0, 2 * np.pi, 100)
    for number, (a, b, r, _) in enumerate(path):
        last = number == len(path) - 1
        style = {"color": "C3", "linewidth": 2.0} if last else {"color": "0.75", "linewidth": 1.2}
        left.plot(a + r * np.cos(turn), b + r * np.sin(turn), **style)
        if number < 3:
            left.annotate(str(number), (a, b), color="white", ha="center", va="center", fontsize=8)
    left.plot(*sensors.T, "o", color="white", markeredgecolor="black", markersize=4)
    left.set_aspect("equal")
    left.set_xlabel("x")
    left.set_ylabel("y")
    right.semilogy(path[:, 3], "o-", color="C3")
    right.set_xlabel("guess")
    right.set_ylabel("misfit of the readings")
    right.grid(True, alpha=0.3)
    figure.savefig(images / "shape.png", dpi=130)


def draw_anatomy(images: Path) -> None:
    """The cells of networks on a plane, as `nmm study cells` draws them."""
    jax.config.update("jax_enable_x64", True)
    save_figure(cells.draw(cells.measure(Effort(quick=True, seeds=1))), images / "anatomy.png", dpi=110)


def draw_law(images: Path) -> None:
    """The learned law beside the truth, and its error under a load that it never saw."""
    truth, solve, points = law.plate(1 / 12, angle=20.0), law.plate(1 / 10), law.gauges()
    data, std = law.measured(truth, points, 0)
    estimate = law.inversion(solve, points, std, 60)(
        np.concatenate([u.ravel() for u in data]), {"W": law.start(0)}
    )
    law_figure(truth, [estimate.params["W"]]).savefig(images / "law.png", dpi=130)


def law_figure(truth, learned: list) -> Figure:
    """Stress over strain in shear, and the error of the first law under the load pressed across."""
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    shear = np.linspace(0, 0.015, 121)
    gradients = shear[:, None, None] * np.array([[0.0, 1.0], [1.0, 0.0]])

    def stress(law):
        return np.asarray(jax.vmap(jax.grad(lambda g: law(g, {})))(gradients))[:, 0, 1]

    for number, each in enumerate(learned):
        label = "learned, three seeds" if len(learned) > 1 else "learned"
        left.plot(100 * shear, stress(each), color="C3", linewidth=1.2, label=None if number else label)
    left.plot(100 * shear[::6], stress(law.hardening)[::6], "o", color="black", markersize=3.5, label="truth")
    left.set_xlabel("shear strain (%)")
    left.set_ylabel("shear stress (MPa)")
    left.grid(True, alpha=0.3)
    left.legend()
    x, y = np.meshgrid(np.linspace(1e-6, 1 - 1e-6, 141), np.linspace(1e-6, 1.4 - 1e-6, 197))
    points, load = np.stack([x.ravel(), y.ravel()], -1), law.UNSEEN["pressed across"]
    now, then = (law.loaded(truth, each, load).at(points) for each in (learned[0], law.hardening))
    off = 100 * np.linalg.norm(now - then, axis=1) / np.nanmax(np.linalg.norm(then, axis=1))
    drawn = right.contourf(x, y, off.reshape(x.shape), levels=12, cmap="viridis")
    figure.colorbar(drawn, ax=right, label="error of the displacement (% of the largest)")
    right.set_aspect("equal")
    right.set_axis_off()
    return figure


OWN = {
    "anatomy.png": draw_anatomy,
    "batches.png": draw_batches,
    "interfaces.png": draw_interfaces,
    "law.png": draw_law,
    "shape.png": draw_shape,
}
"""Pictures that are drawn here."""


if __name__ == "__main__":
    for wanted in sys.argv[1:] or (*OWN, *PICTURES, *BENCHMARKS):
        draw(wanted, DOCS / "images")
        print(f"docs/images/{wanted}")
