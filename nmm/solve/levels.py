"""Nested physical covers as padded arrays, from the finest lattice to one of a few hundred nodes."""

from typing import Any

import numpy as np

from nmm.capacity import Room, padded
from nmm.manifold.manifold import Manifold
from nmm.pytrees import tree
from nmm.solve.covers import Cover, coarsen, finest, home_of, parents_of, two_scale

SMALLEST = 300
"""Local functions' coefficients on the lattice at which coarsening stops."""


@tree()
class Level:
    """Pieces of one cover and where their entries meet.

    `patches` (pieces, k); `ring` are the whole cells that share a node with a piece, as index into the
    flattened lattice (types, ny, nx); `slots` (pieces, k, k), `ring_slots`, `pair_slots` number the pairs
    of patches that occur in a piece, the last number for all other pairs; `counts` (slots,) is a dummy
    that carries their number; `active` (patches,).
    """

    patches: Any
    slots: Any
    ring: Any
    ring_slots: Any
    pair_slots: tuple[Any, ...]
    counts: Any
    active: Any


@tree()
class Step:
    """How a cover arises from the next finer one.

    `whole` (types, ny, nx) of the coarse lattice; coarse piece `parent` (n,) and two-scale relation `step`
    (n, k, k) of each fine piece; the same for the whole cells `child` that become part of a piece, and for
    the pairs of pieces and hosts. Fine patches interpolate on the lattice where `standard` (nodes,), and
    the `special` ones (n,) from `columns` (n, k) with `weights`.
    """

    whole: Any
    parent: Any
    step: Any
    child: Any
    child_parent: Any
    child_step: Any
    pair_owner: tuple[Any, ...]
    pair_step: tuple[Any, ...]
    pair_patches: tuple[Any, ...]
    standard: Any
    special: Any
    columns: Any
    weights: Any


def slots_of(cover: Cover, pairs: list[np.ndarray], room: Room) -> Level:
    """Where the entries of pieces, ring cells and pairs meet."""
    active = np.zeros(cover.count, bool)
    active[cover.cell_nodes(np.flatnonzero(cover.whole)).ravel()] = True
    active[cover.patches.ravel()] = True
    near = np.zeros(cover.nodes + 1, bool)
    near[np.minimum(cover.patches, cover.nodes).ravel()] = True
    near[-1] = False
    ring = np.flatnonzero(cover.whole)
    ring = ring[near[cover.cell_nodes(ring)].any(1)]

    def keys(patches):
        return patches[:, :, None] * cover.count + patches[:, None, :]

    own = keys(cover.patches)
    unique = np.unique(own)
    at = f"of level {cover.level}"
    capacity = room(f"slots {at}", len(unique) + 1)

    def number(patches):
        found = keys(patches)
        if not len(unique):
            return np.full(found.shape, capacity - 1)
        slot = np.minimum(np.searchsorted(unique, found), len(unique) - 1)
        return np.where(unique[slot] == found, slot, capacity - 1)

    rows, scratch = room(f"pieces {at}", len(cover.patches)), cover.count - 1
    ring_rows = room(f"ring cells {at}", len(ring))
    return Level(
        padded(cover.patches, rows, scratch).astype(np.int32),
        padded(number(cover.patches), rows, capacity - 1).astype(np.int32),
        padded(cover.lattice(ring), ring_rows, 0).astype(np.int32),
        padded(number(cover.cell_nodes(ring)), ring_rows, capacity - 1).astype(np.int32),
        tuple(number(p).astype(np.int32) for p in pairs),
        np.zeros(capacity, np.int8),
        active,
    )


def step_of(fine: Cover, coarse: Cover, candidates, parent, pairs, room: Room) -> tuple[Step, dict]:
    """Transfer from `fine` to `coarse`, and the pairs of the coarse cover by term: pieces and hosts."""
    pieces = np.arange(len(fine.piece_cell))
    up = parent[fine.cells + pieces] - coarse.cells
    child_up = parent[candidates] - coarse.cells
    at = f"of level {fine.level}"
    rows, child_rows = room(f"pieces {at}", len(pieces)), room(f"children {at}", len(candidates))
    owners, steps, coarse_pairs, pair_patches = [], [], {}, []
    for name, members in pairs.items():
        both = np.stack([parents_of(fine, parent, element) for element in members], -1)
        unique, owner = np.unique(both, axis=0, return_inverse=True)
        parts = [two_scale(fine, fine.cell_of(element)) for element in members]
        count, k = parts[0].shape[:2]
        wide = np.zeros((count, len(parts) * k, len(parts) * k))
        for i, part in enumerate(parts):
            wide[:, i * k : (i + 1) * k, i * k : (i + 1) * k] = part
        patches = np.concatenate([coarse.patches_of(element) for element in unique.T], 1)
        capacity = room(f"pairs {at}, {name}", count)
        coarse_capacity = room(f"pairs of level {coarse.level}, {name}", len(unique))
        owners.append(padded(owner.ravel().astype(np.int32), capacity, 0))
        steps.append(padded(wide, capacity, 0.0))
        pair_patches.append(padded(patches, coarse_capacity, coarse.count - 1).astype(np.int32))
        coarse_pairs[name] = tuple(unique.T)
    special, columns, weights, standard = interpolation(fine, coarse, candidates, parent)
    lattice = (coarse.ny, coarse.nx, coarse.types)
    capacity = room(f"special patches {at}", len(special))
    return Step(
        np.moveaxis(coarse.whole.reshape(lattice), -1, 0),
        padded(up, rows, 0).astype(np.int32),
        padded(two_scale(fine, fine.piece_cell), rows, 0.0),
        padded(fine.lattice(candidates), child_rows, 0).astype(np.int32),
        padded(child_up, child_rows, 0).astype(np.int32),
        padded(two_scale(fine, candidates), child_rows, 0.0),
        tuple(owners),
        tuple(steps),
        tuple(pair_patches),
        standard,
        padded(special, capacity, fine.count - 1).astype(np.int32),
        padded(columns, capacity, coarse.count - 1).astype(np.int32),
        padded(weights, capacity, 0.0),
    ), coarse_pairs


def interpolation(fine: Cover, coarse: Cover, candidates, parent):
    """Patches that do not interpolate on the lattice alone, from which coarse patches, and the rest."""
    element = np.concatenate([fine.cells + np.arange(len(fine.piece_cell)), candidates])
    patches = fine.patches_of(element)
    k = patches.shape[1]
    unique, where = np.unique(patches, return_index=True)
    element, local = element[where // k], where % k
    values = two_scale(fine, fine.cell_of(element))[np.arange(len(unique)), local]
    columns = coarse.patches_of(parents_of(fine, parent, element))
    lattice = coarse.cell_nodes(home_of(fine, fine.cell_of(element))[0])
    plain = (unique < fine.nodes) & ((columns == lattice) | (values == 0)).all(1)
    standard = np.zeros(fine.count, bool)
    standard[fine.cell_nodes(np.flatnonzero(fine.whole)).ravel()] = True
    standard[unique] = plain
    special = unique[~plain]
    return special, columns[~plain], values[~plain], standard[: fine.nodes]


def levels_of(manifold: Manifold, pairs: dict[str, tuple[np.ndarray, ...]]):
    """All levels and the steps between them; `pairs` are pieces and hosts of each Dirichlet term by name.

    A pair may have more than two members.
    """
    fine, room = finest(manifold), manifold.room
    first = []
    for name, members in pairs.items():
        both = np.concatenate([fine.patches_of(element) for element in members], 1)
        first.append(padded(both, room(f"pairs of level 0, {name}", len(both)), fine.count - 1))
    levels, steps = [slots_of(fine, first, room)], []
    while fine.nodes * manifold.functions.per_patch > SMALLEST:
        coarse, candidates, parent = coarsen(fine, room)
        step, pairs = step_of(fine, coarse, candidates, parent, pairs, room)
        levels.append(slots_of(coarse, [np.asarray(p, np.int64) for p in step.pair_patches], room))
        steps.append(step)
        fine = coarse
    return tuple(levels), tuple(steps)
