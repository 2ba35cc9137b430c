"""ReLU networks written down rather than trained: they have as many pieces as depth allows.

Foldings of [0, 1]: a layer of q neurons, relu(x − i / q) with i < q, makes the zigzag of q pieces that runs
from 0 to 1 and back; composed, the pieces multiply (Telgarsky 2015, arXiv 1509.08101, with q = 2: the tent
map). Done in every coordinate it folds a cube onto itself and attains the lower bound of Montúfar, Pascanu,
Cho and Bengio 2014 (arXiv 1402.1869). Sums of tents approximate x² (Yarotsky 2017, arXiv 1610.01145).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from networks.relu import ReLU
from nmm.errors import InputError


def fold(pieces: Sequence[int], inputs: int = 1) -> ReLU:
    """Zigzags of `pieces` on [0, 1]^inputs, one hidden layer for each, composed.

    Layer l has pieces[l] · inputs neurons; the outputs are as many as the inputs. On the cube there are
    Π pieces[l]^inputs cells, on each of which the map is affine and onto the cube. Exact in double precision
    where the pieces are powers of 2.

    >>> fold([2, 2])([[0.125], [0.25], [0.5]])
    array([0.5, 1. , 0. ])

    **Raises:** `InputError` for fewer than two pieces.
    """
    if not pieces or min(pieces) < 2 or inputs < 1:
        raise InputError(f"found {list(pieces)} pieces in {inputs} dimensions, expected 2 or more of them")
    incoming: Any = np.eye(inputs)
    weights, biases = [], []
    for q in pieces:
        weights.append(np.repeat(incoming, q, axis=0))
        biases.append(np.tile(-np.arange(q) / q, inputs))
        slopes = 2.0 * q * (-1.0) ** np.arange(q)
        slopes[0] = q
        incoming = block_diag(*[slopes[None]] * inputs)
    return ReLU.of([*weights, incoming], [*biases, np.zeros(inputs)])


def tents(depth: int) -> ReLU:
    """The tent map composed `depth` times: 2^depth pieces on [0, 1], two neurons a layer."""
    return fold([2] * depth)


def folding(inputs: int, pieces: int, folds: int, last: int, seed: int = 0) -> ReLU:
    """A network that attains the lower bound of Montúfar 2014 on [0, 1]^inputs, for inputs ≤ 2.

    `folds` layers of `pieces` · `inputs` neurons, then a layer of `last` neurons whose zero lines cross each
    other inside the cube. pieces^(inputs · folds) · Σ_{j ≤ inputs} C(last, j) regions.
    """
    if inputs > 2:
        raise InputError(f"found {inputs} inputs, expected 1 or 2", where="folding")
    folded = fold([pieces] * folds, inputs)
    draw = np.random.default_rng(seed)
    if inputs == 1:
        normals, places = np.ones((last, 1)), (np.arange(last) + 0.5) / last
    else:
        # Tangents of a small circle: close to its centre every two of them cross.
        turn = np.pi * (np.arange(last) + draw.uniform(0.3, 0.7, last)) / last
        normals = np.stack([np.cos(turn), np.sin(turn)], -1)
        places = normals.sum(1) / 2 + 0.2 * draw.uniform(0.3, 1.0, last) * np.sin(np.pi / last)
    weights = [*folded.weights[:-1], normals @ folded.weights[-1], draw.normal(size=(1, last))]
    return ReLU.of(weights, [*folded.biases[:-1], -places, [0.0]])


def squares(depth: int) -> ReLU:
    """f_m(x) = x − Σ_{s ≤ m} g_s(x) / 4^s on [0, 1] with m = `depth` hidden layers of three neurons.

    g_s is the tent composed s times; f_m is the P1 interpolant of x² on 2^m equal elements, and
    max |f_m − x²| = 2^(−2m − 2). Two neurons of a layer make the tent, the third carries f_{s−1} ≥ 0 along.

    >>> float(squares(3)([[0.375]])[0]) == 0.375**2
    True
    """
    if depth < 1:
        raise InputError(f"found depth {depth}, expected 1 or more", where="squares")
    tent = np.array([2.0, -4.0])
    weights, biases = [np.ones((3, 1))], [np.array([0.0, -0.5, 0.0])]
    for s in range(1, depth):
        weights.append(np.array([[*tent, 0], [*tent, 0], [*(-tent / 4**s), 1]]))
        biases.append(np.array([0.0, -0.5, 0.0]))
    weights.append(np.array([[*(-tent / 4**depth), 1]]))
    return ReLU.of(weights, [*biases, [0.0]])


def widened(network: ReLU, widths: Sequence[int]) -> ReLU:
    """The same function with hidden layers of `widths`: further neurons that are never on, with weights 0.

    **Raises:** `InputError` for layers that would become narrower.
    """
    have = network.sizes[1:-1]
    if len(widths) != len(have) or any(a > b for a, b in zip(have, widths, strict=True)):
        raise InputError(f"found widths {list(widths)}, expected at least {list(have)}", where="widened")
    sizes = (network.sizes[0], *widths, network.sizes[-1])
    weights, biases = [], []
    for w, b, n, m in zip(network.weights, network.biases, sizes[:-1], sizes[1:], strict=True):
        weights.append(np.zeros((m, n)))
        weights[-1][: w.shape[0], : w.shape[1]] = w
        biases.append(np.append(b, np.zeros(m - len(b))))
    return ReLU.of(weights, biases)
