"""Draws the pictures of the documentation from the examples on its pages: `python docs/pictures.py`."""

import re
import shutil
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from nmm.cli import main

DOCS = Path(__file__).parent
BLOCK = re.compile(r'^```toml title="(?P<name>[^"]+)"\n(?P<text>.*?)^```$', re.M | re.S)
PICTURES = {
    # picture: (the page, or the case of the demonstration, that it is of; command; file among the results)
    "plate.png": ("../README.md", "solve", "figure_von_mises.png"),
    "cover.png": ("../README.md", "check", "cover.png"),
    "seepage.png": ("case-files.md", "solve", "figure_potential.png"),
    "traces.png": ("kb7/drain.toml", "check", "cover.png"),
    "kb7.png": ("kb7/pull.toml", "solve", "figure_stress_xx.png"),
}
SETTINGS = {
    "cover.png": ["--set", "cover.cell=0.05", "--set", "cover.angle=20"],
    "traces.png": ["--set", "cover.cells=60"],
}
BENCHMARKS = ("multigrid.png", "verification.png")


def run(command: str, case: Path, folder: Path, settings: list[str]) -> None:
    try:
        main([command, str(case), "-q", "-o", str(folder), *settings])
    except SystemExit as end:
        if end.code:
            raise


def draw(name: str, images: Path) -> None:
    """Draw one picture into the folder `images`, or fetch it from the results of the benchmarks."""
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


if __name__ == "__main__":
    for wanted in sys.argv[1:] or (*PICTURES, *BENCHMARKS):
        draw(wanted, DOCS / "images")
        print(f"docs/images/{wanted}")
