"""Arithmetic on many segments at once."""

from __future__ import annotations

import numpy as np
import shapely


def as_lines(points: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """The segments as shapely lines."""
    return np.asarray(shapely.linestrings(points[segments]))


def split_segments(segments: np.ndarray, cut: np.ndarray, vertex: np.ndarray):
    """Segments (m, 2) with `vertex` (k,) put into the segments `cut` (k,), which is sorted and, within
    a segment, in the order from its start; and the source segment of each."""
    counts = np.bincount(cut, minlength=len(segments)) + 1
    source = np.repeat(np.arange(len(segments)), counts)
    first = np.cumsum(counts) - counts
    inner = np.ones(len(source), dtype=bool)
    inner[first] = False
    start = segments[source, 0]
    start[inner] = vertex
    end = segments[source, 1]
    end[np.flatnonzero(inner) - 1] = vertex
    return np.stack([start, end], axis=1), source


def first_equal(points: np.ndarray) -> np.ndarray:
    """For each point the index of the first one with the same coordinates."""
    order = np.lexsort((np.arange(len(points)), points[:, 1], points[:, 0]))
    new = np.ones(len(points), dtype=bool)
    new[1:] = np.any(points[order[1:]] != points[order[:-1]], axis=1)
    number = np.empty(len(points), dtype=int)
    number[order] = order[np.flatnonzero(new)][np.cumsum(new) - 1] if len(points) else 0
    return number


def project(point: np.ndarray, start: np.ndarray, end: np.ndarray):
    """Nearest points (n, 2) on the lines through start and end, the parameters along them (0 at the
    start, 1 at the end), and the distances."""
    along = end - start
    t = ((point - start) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-300)
    near = np.where(t[:, None] <= 0.5, start + t[:, None] * along, end - (1 - t)[:, None] * along)
    return near, t, np.hypot(*(point - near).T)


def crossings(points, one, two):
    """Where segments cross, as points on the first, and the parameters along both."""
    p, q = points[one[:, 0]], points[two[:, 0]]
    r, s = points[one[:, 1]] - p, points[two[:, 1]] - q
    cross = r[:, 0] * s[:, 1] - r[:, 1] * s[:, 0]
    cross = np.where(cross == 0, 1e-300, cross)
    d = q - p
    t = np.clip((d[:, 0] * s[:, 1] - d[:, 1] * s[:, 0]) / cross, 0, 1)
    u = np.clip((d[:, 0] * r[:, 1] - d[:, 1] * r[:, 0]) / cross, 0, 1)
    near = np.where(t[:, None] <= 0.5, p + t[:, None] * r, points[one[:, 1]] - (1 - t)[:, None] * r)
    return near, t, u
