"""Stresses of cracks in an infinite plane, to be put on the edge of a plate.

Muskhelishvili: σ_xx + σ_yy = 4 Re Φ, σ_yy − σ_xx + 2i σ_xy = 2 (z̄ Φ' + Ψ). Either in closed form for a
straight crack, in one material or between two, or from the opening b = [u_x + i u_y] of any cracks: an
element dz of a crack with opening b is a dipole of dislocations, Φ = A/(z − z₀)², A = −i μ b dz / π(κ + 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import nmm


def stresses(z: np.ndarray, phi: np.ndarray, phi1: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """σ_xx, σ_yy, σ_xy (n, 3) of the potentials at points z (n,)."""
    half, rest = 2 * phi.real, np.conj(z) * phi1 + psi
    return np.stack([half - rest.real, half + rest.real, rest.imag], -1)


@dataclass(frozen=True)
class StraightCrack:
    """A crack of half-length `half` at the origin, inclined by `angle`, under a uniform stress far away."""

    half: float
    angle: float
    far: tuple[float, float, float]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        xx, yy, xy = self.far
        n = np.array([-np.sin(self.angle), np.cos(self.angle)])
        along = np.array([np.cos(self.angle), np.sin(self.angle)])
        traction = np.array([[xx, xy], [xy, yy]]) @ n
        load = traction @ n - 1j * (traction @ along)
        turn = np.exp(1j * self.angle)
        z = (points[:, 0] + 1j * points[:, 1]) / turn
        root = np.sqrt(1 - (self.half / z) ** 2)
        shape, slope = 1 / root - 1, -(self.half**2) / (z * root) ** 3
        phi, phi1 = load / 2 * shape, load / 2 * slope
        psi = np.conj(load) / 2 * shape - phi - z * phi1
        # Φ is the same in every frame, Ψ and z̄Φ' turn twice.
        turned = stresses(z * turn, phi, phi1 / turn, psi / turn**2)
        return turned + np.array(self.far)


@dataclass(frozen=True)
class BorderCrack:
    """A crack |x| < `half` on the border y = 0 of two half-planes in plane strain, under a stress far away.

    `above` and `below` are (E, ν); `far` holds σ_xx below the border, σ_yy and σ_xy. With the index ε of the
    materials (Rice and Sih 1965, England 1965)

        Φ = e^∓πε H,   Ω = e^±πε H,   H = S̄ / 2 cosh πε ((z − 2iεa) X − 1),   S = σ_yy + iσ_xy,
        X = ((z + a) / (z − a))^iε / √(z² − a²),   Ψ(z) = Ω̄(z) − Φ − zΦ',   upper signs above.
    """

    half: float
    above: tuple[float, float]
    below: tuple[float, float]
    far: tuple[float, float, float]

    @property
    def epsilon(self) -> float:
        """The index ε, for the material above on the left of the tip."""
        one, two = ((3 - 4 * nu, young / (2 + 2 * nu)) for young, nu in (self.above, self.below))
        ratio = (one[0] / one[1] + 1 / two[1]) / (two[0] / two[1] + 1 / one[1])
        return float(np.log(ratio) / (2 * np.pi))

    @property
    def factor(self) -> complex:
        """K_I + iK_II at the tip x = a: S √(πa) (1 + 2iε) (2a)^−iε."""
        _, yy, xy = self.far
        root = (yy + 1j * xy) * np.sqrt(np.pi * self.half)
        return complex(root * (1 + 2j * self.epsilon) * (2 * self.half) ** (-1j * self.epsilon))

    @property
    def release(self) -> float:
        """G = |K|² / (E* cosh² πε) with 1/E* the mean of 1/E'."""
        soft = sum((1 - nu**2) / young for young, nu in (self.above, self.below)) / 2
        return abs(self.factor) ** 2 * soft / float(np.cosh(np.pi * self.epsilon)) ** 2

    @property
    def sideways(self) -> tuple[float, float]:
        """σ_xx far away above and below: one strain along the border."""
        (one, nu), (two, mu) = self.above, self.below
        xx, yy, _ = self.far
        strain = ((1 - mu**2) * xx - mu * (1 + mu) * yy) / two
        return (one * strain + nu * (1 + nu) * yy) / (1 - nu**2), xx

    def __call__(self, points: np.ndarray) -> np.ndarray:
        z = points[:, 0] + 1j * points[:, 1]
        over, e, a = points[:, 1] > 0, self.epsilon, self.half
        _, yy, xy = self.far

        def pair(z):
            """H and its derivative."""
            power = np.exp(1j * e * np.log((z + a) / (z - a))) / (z * np.sqrt(1 - (a / z) ** 2))
            scale = (yy - 1j * xy) / (2 * np.cosh(np.pi * e))
            slope = -power * a**2 * (1 + 4 * e**2) / (z**2 - a**2)
            return scale * ((z - 2j * e * a) * power - 1), scale * slope

        grow = np.exp(np.where(over, -np.pi, np.pi) * e)
        phi, phi1 = (grow * part for part in pair(z))
        psi = np.conj(pair(z.conj())[0]) / grow - phi - z * phi1
        far = np.stack([np.where(over, *self.sideways), np.full(len(z), yy), np.full(len(z), xy)], -1)
        return stresses(z, phi, phi1, psi) + far


@dataclass(frozen=True, eq=False)
class Opening:
    """The stress of cracks whose opening is known, on top of a uniform stress far away.

    `place` (m,), `along` (m,) and `jump` (m,), complex: middle, directed length and opening of elements.
    """

    far: tuple[float, float, float]
    place: np.ndarray
    along: np.ndarray
    jump: np.ndarray
    stiffness: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        z = points[:, 0] + 1j * points[:, 1]
        a = -1j * self.stiffness / np.pi * self.jump * self.along
        normal = np.imag(self.jump * np.conj(self.along)) * self.stiffness / np.pi
        away = 1 / (z[:, None] - self.place)
        phi, phi1 = away**2 @ a, -2 * away**3 @ a
        psi = 2 * (away**2 @ normal) + 2 * (away**3 @ (np.conj(self.place) * a))
        return stresses(z, phi, phi1, psi) + np.array(self.far)


def opening_of(solution: nmm.Solution, far, stiffness: float) -> Opening:
    """The opening of the cracks of a solution; `stiffness` is μ/(κ + 1) = E'/8."""
    manifold = solution.manifold
    count = manifold.facets
    left = np.flatnonzero((manifold.facet_side[:count] == 1) & (manifold.facet_twin[:count] >= 0))
    nodes, weights = np.polynomial.legendre.leggauss(3)
    place, along, jump = [], [], []
    for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        sides = []
        for facet, s in ((left, t), (manifold.facet_twin[left], 1 - t)):
            ends, piece = manifold.facet_ends[facet], manifold.facet_piece[facet]
            xi = ends[:, 0] + s * (ends[:, 1] - ends[:, 0])
            sides.append((piece, xi, solution._values(len(manifold.whole_list) + piece, xi)))
        (piece, xi, above), (_, _, below) = sides
        ends = manifold.facet_ends[left] + manifold.grid.corner(manifold.piece_cell[piece])[:, None]
        ends = manifold.grid.to_user(ends.reshape(-1, 2)).reshape(-1, 2, 2)
        middle = manifold.user_points(manifold.piece_cell[piece], xi)
        place.append(middle @ [1, 1j])
        along.append(weight * ((ends[:, 1] - ends[:, 0]) @ [1, 1j]))
        jump.append((above - below) @ [1, 1j])
    return Opening(far, *map(np.concatenate, (place, along, jump)), stiffness)


def edge_tractions(box, stress) -> list:
    """Tractions of a stress field (points (n, 2) -> (n, 3)) on the four sides of a rectangle."""
    xmin, ymin, xmax, ymax = box
    sides = ((f"x == {xmin!r}", -1, 0), (f"x == {xmax!r}", 1, 0))
    sides += ((f"y == {ymin!r}", 0, -1), (f"y == {ymax!r}", 0, 1))
    terms = []
    for on, nx, ny in sides:

        def one(points, nx=nx, ny=ny):
            found = stress(points)
            return found[:, 0] * nx + found[:, 2] * ny

        def two(points, nx=nx, ny=ny):
            found = stress(points)
            return found[:, 2] * nx + found[:, 1] * ny

        terms.append(nmm.traction(on, (one, two)))
    return terms
