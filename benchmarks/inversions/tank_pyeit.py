"""Reconstructions of the tank in pyEIT: its `JAC` on a mesh of its own, with electrodes that are nodes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.inversions.tank import COUNT, Image, Measured, Reconstruction, twice
from benchmarks.inversions.tank_nmm import STEPS

DEFAULTS = {"kotre": (0.5, 0.01), "lm": (0.5, 0.01)}
"""p and lambda as in pyEIT's examples; "lm" takes no p."""


def missing() -> str | None:
    """None when it can run here, else what to install."""
    try:
        import pyeit  # noqa: F401
    except ImportError:
        return "pyEIT is not installed; pip install 'nmm-jax[peers]'"
    return None


class Tank:
    """A mesh of triangles with sides of about `side`, and the solver."""

    def __init__(self, data: Measured, side: float):
        from matplotlib.tri import Triangulation
        from pyeit.eit.jac import JAC
        from pyeit.eit.protocol import PyEITProtocol
        from pyeit.mesh import create

        self.data, mesh = data, create(COUNT, h0=side)
        angles = np.pi / 2 + 2 * np.pi * np.arange(COUNT) / COUNT
        wanted = np.stack([np.cos(angles), np.sin(angles)], -1)
        place = mesh.node[mesh.el_pos, :2]
        nearest = np.argmin(np.linalg.norm(wanted[:, None] - place, axis=-1), 1)
        mesh.el_pos = mesh.el_pos[nearest]
        steps = data.protocol
        kept = np.ones(steps.read.shape[:2], bool).ravel()  # nothing is left out of what is read
        self.solver = JAC(mesh, PyEITProtocol(steps.drive, steps.read, kept))
        self.find = Triangulation(*mesh.node[:, :2].T, mesh.element).get_trifinder()
        self.elements = len(mesh.element)
        self.prepare("kotre")

    def prepare(self, method: str, strength: float = 1.0):
        """The Jacobian and the matrix that solves, in pyEIT's one call."""
        p, weight = DEFAULTS[method]
        self.solver.setup(p=p, lamb=weight * strength, method=method, perm=1.0)

    def again(self, method: str, strength: float):
        """The matrix alone for another regularisation, as `setup` makes it."""
        p, weight = DEFAULTS[method]
        self.solver.H = self.solver._compute_h(self.solver.J, p, weight * strength, method)

    def linear(self, method: str, strength: float) -> Image:
        self.again(method, strength)
        return self.image(np.real(self.solver.solve(self.data.full, self.data.empty)))

    def gauss_newton(self, strength: float) -> Image:
        """The differences on top of pyEIT's own empty tank: its electrodes are other ones."""
        p, weight = DEFAULTS["kotre"]
        target = self.solver.v0 + self.data.full - self.data.empty
        start = np.ones(self.elements)
        found = self.solver.gn(target, start, maxiter=STEPS, gtol=0.0, p=p, lamb=weight * strength)
        return self.image(np.real(found) - 1)

    def image(self, values: np.ndarray) -> Image:
        """Values on triangles as a function of points; zero outside of the mesh."""

        def at(points):
            number = self.find(*points.T)
            return np.where(number >= 0, values[number], 0.0)

        return at


def reconstructions(data: Measured, side: float) -> Iterator[Reconstruction]:
    tank, *times = twice(lambda: Tank(data, side))
    facts = *times, tank.elements
    for method in DEFAULTS:
        image = lambda strength, method=method: tank.linear(method, strength)  # noqa: E731
        yield Reconstruction(f"pyEIT, {method}", "pyEIT", *facts, image)
    yield Reconstruction(f"pyEIT, {STEPS} Gauss-Newton steps, kotre", "pyEIT", *facts, tank.gauss_newton)
