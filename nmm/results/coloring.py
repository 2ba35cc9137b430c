"""Colours for physical patches: two patches of one weight never share one, neighbours do where they can."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNSPLIT = -1


def patch_colors(patches: NDArray, weight: NDArray) -> NDArray[np.int64]:
    """A colour number for each physical patch, `(patches,)`; `UNSPLIT` where its weight has only one.

    **Arguments:** `patches (elements, k)` the patches that overlap on each element (negative: none) and
    `weight (patches,)` the weight function that each patch belongs to.

    Greedy, along chains of patches that share an element: a patch takes the colour most common among its
    neighbours unless another patch of its weight has it. So one side of a crack tends to have one colour
    from end to end.
    """
    count = np.bincount(weight, minlength=int(weight.max(initial=-1)) + 1)
    split = count[weight] > 1
    colors = np.full(len(weight), UNSPLIT)
    siblings: dict[int, list[int]] = {}
    for patch in np.flatnonzero(split):
        siblings.setdefault(int(weight[patch]), []).append(int(patch))
    neighbours = _neighbours(patches, split)

    for seed in np.flatnonzero(split):
        queue = deque([int(seed)])
        while queue:
            patch = queue.popleft()
            if colors[patch] != UNSPLIT:
                continue
            taken = {colors[other] for other in siblings[int(weight[patch])]}
            around = [colors[other] for other in neighbours.get(patch, ())]
            allowed = [color for color in around if color != UNSPLIT and color not in taken]
            if allowed:
                colors[patch] = max(set(allowed), key=lambda color: (allowed.count(color), -color))
            else:
                colors[patch] = next(color for color in range(len(weight) + 1) if color not in taken)
            queue.extend(other for other in neighbours.get(patch, ()) if colors[other] == UNSPLIT)
    return colors


def element_colors(patches: NDArray, weight: NDArray) -> NDArray[np.int64]:
    """A colour number for each element, `(elements,)`: the commonest among its split patches."""
    colors = patch_colors(patches, weight)
    shown = np.where(patches >= 0, colors[np.maximum(patches, 0)], UNSPLIT)
    votes = (shown[:, :, None] == shown[:, None, :]).sum(axis=2)
    votes[shown == UNSPLIT] = 0
    return shown[np.arange(len(shown)), votes.argmax(axis=1)]


def manifold_colors(manifold: Any, mesh: Any) -> NDArray[np.int64]:
    """`element_colors` of a manifold's mesh."""
    patches = np.asarray(mesh.patches)
    weight = np.zeros(int(patches.max(initial=-1)) + 1, dtype=np.int64)
    nodes = manifold.grid.cell_nodes(np.asarray(mesh.cell))
    weight[patches[patches >= 0]] = nodes[patches >= 0]
    return element_colors(patches, _compact(weight, patches))


def _compact(weight: NDArray, patches: NDArray) -> NDArray[np.int64]:
    """Weights with the numbers that no element uses given weights of their own, so that they split none."""
    used = np.zeros(len(weight), dtype=bool)
    used[patches[patches >= 0]] = True
    return np.where(used, weight, weight.max(initial=0) + 1 + np.arange(len(weight)))


def _neighbours(patches: NDArray, split: NDArray) -> dict[int, list[int]]:
    used = np.where((patches >= 0) & split[np.maximum(patches, 0)], patches, -1)
    used = np.unique(used[(used >= 0).sum(axis=1) > 1], axis=0)
    width = used.shape[1] if used.ndim == 2 else 0
    pairs = [used[:, [i, j]] for i in range(width) for j in range(width) if i != j]
    if not pairs:
        return {}
    joined = np.unique(np.concatenate(pairs), axis=0)
    joined = joined[(joined >= 0).all(axis=1)]
    result: dict[int, list[int]] = {}
    for first, second in joined.tolist():
        result.setdefault(first, []).append(second)
    return result
