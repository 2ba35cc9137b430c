"""The four training targets at all levels: the linear baseline and the method, its settings held out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.checks import Verdict
from benchmarks.ktc2023.empty import reproduced
from benchmarks.ktc2023.readings import LEVELS, PIXELS, read, read_truth
from benchmarks.ktc2023.reconstruct import CELLS, Method, baseline, fields, tank_of
from benchmarks.ktc2023.score import score
from benchmarks.ktc2023.segment import by_peaks
from benchmarks.record import record
from benchmarks.registry import Report
from nmm.errors import InputError

DATA = Path(__file__).parents[1] / "data" / "ktc2023"
TARGETS = (1, 2, 3, 4)
WEIGHTS = (3.0, 5.0, 10.0)
GRID = tuple(Method(*values) for values in product(WEIGHTS, (0.3, 0.4, 0.5), (0.5, 0.6, 0.7)))
PUBLISHED = {
    "organisers' linear difference method": 10.30,
    "Team DTU": 12.38,
    "Team ABC": 12.76,
    "Bremen, FC U-Net": 15.13,
    "Bremen, post-processing U-Net": 15.24,
}
"""Totals over the 21 evaluation targets of the challenge, 3 at each level."""

Images = Mapping[tuple[int, int], Sequence[np.ndarray]]
Scores = dict[Method, dict[tuple[int, int], float]]


def run(quick: bool, report: Report) -> dict:
    """The record: one row for each target and level.

    **Raises:** `InputError` without the data, which are in the repository only.
    """
    if not (DATA / "ref.mat").exists():
        raise InputError(
            "its data are in the repository only", where="ktc2023", hint="run it from a checkout"
        )
    cells, levels = (32, (1, 7)) if quick else (CELLS, tuple(LEVELS))
    begin = time.perf_counter()
    empty = read(DATA / "ref.mat")
    tank = tank_of(empty, cells)
    ready = time.perf_counter() - begin
    misfit = reproduced(tank, empty)
    report(f"empty tank: largest misfit {misfit['largest']:.3f} of the largest voltage, {ready:.1f} s")
    truths = {target: read_truth(DATA / f"true{target}.mat") for target in TARGETS}
    images, seconds = {}, {}
    for target, level in product(TARGETS, levels):
        begin = time.perf_counter()
        given = read(DATA / f"data{target}.mat", level)
        images[target, level] = fields(tank, empty, given, WEIGHTS)
        seconds[target, level] = (time.perf_counter() - begin) / len(WEIGHTS)
        report(f"target {target}, level {level}: {seconds[target, level]:.1f} s")
    scores = score_all(images, truths)
    chosen = {target: held_out(scores, target) for target in TARGETS}
    rows, drawn = [], {}
    for (target, level), found in images.items():
        method = chosen[target]
        image = by_peaks(found[1 + WEIGHTS.index(method.weight)], method.least, method.share)
        drawn[f"{target}, {level}"] = runs(image)
        rows.append(
            {
                "target": target,
                "level": level,
                "baseline": score(truths[target], baseline(found[0])),
                "score": scores[method][target, level],
                "seconds": seconds[target, level],
                **vars(method),
            }
        )
    for target in TARGETS:
        report(
            f"target {target}: {mean(rows, 'score', target):.3f}, {mean(rows, 'baseline', target):.3f} linear"
        )
    best = max(GRID, key=lambda method: np.mean(list(scores[method].values())))
    checks = [vars(verdict) for verdict in judged(rows, misfit, quick)]
    return record(
        "ktc2023",
        rows,
        checks,
        quick=quick,
        about="KTC2023: the training targets, with levels 2 to 7 made from the same readings",
        calibration_seconds=ready,
        published=PUBLISHED,
        best={**vars(best), "score": float(np.mean(list(scores[best].values())))},
        grid=sorted(float(np.mean(list(found.values()))) for found in scores.values()),
        images={"truth": {str(target): runs(truth) for target, truth in truths.items()}, "found": drawn},
    )


def score_all(images: Images, truths: Mapping[int, np.ndarray]) -> Scores:
    """The score of each method of the grid at each target and level."""
    return {
        method: {
            (target, level): score(
                truths[target],
                by_peaks(found[1 + WEIGHTS.index(method.weight)], method.least, method.share),
            )
            for (target, level), found in images.items()
        }
        for method in GRID
    }


def held_out(scores: Scores, target: int) -> Method:
    """The method that is best on the other targets."""
    return max(scores, key=lambda m: np.mean([s for (other, _), s in scores[m].items() if other != target]))


def mean(rows: Sequence[Mapping], key: str, target: int | None = None, level: int | None = None) -> float:
    """The mean of `key` over the rows of a target, of a level, or of all."""
    return float(
        np.mean(
            [row[key] for row in rows if target in (None, row["target"]) and level in (None, row["level"])]
        )
    )


def judged(rows: Sequence[Mapping], misfit: Mapping[str, float], quick: bool) -> list[Verdict]:
    score_, gain = (
        mean(rows, "score"),
        min(mean(rows, "score", t) - mean(rows, "baseline", t) for t in TARGETS),
    )
    slowest = max(row["seconds"] for row in rows)
    return [
        Verdict("mean score, settings held out", score_, "≥ 0.62", None if quick else score_ >= 0.62),
        Verdict("least gain of a target over the linear method", gain, "≥ 0", None if quick else gain >= 0),
        Verdict("seconds for the slowest image", slowest, "≤ 60", None if quick else slowest <= 60),
        *(
            Verdict(f"empty tank: {k}, by the largest voltage", v, "observed", None)
            for k, v in misfit.items()
        ),
    ]


def runs(image: np.ndarray) -> str:
    """An image, row after row, as "length*class" of its runs of one class."""
    flat = image.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff([*starts, flat.size])
    return " ".join(f"{n}*{kind}" for n, kind in zip(lengths, flat[starts], strict=True))


def image_of(runs: str) -> np.ndarray:
    """(256, 256): the image of its runs."""
    lengths, kinds = np.array([run.split("*") for run in runs.split()], int).T
    return np.repeat(kinds, lengths).reshape(PIXELS, PIXELS)
