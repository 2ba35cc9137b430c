"""What README and the documentation show runs: python, case files, commands; links lead somewhere."""

import re
import runpy
import shlex
import tomllib
from pathlib import Path

import pytest

from nmm import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.M | re.S)
LINK = re.compile(r"\]\((?!\w+://)(?P<target>[^)#]+)[^)]*\)")


def commands(text):
    return [shlex.split(line[2:]) for line in text.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_run_in_the_order_of_the_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        text = block["text"]
        if block["kind"] == "python":
            exec(compile(text, f"{page.name}", "exec"), names)
        elif block["kind"] == "toml":
            tomllib.loads(text)
            if block["title"]:
                Path(block["title"]).write_text(text, encoding="utf-8")
        elif block["kind"] == "console":
            for program, *arguments in commands(text):
                assert program == "nmm"
                with pytest.raises(SystemExit) as stop:
                    cli.main(arguments)
                assert not stop.value.code, arguments
        elif block["kind"] != "text":
            pytest.fail(f"a block of the kind {block['kind']}, which nothing runs")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        assert (page.parent / link["target"]).exists(), link["target"]


def test_readme_starts_with_a_picture_and_two_commands():
    lines = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line]
    assert lines[0].startswith("![") and lines[1:3] == ["    make demo", "    make test"]


def test_every_picture_is_shown_and_can_be_made_again():
    text = (ROOT / "docs" / "pictures.py").read_text(encoding="utf-8")
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name})" in shown and f'"{picture.name}"' in text


@pytest.mark.parametrize(
    "name", ["accuracy.png", "fracture.png", "multigrid.png", "profile.png", "verification.png"]
)
def test_pictures_of_benchmarks_are_those_of_the_results(name):
    results = ROOT / "benchmarks" / "results" / name
    assert (ROOT / "docs" / "images" / name).read_bytes() == results.read_bytes()


def test_a_picture_is_drawn_from_its_page(tmp_path):
    pictures = runpy.run_path(str(ROOT / "docs" / "pictures.py"))
    pictures["draw"]("cover.png", tmp_path)
    assert (tmp_path / "cover.png").stat().st_size > 0
