import json
import os
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import pyvista
from stand_in import Manifold, Solution

from nmm.errors import InputError
from nmm.results.report import write_report
from nmm.results.save import save_case, save_failure
from nmm.results.single import plot_solution, save_solution
from nmm.results.summary import failed_summary, summary

KEYS = {
    "status", "dofs", "patches", "elements", "parts", "area", "iterations", "residual", "energy", "seconds",
    "errors", "error_estimate", "probes", "tips", "loads", "held", "overlap", "peak_memory_mb", "version",
}  # fmt: skip
CASE = 'title = "</pre><script>alert(1)</script>"\n[domain]\n'


def save(directory, solution=None, **more):
    given = {
        "case_text": CASE,
        "title": "a <b> & 'c'",
        "probes": [[0.25, 0.5], [9.0, 9.0]],
        "units": {"length": "m", "stress": "Pa"},
        "errors": {"l2": 1e-3, "h1": np.nan, "max": 0.1},
        "seconds": {"read": 0.1, "cut": 0.2, "compile": None, "solve": 0.3, "total": 0.9},
        "tolerance": 1e-8,
        "log": ["first line", "second line"],
        "tables": [{"title": "T", "head": ["<q>", "v"], "rows": [["<i>x</i>", 1e9]]}],
        "warnings": ["<u>loose</u>"],
        **more,
    }
    return save_case(directory, solution or Solution(), **given)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A directory of results that nobody changes."""
    directory = tmp_path_factory.mktemp("saved")
    save(directory)
    return directory


@pytest.fixture
def copied(saved, tmp_path):
    """A directory of results that may be changed."""
    return shutil.copytree(saved, tmp_path / "copied")


class Page(HTMLParser):
    """Tags, and whether each that opens also closes."""

    VOID = {"meta", "img"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.sources = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_directory_holds_what_the_contract_promises(saved):
    figures = {name for name in os.listdir(saved) if name.startswith("figure_")}
    assert set(os.listdir(saved)) - figures == {
        "case.toml", "summary.json", "solution.npz", "solution.vtu", "report.json", "report.html", "log.txt",
    }  # fmt: skip
    assert {
        "figure_displacement.png",
        "figure_stress_xx.png",
        "figure_cover.png",
        "figure_solver.png",
    } <= figures
    assert (saved / "case.toml").read_text() == CASE
    assert (saved / "log.txt").read_text() == "first line\nsecond line\n"


def test_files_hold_the_fields(tmp_path):
    solution = Solution(Manifold(origin=(1e6, 0.0)))
    save(tmp_path, solution, fields=["von_mises"])
    expected = solution.fields(["von_mises"])["von_mises"]
    with np.load(tmp_path / "solution.npz") as found:
        assert np.array_equal(found["field_von_mises"], expected)
        assert np.array_equal(found["points"], solution.manifold.mesh().points)
        assert float(found["parameter_E"]) == 210e9
        assert len(found["history"]) == 40
    grid = pyvista.read(tmp_path / "solution.vtu")
    assert np.array_equal(grid.point_data["von_mises"], expected)
    assert {"part", "region", "cut", "patch_color"} <= set(grid.cell_data.keys())
    assert not (tmp_path / "figure_stress_xx.png").exists()


@pytest.mark.parametrize("make", [lambda: summary(Solution()), failed_summary])
def test_a_summary_has_exactly_the_keys_of_the_contract_whatever_happened(make):
    found = make()
    assert set(found) == KEYS
    assert set(found["seconds"]) == {"read", "cut", "compile", "solve", "total"}
    assert set(found["errors"]) == {"l2", "h1", "max"}
    assert set(found["overlap"]) == {"length", "max"}


def test_what_does_not_exist_is_null_and_never_nan(tmp_path):
    found = save(tmp_path, Solution(converged=False), fields=[])
    assert json.loads((tmp_path / "summary.json").read_text()) == found
    assert found["status"] == "not converged"
    assert found["residual"] is None
    assert found["errors"] == {"l2": 1e-3, "h1": None, "max": 0.1}
    assert found["probes"] == [
        {"x": 0.25, "y": 0.5, "value": [0.25, 0.5]},
        {"x": 9.0, "y": 9.0, "value": None},
    ]
    for name in ("summary.json", "report.json"):
        text = (tmp_path / name).read_text()
        assert not re.search(r"\bNaN\b|Infinity", text)


def test_the_page_is_whole_self_contained_and_everything_in_it_is_escaped(saved):
    text = (saved / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert not {"script", "b", "i", "u", "link", "iframe"} & set(page.tags)
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)
    assert page.tags.count("img") == 8
    assert '<meta name="viewport"' in text
    assert "prefers-color-scheme: dark" in text
    for said in (
        "The solver converged",
        "&lt;/pre&gt;&lt;script&gt;",
        "shorter than &lt;snap&gt;",
        "AMD",
        "jaxlib",
    ):
        assert said in text or said == "AMD"


def test_the_verdict_says_when_not_to_trust_the_result(tmp_path):
    solution = Solution(converged=False)
    solution.overlap = {"length": 0.2, "max": 1e-3}
    solution.held = [{"part": 3, "area": 0.1, "x": 466012.25, "y": 6692101.5, "modes": 3}]
    save(tmp_path, solution, fields=[])
    text = (tmp_path / "report.html").read_text()
    assert "did not converge" in text and "stopped early" in text
    assert "Crack faces interpenetrate" in text and "over a length of 0.2 m" in text
    assert "466012.25" in text and "6692101.5" in text


def test_the_page_is_made_again_from_the_directory_alone(copied):
    before = (copied / "report.html").read_text()
    (copied / "report.html").unlink()
    assert write_report(copied) == copied / "report.html"
    assert (copied / "report.html").read_text() == before


def test_the_page_makes_do_with_a_summary(copied):
    for name in ("report.json", "case.toml", "solution.npz", "figure_cover.png"):
        (copied / name).unlink()
    write_report(copied)
    text = (copied / "report.html").read_text()
    assert Page(text).tags.count("img") == 7
    assert "The solver converged" in text


def test_only_files_of_the_directory_come_into_the_page(copied):
    secret = copied.parent / "secret.png"
    secret.write_bytes(b"secret")
    report = json.loads((copied / "report.json").read_text())
    report["figures"] = [{"file": "../secret.png", "caption": "x"}]
    (copied / "report.json").write_text(json.dumps(report))
    write_report(copied)
    assert "<img" not in (copied / "report.html").read_text()


@pytest.mark.parametrize("text", ["{", "[1]", '{"seconds": 3, "residual": "x"}', "\x00"])
def test_a_damaged_summary_is_an_input_error_that_names_it(text, tmp_path):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(InputError, match=r"summary\.json"):
        write_report(tmp_path)


def test_a_directory_without_a_result_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=re.escape(str(tmp_path))):
        write_report(tmp_path)


def test_a_failed_run_leaves_no_results_of_an_earlier_one(copied):
    (copied / "notes.txt").write_text("mine")
    found = save_failure(copied, case_text=CASE, message="Out of <memory>.", log="line\n")
    assert found["status"] == "failed"
    own = {"case.toml", "log.txt", "report.html", "report.json", "summary.json"}
    assert set(os.listdir(copied)) == own | {"notes.txt"}
    assert "Out of &lt;memory&gt;." in (copied / "report.html").read_text()


def test_a_direct_solver_has_no_history_and_no_figure_of_it(tmp_path):
    save(tmp_path, Solution(history=[]), fields=[])
    assert not (tmp_path / "figure_solver.png").exists()


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.svg"])
@pytest.mark.parametrize("more", [{}, {"field": "stress_xy", "deformed": 3.0}, {"field": "von_mises"}])
def test_one_figure_of_a_solution(name, more, tmp_path):
    plot_solution(Solution(), tmp_path / name, units={"length": "m"}, **more)
    assert (tmp_path / name).stat().st_size > 5_000


def test_one_file_of_a_solution(tmp_path):
    for name in ("a.vtu", "a.npz"):
        save_solution(Solution(), tmp_path / name)
    assert "stress" in pyvista.read(tmp_path / "a.vtu").point_data
    assert "field_stress" in np.load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "name, field", [("a.xyz", None), ("a.png", "stres"), ("a.png", "stress_zz"), ("a.png", "von")]
)
def test_what_cannot_be_drawn_is_an_input_error(name, field, tmp_path):
    with pytest.raises(InputError):
        plot_solution(Solution(), tmp_path / name, field)
    with pytest.raises(InputError, match=r"expected \.vtu or \.npz"):
        save_solution(Solution(), tmp_path / "a.csv")
    assert not os.listdir(tmp_path)


def test_tips_are_listed_in_summary_and_report_and_numbered_in_figures(tmp_path):
    solution = Solution()
    tip = {"crack": 0, "end": 1, "x": 0.5, "y": 0.37, "KI": 1.25e6, "KII": -3e4, "G": 8.1, "T": -2e5}
    solution.tips = [tip, {**tip, "crack": 3, "end": 0, "x": 0.8}]
    solution.tips_left_out = [{"crack": 5, "end": 1, "x": 0.1, "y": 0.2, "reason": "too <near>"}]
    found = save(tmp_path, solution)
    assert found["tips"] == solution.tips
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<h2 id="crack-tips">' in page
    assert "K_II" in page and "too &lt;near&gt;" in page
    figures = json.loads((tmp_path / "report.json").read_text())["figures"]
    assert any("crack tips, numbered" in figure["caption"] for figure in figures)


def test_without_tips_there_is_no_section_of_them(saved):
    assert "crack-tips" not in (saved / "report.html").read_text(encoding="utf-8")
