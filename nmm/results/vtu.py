"""VTU files (VTK XML, unstructured grid) whose cells are the manifold elements themselves."""

import base64
import os
import zlib
from collections.abc import Mapping
from typing import IO, Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from .coloring import manifold_colors
from .files import replacing
from .polygons import element_of_point, irregular, triangle_areas

_TRIANGLE, _POLYGON = 5, 7
_BLOCK = 1 << 20
_TENSORS = ("stress", "strain")
_TYPES = {"f8": "Float64", "f4": "Float32", "i8": "Int64", "i4": "Int32", "u1": "UInt8"}


def cell_fields(solution: Any, mesh: Any) -> dict[str, NDArray]:
    """What every file of a solution holds per element: colours of the patches and the estimated error."""
    return {
        "patch_color": manifold_colors(solution.manifold, mesh),
        "error_estimate": solution.estimate.elements,
    }


def write_vtu(
    path: str | os.PathLike,
    mesh: Any,
    point_fields: Mapping[str, NDArray] | None = None,
    cell_fields: Mapping[str, NDArray] | None = None,
) -> None:
    """Write a mesh of manifold elements with fields, atomically.

    One VTK polygon per element, convex or not. Elements have vertices of their own, so fields jump where
    they jump. An element with a hole inside (its outline joined to the hole by a keyhole edge, or touching
    itself otherwise) is written as its triangles, because VTK's ear clipping draws such polygons wrongly or
    not at all; the cell array `element` says which cells belong together. The cell array `area` holds exact
    areas: VTK's own Cell Size and Integrate Variables take polygons for convex ones, so put Triangulate
    in front of them where elements are not.

    **Arguments:**

    - `point_fields`: name -> `(points,)`, `(points, 2)` (becomes a vector with z = 0), `(points, 2, 2)`
      (becomes a tensor of 9 components) or any `(points, k)`. Symmetric tensors `stress` and `strain` come as
      `(points, 3)` = xx, yy, xy, or `(points, 4)` with zz at the end, and become VTK's 6 components
      XX, YY, ZZ, XY, YZ, XZ; a zz that is not given is written as 0.
    - `cell_fields`: name -> `(elements,)` or `(elements, k)`. `element`, `area`, and the mesh's `cell`,
      `part`, `region` and `cut` are always written.

    Floating point numbers are kept to the bit. Byte order little endian, compressed by zlib, base64.
    """
    points = np.asarray(mesh.points, dtype=np.float64)
    connectivity, offsets, types, element = _cells(mesh)
    areas = _areas(mesh, types, element)
    cells = {name: getattr(mesh, name) for name in ("cell", "part", "region", "cut") if hasattr(mesh, name)}
    cells = {**cells, **(cell_fields or {})}
    _check("point", point_fields or {}, len(points))
    _check("cell", cells, len(mesh.offsets) - 1)

    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(
            b'<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="1.0" '
            b'byte_order="LittleEndian" header_type="UInt64" compressor="vtkZLibDataCompressor">\n'
            b"<UnstructuredGrid>\n"
            + f'<Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(types)}">\n'.encode()
        )
        with _Section(file, "Points"):
            _array(file, "Points", np.column_stack([points, np.zeros(len(points))]))
        with _Section(file, "Cells"):
            _array(file, "connectivity", connectivity)
            _array(file, "offsets", offsets)
            _array(file, "types", types)
        with _Section(file, "PointData"):
            for name, values in (point_fields or {}).items():
                _array(file, name, *_vtk_layout(name, np.asarray(values)))
        with _Section(file, "CellData"):
            _array(file, "element", element)
            _array(file, "area", areas)
            for name, values in cells.items():
                _array(file, name, *_vtk_layout(name, np.asarray(values)[element]))
        file.write(b"</Piece>\n</UnstructuredGrid>\n</VTKFile>\n")


def _cells(mesh: Any) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Connectivity, end offsets, VTK types, and the element of each cell."""
    offsets = np.asarray(mesh.offsets, dtype=np.int64)
    sizes = np.diff(offsets)
    split = irregular(mesh)
    triangles = np.asarray(mesh.triangles, dtype=np.int64)
    owner = np.asarray(mesh.element_of_triangle, dtype=np.int64)
    triangles, owner = triangles[split[owner]], owner[split[owner]]

    whole = np.flatnonzero(~split)
    connectivity = np.flatnonzero(~split[element_of_point(mesh)])
    ends = np.cumsum(np.concatenate([sizes[whole], np.full(len(triangles), 3, dtype=np.int64)]))
    types = np.repeat(np.array([_POLYGON, _TRIANGLE], dtype=np.uint8), [len(whole), len(triangles)])
    return (
        np.concatenate([connectivity, triangles.ravel()]),
        ends,
        types,
        np.concatenate([whole, owner]),
    )


def _areas(mesh: Any, types: NDArray, element: NDArray) -> NDArray:
    areas = triangle_areas(mesh)
    owner = np.asarray(mesh.element_of_triangle)
    of_element = np.bincount(owner, areas, minlength=len(mesh.offsets) - 1)
    result = of_element[element]
    split = np.zeros(len(of_element), dtype=bool)
    split[element[types == _TRIANGLE]] = True
    result[types == _TRIANGLE] = areas[split[owner]]
    return result


def _check(kind: str, fields: Mapping[str, NDArray], count: int) -> None:
    for name, values in fields.items():
        if len(values) != count:
            raise ValueError(f"{kind} field {name!r} has {len(values)} rows, the mesh needs {count}")


def _vtk_layout(name: str, values: NDArray) -> tuple[NDArray, tuple[str, ...]]:
    """Values with VTK's number of components, and the names of the components."""
    rows = len(values)
    zero = np.zeros(rows)
    if values.ndim == 3 and values.shape[1:] == (2, 2):
        tensor = np.zeros((rows, 3, 3))
        tensor[:, :2, :2] = values
        return tensor.reshape(rows, 9), tuple(a + b for a in "XYZ" for b in "XYZ")
    if name in _TENSORS and values.ndim == 2 and values.shape[1] in (3, 4):
        zz = values[:, 3] if values.shape[1] == 4 else zero
        columns = [values[:, 0], values[:, 1], zz, values[:, 2], zero, zero]
        return np.column_stack(columns), ("XX", "YY", "ZZ", "XY", "YZ", "XZ")
    if values.ndim == 2 and values.shape[1] == 2:
        return np.column_stack([values, zero.astype(values.dtype)]), ("X", "Y", "Z")
    if values.ndim > 2:
        values = values.reshape(rows, -1)
    return values, ()


class _Section:
    def __init__(self, file: IO[bytes], tag: str):
        self.file, self.tag = file, tag

    def __enter__(self) -> None:
        self.file.write(f"<{self.tag}>\n".encode())

    def __exit__(self, *_: object) -> None:
        self.file.write(f"</{self.tag}>\n".encode())


def _array(file: IO[bytes], name: str, values: NDArray, components: tuple[str, ...] = ()) -> None:
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype.kind == "u" and values.dtype.itemsize > 1:
        values = values.astype(np.int64)
    if values.dtype.kind == "i" and values.dtype.itemsize < 4:
        values = values.astype(np.int32)
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    kind = _TYPES.get(f"{values.dtype.kind}{values.dtype.itemsize}")
    if kind is None:
        raise TypeError(f"field {name!r}: cannot write numbers of type {values.dtype} to a VTU file")
    # Without the attribute one component is meant; with it some readers make a column of it.
    width = f' NumberOfComponents="{values.shape[1]}"' if values.ndim == 2 else ""
    names = "".join(f" ComponentName{i}={quoteattr(text)}" for i, text in enumerate(components))
    file.write(f'<DataArray type="{kind}" Name={quoteattr(name)}{width}{names} format="binary">'.encode())
    data = memoryview(values.tobytes())
    blocks = [zlib.compress(data[i : i + _BLOCK], 4) for i in range(0, len(data), _BLOCK)]
    header = [len(blocks), _BLOCK, len(data) % _BLOCK, *map(len, blocks)]
    file.write(base64.b64encode(np.array(header, dtype="<u8").tobytes()))
    file.write(base64.b64encode(b"".join(blocks)))
    file.write(b"</DataArray>\n")
