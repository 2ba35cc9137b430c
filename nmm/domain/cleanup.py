"""Clean-up of cracks: dirty traces in, noded pieces inside the domain and a report out."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nmm.domain.geometry import CleanupReport, Item
from nmm.domain.noding import Noder, split_segments
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

    Raises GeometryError for an inline crack wholly outside and for a file with nothing inside.
    """
    log = _Log(shift)
    paths = []
    for number, crack in enumerate(cracks):
        path = crack.points - shift
        new = np.ones(len(path), dtype=bool)
        new[1:] = np.any(path[1:] != path[:-1], axis=1)
        for at in np.flatnonzero(~new):
            log.add("repeated vertex", number, path[at], text=f"vertex {at} repeats the one before it")
        paths.append(path[new])
    long = [path for path in paths if len(path) > 1]
    lines = shapely.linestrings(
        np.concatenate([np.empty((0, 2)), *long]),
        indices=np.repeat(np.arange(len(long)), [len(p) for p in long]),
    )
    total, within = np.zeros(len(cracks)), np.zeros(len(cracks))
    real = np.array([len(path) > 1 for path in paths], dtype=bool)
    total[real] = shapely.length(lines)
    shapely.prepare(polygon)
    covered = shapely.covers(polygon, lines)
    inner = shapely.length(lines)
    inner[~covered] = shapely.length(shapely.intersection(lines[~covered], polygon))
    within[real] = inner

    raw, _ = node(points, fixed, n_boundary, paths, polygon, 0.0, exact)
    pieces, noder = node(points, fixed, n_boundary, paths, polygon, snap, exact)
    log.events(noder.events)
    length = np.hypot(*(pieces.points[pieces.segments[:, 1]] - pieces.points[pieces.segments[:, 0]]).T)
    on_boundary = np.unique(pieces.fixed[pieces.source < n_boundary])
    keep = pieces.inside & ~_short(pieces, length, on_boundary, snap, log)
    _clipped(cracks, paths, pieces, keep, length, total, within, log, max(snap, exact), bounds, noder.events)

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


def junctions(segments: np.ndarray, on_boundary: np.ndarray) -> dict[str, int]:
    """Number of vertices off the boundary where 1 (I), 3 (Y) and 4 or more (X) segments meet."""
    vertex, degree = np.unique(segments, return_counts=True)
    degree = degree[~np.isin(vertex, on_boundary)]
    return {"I": int((degree == 1).sum()), "Y": int((degree == 3).sum()), "X": int((degree >= 4).sum())}


def _short(pieces: Pieces, length, on_boundary, snap: float, log: _Log) -> np.ndarray:
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
            log.add(
                "short piece",
                int(pieces.paths[first]),
                pieces.points[pieces.segments[first, 0]],
                length=float(size[number]),
                text=f"a piece of length {size[number]:.3g}, shorter than snap, is dropped",
            )
        gone[alive[drop[branch]]] = True


def _clipped(
    cracks, paths, pieces, keep, length, total, within, log: _Log, tolerance, bounds, events
) -> None:
    n = len(cracks)
    kept = np.bincount(pieces.paths[keep], minlength=n) > 0
    along = np.bincount(pieces.paths[pieces.along], weights=length[pieces.along], minlength=n)
    out = ~pieces.inside & ~pieces.along
    outside = np.bincount(pieces.paths[out], weights=length[out], minlength=n)
    explained = along > 0
    explained[np.unique(pieces.paths[pieces.inside])] = True
    explained[[event.path for event in events if event.kind in ("overlap", "short")]] = True
    lost = []
    for number, crack in enumerate(cracks):
        where = paths[number][0]
        if along[number] > 0:
            log.add(
                "along outline",
                number,
                where,
                length=float(along[number]),
                text=f"a length of {along[number]:.6g} runs along the boundary and is dropped",
            )
        if kept[number]:
            if outside[number] > tolerance:
                log.add(
                    "clipped",
                    number,
                    where,
                    length=float(outside[number]),
                    text=f"a length of {outside[number]:.6g} of {total[number]:.6g} lies outside the domain",
                )
        elif outside[number] > tolerance and not explained[number]:
            if crack.inline:
                x, y = where + log.shift
                raise GeometryError(
                    f"lies wholly outside the domain: it starts at ({x:.6g}, {y:.6g}), "
                    f"the domain is {box_text(bounds)}",
                    where=crack.label(number),
                    hint="move it inside or remove it",
                )
            lost.append(number)
            log.add(
                "outside",
                number,
                where,
                length=float(total[number]),
                text="lies wholly outside the domain and is dropped",
            )
        elif not explained[number] and total[number] <= tolerance:
            log.add(
                "short piece",
                number,
                where,
                length=float(total[number]),
                text=f"the whole trace, of length {total[number]:.3g}, is shorter than snap and is dropped",
            )
    by_source = defaultdict(list)
    for number, crack in enumerate(cracks):
        if not crack.inline:
            by_source[crack.source].append(number)
    for source, numbers in by_source.items():
        if set(numbers) <= set(lost):
            ends = np.concatenate([cracks[number].points for number in numbers])
            found = box_text((*ends.min(axis=0), *ends.max(axis=0)))
            raise GeometryError(
                f"none of its {len(numbers)} traces lies inside the domain: "
                f"the traces are in {found}, the domain is {box_text(bounds)}",
                where=source or "cracks",
                hint="the two are probably in different coordinate systems",
            )


def box_text(bounds) -> str:
    xmin, ymin, xmax, ymax = bounds
    return f"x {xmin:.8g} .. {xmax:.8g}, y {ymin:.8g} .. {ymax:.8g}"


class _Log:
    """Collects the items of the report in the user's coordinates."""

    def __init__(self, shift):
        self.shift = shift
        self.items: list[Item] = []
        self.counts: Counter[str] = Counter()

    def add(
        self, kind: str, crack: int, point, length: float = 0.0, moved: float = 0.0, text: str = ""
    ) -> None:
        x, y = np.asarray(point) + self.shift
        self.items.append(Item(kind, int(crack), float(x), float(y), length, moved, text))
        self.counts[kind] += 1

    def events(self, events) -> None:
        overlaps: dict[tuple[int, int], list] = {}
        for event in events:
            onto = "the boundary" if event.other < 0 else f"crack {event.other}"
            if event.kind == "overlap":
                overlaps.setdefault((event.path, event.other), []).append(event)
            elif event.kind == "crossing":
                self.add("crossing", event.path, event.point, text=f"crosses {onto}")
            elif event.kind == "short":
                text = f"two vertices {event.moved:.3g} apart are merged"
                self.add("short segment", event.path, event.point, moved=event.moved, text=text)
            else:
                kind, what = ("gap", "end") if event.kind == "gap" else ("vertex moved", "vertex")
                text = f"an {what}" if what == "end" else f"a {what}"
                self.add(
                    kind,
                    event.path,
                    event.point,
                    moved=event.moved,
                    text=f"{text} is moved by {event.moved:.3g} onto {onto}",
                )
        for (path, other), group in overlaps.items():
            length = sum(event.length for event in group)
            onto = "the trace itself" if path == other else f"crack {other}"
            text = f"a length of {length:.6g} repeats {onto} and is merged with it"
            self.add("overlap", path, group[0].point, length=length, text=text)
