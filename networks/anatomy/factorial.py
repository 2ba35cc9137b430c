"""Factors of two levels, and what each and their interactions do to a response."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.stats import f as variance_ratio


def effects(response: np.ndarray, names: Sequence[str]) -> dict[tuple[str, ...], tuple[float, float, float]]:
    """Analysis of variance of `response` (2, 2, …, replicates), a factor of two levels an axis.

    For every set of factors: the effect (half of the sum of signs times means: what changing the level of
    one factor does), its share of the variance, and the probability of as large a share by chance
    (Fisher's F, normal errors of equal variance between replicates). Shares that are missing to 1 are
    those of the replicates.

    >>> found = effects(np.array([[[0.0, 0.2], [1.0, 1.2]], [[2.0, 2.2], [3.0, 3.2]]]), "ab")
    >>> [round(found[name][0], 3) for name in (("a",), ("b",), ("a", "b"))]
    [2.0, 1.0, 0.0]
    """
    response = np.asarray(response, float)
    factors, replicates = response.ndim - 1, response.shape[-1]
    means = response.mean(-1)
    total = ((response - response.mean()) ** 2).sum()
    within = ((response - means[..., None]) ** 2).sum()
    freedom = 2**factors * (replicates - 1)
    found = {}
    for chosen in product((False, True), repeat=factors):
        if any(chosen):
            sign = np.ones((1,) * factors)
            for axis in np.flatnonzero(chosen):
                sign = sign * np.array([-1.0, 1.0]).reshape([2 if a == axis else 1 for a in range(factors)])
            effect = 2 * (sign * means).mean()
            square = response.size * effect**2 / 4
            chance = variance_ratio.sf(square / (within / freedom), 1, freedom)
            key = tuple(name for name, one in zip(names, chosen, strict=True) if one)
            found[key] = float(effect), float(square / total), float(chance)
    return found
