"""Clean-up of cracks: dirty traces in, noded pieces inside the domain and a report out."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.domain.geometry import CleanupReport, Item
from nmm.domain.noding import Noder
from nmm.domain.segments import split_segments
from nmm.domain.shapes import box_text
from nmm.errors import GeometryError


@dataclass(frozen=True, eq=False)
class Pieces:
    """Noded segments: `points` (n, 2); `fixed` (kf, 2) with `source` (kf,), the segment each was cut
    from; `segments` (m, 2) of the paths with `paths` (m,); which of those lie inside, along a fixed
    segment, or outside the domain."""

    points: np.ndarray
    fixed: np.ndarray
    source: np.ndarray
    segments: np.ndarray
    paths: np.ndarray
    along: np.ndarray
    inside: np.ndarray


def node(points, fixed, n_boundary: int, paths, polygon, snap: float, exact: float):
    """Node `paths` with the fixed segments, of which the first `n_boundary` bound `polygon`.

    Returns the Pieces (`along`: on the boundary) and the Noder.
    """
    noder = Noder(points, fixed, paths, snap, exact).run()
    segments, points = noder.segments, noder.points
    ends = points[segments]
    inside = shapely.contains_xy(polygon, ends.mean(axis=1)) if len(ends) else np.zeros(0, dtype=bool)
    pinned = np.unique(segments)
    pinned = pinned[noder.pin[pinned] >= 0]
    cut = noder.pin[pinned]
    start = points[noder.fixed_segments[cut, 0]]
    order = np.lexsort((np.hypot(*(points[pinned] - start).T), cut))
    fixed, source = split_segments(noder.fixed_segments, cut[order], pinned[order])
    along = np.isin(keys(segments, len(points)), keys(fixed[source < n_boundary], len(points)))
    return Pieces(points, fixed, source, segments, noder.paths, along, inside & ~along), noder


def keys(segments: np.ndarray, n: int) -> np.ndarray:
    """One number for each unordered pair of vertices."""
    ends = np.sort(segments, axis=1)
    return ends[:, 0] * n + ends[:, 1]


def clean(cracks, points, fixed, n_boundary: int, polygon, snap: float, exact: float, shift, bounds):
    """Clean up `cracks` in a domain: (Pieces, mask of the pieces that stay, CleanupReport).

    `points`, `fixed`, `n_boundary`, `polygon` as for `node`, in coordinates less `shift`; `snap` and
    `exact` are lengths. Raises GeometryError for an inline crack wholly outside and for a file with
    nothing inside.
    """
    log = Log(shift)
    paths = [_distinct(crack.points - shift, number, log) for number, crack in enumerate(cracks)]
    total, within = _lengths(paths, polygon)
    raw, _ = node(points, fixed, n_boundary, paths, polygon, 0.0, exact)
    pieces, noder = node(points, fixed, n_boundary, paths, polygon, snap, exact)
    log.events(noder.events)
    length = np.hypot(*(pieces.points[pieces.segments[:, 1]] - pieces.points[pieces.segments[:, 0]]).T)
    on_boundary = np.unique(pieces.fixed[pieces.source < n_boundary])
    keep = pieces.inside & ~_short(pieces, length, on_boundary, snap, log)

    changed = [event.path for event in noder.events if event.kind in ("overlap", "short")]
    lost = _clipped(pieces, length, paths, total, changed, max(snap, exact), log)
    _refuse_lost(cracks, lost, bounds)
    moved = noder.moved[np.unique(pieces.segments[keep])]
    report = CleanupReport(
        counts=dict(sorted(log.counts.items())),
        items=log.items,
        junctions_before=junctions(raw.segments[raw.inside], np.unique(raw.fixed[raw.source < n_boundary])),
        junctions_after=junctions(pieces.segments[keep], on_boundary),
        length_total=float(total.sum()),
        length_inside=float(within.sum()),
        length_outside=float(np.maximum(total - within, 0).sum()),
        length_kept=float(length[keep].sum()),
        moved_max=float(moved.max(initial=0.0)),
    )
    return pieces, keep, report


def _distinct(path: np.ndarray, number: int, log: Log) -> np.ndarray:
    """The path without vertices that repeat the one before."""
    new = np.ones(len(path), dtype=bool)
    new[1:] = np.any(path[1:] != path[:-1], axis=1)
    for at in np.flatnonzero(~new):
        log.add("repeated vertex", number, path[at], f"vertex {at} repeats the one before it")
    return path[new]


def _lengths(paths, polygon) -> tuple[np.ndarray, np.ndarray]:
    """Length of each path, and of its part in the polygon."""
    total, within = np.zeros(len(paths)), np.zeros(len(paths))
    real = np.flatnonzero([len(path) > 1 for path in paths])
    if not real.size:
        return total, within
    counts = [len(paths[number]) for number in real]
    indices = np.repeat(np.arange(len(real)), counts)
    lines = np.asarray(shapely.linestrings(np.concatenate([paths[n] for n in real]), indices=indices))
    total[real] = within[real] = shapely.length(lines)
    shapely.prepare(polygon)
    leaves = ~shapely.covers(polygon, lines)
    within[real[leaves]] = shapely.length(shapely.intersection(lines[leaves], polygon))
    return total, within


def junctions(segments: np.ndarray, on_boundary: np.ndarray) -> dict[str, int]:
    """Number of vertices off the boundary where 1 (I), 3 (Y) and 4 or more (X) segments meet."""
    vertex, degree = np.unique(segments, return_counts=True)
    degree = degree[~np.isin(vertex, on_boundary)]
    return {"I": int((degree == 1).sum()), "Y": int((degree == 3).sum()), "X": int((degree >= 4).sum())}


def _short(pieces: Pieces, length, on_boundary, snap: float, log: Log) -> np.ndarray:
    """Segments of branches with a free end that are shorter than snap."""
    n = len(pieces.points)
    gone = np.zeros(len(pieces.segments), dtype=bool)
    while True:
        alive = np.flatnonzero(pieces.inside & ~gone)
        if not alive.size:
            return gone
        ends = pieces.segments[alive]
        degree = np.bincount(ends.ravel(), minlength=n)
        through = degree == 2
        through[on_boundary] = False
        free = degree == 1
        free[on_boundary] = False
        # Branches: segments linked through vertices where exactly two meet.
        link = np.argsort(ends.ravel(), kind="stable")
        link = link[through[ends.ravel()[link]]].reshape(-1, 2) // 2
        graph = coo_array((np.ones(len(link)), link.T), shape=(len(alive), len(alive)))
        count, branch = connected_components(graph, directed=False)
        size = np.bincount(branch, weights=length[alive], minlength=count)
        dangling = np.bincount(branch, weights=free[ends].any(axis=1), minlength=count) > 0
        drop = dangling & (size < snap * (1 - 1e-9))
        if not drop.any():
            return gone
        for number in np.flatnonzero(drop):
            first = alive[np.flatnonzero(branch == number)[0]]
            where = pieces.points[pieces.segments[first, 0]]
            text = f"a piece of length {size[number]:.3g}, shorter than snap, is dropped"
            log.add("short piece", int(pieces.paths[first]), where, text, length=size[number])
        gone[alive[drop[branch]]] = True


def _clipped(pieces: Pieces, length, paths, total, changed, tolerance: float, log: Log) -> list[int]:
    """Report what lies outside or along the boundary; returns the numbers of paths wholly outside.

    `changed` are the paths of which the noder dropped something.
    """

    def per_path(mask):
        return np.bincount(pieces.paths[mask], weights=length[mask], minlength=len(paths))

    along, outside = per_path(pieces.along), per_path(~pieces.inside & ~pieces.along)
    partly = (along > 0) | (per_path(pieces.inside) > 0)
    partly[changed] = True
    lost = []
    for number, path in enumerate(paths):
        if along[number] > 0:
            text = f"a length of {along[number]:.6g} runs along the boundary and is dropped"
            log.add("along outline", number, path[0], text, length=along[number])
        if outside[number] > tolerance and not partly[number]:
            lost.append(number)
            text = "lies wholly outside the domain and is dropped"
            log.add("outside", number, path[0], text, length=total[number])
        elif outside[number] > tolerance:
            text = f"a length of {outside[number]:.6g} of {total[number]:.6g} lies outside the domain"
            log.add("clipped", number, path[0], text, length=outside[number])
        elif not partly[number]:
            text = f"the whole trace, of length {total[number]:.3g}, is not longer than snap and is dropped"
            log.add("short piece", number, path[0], text, length=total[number])
    return lost


def _refuse_lost(cracks, lost: list[int], bounds) -> None:
    """Raise for inline cracks wholly outside, and for a file all of whose traces are."""
    of_file = defaultdict(list)
    for number, crack in enumerate(cracks):
        if not crack.inline:
            of_file[crack.source].append(number)
        elif number in lost:
            x, y = crack.points[0]
            raise GeometryError(
                f"lies wholly outside the domain: it starts at ({x:.8g}, {y:.8g}), "
                f"the domain is {box_text(bounds)}",
                where=crack.label(number),
                hint="move it inside or remove it",
            )
    for source, numbers in of_file.items():
        if set(numbers) <= set(lost):
            ends = np.concatenate([cracks[number].points for number in numbers])
            found = box_text((*ends.min(axis=0), *ends.max(axis=0)))
            raise GeometryError(
                f"none of its {len(numbers)} traces lies inside the domain: "
                f"the traces are in {found}, the domain is {box_text(bounds)}",
                where=source or "cracks",
                hint="the two are probably in different coordinate systems",
            )


class Log:
    """Collects the items of the report in the user's coordinates."""

    def __init__(self, shift):
        self.shift = shift
        self.items: list[Item] = []
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, crack: int, point, text: str, length=0.0, moved=0.0) -> None:
        x, y = np.asarray(point) + self.shift
        self.items.append(Item(kind, int(crack), float(x), float(y), float(length), float(moved), text))
        self.counts[kind] += 1

    def events(self, events) -> None:
        overlaps: dict[tuple[int, int], list] = defaultdict(list)
        for event in events:
            onto = "the boundary" if event.other < 0 else f"crack {event.other}"
            by = f"{event.moved:.3g}"
            if event.kind == "overlap":
                overlaps[event.path, event.other].append(event)
            elif event.kind == "crossing":
                self.add("crossing", event.path, event.point, f"crosses {onto}")
            elif event.kind == "short":
                text = f"two vertices {by} apart are merged"
                self.add("short segment", event.path, event.point, text, moved=event.moved)
            elif event.kind == "gap":
                text = f"a gap of {by} between its end and {onto} is closed"
                self.add("gap", event.path, event.point, text, moved=event.moved)
            else:
                text = f"a vertex that comes within {by} of {onto} is joined with it"
                self.add("vertex moved", event.path, event.point, text, moved=event.moved)
        for (path, other), group in overlaps.items():
            length = sum(event.length for event in group)
            onto = "the trace itself" if path == other else f"crack {other}"
            text = f"a length of {length:.6g} repeats {onto} and is merged with it"
            self.add("overlap", path, group[0].point, text, length=length)
