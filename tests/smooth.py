"""Smooth problems on a disk, a flower and a plate with a crack, for covers of a higher order."""

import numpy as np

import nmm

FIELD = "sin(1.3*x + 0.4)*exp(0.7*y)"
GROWTH = 1.3**2 - 0.7**2
"""-ΔFIELD = GROWTH FIELD; likewise for the displacements, which have no divergence."""
MOVE = ("0.7*sin(1.3*x + 0.4)*exp(0.7*y)", "-1.3*cos(1.3*x + 0.4)*exp(0.7*y)")
POLYNOMIAL = {
    1: ("0.3*x - 0.5*y + 0.2", "0.3", "-0.5", 0.0),
    2: ("0.6*x**2 - 0.4*x*y + 0.1*y**2 - x + 0.3", "1.2*x - 0.4*y - 1", "0.2*y - 0.4*x", -1.4),
    3: (
        "0.5*x**3 - 0.7*x**2*y + 0.2*y**3 + x*y - 0.3",
        "1.5*x**2 - 1.4*x*y + y",
        "0.6*y**2 - 0.7*x**2 + x",
        "1.4*y - 3*x - 1.2*y",
    ),
}
"""A polynomial of each degree, its derivatives and the source that belongs to it."""


def flower():
    angle = np.arange(720) * np.pi / 360
    radius = 0.7 * (1 + 0.2 * np.cos(5 * angle))
    return nmm.polygon(np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1))


DOMAINS = {"disk": nmm.disk((0.03, 0.02), 0.7), "flower": flower()}


def potential(domain, lattice):
    manifold = nmm.cut(domain, lattice)
    return nmm.problem(manifold, nmm.poisson(1.0, source=f"{GROWTH}*{FIELD}"), [nmm.value("outline", FIELD)])


def elastic(domain, lattice, young=2.5):
    """With ν = 0.25 the shear modulus is 0.4 times Young's."""
    force = tuple(f"{GROWTH}*({u})" for u in MOVE)
    manifold = nmm.cut(domain, lattice)
    return nmm.problem(manifold, nmm.elasticity(young, 0.25, body_force=force), [nmm.fixed("outline", MOVE)])


def plate(sliver, h=1 / 12):
    """A hole, a crack, three edges on lattice lines and the fourth one `sliver` cells beyond one."""
    domain = nmm.rectangle(0, 0, 1 + sliver * h, 1) - nmm.disk((0.6, 0.6), 0.17)
    return domain.with_cracks([[(0.2, 0.1), (0.45, 0.35)]])


def polynomial(degree, lattice, domain, **options):
    u, by_x, by_y, source = POLYNOMIAL[degree]
    flux = f"2*(nx*({by_x}) + ny*({by_y}))"
    terms = [nmm.value("outline", u), nmm.flux("hole 0", flux), nmm.flux("cracks", flux)]
    manifold = nmm.cut(domain, lattice)
    return nmm.problem(manifold, nmm.poisson(2.0, source=f"2*({source})"), terms, **options)
