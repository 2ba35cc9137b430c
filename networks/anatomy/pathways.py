"""Intrinsic pathways: which neurons an input goes through.

The papers name them without a definition that we know; ours: the path of x is the set of neurons that are on,
layer by layer.
"""

from math import prod
from typing import Any

import numpy as np

from networks.relu import ReLU
from nmm.errors import InputError

MOST_PATHS = 2_000_000


def active(network: ReLU, x: Any) -> np.ndarray:
    """Neurons that are on (n, neurons) at points x (n, inputs), the first layer first."""
    return np.concatenate(network.pattern(np.asarray(x, float)), 1)


def overlap(one: Any, other: Any) -> np.ndarray:
    """Jaccard similarity (n,) of sets (n, neurons): members of both over members of either; 1 if none."""
    one, other = np.asarray(one, bool), np.asarray(other, bool)
    both, either = (one & other).sum(-1), (one | other).sum(-1)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def path_count(network: ReLU) -> int:
    """Paths from inputs to outputs, Π n_l."""
    return prod(network.sizes)


def path_sum(network: ReLU, x: Any) -> np.ndarray:
    """f(x) (n, outputs) of a network without biases as the sum over all active paths of Π weights · x_i.

    Every path is formed by itself, so this is for small networks and a check of `ReLU.__call__`.

    **Raises:** `InputError` for biases, or too many paths.
    """
    if any(np.any(b != 0) for b in network.biases):
        raise InputError("found biases that are not zero; paths of a network without biases are summed")
    if path_count(network) > MOST_PATHS:
        raise InputError(f"found {path_count(network):,} paths, expected at most {MOST_PATHS:,}")
    x = np.asarray(x, float)
    pattern = network.pattern(x)
    products = np.ones((1, network.sizes[0]))
    for weight in network.weights:  # paths (all before, n_l) to (all before · n_l, n_{l+1})
        products = (products[:, :, None] * np.asarray(weight).T[None]).reshape(-1, weight.shape[0])
    found = []
    for point in range(len(x)):
        open_paths = x[point]
        for on in pattern:
            open_paths = np.outer(open_paths, on[point]).ravel()
        found.append(open_paths @ products)
    return np.array(found)


def stability(network: ReLU, x: Any, size: float, seed: int = 0) -> np.ndarray:
    """Jaccard similarity (n,) of the paths of x (n, inputs) and of x with noise N(0, size²)."""
    x = np.asarray(x, float)
    moved = x + size * np.random.default_rng(seed).normal(size=x.shape)
    return overlap(active(network, x), active(network, moved))


def margins(network: ReLU, x: Any) -> np.ndarray:
    """Distance (n,) from points (n, inputs) to the nearest bend: min |z_j| / ‖∇z_j‖.

    Exact: a path that leaves the region first meets one of the zero planes of the affine functions inside it.
    """
    nearest = np.full(len(x), np.inf)
    for value, slope in preactivations(network, x):
        length = np.linalg.norm(slope, axis=-1)
        far = np.where(length > 0, np.abs(value) / np.where(length > 0, length, 1.0), np.inf)
        nearest = np.minimum(nearest, far.min(1))
    return nearest


def preactivations(network: ReLU, x: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Values (n, n_l) before each relu and their derivatives (n, n_l, inputs), layer by layer."""
    h = np.asarray(x, float)
    slope = np.broadcast_to(np.eye(h.shape[1]), (len(h), h.shape[1], h.shape[1]))
    found = []
    for weight, bias in zip(network.weights[:-1], network.biases[:-1], strict=True):
        h = (weight @ h.T).T + bias
        slope = np.einsum("mn,knd->kmd", np.asarray(weight), slope)
        found.append((h, slope))
        slope = slope * (h > 0)[..., None]
        h = np.maximum(h, 0)
    return found
