"""Which parts of the boundary an `on` means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nmm.domain.geometry import Entity
from nmm.errors import SelectionError
from nmm.expressions.evaluate import compare, evaluate_node
from nmm.expressions.language import Node
from nmm.physics.on import BOTH, On, listed, read_on

_SHORTEST = 1e-12  # of a facet; what is shorter is rounding
_SAMPLES = np.linspace(0.0, 1.0, 9)
_HALVINGS = 52


@dataclass(frozen=True, eq=False)
class Facets:
    """Straight pieces of the boundary and of crack faces, each inside one manifold element.

    - `ends` (n, 2, 2): start and end in the user's coordinates, with the domain on the left.
    - `normal` (n, 2): outward unit normal.
    - `entity` (n,): index into the entities.
    - `side` (n,): 0 on the boundary, +1 on the left face of a crack, -1 on its right face.
    - `straight` (n, 2, 2): ends of the whole straight stretch of boundary that the facet is a part of (see
      `straight.straight_runs`), or None. With it `==` finds curves by the ends of their chords.
    """

    ends: np.ndarray
    normal: np.ndarray
    entity: np.ndarray
    side: np.ndarray
    straight: np.ndarray | None = None

    @property
    def length(self) -> np.ndarray:
        return np.linalg.norm(self.ends[:, 1] - self.ends[:, 0], axis=1)


@dataclass(frozen=True, eq=False)
class Selection:
    """Parts of facets: `facet` (k,) and `interval` (k, 2), fractions in [0, 1] from start to end.

    Rows are in the order of facets and along them; the intervals of one facet neither touch nor overlap.
    """

    facet: np.ndarray
    interval: np.ndarray


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Parts of facets (k rows) that two entries both claim.

    `first` < `second` are positions in the list of entries and `names` the entries' names. Iterating gives
    (facet, interval, name of the first, name of the second).
    """

    facet: np.ndarray
    interval: np.ndarray
    first: np.ndarray
    second: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.facet)

    def __iter__(self) -> Iterator[tuple[int, tuple[float, float], str, str]]:
        rows = zip(self.facet, self.interval, self.first, self.second, strict=True)
        for facet, (low, high), first, second in rows:
            yield int(facet), (float(low), float(high)), self.names[first], self.names[second]


def select(
    on: str,
    facets: Facets,
    entities: tuple[Entity, ...],
    box: tuple[float, float, float, float],
    where: str | None = None,
) -> Selection:
    """The parts of the facets on which `on` holds.

    `box` is (xmin, ymin, xmax, ymax) of the domain. An inequality splits a facet where it changes from
    true to false, sought between nine points of the facet. `==` holds on a whole facet when both ends, its
    own or those of its straight stretch (a chord), satisfy |lhs - rhs| <= 1e-9 x the diagonal of the box
    (1e-9 where only the normal is compared); such a facet also satisfies `<=` and `>=` and neither `<` nor
    `>`, whatever rounding says. A crack face is selected only if a name in the text means it.

    Raises `ExpressionError` or `SelectionError`; the latter also when nothing is selected.
    """
    read = read_on(on, entities, where)
    selector = _Selector(read, facets, len(entities), box)
    selection = selector.selection()
    if not len(selection.facet):
        hint = f"the entities are {listed(_extents(facets, entities), '; ')}"
        if not read.mentions and np.any(facets.side != 0):
            hint += "; crack faces are selected by name only"
        raise SelectionError(f"`{on}` selects nothing", where=where, hint=hint)
    return selection


def conflicts(
    selections: Sequence[tuple[str, Selection, Sequence[bool]]],
    facets: Facets | None = None,
    tolerance: float = 0.0,
) -> Overlaps:
    """Where two entries hold the same component on a piece of positive length.

    Each entry is (name, selection, mask of the components that it holds). With `facets`, pieces that are
    not longer than `tolerance` (a length) do not count. Whether the two values differ is for the caller
    to find out.
    """
    if not selections:
        empty = np.zeros(0, dtype=int)
        return Overlaps(empty, np.zeros((0, 2)), empty, empty, ())
    names = tuple(name for name, _, _ in selections)
    facet = np.concatenate([selection.facet for _, selection, _ in selections])
    interval = np.concatenate([selection.interval for _, selection, _ in selections])
    entry = np.repeat(np.arange(len(selections)), [len(selection.facet) for _, selection, _ in selections])
    holds = np.array([np.atleast_1d(mask) for _, _, mask in selections], dtype=bool)
    shares = (holds[:, None, :] & holds[None, :, :]).any(axis=-1) & ~np.eye(len(selections), dtype=bool)

    order = np.lexsort((entry, facet))
    facet, interval, entry = facet[order], interval[order], entry[order]
    found = []
    for step in range(1, len(facet)):
        i = np.flatnonzero(facet[step:] == facet[:-step])
        if not len(i):
            break
        j = i + step
        low = np.maximum(interval[i, 0], interval[j, 0])
        high = np.minimum(interval[i, 1], interval[j, 1])
        fraction = high - low
        keep = shares[entry[i], entry[j]] & (fraction > _SHORTEST)
        if facets is not None:
            keep &= fraction * facets.length[facet[i]] > tolerance
        found.append((facet[i][keep], np.stack([low, high], axis=1)[keep], entry[i][keep], entry[j][keep]))
    if not found:
        return Overlaps(facet[:0], interval[:0], entry[:0], entry[:0], names)
    where, part, first, second = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((part[:, 0], where))
    return Overlaps(where[order], part[order], first[order], second[order], names)


class _Selector:
    """Evaluates one `on` on facets."""

    def __init__(self, on: On, facets: Facets, entities: int, box: tuple[float, float, float, float]):
        self.facets, self.tree = facets, on.expression.tree
        xmin, ymin, xmax, ymax = box
        self.constants = dict(xmin=xmin, xmax=xmax, ymin=ymin, ymax=ymax)
        self.constants |= dict(xc=(xmin + xmax) / 2, yc=(ymin + ymax) / 2)
        rounding = 8 * np.finfo(float).eps * np.max(np.abs(box))
        self.tolerance = max(1e-9 * float(np.hypot(xmax - xmin, ymax - ymin)), float(rounding))
        # Only on these does equality at both ends mean that the facet lies along the limit.
        whole = facets.ends if facets.straight is None else facets.straight
        self.long = np.linalg.norm(whole[:, 1] - whole[:, 0], axis=1) > 4 * self.tolerance
        self.flags = {}
        named = np.zeros(len(facets.entity), dtype=bool)
        for mention in on.mentions:
            member = np.zeros(entities, dtype=bool)
            member[list(mention.entities)] = True
            holds = member[facets.entity]
            if mention.side != BOTH:
                holds &= facets.side == mention.side
            self.flags[mention.flag] = holds
            named |= holds
        self.allowed = (facets.side == 0) | named

    def values(self, node: Node, facet: np.ndarray, at: np.ndarray) -> np.ndarray:
        """A node at the fractions `at` of the facets, both (k,)."""
        return self.values_at(node, facet, _between(self.facets.ends[facet], at))

    def values_at(self, node: Node, facet: np.ndarray, points: np.ndarray) -> np.ndarray:
        """A node at points (k, 2) with the normals and entities of the facets (k,)."""
        env: dict = dict(x=points[:, 0], y=points[:, 1], **self.constants)
        env |= dict(nx=self.facets.normal[facet, 0], ny=self.facets.normal[facet, 1])
        env |= {flag: holds[facet] for flag, holds in self.flags.items()}
        with np.errstate(all="ignore"):
            value = evaluate_node(node, env, np)
        return np.broadcast_to(np.asarray(value, dtype=bool if node.boolean else float), facet.shape)

    def selection(self) -> Selection:
        candidates = np.flatnonzero(self.allowed)
        links = list(_links(self.tree))
        equal = {link: self.equal(link) for link in links}
        breaks = [self.crossings(link, candidates, equal[link]) for link in links if link[1][0] in "<>"]

        facet = np.concatenate([candidates, candidates, *(facet for facet, _ in breaks)])
        at = np.concatenate([np.zeros(len(candidates)), np.ones(len(candidates)), *(at for _, at in breaks)])
        order = np.lexsort((at, facet))
        facet, at = facet[order], at[order]
        # Breaks closer than rounding to each other or to an end are one break; both ends stay.
        close = (facet[1:] == facet[:-1]) & (at[1:] - at[:-1] < _SHORTEST)
        keep = (at == 0) | (at == 1) | (~np.append(False, close) & (1 - at >= _SHORTEST))
        facet, at = facet[keep], at[keep]
        inside = (facet[1:] == facet[:-1]) & (at[1:] > at[:-1])
        facet, low, high = facet[:-1][inside], at[:-1][inside], at[1:][inside]

        chosen = self.holds(self.tree, facet, (low + high) / 2, equal)
        joined = np.append(False, chosen[1:] & chosen[:-1] & (facet[1:] == facet[:-1]))
        first = np.flatnonzero(chosen & ~joined)
        last = np.flatnonzero(chosen & ~np.append(joined[1:], False))
        return Selection(facet[first], np.stack([low[first], high[last]], axis=1))

    def equal(self, link: "_Link") -> np.ndarray:
        """Which facets (n,) satisfy `left == right`."""
        left, _, right = link
        every = np.arange(len(self.facets.entity))
        only_normal = _variables(left) | _variables(right) <= {"nx", "ny"}
        tolerance = max(self.tolerance, 1e-9) if only_normal else self.tolerance

        def residual(points: np.ndarray) -> np.ndarray:
            values = (self.values_at(node, every, points) for node in (left, right))
            with np.errstate(invalid="ignore"):
                return np.abs(np.subtract(*values, dtype=float))

        ends, straight, normal = self.facets.ends, self.facets.straight, self.facets.normal
        at_ends = np.maximum(residual(ends[:, 0]), residual(ends[:, 1]))
        result = at_ends <= tolerance
        if straight is not None:
            # Between its ends a chord leaves the curve by much less than a tenth of its length; what
            # vanishes at both ends but not between, like abs(x - 1) == 1 on a side of a square, does not.
            beside = 0.1 * np.linalg.norm(straight[:, 1] - straight[:, 0], axis=1)[:, None] * normal
            middle = ends.mean(axis=1)
            scale = np.maximum(residual(middle + beside), residual(middle - beside))
            near = np.maximum(at_ends, residual(middle)) <= 0.5 * scale
            chord = np.maximum(residual(straight[:, 0]), residual(straight[:, 1])) <= tolerance
            result |= chord & near
        return result

    def truth(self, link: "_Link", facet: np.ndarray, at: np.ndarray) -> np.ndarray:
        left, operator, right = link
        return compare(operator, self.values(left, facet, at), self.values(right, facet, at))

    def crossings(
        self, link: "_Link", candidates: np.ndarray, equal: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The facets (k,) and fractions (k,) at which an inequality changes, by bisection."""
        rows = candidates[~(equal & self.long)[candidates]]
        count = len(_SAMPLES)
        samples = self.truth(link, np.repeat(rows, count), np.tile(_SAMPLES, len(rows))).reshape(-1, count)
        row, column = np.nonzero(samples[:, 1:] != samples[:, :-1])
        facet, low, high, at_low = rows[row], _SAMPLES[column], _SAMPLES[column + 1], samples[row, column]
        for _ in range(_HALVINGS if len(facet) else 0):
            middle = (low + high) / 2
            same = self.truth(link, facet, middle) == at_low
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return facet, (low + high) / 2

    def holds(
        self, node: Node, facet: np.ndarray, at: np.ndarray, equal: dict["_Link", np.ndarray]
    ) -> np.ndarray:
        """A condition at points of facets, with the tolerance of comparisons."""
        if node.op in ("truth", "flag"):
            return self.values(node, facet, at)
        if node.op != "compare":
            parts = [self.holds(arg, facet, at, equal) for arg in node.args]
            if node.op == "not":
                return ~parts[0]
            return np.all(parts, axis=0) if node.op == "and" else np.any(parts, axis=0)
        result = np.ones(len(facet), dtype=bool)
        for link in _links(node):
            operator, same = link[1], equal[link][facet]
            if operator in ("==", "!="):
                result &= same if operator == "==" else ~same
            else:
                along = same & self.long[facet]
                result &= np.where(along, operator in ("<=", ">="), self.truth(link, facet, at))
        return result


def _between(ends: np.ndarray, at: np.ndarray) -> np.ndarray:
    return (1 - at)[:, None] * ends[:, 0] + at[:, None] * ends[:, 1]


_Link = tuple[Node, str, Node]


def _links(node: Node) -> Iterator[_Link]:
    """The comparisons `left operator right` that a condition is made of."""
    if node.op == "compare":
        yield from zip(node.args[:-1], node.value, node.args[1:], strict=True)
    elif node.boolean:
        for arg in node.args:
            yield from _links(arg)


def _variables(node: Node) -> set[str]:
    if node.op in ("name", "flag"):
        return {node.value}
    return set().union(*(_variables(arg) for arg in node.args))


def _extents(facets: Facets, entities: tuple[Entity, ...]) -> Iterator[str]:
    low = np.full((len(entities), 2), np.inf)
    high = -low
    np.minimum.at(low, facets.entity, facets.ends.min(axis=1))
    np.maximum.at(high, facets.entity, facets.ends.max(axis=1))
    for entity, (xmin, ymin), (xmax, ymax) in zip(entities, low, high, strict=True):
        if xmin <= xmax:
            yield f"{entity}: x {xmin:g} to {xmax:g}, y {ymin:g} to {ymax:g}"
        else:
            yield f"{entity}: no length in the cut"
