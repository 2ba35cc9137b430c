"""Run the problem set through nmm and through each peer that is installed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.peers import PEERS, Peer, Unsupported, load
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.record import record
from benchmarks.registry import Report
from nmm.errors import InputError


def run(quick: bool, report: Report, only: str = "") -> dict:
    """The record of all problems: a row for each solution, the verdicts, and who was skipped and why.

    `only`: problems with this text in their names.

    **Raises:** `InputError` when no problem is meant.
    """
    problems = [problem for problem in PROBLEMS if only in problem.name]
    if only and not problems:
        known = ", ".join(problem.name for problem in PROBLEMS)
        raise InputError(f'no problem has "{only}" in its name', hint=f"known: {known}")
    rows: list[dict] = []
    checks: list[dict] = []
    skipped: list[dict] = []
    versions: dict[str, str] = {}
    for name in PEERS:
        peer = load(name)
        reason = peer.missing()
        if reason:
            skipped.append({"method": name, "reason": reason})
            report(f"skipped {name}: {reason}")
            continue
        versions[name] = peer.version()
        for problem in problems:
            for cover in covers_of(peer, problem):
                try:
                    found = list(solve_all(peer, problem, cover, quick))
                except Unsupported as error:
                    skipped.append(
                        {"method": name, "problem": problem.name, "cover": cover, "reason": str(error)}
                    )
                    continue
                rows += found
                verdicts = [check.judge(found, quick) for check in problem.checks]
                checks += [
                    {"problem": problem.name, "method": name, "cover": cover, **vars(verdict)}
                    for verdict in verdicts
                ]
                report(line(name, problem, cover, found, verdicts))
    references = {p.name: {"title": p.title, "reference": p.reference} for p in problems}
    return record(
        "verification", rows, checks, quick=quick, problems=references, methods=versions, skipped=skipped
    )


def covers_of(peer: Peer, problem: Problem) -> Iterator[str]:
    """The covers that the problem asks for, as far as the peer has them."""
    return (cover for cover in problem.covers if cover in peer.covers)


def solve_all(peer: Peer, problem: Problem, cover: str, quick: bool) -> Iterator[dict]:
    """One row for each refinement."""
    for cells in problem.quick if quick else problem.cells:
        start = time.perf_counter()
        answer = peer.solve(problem, cells, cover)
        wall = time.perf_counter() - start
        measured = problem.measure(answer) if problem.measure else {}
        yield {
            "problem": problem.name,
            "method": peer.name,
            "cover": cover,
            "cells": cells,
            "unknowns": answer.unknowns,
            **answer.errors,
            **measured,
            **answer.facts,
            "seconds": {**answer.seconds, "wall": wall},
        }


def line(name: str, problem: Problem, cover: str, rows: list[dict], verdicts) -> str:
    """One line of progress."""
    shown = [f"{v.check} {v.value:.4g}{mark(v.passed)}" for v in verdicts if v.value is not None]
    wall = sum(row["seconds"]["wall"] for row in rows)
    return f"{name:<11}{problem.name:<19}{cover:<14}{', '.join(shown)}  ({wall:.1f} s)"


def mark(passed: bool | None) -> str:
    return "" if passed is not False else " FAILED"
