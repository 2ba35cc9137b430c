"""What is cut: shapes and Boolean operations, holes, cracks, regions; readers; clean-up and noding."""

from nmm.domain.domain import Crack, Domain, disk, polygon, rectangle
from nmm.domain.geometry import CleanupReport, Entity, Geometry, Item
from nmm.domain.readers import read_cracks, read_domain, read_regions
from nmm.domain.shapes import Shape

__all__ = [
    "CleanupReport",
    "Crack",
    "Domain",
    "Entity",
    "Geometry",
    "Item",
    "Shape",
    "disk",
    "polygon",
    "read_cracks",
    "read_domain",
    "read_regions",
    "rectangle",
]
