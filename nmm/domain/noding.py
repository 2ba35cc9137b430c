"""Noding: move and cut line segments until any two of them meet in common vertices only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import KDTree

from nmm.domain.segments import as_lines, crossings, first_equal, project, split_segments
from nmm.errors import GeometryError

ROUNDS = 60


@dataclass(frozen=True)
class Event:
    """Something the noder did: "gap" (the end of a path was moved onto something), "vertex" (an inner
    vertex was), "short" (two vertices of one path merged), "crossing", "overlap" (a stretch that
    lies on another path was dropped).

    `path` is the path that changed, `other` the one it met (-1: a fixed segment).
    """

    kind: str
    path: int
    other: int
    point: tuple[float, float]
    moved: float = 0.0
    length: float = 0.0


class Noder:
    """Nodes open polylines with one another and with fixed segments.

    `fixed_points` (nf, 2) and `fixed_segments` (ks, 2) are noded already and stay where they are; a
    path that meets a fixed segment gets a vertex on it. Vertices of paths closer than `snap` to a
    vertex or a segment are moved onto it, and no point of a path moves by more than `snap`: what
    would have to move further to be joined stays apart. Whatever comes closer than `exact`, the
    size of rounding errors, is always joined.

    After `run`: `points` (n, 2), whose first nf rows are the fixed points; `segments` (m, 2) in the
    direction of their paths, `paths` (m,) the path of each; `pin` (n,) the fixed segment that a
    point lies inside of, or -1; `events`.
    """

    def __init__(self, fixed_points, fixed_segments, paths, snap: float, exact: float):
        # Vertices are joined at twice the distance at which they are put onto a segment: two of them
        # could otherwise each lie on the other's segment, and take turns for ever.
        self.exact, self.joined = exact, 2 * exact
        self.snap = snap if snap > self.joined else 0.0
        self.n_fixed = len(fixed_points)
        self.fixed_segments = np.asarray(fixed_segments, dtype=int).reshape(-1, 2)
        counts = np.array([len(path) for path in paths], dtype=int)
        loose = np.concatenate([np.empty((0, 2)), *paths])
        points = np.concatenate([np.reshape(fixed_points, (-1, 2)), loose])
        number = first_equal(points)
        path = np.repeat(np.arange(len(paths)), counts)
        last = np.cumsum(counts) - 1
        start = np.setdiff1d(np.arange(len(loose)), last)
        self.points = points
        self.segments = number[self.n_fixed + np.stack([start, start + 1], axis=1)]
        self.paths = path[start]
        self.owner = np.concatenate([np.full(self.n_fixed, -1), path])
        self.is_end = np.zeros(len(points), dtype=bool)
        self.is_end[number[self.n_fixed + last]] = True
        self.is_end[number[self.n_fixed + last - counts + 1]] = True
        # An upper bound on how far the path that runs through a point has been moved there.
        self.moved = np.zeros(len(points))
        self.pin = np.full(len(points), -1)
        self.events: list[Event] = []
        fixed = self.points[: self.n_fixed]
        self.fixed_tree = KDTree(fixed) if self.n_fixed else None
        self.fixed_point_tree = shapely.STRtree(np.asarray(shapely.points(fixed)))
        self.fixed_segment_tree = shapely.STRtree(as_lines(self.points, self.fixed_segments))
        self._tidy()

    def run(self) -> Noder:
        """Join, attach and cross until nothing changes."""
        for round_ in range(4 * ROUNDS):
            if round_ == ROUNDS:
                self.snap = 0.0
            merged = self._merge()
            attached = self._attach()
            if not merged and not attached and not self._cross():
                return self
        raise GeometryError(
            "the cracks do not come to rest while they are cleaned up",
            where="cracks",
            hint="use another snap",
        )

    def _merge(self) -> bool:
        """Join vertices that are closer than snap."""
        used = np.unique(self.segments)
        if not used.size:
            return False
        reach = max(self.snap, self.joined)
        close = np.asarray(KDTree(self.points[used]).query_pairs(reach, output_type="ndarray"), dtype=int)
        pairs = used[close]
        if self.fixed_tree is not None:
            free = used[used >= self.n_fixed]
            distance, near = self.fixed_tree.query(self.points[free], distance_upper_bound=reach)
            found = np.isfinite(distance)
            pairs = np.concatenate([pairs, np.stack([np.asarray(near)[found], free[found]], axis=1)])
        pairs = np.sort(pairs, axis=1)
        pairs = pairs[pairs[:, 1] >= self.n_fixed]
        distance = np.hypot(*(self.points[pairs[:, 0]] - self.points[pairs[:, 1]]).T)
        target = np.arange(len(self.points))
        stays = np.zeros(len(self.points), dtype=bool)
        for k in np.argsort(distance, kind="stable"):
            low, high = map(int, pairs[k])
            gap = 0.0 if distance[k] <= self.joined else float(distance[k])
            for mover, goal in ((high, low), (low, high)):
                if target[mover] != mover or target[goal] != goal or stays[mover]:
                    continue
                if not self._may_join(mover, goal) or (gap and self.moved[mover] + gap > self.snap):
                    continue
                target[mover] = goal
                stays[goal] = True
                self.moved[goal] = max(self.moved[goal], self.moved[mover] + gap)
                if gap:
                    kind = self._kind(mover)
                    if self.owner[mover] == self.owner[goal]:
                        kind = "short"
                    self._note(kind, mover, self.owner[goal], gap)
                # A path that ends where another one goes through has its end there still.
                self.is_end[goal] |= self.is_end[mover]
                break
        if not stays.any():
            return False
        self.segments = target[self.segments]
        self._tidy()
        return True

    def _may_join(self, mover: int, goal: int) -> bool:
        if mover < self.n_fixed:
            return False
        pin = self.pin[mover]
        return pin < 0 or self.pin[goal] == pin or goal in self.fixed_segments[pin]

    def _attach(self) -> bool:
        """Put vertices that are closer than snap to a segment onto it, and cut the segment there."""
        used = np.unique(self.segments)
        if not used.size:
            return False
        free = used[(used >= self.n_fixed) & (self.pin[used] < 0)]
        lines = as_lines(self.points, self.segments)
        reach = max(self.snap, self.exact)
        near = {"predicate": "dwithin", "distance": reach * (1 + 1e-9)}
        at, hit = shapely.STRtree(lines).query(shapely.points(self.points[used]), **near)
        vertex, segment, on_fixed = [used[at]], [hit], [np.zeros(len(hit), dtype=bool)]
        if self.n_fixed:
            hit, at = self.fixed_point_tree.query(lines, **near)
            vertex, segment = [*vertex, at], [*segment, hit]
            on_fixed.append(np.zeros(len(hit), dtype=bool))
        if len(self.fixed_segments) and free.size:
            at, hit = self.fixed_segment_tree.query(shapely.points(self.points[free]), **near)
            vertex, segment = [*vertex, free[at]], [*segment, hit]
            on_fixed.append(np.ones(len(hit), dtype=bool))
        vertex, segment, on_fixed = map(np.concatenate, (vertex, segment, on_fixed))
        ends = np.empty((len(segment), 2), dtype=int)
        ends[on_fixed] = self.fixed_segments[segment[on_fixed]]
        ends[~on_fixed] = self.segments[segment[~on_fixed]]
        foot, t, distance = project(self.points[vertex], self.points[ends[:, 0]], self.points[ends[:, 1]])
        to_ends = np.hypot(*np.moveaxis(self.points[vertex, None] - self.points[ends], 2, 0)).min(axis=1)
        keep = (vertex[:, None] != ends).all(axis=1) & (t > 0) & (t < 1) & (distance <= reach)
        keep &= to_ends > np.where(distance <= self.exact, self.joined, reach)
        order = np.flatnonzero(keep)
        order = order[np.lexsort((segment[order], vertex[order], distance[order]))]

        shifted = np.zeros(len(self.points), dtype=bool)
        locked = np.zeros(len(self.points), dtype=bool)
        cuts: dict[tuple[int, int], float] = {}
        changed = False
        for k in order:
            v, s, d = int(vertex[k]), int(segment[k]), float(distance[k])
            a, b = map(int, ends[k])
            if shifted[v] or shifted[a] or shifted[b]:
                continue
            mobile = v >= self.n_fixed and self.pin[v] < 0 and not locked[v]
            step = 0.0 if d <= self.exact else d
            if on_fixed[k]:
                if not mobile or (step and self.moved[v] + step > self.snap):
                    continue
                self.points[v], self.pin[v], shifted[v] = foot[k], s, True
                self.moved[v] += step
                if step:
                    self._note(self._kind(v), v, -1, step)
                changed = True
                continue
            along = max(self.moved[a], self.moved[b])
            if (s, v) in cuts:
                continue
            if step and mobile and self.moved[v] + step <= self.snap:
                self.points[v], shifted[v] = foot[k], True
                self.moved[v] += step
                self._note(self._kind(v), v, self.paths[s], step)
            elif step and along + step <= self.snap:
                self._note(self._kind(v), v, self.paths[s], step, path=self.paths[s])
                along += step
            elif step:
                continue
            self.moved[v] = max(self.moved[v], along)
            locked[[a, b, v]] = True
            cuts[s, v] = float(t[k])
            changed = True
        if changed:
            self._split(cuts)
            self._tidy()
        return changed

    def _cross(self) -> bool:
        """Give segments that cross a common vertex."""
        lines = as_lines(self.points, self.segments)
        if not len(lines):
            return False
        first, second = shapely.STRtree(lines).query(lines, predicate="intersects")
        apart = (self.segments[first][:, :, None] != self.segments[second][:, None, :]).all(axis=(1, 2))
        apart &= first < second
        first, second = first[apart], second[apart]
        point, t, u = crossings(self.points, self.segments[first], self.segments[second])
        near, fixed = self.fixed_segment_tree.query(lines, predicate="intersects")
        ends, other = self.segments[near], self.fixed_segments[fixed]
        apart = (ends[:, :, None] != other[:, None, :]).all(axis=(1, 2))
        apart &= (self.pin[ends] != fixed[:, None]).all(axis=1)
        near, fixed, ends, other = near[apart], fixed[apart], ends[apart], other[apart]
        on_fixed, _, w = crossings(self.points, other, ends)
        if not len(first) and not len(near):
            return False
        n = len(self.points)
        numbers = n + np.arange(len(first) + len(near))
        moved = self.moved[self.segments].max(axis=1)
        self.points = np.concatenate([self.points, point, on_fixed])
        self.moved = np.concatenate(
            [
                self.moved,
                np.maximum(moved[first], moved[second]),
                moved[near],
            ]
        )
        self.pin = np.concatenate([self.pin, np.full(len(first), -1), fixed])
        self.owner = np.concatenate([self.owner, np.full(len(numbers), -1)])
        self.owner[numbers] = np.concatenate([self.paths[first], self.paths[near]])
        self.is_end = np.concatenate([self.is_end, np.zeros(len(numbers), dtype=bool)])
        for k in range(len(first)):
            one, two = int(self.paths[first[k]]), int(self.paths[second[k]])
            self.events.append(Event("crossing", one, two, (float(point[k, 0]), float(point[k, 1]))))
        crossing, border = numbers[: len(first)], numbers[len(first) :]
        cuts = dict(zip(zip(first.tolist(), crossing.tolist(), strict=True), t.tolist(), strict=True))
        cuts |= dict(zip(zip(second.tolist(), crossing.tolist(), strict=True), u.tolist(), strict=True))
        cuts |= dict(zip(zip(near.tolist(), border.tolist(), strict=True), w.tolist(), strict=True))
        self._split(cuts)
        self._tidy()
        return True

    def _split(self, cuts: dict[tuple[int, int], float]) -> None:
        if not cuts:
            return
        keys = np.array(list(cuts), dtype=int)
        order = np.lexsort((np.array(list(cuts.values())), keys[:, 0]))
        segment, vertex = keys[order].T
        self.segments, source = split_segments(self.segments, segment, vertex)
        self.paths = self.paths[source]

    def _tidy(self) -> None:
        """Drop segments without length and all but the first of those with the same two ends."""
        real = self.segments[:, 0] != self.segments[:, 1]
        self.segments, self.paths = self.segments[real], self.paths[real]
        if not len(self.segments):
            return
        ends = np.sort(self.segments, axis=1)
        key = ends[:, 0] * len(self.points) + ends[:, 1]
        _, index, inverse = np.unique(key, return_index=True, return_inverse=True)
        kept = index[inverse]
        extra = np.flatnonzero(kept != np.arange(len(kept)))
        if extra.size:
            a, b = self.points[self.segments[extra, 0]], self.points[self.segments[extra, 1]]
            length, middle = np.hypot(*(b - a).T), (a + b) / 2
            for k, i in enumerate(extra):
                self.events.append(
                    Event(
                        "overlap",
                        int(self.paths[i]),
                        int(self.paths[kept[i]]),
                        (float(middle[k, 0]), float(middle[k, 1])),
                        length=float(length[k]),
                    )
                )
            keep = np.sort(index)
            self.segments, self.paths = self.segments[keep], self.paths[keep]

    def _kind(self, vertex: int) -> str:
        return "gap" if self.is_end[vertex] else "vertex"

    def _note(self, kind: str, vertex: int, other: int, moved: float, path: int | None = None) -> None:
        x, y = self.points[vertex]
        path = int(self.owner[vertex]) if path is None else int(path)
        self.events.append(Event(kind, path, int(other), (float(x), float(y)), moved=moved))
