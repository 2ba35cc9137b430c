"""What is compared: the classical method on several covers, and networks of different kinds.

All of them minimise the same energy on the same domain, except "pinn", which minimises the strong residual.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flax import nnx

from networks.covers import splines, windows
from networks.manifold_net import ManifoldNet
from networks.perceptron import MLP, LocalNet
from networks.physical import lattice_cover
from nmm.errors import InputError
from nmm.manifold.manifold import Manifold

CLASSICAL, SPLINES = "nmm", "cubic splines"


@dataclass(frozen=True)
class Method:
    """A kind of network, how it is trained, and the most steps that make sense.

    `build` makes one, from (manifold, components, seed) for a cut, or from (box, seed).
    """

    name: str
    title: str
    build: Callable[..., nnx.Module]
    loss: str
    optimiser: str
    steps: int
    rate: float = 1e-2


def perceptron(manifold: Manifold, components: int, seed: int) -> nnx.Module:
    return MLP(manifold.box, (32, 32), components, seed=seed)


def small_perceptron(manifold: Manifold, components: int, seed: int) -> nnx.Module:
    return MLP(manifold.box, (32,), components, seed=seed)


def local(manifold: Manifold, components: int, seed: int) -> nnx.Module:
    return LocalNet(windows(tuple(manifold.box), 3), (16,), components, seed=seed)


def extreme(manifold: Manifold, components: int, seed: int) -> nnx.Module:
    return LocalNet(windows(tuple(manifold.box), 2), (32,), components, seed=seed, features=True, steep=2.0)


def moving_cover(manifold: Manifold, components: int, seed: int) -> nnx.Module:
    cover = splines(tuple(manifold.box), 6, degree=2)
    return ManifoldNet.on([cover], components, learn=True, seed=seed)


def cut_cover(manifold: Manifold, components: int, seed: int) -> nnx.Module:
    return ManifoldNet.on([lattice_cover(manifold)], components, learn=False, seed=seed)


METHODS = {
    method.name: method
    for method in (
        Method("manifold", "manifold network, moving cover", moving_cover, "energy", "alternating", 300),
        Method("cut", "manifold network, cut patches", cut_cover, "energy", "alternating", 1),
        Method("extreme", "extreme learning on windows", extreme, "energy", "alternating", 1),
        Method("ritz", "deep Ritz, Adam", perceptron, "energy", "adam", 20_000),
        Method("natural", "deep Ritz, natural gradient", small_perceptron, "energy", "natural", 300),
        Method("pinn", "physics-informed, Adam", perceptron, "residual", "adam", 20_000),
        Method("local", "local networks (FBPINN form), Adam", local, "energy", "adam", 20_000),
    )
}
"""By name, in the order of the table."""

NAMES = (CLASSICAL, *METHODS)


def chosen(names: Any) -> list[Method]:
    """The networks among the named methods. **Raises:** `InputError` for unknown ones."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise InputError(
            f'found the method "{unknown[0]}", expected some of {", ".join(NAMES)}', where="compare.methods"
        )
    return [METHODS[name] for name in METHODS if name in names]
