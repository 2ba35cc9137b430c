"""The exact solutions in the verification cases satisfy the equations and boundary conditions of their cases.

Independent of the solver: derivatives by JAX, boundary points and normals from the shapes in the file.
"""

import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmm import expressions

CASES = Path(__file__).parents[2] / "benchmarks" / "cases"
WITH_EXACT = sorted(path for path in CASES.glob("*.toml") if "exact" in tomllib.loads(path.read_text()))


def number_or_text(value, env):
    """A number or an expression at the points in `env`."""
    if isinstance(value, str):
        return expressions.parse(value).evaluate(env, xp=jnp)
    return jnp.asarray(value, float)


def on_circle(cx, cy, radius):
    angle = np.linspace(0, 2 * np.pi, 97)[:-1] + 0.01
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.array([cx, cy]) + radius * normal, normal


def on_polyline(corners):
    """Points on the straight pieces and the normals on their right-hand side."""
    corners = np.asarray(corners, float)
    part = np.linspace(0.04, 0.96, 9)[:, None]
    points, normals = [], []
    for start, end in pairwise(corners):
        points.append(start + part * (end - start))
        along = (end - start) / np.linalg.norm(end - start)
        normals.append(np.tile([along[1], -along[0]], (len(part), 1)))
    return np.concatenate(points), np.concatenate(normals)


def boundary_of(domain):
    """(points, outward normals, names) of each piece of boundary in a case's domain."""
    outline = domain["outline"]
    if isinstance(outline, str):
        ring = json.loads((CASES / outline).read_text())["geometry"]["coordinates"][0]
        points, normals = on_polyline(ring)
    elif "circle" in outline:
        points, normals = on_circle(*outline["circle"])
    elif "rectangle" in outline:
        x0, y0, x1, y1 = outline["rectangle"]
        points, normals = on_polyline([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    else:
        points, normals = on_polyline([*outline["polygon"], outline["polygon"][0]])
    holes = [hole["circle"] for hole in domain.get("holes", [])]
    outside = np.ones(len(points), bool)
    for x, y, radius in holes:
        outside &= np.hypot(points[:, 0] - x, points[:, 1] - y) > radius
    yield points[outside], normals[outside], {"outline"}
    low, high = points.min(axis=0), points.max(axis=0)
    for number, circle in enumerate(holes):
        points, normals = on_circle(*circle)
        inside = np.all((points > low) & (points < high), axis=1)
        yield points[inside], -normals[inside], {"holes", f"hole {number}"}
    for crack in domain.get("cracks", []):
        points, normals = on_polyline(crack)
        yield points, normals, {"cracks"}
        yield points, -normals, {"cracks"}


class Case:
    """A case file with its exact solution, gradient and stress (or flux) as functions of points."""

    def __init__(self, path):
        self.data = tomllib.loads(path.read_text())
        self.physics = self.data["physics"]
        self.elastic = self.physics["model"] == "elasticity"
        solution = self.data["exact"]["solution"]
        self.solution = [solution] if isinstance(solution, str) else solution

    def env(self, points, normals=None):
        env = {"x": points[..., 0], "y": points[..., 1], **self.data.get("parameters", {})}
        if normals is not None:
            env |= {"nx": normals[..., 0], "ny": normals[..., 1]}
        return env

    def exact(self, point):
        return jnp.stack([number_or_text(text, self.env(point)) + 0 * point[0] for text in self.solution])

    def constants(self, point):
        """The case's material at a point: the last region that contains it, or the base material."""
        material = dict(self.physics)
        for region in self.data["domain"].get("region", []):
            shape = region["shape"]
            if "circle" in shape:
                cx, cy, radius = shape["circle"]
                inside = (point[0] - cx) ** 2 + (point[1] - cy) ** 2 < radius**2
            else:
                x0, y0, x1, y1 = shape["rectangle"]
                inside = (x0 <= point[0]) & (point[0] <= x1) & (y0 <= point[1]) & (point[1] <= y1)
            for key, value in self.physics["in"][region["name"]].items():
                material[key] = jnp.where(inside, value, material[key])
        return material

    def flow(self, point):
        """Stress (2, 2) or flux k grad u (1, 2) of the exact solution at a point."""
        gradient = jax.jacfwd(self.exact)(point)
        material = self.constants(point)
        if not self.elastic:
            conductivity = jnp.asarray(material["conductivity"], float)
            return gradient @ conductivity.T if conductivity.ndim else conductivity * gradient
        young = number_or_text(material["young"], self.env(point))
        poisson = number_or_text(material["poisson"], self.env(point))
        if material["plane"] == "stress":
            bulk = young * poisson / (1 - poisson**2)
        else:
            bulk = young * poisson / ((1 + poisson) * (1 - 2 * poisson))
        strain = (gradient + gradient.T) / 2
        return bulk * jnp.trace(strain) * jnp.eye(2) + young / (1 + poisson) * strain

    def source(self, point):
        given = self.physics.get("body_force", [0, 0]) if self.elastic else [self.physics.get("source", 0)]
        return jnp.stack([number_or_text(value, self.env(point)) for value in given])


@pytest.fixture(params=WITH_EXACT, ids=lambda path: path.stem)
def case(request):
    return Case(request.param)


def inner_points(case):
    """Random points of the domain's bounding box that lie in the domain, away from material borders."""
    pieces = [points for points, _, _ in boundary_of(case.data["domain"])]
    low, high = pieces[0].min(axis=0), pieces[0].max(axis=0)
    points = np.random.default_rng(1).uniform(low, high, (200, 2))
    for hole in case.data["domain"].get("holes", []):
        cx, cy, radius = hole["circle"]
        points = points[np.hypot(points[:, 0] - cx, points[:, 1] - cy) > radius]
    return jnp.asarray(points)


def test_exact_solution_satisfies_the_equation(case):
    points = inner_points(case)
    slopes = jax.jit(jax.vmap(jax.jacfwd(case.flow)))(points)
    source = jax.jit(jax.vmap(case.source))(points)
    residual = jnp.einsum("pijj->pi", slopes) + source
    assert jnp.abs(residual).max() <= 1e-11 * (jnp.abs(slopes).max() + jnp.abs(source).max()) + 1e-13


def test_exact_solution_satisfies_the_boundary_conditions(case):
    named = set()
    for points, normals, names in boundary_of(case.data["domain"]):
        value = jax.jit(jax.vmap(case.exact))(jnp.asarray(points))
        flow = jax.jit(jax.vmap(case.flow))(jnp.asarray(points))
        outflow = jnp.einsum("pij,pj->pi", flow, normals)
        tolerance = 1e-10 * (1 + float(jnp.abs(flow).max()))
        free = np.ones(len(points), bool)
        env = case.env(jnp.asarray(points), jnp.asarray(normals))
        for number, entry in enumerate(case.data["boundary"]):
            on = entry["on"]
            if on in names:
                chosen = np.ones(len(points), bool)
            elif re.search("[=<>]", on) and "cracks" not in names:
                chosen = np.asarray(expressions.parse(on).evaluate(env, xp=np))
            else:
                continue
            if not chosen.any():
                continue
            named.add(number)
            free &= ~chosen
            checks = conditions(entry, env, value, outflow, normals)
            for difference in checks:
                assert np.abs(np.where(chosen, difference, 0)).max() <= tolerance, entry
        assert np.abs(np.asarray(outflow)[free]).max(initial=0) <= tolerance
    assert named == set(range(len(case.data["boundary"])))


def conditions(entry, env, value, outflow, normals):
    """What each key of a boundary entry says must vanish at the points."""
    if "value" in entry:
        yield value[:, 0] - number_or_text(entry["value"], env)
    if "flux" in entry:
        yield outflow[:, 0] - number_or_text(entry["flux"], env)
    if "displacement" in entry:
        for component, given in enumerate(entry["displacement"]):
            yield value[:, component] - number_or_text(given, env)
    if "traction" in entry:
        for component, given in enumerate(entry["traction"]):
            yield outflow[:, component] - number_or_text(given, env)
    if "pressure" in entry:
        for component in range(2):
            yield outflow[:, component] + number_or_text(entry["pressure"], env) * normals[:, component]
    if "normal" in entry:
        yield jnp.sum(value * normals, axis=1) - entry["normal"]
        yield outflow[:, 0] * normals[:, 1] - outflow[:, 1] * normals[:, 0]
