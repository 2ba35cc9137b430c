"""Models as energy densities: everything else follows by differentiation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.errors import InputError
from nmm.physics.values import DEFAULT, Product, parameters, prepare


@dataclass(frozen=True)
class Model:
    """A physics: an energy density of the gradient and the coefficients, and a source.

    `density(gradient (components, 2), coefficients) -> scalar`; `coefficients` are prepared values;
    elements give densities with mean dilatation `columns` 4 instead of 2, see `averaged`;
    `source` is the force (or source) per unit area, one value per component; `check` raises for values
    that make no sense. Its derivative by the gradient is the stress (or flux). `typical` coefficients,
    where given, tell how many numbers the tangent really has.
    """

    name: str
    components: int
    density: Callable[..., Any]
    coefficients: Mapping[str, Any]
    source: tuple[Any, ...]
    check: Callable[[Mapping[str, np.ndarray]], tuple[np.ndarray, str] | None]
    typical: Mapping[str, Any] | None = None

    def in_region(self, region: str, **overrides: Any) -> "Model":
        """The same model with other values in a region."""
        coefficients, source = dict(self.coefficients), self.source
        for name, value in overrides.items():
            where = f"physics.in.{region}.{name}"
            if name in ("source", "body_force"):
                parts = (value,) if self.components == 1 else tuple(value)
                new = prepare(parts, where)
                source = tuple(override(old, region, part) for old, part in zip(source, new, strict=True))
            elif name in coefficients:
                prepared = tensor(value, where) if name == "conductivity" else prepare(value, where)
                coefficients[name] = override(coefficients[name], region, prepared)
            else:
                known = ", ".join([*coefficients, "body_force" if self.components > 1 else "source"])
                raise InputError(f"the model has no value called {name}; it has {known}", where=where)
        return replace(self, coefficients=coefficients, source=source)

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters in its values."""
        return parameters(tuple(self.coefficients.values())) | parameters(self.source)

    def stress(self, gradient, coefficients):
        """Derivative (components, 2) of the density by the gradient: stress σ, or flux k∇u."""
        return jax.grad(self.density)(gradient, coefficients)


def override(old: Any, region: str, new: Any) -> dict[str, Any]:
    """`old` outside `region` and `new` inside."""
    base = dict(old) if isinstance(old, Mapping) else {DEFAULT: old}
    return base | {region: new}


def poisson_density(gradient, values):
    """½ ∇u · k ∇u."""
    g = gradient[0]
    return 0.5 * g @ values["conductivity"] @ g


def tensor(value: Any, where: str) -> Any:
    """A scalar or 2 x 2 conductivity as a prepared 2 x 2 value."""
    prepared = prepare(value, where)
    if isinstance(prepared, Mapping):
        return {k: tensor(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(prepared, tuple):
        if len(prepared) != 2 or any(not isinstance(row, tuple) or len(row) != 2 for row in prepared):
            raise InputError("a tensor is wanted as [[kxx, kxy], [kxy, kyy]]", where=where)
        if isinstance(prepared[0][1], float) and prepared[0][1] != prepared[1][0]:
            raise InputError("the conductivity tensor must be symmetric", where=where)
        return prepared
    return ((prepared, 0.0), (0.0, prepared))


def check_conductivity(values):
    k = values["conductivity"]
    least = np.linalg.eigvalsh((k + np.swapaxes(k, -1, -2)) / 2)[..., 0]
    return ~(least > 0), "conductivity must be positive (a tensor positive definite)"


def poisson(conductivity: Any = 1.0, source: Any = 0.0) -> Model:
    """Steady diffusion, flow or conduction: −∇·(k∇u) = source.

    `conductivity` is a value or a symmetric 2 x 2 of values, `source` a value per unit area.
    """
    return Model(
        "poisson",
        1,
        poisson_density,
        {"conductivity": tensor(conductivity, "physics.conductivity")},
        (prepare(source, "physics.source"),),
        check_conductivity,
        {"conductivity": ((1.0, 0.0), (0.0, 1.0))},
    )


def elastic_density(gradient, values, plane):
    """½ λ (tr ε)² + μ ε:ε + σ⁰:ε with ε = sym ∇u; λ is the plane-stress one where asked."""
    young, nu = values["young"], values["poisson"]
    mu = young / (2 * (1 + nu))
    lame = young * nu / (1 - nu**2) if plane == "stress" else young * nu / ((1 + nu) * (1 - 2 * nu))
    strain = (gradient + gradient.T) / 2
    energy = 0.5 * lame * jnp.trace(strain) ** 2 + mu * jnp.sum(strain * strain)
    if "initial_stress" in values:
        xx, yy, xy = values["initial_stress"]
        energy = energy + xx * strain[0, 0] + yy * strain[1, 1] + 2 * xy * strain[0, 1]
    return energy


def strain_density(gradient, values):
    """Plane strain."""
    return elastic_density(gradient, values, "strain")


def averaged(gradient):
    """∇u with mean dilatation (..., 2, 2) from ∇u beside its mean over the element (..., 2, 4).

    ε̄ = ε + ½ (tr ε_mean − tr ε) I, B-bar (Hughes 1980, Int. J. Numer. Methods Eng. 15, 1413-1418; the mean
    dilatation of Nagtegaal, Parks and Rice 1974). In plane strain the trace in the plane is all of the
    volumetric strain: its mean replaces it entirely, and the deviator in the plane stays pointwise.
    """
    here, mean = gradient[..., :2], gradient[..., 2:]
    excess = (mean - here)[..., 0, 0] + (mean - here)[..., 1, 1]
    return here + excess[..., None, None] / 2 * np.eye(2)


def mean_strain_density(gradient, values):
    """Plane strain with mean dilatation, of ∇u beside its mean over the element (2, 4).

    The same as `strain_density` for a gradient (2, 2) that is averaged already.
    """
    return strain_density(averaged(gradient) if gradient.shape[1] == 4 else gradient, values)


def columns(density: Callable[..., Any]) -> int:
    """Columns of the gradients that elements give to a density: 2, or 4 with their means beside them."""
    return 4 if density is mean_strain_density else 2


PLANE_STRAIN = (strain_density, mean_strain_density)
"""Densities of plane strain."""


def stress_density(gradient, values):
    """Plane stress."""
    return elastic_density(gradient, values, "stress")


def check_strain(values):
    bad = ~(values["young"] > 0)
    if bad.any():
        return bad, "young must be positive"
    return ~(
        (values["poisson"] > -1) & (values["poisson"] < 0.5)
    ), "poisson must be > -1 and < 0.5 in plane strain"


def check_stress(values):
    bad = ~(values["young"] > 0)
    if bad.any():
        return bad, "young must be positive"
    return ~(
        (values["poisson"] > -1) & (values["poisson"] <= 0.5)
    ), "poisson must be > -1 and <= 0.5 in plane stress"


def elasticity(
    young: Any,
    poisson: Any,
    plane: str = "strain",
    body_force: Any = (0.0, 0.0),
    density: Any = None,
    gravity: Any = None,
    initial_stress: Any = None,
    dilatation: str = "pointwise",
) -> Model:
    """Linear elasticity per unit thickness: −∇·σ = body_force.

    `body_force` (fx, fy) per unit volume, or `density` times `gravity` (gx, gy); `initial_stress`
    (σxx, σyy, σxy) is present without strain. With `dilatation` "mean" the change of volume is averaged over
    each element, for nearly incompressible material in plane strain on covers of squares: see `averaged`.

    **Raises:** `InputError` for a plane that is neither "strain" nor "stress", a density without gravity, a
    dilatation that is neither "pointwise" nor "mean", or "mean" in plane stress.
    """
    if plane not in ("strain", "stress"):
        raise InputError(f'the plane must be "strain" or "stress", found "{plane}"', where="physics.plane")
    if dilatation not in ("pointwise", "mean"):
        raise InputError(
            f'the dilatation must be "pointwise" or "mean", found "{dilatation}"', where="physics.dilatation"
        )
    if dilatation == "mean" and plane == "stress":
        raise InputError(
            'found dilatation "mean" with plane "stress", expected plane "strain"',
            where="physics.dilatation",
            hint="in plane stress the thickness gives way, so that nothing locks: leave the dilatation out",
        )
    if (density is None) != (gravity is None):
        raise InputError("density and gravity belong together", where="physics.density")
    coefficients = {
        "young": prepare(young, "physics.young"),
        "poisson": prepare(poisson, "physics.poisson"),
    }
    if initial_stress is not None:
        coefficients["initial_stress"] = pair(initial_stress, 3, "physics.initial_stress")
    force = pair(body_force, 2, "physics.body_force")
    if density is not None:
        force = tuple(
            Product(prepare(density, "physics.density"), g) for g in pair(gravity, 2, "physics.gravity")
        )
    density_of = stress_density
    if plane == "strain":
        density_of = mean_strain_density if dilatation == "mean" else strain_density
    return Model(
        "elasticity",
        2,
        density_of,
        coefficients,
        force,
        check_strain if plane == "strain" else check_stress,
        {"young": 1.0, "poisson": 0.25, "initial_stress": (1.0, 1.0, 1.0)},
    )


def pair(value: Any, count: int, where: str) -> tuple[Any, ...]:
    """A prepared vector of `count` values."""
    prepared = prepare(value, where)
    if not isinstance(prepared, tuple) or len(prepared) != count:
        raise InputError(f"{count} values are wanted, found {value!r}", where=where)
    return prepared
