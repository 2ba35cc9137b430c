"""`python -m benchmarks networks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.core import figure, measured
from benchmarks.networks import coefficient, cracked, law, literature, peers, trained
from benchmarks.registry import Report
from networks import covers, fit_knots

SEEDS, SECONDS = 5, 4.0
"""Seeds, and seconds of training of each in the contest."""


def run(quick: bool, report: Report, only: str = "") -> dict:
    """The record: one row for each figure; of the measurements with `only` in their names.

    **Raises:** `InputError` when there is none.
    """
    seeds, seconds = (2, 0.2) if quick else (SEEDS, SECONDS)
    measurements: dict[str, Callable[[], Iterator[dict]]] = {
        "disk": partial(trained.disks, quick, seeds),
        "corner": partial(trained.corners, quick, seeds),
        "cracked": partial(cracked.rows, 7 if quick else 25, seconds, 2 if quick else 3),
        "knots": partial(knots, quick),
        "literature": partial(literature.grossmann, quick, seeds, seconds),
        "dimensions": partial(literature.many, quick, seeds, seconds),
        "law": partial(law.rows, quick),
        "coefficient": partial(coefficient.rows, quick),
        "peers": partial(peers.rows, quick, report),
    }
    return measured(
        "networks", measurements, only, quick, report, "networks on problems with known solutions"
    )


def knots(quick: bool) -> Iterator[dict]:
    """Rates of hats for u = x^0.6 on (0, 1): knots that move, and equal gaps."""
    counts = (8, 16) if quick else (32, 64)
    fits = [fit_knots(lambda x: x[:, 0] ** 0.6, covers.splines((0, 1), n), steps=2000) for n in counts]
    for name, errors, least in (
        ("knots that move", [f.error for f in fits], 1.9),
        ("equal gaps", [f.before for f in fits], None),
    ):
        parts = ", ".join(f"{error:.3g} with {n} cells" for n, error in zip(counts, errors, strict=True))
        rate = float(np.log2(errors[0] / errors[1]))
        yield figure(f"x^0.6, {name}: rate of the L2 error", rate, parts, least, least=True)
