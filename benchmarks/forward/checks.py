"""What nmm promises of its forward solve, judged on the rows of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.checks import Verdict
from benchmarks.forward.method import TOLERANCE

Row = Mapping[str, Any]
JUDGED = (("poisson", 1_000_000), ("elasticity", 500_000), ("elasticity", 2_000_000))


def judged(rows: Sequence[Row], quick: bool) -> Iterator[Verdict]:
    """Verdicts; a quick run is too small to judge ratios of seconds."""
    sizes = {p: max((r["asked"] for r in rows if r["problem"] == p), default=0) for p, _ in JUDGED}
    for problem, size in dict.fromkeys((p, sizes[p]) for p, _ in JUDGED) if quick else JUDGED:
        mine = find(rows, "nmm", problem, size)
        if mine is None:
            yield Verdict(f"{problem}, {grouped(size)}: nmm solves it", None, "yes", False)
            continue
        yield from (silent(v) if quick else v for v in ratios(rows, mine))
    for problem in dict.fromkeys(p for p, _ in JUDGED):
        yield from (silent(v) if quick else v for v in growth(rows, problem, full=not quick))
    own = [row for row in rows if row["library"] == "nmm"]
    if own:
        worst = max(row["residual"] for row in own)
        yield Verdict("largest residual of nmm", worst, f"≤ {TOLERANCE:g}", worst <= TOLERANCE)


def silent(verdict: Verdict) -> Verdict:
    return Verdict(verdict.check, verdict.value, verdict.expected, None)


def ratios(rows: Sequence[Row], mine: Row) -> Iterator[Verdict]:
    """nmm against the faster method of each library, on the same problem with as many unknowns."""
    problem, size, seconds = mine["problem"], mine["asked"], mine["seconds"]["total"]
    where = f"{problem}, {grouped(size)}"
    for library, limit in (("scikit-fem", 1 / 10), ("NGSolve", 1 / 4)):
        peer = find(rows, library, problem, size)
        if peer is None:
            yield Verdict(f"{where}: seconds / {library}", None, f"≤ {limit:.3g}; no peer to compare", None)
            continue
        yield at_most(f"{where}: seconds / {library} without its mesh", seconds / without_mesh(peer), limit)
        yield seen(f"{where}: seconds / {library} with its mesh", seconds / peer["seconds"]["total"])
        first = mine["first"] / without_mesh(peer)
        name = f"{where}: first solve with compilation / {library} without its mesh"
        yield at_most(name, first, 1 / 3) if library == "scikit-fem" else seen(name, first)
        yield seen(f"{where}: error / {library}", mine["error"] / peer["error"])
    peers = [row for row in rows if row["library"] == "feax" and row["problem"] == problem]
    if peers:  # at the size and with the solver that are best for it
        peer = min(peers, key=lambda row: without_mesh(row) / row["unknowns"])
        ours, theirs = (seconds / mine["unknowns"], without_mesh(peer) / peer["unknowns"])
        name = f"{where}: seconds an unknown / feax with {grouped(peer['unknowns'])}, without its mesh"
        yield at_most(name, ours / theirs, 1 / 40)
        alone = mine["seconds"]["solve"] / mine["unknowns"] / (peer["seconds"]["solve"] / peer["unknowns"])
        yield seen(f"{where}: the same, of the solve alone", alone)


def growth(rows: Sequence[Row], problem: str, full: bool) -> Iterator[Verdict]:
    """From the smallest to the largest problem of nmm."""
    own = [row for row in rows if row["library"] == "nmm" and row["problem"] == problem]
    if not own:
        return
    small, large = own[0], own[-1]
    peer = find(rows, "NGSolve", problem, small["asked"])
    if peer is not None:
        yield seen(
            f"{problem}, smallest: first solve with compilation / NGSolve without its mesh",
            small["first"] / without_mesh(peer),
        )
    if problem == "poisson":
        reached = not full or large["asked"] >= 4_000_000
        grown = large["seconds"]["total"] / large["unknowns"] / small["seconds"]["total"] * small["unknowns"]
        yield Verdict("poisson: growth of seconds an unknown", grown, "< 2", reached and grown < 2)
        peak = large["peak_gib"]
        name = f"poisson, {grouped(large['unknowns'])}: peak memory in GiB"
        yield Verdict(name, peak, "< 4", reached and peak < 4)


def find(rows: Sequence[Row], library: str, problem: str, size: int) -> Row | None:
    """The fastest row of a library on a problem of that size."""
    mine = (row for row in rows if (row["library"], row["problem"], row["asked"]) == (library, problem, size))
    return min(mine, key=without_mesh, default=None)


def without_mesh(row: Row) -> float:
    """Seconds of set-up and solve."""
    return row["seconds"]["setup"] + row["seconds"]["solve"]


def grouped(number: int) -> str:
    """4 000 000, as the tables write it."""
    return f"{number:,}".replace(",", "\u202f")


def at_most(check: str, value: float, limit: float) -> Verdict:
    return Verdict(check, value, f"≤ {limit:.3g}", value <= limit)


def seen(check: str, value: float) -> Verdict:
    return Verdict(check, value, "observed", None)
