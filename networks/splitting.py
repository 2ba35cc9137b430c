"""A ReLU network on an interval or a rectangle as the manifold that it is.

Every neuron is an affine function on each cell of the layers before it, so that its zero line splits convex
cells into convex cells (Zaslavsky 1975 for one layer; Hanin and Rolnick 2019, arXiv 1906.00904, for several;
the exact enumeration of Humayun, Balestriero, Balakrishnan and Baraniuk 2023, arXiv 2302.12828, is of this
kind). Here the network is carried along at the vertices of the cells: the vertex that a zero line makes on an
edge is made once, for both cells beside it, and all values there are those of the edge. So the cells are
watertight by construction. A vertex whose value is zero to rounding lies on the zero line.
"""

from typing import Any

import numpy as np

from networks.cells import ROUNDING, Cells, Intervals
from networks.relu import ReLU
from nmm.errors import InputError


def to_manifold(network: ReLU, box: Any) -> Intervals | Cells:
    """The manifold of a network on a `box`: (a, b) for one input, (xmin, ymin, xmax, ymax) for two.

    Of a network with more inputs take a slice: `network.on(origin, axes)`.

    >>> tent = ReLU.of([[[1.0], [1.0]], [[2.0, -4.0]]], [[0.0, -0.5], [0.0]])
    >>> to_manifold(tent, (0, 1)).nodes
    array([0. , 0.5, 1. ])

    **Raises:** `InputError` for another number of inputs and a box that is none.
    """
    inputs = network.sizes[0]
    if inputs not in (1, 2):
        raise InputError(
            f"found a network of {inputs} inputs, expected 1 or 2",
            where="to_manifold",
            hint="network.on(origin, axes) is the network on a slice",
        )
    bounds = np.asarray(box, float)
    low, high = bounds.reshape(2, -1) if bounds.shape == (2 * inputs,) else np.full((2, inputs), np.nan)
    if not np.all(np.isfinite([low, high])) or not np.all(low < high):
        raise InputError(f"found the box {box}, expected {inputs} lower and then {inputs} upper bounds")
    return _intervals(network, low[0], high[0]) if inputs == 1 else _cells(network, low, high)


def _intervals(network: ReLU, low: float, high: float) -> Intervals:
    """Nodes carried through the layers, each with the zeros of its neurons added."""
    x = np.array([low, high])
    h = x[:, None]
    near = ROUNDING * max(abs(low), abs(high))
    for w, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
        z = (w @ h.T).T + b
        z[np.abs(z) <= _rounding(w, b, h)] = 0.0
        left, neuron = np.nonzero(z[:-1] * z[1:] < 0)
        share = z[left, neuron] / (z[left, neuron] - z[left + 1, neuron])
        at = x[left] + share * (x[left + 1] - x[left])
        made = z[left] + share[:, None] * (z[left + 1] - z[left])
        made[np.arange(len(left)), neuron] = 0.0
        order = np.argsort(at, kind="stable")
        at, made, left = at[order], made[order], left[order]
        new = (np.diff(at, prepend=-np.inf) > near) & (at - x[left] > near) & (x[left + 1] - at > near)
        x, z = np.concatenate([x, at[new]]), np.concatenate([z, made[new]])
        order = np.argsort(x, kind="stable")
        x, h = x[order], np.maximum(z[order], 0.0)
    values = (network.weights[-1] @ h.T).T + network.biases[-1]
    middle = (x[:-1] + x[1:])[:, None] / 2
    return Intervals(
        x, values, np.concatenate([np.zeros((len(middle), 0), bool), *network.pattern(middle)], 1)
    )


def _cells(network: ReLU, low: np.ndarray, high: np.ndarray) -> Cells:
    """Cells split by one neuron after the other, with the values of the network at their vertices."""
    xy = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    corners, starts, h = np.arange(4), np.array([0, 4]), xy
    for w, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
        near = _rounding(w, b, h)
        z = (w @ h.T).T + b
        z[np.abs(z) <= near] = 0.0
        for neuron in range(len(b)):
            corners, starts, (first, second), share = _split(corners, starts, z[:, neuron])
            if not len(share):
                continue
            made = z[first] + share * (z[second] - z[first])
            made[np.abs(made) <= near] = 0.0
            made[:, neuron] = 0.0
            z = np.concatenate([z, made])
            xy = np.concatenate([xy, xy[first] + share * (xy[second] - xy[first])])
        h = np.maximum(z, 0.0)
    values = (network.weights[-1] @ h.T).T + network.biases[-1]
    pattern = network.pattern(np.add.reduceat(xy[corners], starts[:-1]) / np.diff(starts)[:, None])
    slopes, constants = network.affine(pattern)
    active = np.concatenate([np.zeros((len(starts) - 1, 0), bool), *pattern], 1)
    return Cells(xy, values, corners, starts, active, slopes, constants)


def _split(corners: np.ndarray, starts: np.ndarray, z: np.ndarray):
    """Cells cut along the zero line of z (V,), affine on each of them.

    Returns corners and starts of the new cells, and the ends (2, m) of the edges that received a vertex and
    its place (m, 1) on them. Vertex V + i is the new one of edge i.
    """
    none = np.zeros((2, 0), int), np.zeros((0, 1))
    while True:
        sign = np.sign(z)[corners]
        mixed = (np.maximum.reduceat(sign, starts[:-1]) > 0) & (np.minimum.reduceat(sign, starts[:-1]) < 0)
        if not mixed.any():
            return corners, starts, *none
        cycle, valid, following, sign = _cycles(corners, starts, mixed, z)
        crossing = valid & (sign * np.take_along_axis(sign, following, 1) < 0)
        bad = (crossing | (valid & (sign == 0))).sum(1) != 2
        if not bad.any():
            break
        # Rounding in a tiny cell: what is nearest to zero there is zero.
        for row in np.unique(cycle[bad], axis=0):
            z[row[np.argmin(np.where(z[row] == 0, np.inf, np.abs(z[row])))]] = 0.0
    ends = np.stack([cycle, np.take_along_axis(cycle, following, 1)], -1)[crossing]
    edges, which = np.unique(np.sort(ends, axis=1), axis=0, return_inverse=True)
    made = np.full(cycle.shape, -1)
    made[crossing] = len(z) + which.reshape(-1)
    longer = np.stack([np.where(valid, cycle, -1), made], -1).reshape(len(cycle), -1)
    side = np.stack([sign, np.zeros_like(sign)], -1).reshape(len(cycle), -1)
    above, below = (longer >= 0) & (side >= 0), (longer >= 0) & (side <= 0)
    kept = np.repeat(~mixed, np.diff(starts))
    corners = np.concatenate([corners[kept], longer[above], longer[below]])
    sizes = np.concatenate([np.diff(starts)[~mixed], above.sum(1), below.sum(1)])
    first, second = edges.T
    share = z[first] / (z[first] - z[second])
    return corners, np.concatenate([[0], np.cumsum(sizes)]), (first, second), share[:, None]


def _cycles(corners: np.ndarray, starts: np.ndarray, mixed: np.ndarray, z: np.ndarray):
    """Corners of the cells `mixed` as rows (k, M), which of them are real, the place of the next, and signs.

    A sign is zero only where it changes there: of several zeros in turn at the last of them.
    """
    size = np.diff(starts)[mixed][:, None]
    slot = np.arange(size.max())
    valid = slot < size
    cycle = corners[starts[:-1][mixed][:, None] + np.minimum(slot, size - 1)]
    following, before = (slot + 1) % size, (slot - 1) % size
    sign = np.sign(z)[cycle]
    if (zero := valid & (sign == 0)).any():
        after, ahead = sign.copy(), sign.copy()  # the last sign that was not zero, and the next
        for _ in slot:
            after = np.where(after == 0, np.take_along_axis(after, before, 1), after)
            ahead = np.where(ahead == 0, np.take_along_axis(ahead, following, 1), ahead)
        turn = (after != ahead) & (np.take_along_axis(sign, following, 1) != 0)
        sign = np.where(zero & ~turn, after, sign)
    return cycle, valid, following, sign


def _rounding(w, b: np.ndarray, h: np.ndarray) -> np.ndarray:
    """What counts as zero (n,) of w h + b."""
    return ROUNDING * (abs(w) @ np.abs(h).max(0) + np.abs(b))
