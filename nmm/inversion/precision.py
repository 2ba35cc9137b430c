"""The Hessian of the priors, Q = RᵀR, sparse and factorised: products, solves, draws and variances."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from scipy.sparse import csc_array, csr_array, eye_array, vstack
from scipy.sparse.linalg import SuperLU, splu

SHIFT = 1e-12
"""What makes Q definite where no prior speaks, relative to its mean diagonal."""
BLOCK = 128
"""Right-hand sides, or columns of a Jacobian, that are held at once."""


@dataclass(frozen=True, eq=False)
class Precision:
    """Q = RᵀR from its sparse `root` R (rows, n), shift included."""

    root: Any
    factor: SuperLU

    @property
    def size(self) -> int:
        """n."""
        return self.root.shape[1]

    def __matmul__(self, values: np.ndarray) -> np.ndarray:
        """Q values, for values (n,) or (n, k)."""
        return self.root.T @ (self.root @ values)

    def solve(self, values: np.ndarray) -> np.ndarray:
        """Q⁻¹ values."""
        return self.factor.solve(np.ascontiguousarray(values))

    def draw(self, noise: np.ndarray) -> np.ndarray:
        """Normal (n, k) with the covariance Q⁻¹ from standard normal `noise` (rows, k): Q⁻¹ Rᵀ noise."""
        return self.solve(self.root.T @ noise)

    @cached_property
    def variances(self) -> np.ndarray:
        """Diagonal (n,) of Q⁻¹: a solve with the factor for each unknown, `BLOCK` of them at once."""
        found = np.empty(self.size)
        for begin in range(0, self.size, BLOCK):
            here = np.arange(begin, min(begin + BLOCK, self.size))
            unit = np.zeros((self.size, len(here)))
            unit[here, np.arange(len(here))] = 1.0
            found[here] = self.solve(unit)[here, np.arange(len(here))]
        return found


def precision(root: Any) -> Precision:
    """Q of the priors' sparse Jacobian R (rows, n), with a `SHIFT` that makes it definite."""
    size = root.shape[1]
    shift = SHIFT * float(root.multiply(root).sum()) / size
    whole = csr_array(vstack([root, np.sqrt(shift) * eye_array(size)]))
    options = {"SymmetricMode": True}
    return Precision(whole, splu(csc_array(whole.T @ whole), "MMD_AT_PLUS_A", 0.0, options=options))


def sparse_jacobian(push: Callable[[Any], Any], colours: np.ndarray | None, size: int) -> csr_array:
    """The Jacobian (rows, n) of a function whose products `push`: (k, n) -> (k, rows) are cheap.

    **Arguments:** `colours` (n,), numbers such that no row depends on two unknowns of one colour, or None:
    nothing is known of the pattern. With colours two products a colour tell everything (Curtis, Powell and
    Reid 1974): one with ones, the other with the numbers of the unknowns, whose ratio says which one it was.
    """
    if colours is None:
        made = []
        for begin in range(0, size, BLOCK):
            unit = np.zeros((BLOCK, size))
            here = np.arange(begin, min(begin + BLOCK, size))
            unit[here - begin, here] = 1.0
            made.append(csr_array(np.asarray(push(unit))[: len(here)]))
        return csr_array(vstack(made).T)
    count = int(colours.max()) + 1
    mine = (colours == np.arange(count)[:, None]).astype(float)
    ones, numbers = (np.asarray(push(seed)) for seed in (mine, mine * np.arange(1, size + 1)))
    colour, row = np.nonzero(ones)
    value = ones[colour, row]
    column = np.rint(numbers[colour, row] / value).astype(int) - 1
    return csr_array((value, (row, column)), (ones.shape[1], size))


def colours_of(parts: Any, reach: int) -> np.ndarray:
    """Colours (n,) of unknowns that are `parts`: on lattices, 2 `reach` + 1 each way."""
    stride, found = 2 * reach + 1, []
    for leaf in jax.tree.leaves(parts):
        shape = np.shape(leaf)
        places = np.indices(shape)[-2:].reshape(min(len(shape), 2), -1) if shape else np.zeros((1, 1), int)
        found.append((places % stride).T @ stride ** np.arange(len(places)))
    return np.concatenate(found)
