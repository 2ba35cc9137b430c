"""ReLU multilayer perceptrons on the host, and the exact bridge from P1 solutions to them.

On a triangle lattice the hat function of the node (i, j), in lattice units ξ = x − i and η = y − j, is
max(0, 1 − max(|ξ|, |η|, |ξ − η|)). The three numbers ξ, −η and η − ξ add up to zero, and the largest absolute
value of such numbers is the sum of their positive parts. So

    w_ij = relu(1 − relu(x − i) − relu(j − y) − relu((y − x) − (j − i)))

and a P1 solution is a network with two hidden layers: a neuron for each lattice line, a neuron for each node,
and the nodal values as the last weights. Two hidden layers are what two dimensions need (He, Li, Xu, Zheng,
ReLU deep neural networks and linear finite elements, 2018, arXiv 1807.03973). In one dimension one is enough:
u = u_0 + Σ c_i relu(x − x_i) with the changes c_i of the slope.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, issparse

from nmm.errors import InputError
from nmm.manifold.locate import locate
from nmm.manifold.manifold import Manifold
from nmm.results.solution import Solution

STEEPEST = 1e4
"""How steep, in hats, a neuron may be that tells two physical patches apart: rounding grows with it."""

CHUNK = 4_000_000
"""Numbers that hidden layers may hold at once."""


@dataclass(frozen=True, eq=False)
class ReLU:
    """f(x) = W_L relu(… relu(W_1 x + b_1) …) + b_L.

    `weights` are matrices (n_l, n_{l−1}), dense or sparse, and `biases` vectors (n_l,).

    >>> tent = ReLU.of([[[1.0], [1.0]], [[2.0, -4.0]]], [[0.0, -0.5], [0.0]])
    >>> tent([[0.25], [0.5], [0.75]])
    array([0.5, 1. , 0.5])
    """

    weights: tuple[Any, ...]
    biases: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, weights: Sequence[Any], biases: Sequence[Any]) -> "ReLU":
        """A network of given matrices (n_l, n_{l−1}) and vectors (n_l,), in double precision.

        **Raises:** `InputError` for shapes that do not follow on each other.
        """
        matrices: list[Any] = [csr_array(w) if issparse(w) else np.array(w, float) for w in weights]
        vectors = tuple(np.array(b, float) for b in biases)
        if not matrices or len(matrices) != len(vectors):
            raise InputError(f"found {len(matrices)} matrices and {len(vectors)} vectors, expected as many")
        for layer, (w, b) in enumerate(zip(matrices, vectors, strict=True)):
            inputs = matrices[layer - 1].shape[0] if layer else w.shape[-1]
            if w.ndim != 2 or w.shape[1] != inputs or b.shape != w.shape[:1]:
                raise InputError(
                    f"found a matrix {w.shape} and a vector {b.shape}, expected (n, {inputs}) and (n,)",
                    where=f"layer {layer}",
                )
        return cls(tuple(matrices), vectors)

    @classmethod
    def random(cls, sizes: Sequence[int], seed: int = 0, bias: float = 1.0) -> "ReLU":
        """Weights by He, Zhang, Ren, Sun 2015, N(0, 2 / n_{l−1}), and biases N(0, `bias`²).

        `sizes` are inputs, neurons of each hidden layer, and outputs.
        """
        draw = np.random.default_rng(seed).normal
        pairs = list(pairwise(sizes))
        return cls.of(
            [draw(0, np.sqrt(2 / n), (m, n)) for n, m in pairs], [draw(0, bias, m) for _, m in pairs]
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, neurons of each hidden layer, and outputs."""
        return (self.weights[0].shape[1], *(len(b) for b in self.biases))

    @property
    def neurons(self) -> int:
        """Neurons of all hidden layers."""
        return sum(self.sizes[1:-1])

    @property
    def parameters(self) -> int:
        """Numbers other than structural zeros."""
        stored = sum(w.nnz if issparse(w) else w.size for w in self.weights)
        return stored + sum(b.size for b in self.biases)

    def __call__(self, points: Any) -> np.ndarray:
        """Values at points (n, inputs): (n,) for one output, else (n, outputs)."""
        x = self._checked(points)
        parts = [self._values(part) for part in self._chunks(x)]
        values = np.concatenate(parts) if parts else np.zeros((0, self.sizes[-1]))
        return values[:, 0] if self.sizes[-1] == 1 else values

    def gradient(self, points: Any) -> np.ndarray:
        """Derivatives (n, outputs, inputs) at points (n, inputs); on a bend, those where neurons are off."""
        x = self._checked(points)
        parts = [self.affine(self.pattern(part))[0] for part in self._chunks(x)]
        return np.concatenate(parts) if parts else np.zeros((0, self.sizes[-1], self.sizes[0]))

    def pattern(self, points: np.ndarray) -> list[np.ndarray]:
        """Which neurons of each hidden layer are on (n, n_l) at points (n, inputs)."""
        found, h = [], np.asarray(points, float)
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            z = (w @ h.T).T + b
            found.append(z > 0)
            h = np.maximum(z, 0)
        return found

    def affine(self, pattern: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The affine maps A x + c where the neurons of `pattern` are on, from the last layer to the first.

        A (n, outputs, inputs) and c (n, outputs); n = 1 for no hidden layer.
        """
        count = len(pattern[0]) if pattern else 1
        last = self.weights[-1]
        slope = np.repeat((last.toarray() if issparse(last) else last)[None], count, 0)
        constant = np.repeat(self.biases[-1][None], count, 0)
        for w, b, on in zip(self.weights[-2::-1], self.biases[-2::-1], reversed(pattern), strict=True):
            slope = slope * on[:, None, :]
            constant = constant + slope @ b
            slope = (slope.reshape(-1, slope.shape[2]) @ w).reshape(count, -1, w.shape[1])
        return slope, constant

    def on(self, origin: Any, axes: Any) -> "ReLU":
        """The network on a slice: of s (n, k), its values at `origin` (d,) + s @ `axes` (k, d).

        **Raises:** `InputError` for shapes that do not fit the inputs.
        """
        origin, axes = np.asarray(origin, float), np.asarray(axes, float)
        d = self.sizes[0]
        if origin.shape != (d,) or axes.ndim != 2 or axes.shape[1] != d:
            raise InputError(f"found {origin.shape} and {axes.shape}, expected ({d},) and (k, {d})")
        first = self.weights[0]
        weights = (first @ axes.T, *self.weights[1:])
        return replace(self, weights=weights, biases=(self.biases[0] + first @ origin, *self.biases[1:]))

    def _values(self, h: np.ndarray) -> np.ndarray:
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            h = np.maximum((w @ h.T).T + b, 0)
        return (self.weights[-1] @ h.T).T + self.biases[-1]

    def _checked(self, points: Any) -> np.ndarray:
        x = np.asarray(points, float)
        if x.ndim != 2 or x.shape[1] != self.sizes[0]:
            raise InputError(f"points must be an array (n, {self.sizes[0]}), found shape {x.shape}")
        return x

    def _chunks(self, x: np.ndarray) -> list[np.ndarray]:
        step = max(1, CHUNK // (max(self.sizes) * self.sizes[-1]))
        return [x[i : i + step] for i in range(0, len(x), step)]


@dataclass(frozen=True)
class Walls:
    """Neurons `normals` (m, 2) · x + `offsets` (m,), in lattice units, less the hats of `rows` (m,)."""

    rows: np.ndarray
    normals: np.ndarray
    offsets: np.ndarray


NO_WALLS = Walls(np.zeros(0, int), np.zeros((0, 2)), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Sheets:
    """A P1 solution with cracks as ReLU networks, one for each sheet; see `sheets`.

    `sheet` (elements,) is the network of each manifold element.
    """

    networks: tuple[ReLU, ...]
    sheet: np.ndarray
    manifold: Manifold

    def __call__(self, points: Any, side: int = 1) -> np.ndarray:
        """Values at points (n, 2) as `Solution.at` gives them; nan outside the domain."""
        points = np.asarray(points, float)
        return self._choose(points, side, [network(points) for network in self.networks])

    def gradient(self, points: Any, side: int = 1) -> np.ndarray:
        """Derivatives (n, components, 2) as `Solution.gradient` gives them."""
        points = np.asarray(points, float)
        return self._choose(points, side, [network.gradient(points) for network in self.networks])

    def _choose(self, points, side, values) -> np.ndarray:
        element, _ = locate(self.manifold, points, side)
        found = np.stack(values)[self.sheet[np.maximum(element, 0)], np.arange(len(points))]
        found[element < 0] = np.nan
        return found


def from_nodes(nodes: Any, values: Any) -> ReLU:
    """The piecewise linear interpolant of `values` (n,) or (n, c) at increasing `nodes` (n,).

    One hidden layer of n − 1 neurons. Left of the nodes it is constant, right of them it goes on. Rounding
    adds up to machine precision times the length times the total variation of the slope.

    **Raises:** `InputError` for nodes that do not increase.
    """
    x, u = np.asarray(nodes, float), np.asarray(values, float)
    u = u[:, None] if u.ndim == 1 else u
    if x.ndim != 1 or len(x) < 2 or u.shape[:1] != x.shape or not np.all(np.diff(x) > 0):
        raise InputError(
            f"found nodes {x.shape} and values {u.shape}, expected increasing nodes and as many values",
            where="nodes",
        )
    slope = np.diff(u, axis=0) / np.diff(x)[:, None]
    change = np.diff(slope, axis=0, prepend=0.0)
    return ReLU.of([np.ones((len(x) - 1, 1)), change.T], [-x[:-1], u[0]])


def from_solution(solution: Solution) -> ReLU:
    """The ReLU network that a P1 solution (triangles, hat weights, order 0) is; see the module.

    Values and gradients agree inside the domain; outside, where the solution is nan, the network goes on.
    Shapes: points (n, 2) in the user's coordinates to (n,) or (n, components). Where a hole divides the
    support of a hat into several physical patches, a neuron more for each pair of them keeps them apart.

    **Raises:** `InputError` for another cover, and for physical patches that no line separates (those on the
    sides of a crack), as one continuous function has one value there: `sheets` makes a network per side.
    """
    manifold = _p1(solution)
    patches = np.flatnonzero(manifold.active)
    return _hat_network(manifold, patches, _walls(manifold, patches), solution.dofs)


def sheets(solution: Solution) -> Sheets:
    """A P1 solution as few ReLU networks, each on the elements of its sheet.

    In a sheet every node has one physical patch: the sides of a crack come to lie on different sheets.

    **Raises:** `InputError` for covers other than triangles, hat weights and order 0.
    """
    manifold = _p1(solution)
    patches = manifold.element_patches()
    node = _patch_nodes(manifold)[patches]
    sheet = np.full(len(patches), -1)
    chosen = []
    while (sheet < 0).any():
        choice = np.full(manifold.grid.nodes, -1)
        if not chosen:  # the primary patches, to which nearly all elements belong, at once
            primary = (patches == node).all(1)
            choice[patches[primary]], sheet[primary] = patches[primary], 0
        for element in np.flatnonzero(sheet < 0):
            have = choice[node[element]]
            if ((have < 0) | (have == patches[element])).all():
                choice[node[element]], sheet[element] = patches[element], len(chosen)
        chosen.append(choice)
    made = [choice[(choice >= 0) & manifold.active[choice]] for choice in chosen]
    networks = tuple(_hat_network(manifold, patches, NO_WALLS, solution.dofs) for patches in made)
    return Sheets(networks, sheet, manifold)


def to_dofs(network: Any, manifold: Manifold) -> np.ndarray:
    """Unknowns (patches, components) of the P1 interpolant of a network on a manifold, inactive ones zero.

    The inverse of `from_solution`, except where several patches share a node.
    """
    values = np.asarray(network(manifold.patch_points()))
    return np.where(manifold.active[:, None], values.reshape(len(values), -1), 0.0)


def _p1(solution: Solution) -> Manifold:
    """The manifold of a P1 solution."""
    manifold = solution.manifold
    grid = manifold.grid
    if grid.shape != "triangle" or grid.degree != 1 or grid.order != 0 or manifold.host.tips is not None:
        tips = "enriched" if manifold.host.tips is not None else "plain"
        raise InputError(
            f'found shape "{grid.shape}", degree {grid.degree}, order {grid.order} and {tips} tips, '
            'expected shape "triangle", degree 1, order 0 and plain tips',
            where="cover",
            hint="nothing else is piecewise linear, and ReLU networks are",
        )
    return manifold


def _patch_nodes(manifold: Manifold) -> np.ndarray:
    """Node of each patch, the primary ones first."""
    return np.concatenate([np.arange(manifold.grid.nodes), manifold.host.patch_node])


def _walls(manifold: Manifold, patches: np.ndarray) -> Walls:
    """What keeps the patches of one node apart: s affine, s ≤ 0 on the one, s ≥ its hat on the other."""
    node = _patch_nodes(manifold)[patches]
    many = np.flatnonzero(np.bincount(node)[node] > 1)
    if not len(many):
        return NO_WALLS
    mesh, owners = manifold.mesh(), manifold.element_patches()
    units = manifold.grid.to_units(mesh.points - manifold.grid.shift)
    found = []
    for a, b in np.argwhere((node[many, None] == node[many]) & ~np.eye(len(many), dtype=bool)):
        centre = manifold.grid.node_units(node[many[a]])
        mine, other = (
            units[(owners == patches[many[k]]).any(1)[mesh.element_of_point]] - centre for k in (a, b)
        )
        wall = _separating(mine, other)
        if wall is None:
            x, y = manifold.grid.to_user(centre[None])[0]
            raise InputError(
                f"the physical patches of the node ({x:.6g}, {y:.6g}) touch or interlock, as on the sides "
                "of a crack; expected patches that a line separates",
                where="from_solution",
                hint="networks.sheets(solution) makes one network for each side",
            )
        found.append((many[a], wall[:2], wall[2] - wall[:2] @ centre))
    rows, normals, offsets = (np.array(column) for column in zip(*found, strict=True))
    return Walls(rows, normals, offsets)


def _separating(mine: np.ndarray, other: np.ndarray) -> np.ndarray | None:
    """The least steep affine function (3,) that is ≤ 0 at `mine` (n, 2) and ≥ the hat at `other` (m, 2)."""
    ends = [np.column_stack([p, np.ones(len(p))]) for p in (mine, -other)]
    ends[1][:, 2] = -1.0
    hat = 1 - np.abs(np.column_stack([other, other[:, 0] - other[:, 1]])).max(1)
    least = np.concatenate([np.zeros(len(mine)), -np.maximum(hat, 0.0)])
    size = np.eye(3)
    above = np.block([[np.concatenate(ends), np.zeros((len(least), 1))], [size, -np.ones((3, 1))]])
    above = np.concatenate([above, np.column_stack([-size, -np.ones(3)])])
    answer = linprog([0, 0, 0, 1], above, np.append(least, np.zeros(6)), bounds=(-STEEPEST, STEEPEST))
    return answer.x[:3] if answer.success else None


def _hat_network(manifold: Manifold, patches: np.ndarray, walls: Walls, dofs: np.ndarray) -> ReLU:
    """Σ over patches (n,) of their hats, less the walls, times their values."""
    grid, count = manifold.grid, len(patches)
    i, j = grid.corner_units(_patch_nodes(manifold)[patches]).astype(int).T
    # Lattice lines x = i, y = j and y - x = j - i, and on which side a hat falls towards them.
    families = ((i, [1.0, 0.0], -1), (j, [0.0, -1.0], 1), (j - i, [-1.0, 1.0], -1))
    lines, offsets, columns = [], [], []
    for number, direction, sign in families:
        line, which = np.unique(number, return_inverse=True)
        columns.append(sum(map(len, lines)) + which)
        lines.append(np.tile(direction, (len(line), 1)))
        offsets.append(sign * line.astype(float))
    first = np.concatenate([*lines, walls.normals])
    columns.append(len(first) - len(walls.rows) + np.arange(len(walls.rows)))
    rows = np.concatenate([np.tile(np.arange(count), 3), walls.rows])
    second = csr_array((-np.ones(len(rows)), (rows, np.concatenate(columns))), (count, len(first)))
    weight = first @ grid.rotation.T / grid.h
    bias = np.concatenate([*offsets, walls.offsets]) - weight @ (grid.origin + grid.shift)
    values = np.asarray(dofs)[patches]
    return ReLU.of([weight, second, values.T], [bias, np.ones(count), np.zeros(values.shape[1])])
