"""A domain whose vertices move while the topology of its cut stays."""

import numpy as np

from nmm.errors import GeometryError
from nmm.manifold.cut import assemble
from nmm.manifold.manifold import Manifold

TOPOLOGY = ("whole", "piece_cell", "piece_patches", "facet_piece", "facet_entity", "facet_side", "facet_twin")


def moved(manifold: Manifold, vertices) -> Manifold:
    """See `Manifold.move`."""
    vertices = np.asarray(vertices, float)
    old = manifold.vertices
    if vertices.shape != old.shape or not np.isfinite(vertices).all():
        raise GeometryError(
            f"{old.shape[0]} finite vertices (n, 2) are wanted, found an array of shape {vertices.shape}",
            where="vertices",
            hint="start from manifold.vertices",
        )
    geometry = manifold.geometry.moved(vertices - manifold.geometry.shift)
    if not geometry.polygon.is_valid:
        raise GeometryError("the outline or a hole would cross itself", where="vertices")
    box = np.array(geometry.bounds)
    try:
        new = assemble(geometry, manifold.grid, box, manifold.room.closed(), manifold.host.radius)
    except GeometryError as error:
        raise changed(str(error)) from error
    if not np.array_equal(manifold.host.seams.pieces, new.host.seams.pieces):
        raise changed("the border of a region runs through other cells")
    for name in TOPOLOGY:
        before, after = getattr(manifold, name), getattr(new, name)
        if not np.array_equal(before, after):
            raise changed(where_changed(manifold, new))
    return new


def where_changed(before: Manifold, after: Manifold) -> str:
    """A cell that is cut in another way."""
    cells = before.grid.cells
    count = [np.bincount(m.piece_cell[: m.pieces], minlength=cells) for m in (before, after)]
    cell = np.flatnonzero((count[0] != count[1]) | (before.whole != after.whole))
    if not len(cell):
        return "the pieces are joined in another way"
    x, y = before.grid.to_user(before.grid.centre(cell[:1]))[0]
    return f"the cell at ({x:.6g}, {y:.6g}) is cut in another way"


def changed(what: str) -> GeometryError:
    """The error for a move that is too large."""
    return GeometryError(
        f"the cut would change its topology: {what}",
        where="vertices",
        hint="move less, or cut the moved domain anew; nmm.cut(..., capacity=manifold) keeps compiled code",
    )
