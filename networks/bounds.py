"""How many linear regions a ReLU network can have: the bounds of the literature as exact integers.

Zaslavsky 1975; Pascanu, Montúfar, Bengio 2013 (arXiv 1312.6098); Montúfar, Pascanu, Cho, Bengio 2014 (arXiv
1402.1869); Montúfar 2017; Serra, Tjandraatmadja, Ramalingam 2018 (arXiv 1711.02114).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import comb, prod

from nmm.errors import InputError


@dataclass(frozen=True)
class RegionBounds:
    """Lower and upper bounds of the largest number of regions, and what one layer of as many neurons attains.

    None where a formula does not hold: layers narrower than the input (Pascanu, Montúfar 2014), or than three
    times the input (Serra's lower bound).
    """

    pascanu_lower: int | None
    montufar_lower: int | None
    serra_lower: int | None
    serra_upper: int
    montufar_upper: int
    shallow: int


def one_layer(neurons: int, inputs: int) -> int:
    """Regions Σ_{j ≤ d} C(n, j) of n hyperplanes in general position in d dimensions (Zaslavsky).

    >>> one_layer(8, 2)
    37
    """
    return sum(comb(neurons, j) for j in range(inputs + 1))


def region_bounds(inputs: int, widths: Sequence[int]) -> RegionBounds:
    """Bounds for `inputs` and hidden layers of the given `widths`.

    >>> region_bounds(2, (6, 6, 6)).serra_upper
    10648

    **Raises:** `InputError` for no layers, or sizes below 1.
    """
    widths = tuple(widths)
    if not widths or min(inputs, *widths) < 1:
        raise InputError(f"found {inputs} inputs and widths {widths}, expected positive numbers")
    last = one_layer(widths[-1], inputs)
    wide = min(widths) >= inputs
    folds = [n // inputs for n in widths[:-1]]
    narrowest = [min(inputs, *widths[: k + 1]) for k in range(len(widths))]
    return RegionBounds(
        pascanu_lower=prod(folds) * last if wide else None,
        montufar_lower=prod(k**inputs for k in folds) * last if wide else None,
        serra_lower=prod((k + 1) ** inputs for k in folds) * last if min(widths) >= 3 * inputs else None,
        serra_upper=_serra(widths, inputs),
        montufar_upper=prod(one_layer(n, m) for n, m in zip(widths, narrowest, strict=True)),
        shallow=one_layer(sum(widths), inputs),
    )


@cache
def _serra(widths: tuple[int, ...], dimension: int) -> int:
    """Σ Π C(n_l, j_l) over 0 ≤ j_l ≤ min(n_0, n_1 − j_1, …, n_{l−1} − j_{l−1}, n_l)."""
    if not widths:
        return 1
    first, rest = widths[0], widths[1:]
    most = min(dimension, first)
    return sum(comb(first, j) * _serra(rest, min(dimension, first - j)) for j in range(most + 1))
