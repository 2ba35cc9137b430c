"""All measurements of one network on one set of data; what does not apply says why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.anatomy import events, tracing
from networks.anatomy.freedom import LOST, effective_dimension, jacobian, rank
from networks.anatomy.learning_space import share_inside
from networks.anatomy.models import Model
from networks.anatomy.pathways import overlap
from nmm.errors import InputError

ROWS, NUMBERS = 300, 2e7
"""At most so many rows of the derivatives in the parameters, and numbers in them."""

POINTS, LINES, NEAR = 2000, 12, 24
"""Data for active sets, lines between data, and points whose nearest bend is looked for."""

NOISES = (1e-3, 1e-2, 1e-1)
"""Of inputs, as shares of their root mean square."""

ALPHAS = (1e-2, 1e-4, 1e-6)


@dataclass
class Examined:
    """`values` by section; `absent`, why a section does not apply; `series` for the figure."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    layers: list[dict[str, Any]] = field(default_factory=list)
    series: dict[str, Any] = field(default_factory=dict)


def data_of(data: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs (n, …) and, where they are given, answers (n,) or (n, outputs).

    **Raises:** `InputError` for fewer than two inputs, infinite numbers, or other counts of answers.
    """
    x, y = data if isinstance(data, tuple) else (data, None)
    x = np.asarray(x, float)
    if x.ndim < 2 or len(x) < 2 or not np.isfinite(x).all():
        raise InputError(f"found inputs {x.shape}, expected (n, …) finite numbers, n ≥ 2", where="data")
    y = None if y is None else np.asarray(y)
    if y is not None and len(y) != len(x):
        raise InputError(f"found {len(x)} inputs and {len(y)} answers, expected as many", where="data")
    return x, y


def examine(model: Model, x: np.ndarray, y: np.ndarray | None, seed: int = 0) -> Examined:
    """Measure everything that applies.

    **Raises:** `InputError` for inputs that the network does not take, or answers that it does not give.
    """
    found, draw = Examined(), np.random.default_rng(seed)
    order = draw.permutation(len(x))
    some = order[:POINTS]
    x, y = x[some], None if y is None else y[some]
    try:
        traced = tracing.outline(model.apply, model.params, jnp.asarray(x))
        outputs = np.asarray(jax.jit(model.apply)(model.params, jnp.asarray(x)))
    except (TypeError, ValueError) as error:
        message = f"the network does not take inputs {x.shape}: {error}"
        raise InputError(message, where="data", hint="inputs are (n, …) as the network takes them") from error
    answered(found, outputs, y)
    directions(found, model, x, y, outputs)
    names, gates = traced.names, traced.gates
    if not gates:
        reason = f"no bends: {', '.join(sorted(traced.smooth)) or 'the network is affine'}"
        for section in ("Active sets", "Regions along lines", "Stability of pathways"):
            found.absent[section] = reason
        return found
    values = gate_function(model)
    known = np.asarray(values(jnp.asarray(x)))
    active(found, known, names, [g.shape[1:] for g in gates], y)
    stable(found, values, x, known, draw)
    along(found, model, values, x, traced, draw)
    return found


def gate_function(model: Model):
    """Gates (n, units) of inputs (n, …), compiled."""
    return jax.jit(lambda x: tracing.gate_values(model.apply, model.params, x))


def answered(found: Examined, outputs: np.ndarray, y: np.ndarray | None) -> None:
    """How well the network answers, if answers are known."""
    if y is None:
        found.absent["Answers"] = "the data have none"
    elif classes(y, outputs):
        right = float((outputs.argmax(1) == y).mean())
        found.values["Answers"] = {"right": right, "classes": outputs.shape[1], "data": len(y)}
    else:
        error = float(np.sqrt(np.mean((outputs - wanted(y, outputs)) ** 2)))
        found.values["Answers"] = {"root mean square error": error, "data": len(y)}


def classes(y: np.ndarray, outputs: np.ndarray) -> bool:
    """Whether answers are numbers of outputs."""
    return y.ndim == 1 and np.issubdtype(y.dtype, np.integer) and outputs.shape[1] > 1


def wanted(y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Answers in the shape of the outputs. **Raises:** `InputError` where there are others."""
    if y.size != outputs.size:
        raise InputError(f"found answers {y.shape}, the network gives {outputs.shape}", where="data")
    return np.asarray(y, float).reshape(outputs.shape)


def residual(y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Gradient of the loss in the outputs: probabilities minus the class, or outputs minus answers."""
    if not classes(y, outputs):
        return outputs - wanted(y, outputs)
    return np.asarray(jax.nn.softmax(outputs)) - np.eye(outputs.shape[1])[y]


def directions(found: Examined, model: Model, x, y, outputs) -> None:
    """Rank, effective dimension and learning space from the derivatives in the parameters."""
    count, many = outputs.shape[1], model.parameters
    points = int(min(ROWS, NUMBERS / max(many, 1)) // count)
    if points < 2:
        reason = f"{many:,} parameters with {count} outputs are too many for a dense Jacobian"
        found.absent["Degrees of freedom"] = found.absent["Learning space"] = reason
        return
    points = min(points, len(x))
    derive = jax.jit(lambda params, x: jacobian(model.apply, params, x))
    slopes = np.asarray(derive(model.params, jnp.asarray(x[:points])))
    vectors, singular, _ = np.linalg.svd(slopes, full_matrices=False)
    space, spectrum = vectors[:, singular > LOST * singular[0]], singular[::-1] ** 2 / len(slopes)
    found.series["spectrum"] = spectrum[::-1]
    dims = {f"N_eff, α = {a:g} λ_max": effective_dimension(spectrum, a * spectrum[-1]) for a in ALPHAS}
    found.values["Degrees of freedom"] = {
        "parameters": many,
        "functional rank on these data": rank(slopes),
        "rows (data × outputs)": len(slopes),
        **dims,
    }
    told: dict[str, Any] = {"dimension of the tangent space": space.shape[1], "rows": len(slopes)}
    if y is not None:
        rest = residual(y[:points], outputs[:points])
        leading = space[:, : max(1, round(dims[f"N_eff, α = {ALPHAS[0]:g} λ_max"]))]
        told["share of the residual in it"] = share_inside(space, rest)
        told[f"share in its {leading.shape[1]} leading directions"] = share_inside(leading, rest)
    found.values["Learning space"] = told


def active(found: Examined, gates: np.ndarray, names, shapes, y) -> None:
    """Which units are on: by layer, never, always; how alike the paths of data are."""
    on, start, columns = gates > 0, 0, []
    for number, (name, shape) in enumerate(zip(names, shapes, strict=True), 1):
        units = int(np.prod(shape))
        mine, start = on[:, start : start + units], start + units
        if name in ("max", "abs", "ge", "gt"):
            columns.append(mine)
            share = mine.mean(0)
            found.layers.append(
                {
                    "layer": number,
                    "shape": "×".join(map(str, shape)) or "1",
                    "units": units,
                    "on, mean": float(share.mean()),
                    "dead": int((share == 0).sum()),
                    "always on": int((share == 1).sum()),
                    "paths": len(np.unique(mine, axis=0)),
                }
            )
    path = np.concatenate(columns, 1)
    one = np.random.default_rng(0).permutation(len(path))
    alike = overlap(path, path[one])
    differ = one != np.arange(len(path))
    told = {
        "units": path.shape[1],
        "dead units": int((~path.any(0)).sum()),
        "units always on": int(path.all(0).sum()),
        "different paths": len(np.unique(path, axis=0)),
        "data": len(path),
        "overlap of the paths of two data": float(alike[differ].mean()),
    }
    if y is not None and y.ndim == 1 and np.issubdtype(y.dtype, np.integer):
        told["overlap, one class"] = average(alike[differ & (y == y[one])])
        told["overlap, two classes"] = average(alike[differ & (y != y[one])])
    found.values["Active sets"] = told
    found.series["shares"] = [c.mean(0) for c in columns]


def average(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def stable(found: Examined, values, x: np.ndarray, known: np.ndarray, draw) -> None:
    """How much of a path stays under noise, and how far the nearest bend is."""
    size = np.sqrt(np.mean(x**2))
    told: dict[str, Any] = {}
    for noise in NOISES:
        moved = np.asarray(values(jnp.asarray(x + noise * size * draw.normal(size=x.shape))))
        told[f"overlap of the path, noise {noise:g}"] = float(overlap(known > 0, moved > 0).mean())
    inputs, units = int(np.prod(x.shape[1:])), known.shape[1]
    if inputs * units <= NUMBERS:
        slopes = jax.jit(jax.jacfwd(lambda one: values(one[None])[0]))
        distance = []
        for point, gate in zip(x[:NEAR], known[:NEAR], strict=False):
            steep = np.linalg.norm(np.asarray(slopes(jnp.asarray(point))).reshape(units, -1), axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                distance.append(np.nanmin(np.where(steep > 0, np.abs(gate) / steep, np.inf)))
        told["distance to the nearest bend, median"] = float(np.median(distance))
        told["the same over the distance between data, median"] = float(
            np.median(distance) / np.median(np.linalg.norm((x - x[::-1]).reshape(len(x), -1), axis=1))
        )
    else:
        told["distance to the nearest bend"] = "not measured: too many inputs times units"
    found.values["Stability of pathways"] = told


def along(found: Examined, model: Model, values, x: np.ndarray, traced: tracing.Findings, draw) -> None:
    """Regions along lines between data, where the network is piecewise affine."""
    stop = sorted(traced.smooth)
    if stop:
        found.absent["Regions along lines"] = f"the network is smooth: it has {', '.join(stop)}"
        return
    count = min(LINES, len(x) // 2)
    pairs = draw.permutation(len(x))[: 2 * count].reshape(2, count)
    step = events.STEP if jnp.result_type(float) == jnp.float64 else 1e-4
    cuts = events.bends(values, x[pairs[0]], x[pairs[1]], step)
    regions = np.array([len(c) + 1 for c in cuts])
    told: dict[str, Any] = {
        "regions, mean": float(regions.mean()),
        "least": int(regions.min()),
        "largest": int(regions.max()),
        "lines between data": count,
        "regions over units": float(regions.mean() / sum(np.prod(g.shape[1:]) for g in traced.gates)),
        "exact": not traced.uncounted,
    }
    if traced.uncounted:
        told["not counted"] = f"bends of {', '.join(sorted(traced.uncounted))}"
    found.values["Regions along lines"] = told
    found.series["cuts"] = cuts


def as_json(found: Examined, model: Model) -> Mapping[str, Any]:
    """What was measured, for a file."""
    return {
        "parameters": {name: list(shape) for name, shape in model.leaves},
        "layers": found.layers,
        "values": found.values,
        "does not apply": found.absent,
    }
