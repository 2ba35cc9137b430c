"""One file from one solution: what `Solution.save` and `Solution.plot` do."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmm.errors import InputError

from .archive import save_archive
from .drawing import tip_points
from .plot import deformed_figure, field_figure, save_figure
from .quantities import quantities
from .vtu import cell_fields, write_vtu

_FORMATS = ("png", "pdf", "svg")


def save_solution(solution: Any, path: str | os.PathLike) -> None:
    """Write every field of a solution: `.vtu` for ParaView, `.npz` for NumPy.

    **Raises:** `InputError` for another suffix, or a place that cannot be written to.
    """
    mesh, kind = solution.manifold.mesh(), Path(path).suffix.lower()
    if kind == ".vtu":
        write_vtu(path, mesh, solution.fields(), cell_fields(solution, mesh))
    elif kind == ".npz":
        save_archive(path, solution, mesh, solution.fields())
    else:
        raise InputError(f'found the suffix "{kind}", expected .vtu or .npz', where=str(path))


def plot_solution(
    solution: Any,
    path: str | os.PathLike,
    field: str | None = None,
    *,
    deformed: bool | float | None = None,
    units: Mapping[str, str] | None = None,
) -> None:
    """Draw one quantity of a solution into a PNG, PDF or SVG.

    `field` is a name of `Solution.field_names` or of a component such as "stress_xx"; by default the
    displacement or the potential. `deformed` draws it on the deformed shape, magnified by a round number
    (True) or by what is given; the displacement is drawn so unless it is False.

    **Raises:** `InputError` for an unknown field or suffix.
    """
    known = solution.field_names
    field = field or ("displacement" if "displacement" in known else "potential")
    name = next((n for n in known if field == n or field.rpartition("_")[0] == n), None)
    drawn = [] if name is None else quantities(name, solution.fields([name])[name], units)
    quantity = next((q for q in drawn if field in (q.name, name)), None)
    if quantity is None:
        raise InputError(f'no field is called "{field}"; fields: {", ".join(known)}')
    if Path(path).suffix.lower().lstrip(".") not in _FORMATS:
        raise InputError(f"expected a suffix among {', '.join(_FORMATS)}", where=str(path))

    manifold = solution.manifold
    style = {
        "label": quantity.label,
        "title": quantity.title,
        "signed": quantity.signed,
        "outline": manifold.outline_lines(),
        "length_unit": (units or {}).get("length"),
    }
    if deformed is None and name == "displacement":
        deformed = True
    if deformed is not None and deformed is not False:
        moved = solution.fields(["displacement"])["displacement"]
        scale = None if deformed is True else float(deformed)
        figure = deformed_figure(manifold.mesh(), moved, quantity.values, scale=scale, **style)
    else:
        cracks = {
            "cracks": manifold.crack_lines(),
            "lost": manifold.lost_lines(),
            "tips": tip_points(solution),
        }
        figure = field_figure(manifold.mesh(), quantity.values, **cracks, **style)
    save_figure(figure, path)
