"""scikit-fem: linear elements on fitted meshes, solved by SciPy's direct solver."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.linalg
import shapely
from numpy.typing import NDArray

from benchmarks.peers.interface import Answer, Unsupported
from benchmarks.peers.meshes import FittedMesh, fitted
from benchmarks.problems import Problem
from nmm.case import Case
from nmm.expressions import parse


class ScikitFem:
    name = "scikit-fem"
    covers = ("quad", "triangle")

    def missing(self) -> str | None:
        try:
            import skfem  # noqa: F401
        except ImportError:
            return "scikit-fem is not installed; pip install 'nmm-jax[peers]'"
        return None

    def version(self) -> str:
        from importlib.metadata import version

        return version("scikit-fem")

    def solve(self, problem: Problem, cells: int, cover: str) -> Answer:
        case = problem.refined(cells, cover)
        start = time.perf_counter()
        model = Discrete(case, fitted(problem.name, cells, cover))
        built = time.perf_counter()
        matrix, load = model.assemble()
        assembled = time.perf_counter()
        dofs, fixed = model.held()
        free = np.setdiff1d(np.arange(matrix.shape[0]), dofs)
        if not len(dofs):
            raise Unsupported("nothing holds the body, which this method needs")
        values = np.zeros(matrix.shape[0])
        values[dofs] = fixed
        right = load - matrix @ values
        values[free] = scipy.sparse.linalg.spsolve(matrix[free][:, free].tocsc(), right[free])
        solved = time.perf_counter()
        return Answer(
            unknowns=len(free),
            at=lambda points: model.at(values, points),
            stress=(lambda points: model.stress(values, points)) if case.components == 2 else None,
            errors=model.errors(values) if case.exact else {},
            seconds={"mesh": built - start, "assemble": assembled - built, "solve": solved - assembled},
        )


class Discrete:
    """A case on a fitted mesh: bases, matrices and loads."""

    def __init__(self, case: Case, mesh: FittedMesh):
        import skfem

        self.case, self.elastic = case, case.components == 2
        self.spec = case.spec.physics
        triangle = mesh.cells.shape[1] == 3
        kind = skfem.MeshTri if triangle else skfem.MeshQuad
        element: Any = skfem.ElementTriP1() if triangle else skfem.ElementQuad1()
        if self.elastic:
            element = skfem.ElementVector(element)
        self.mesh = kind(np.ascontiguousarray(mesh.points.T), np.ascontiguousarray(mesh.cells.T))
        self.basis = skfem.Basis(self.mesh, element, intorder=4)
        self.region = self._regions()

    def _regions(self) -> NDArray:
        """For each cell the name of the region that its centre lies in, or an empty string."""
        geometry = self.case.domain().geometry(1.0)
        centre = self.mesh.p[:, self.mesh.t].mean(axis=1).T - geometry.shift
        found = np.full(len(centre), "", dtype=object)
        for name, shape in geometry.regions:
            found[shapely.contains_xy(shape, centre)] = name
        return found

    def value(self, given: Any, x: NDArray, normal: NDArray | None = None) -> NDArray:
        """A number or expression of the case at the points `x` (2, ...)."""
        if not isinstance(given, str):
            return np.full(x.shape[1:], float(given))
        box = dict(zip(("xmin", "ymin", "xmax", "ymax"), self.case.domain().bounds, strict=True))
        env = {"x": x[0], "y": x[1], **box, **self.case.parameters}
        if normal is not None:
            env |= {"nx": normal[0], "ny": normal[1]}
        return np.broadcast_to(parse(given).evaluate(env), x.shape[1:])

    def coefficient(self, key: str, x: NDArray) -> NDArray:
        """A material value at points (2, cells, ...), region by region."""
        found = np.array(self.value(getattr(self.spec, key), x))
        for name, material in self.spec.within.items():
            other = getattr(material, key)
            if other is not None:
                inside = self.region == name
                found[inside] = self.value(other, x[:, inside])
        return found

    def lame(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Lamé's constants, the first one for the plane state of the case."""
        young, poisson = self.coefficient("young", x), self.coefficient("poisson", x)
        shear = young / (2 * (1 + poisson))
        if self.spec.plane == "stress":
            return young * poisson / (1 - poisson**2), shear
        return young * poisson / ((1 + poisson) * (1 - 2 * poisson)), shear

    def assemble(self) -> tuple[Any, NDArray]:
        from skfem import BilinearForm, LinearForm
        from skfem.helpers import ddot, dot, grad, sym_grad, trace

        x = np.asarray(self.basis.global_coordinates())
        if self.elastic:
            first, shear = self.lame(x)
            given = self.spec.body_force or (0.0, 0.0)
            force = np.stack([self.value(part, x) for part in given])
            form = BilinearForm(
                lambda u, v, w: (
                    w.first * trace(sym_grad(u)) * trace(sym_grad(v))
                    + 2 * w.shear * ddot(sym_grad(u), sym_grad(v))
                )
            )
            if self.spec.dilatation == "mean":
                matrix = self._mean_dilatation(first, shear)
            else:
                matrix = form.assemble(self.basis, first=first, shear=shear)
            load = LinearForm(lambda v, w: dot(w.force, v)).assemble(self.basis, force=force)
        else:
            conductivity = self.coefficient("conductivity", x)
            form = BilinearForm(lambda u, v, w: w.conductivity * dot(grad(u), grad(v)))
            matrix = form.assemble(self.basis, conductivity=conductivity)
            source = self.value(self.spec.source or 0.0, x)
            load = LinearForm(lambda v, w: w.source * v).assemble(self.basis, source=source)
        for entry in self.case.spec.boundary:
            load = load + self._pull(entry)
        return matrix, load

    def _mean_dilatation(self, first: NDArray, shear: NDArray) -> Any:
        """The deviator at points, the dilatation projected on constants of the cells."""
        import skfem
        from skfem import BilinearForm
        from skfem.helpers import ddot, div, eye, sym_grad

        def deviator(u):
            return sym_grad(u) - eye(div(u) / 2, 2)

        mean = skfem.Basis(self.mesh, skfem.ElementQuad0(), intorder=4)
        shape = BilinearForm(lambda u, v, w: 2 * w.shear * ddot(deviator(u), deviator(v)))
        volume = BilinearForm(lambda u, q, w: div(u) * q).assemble(self.basis, mean)
        weight = BilinearForm(lambda p, q, w: p * q / (w.first + w.shear)).assemble(
            mean, first=first, shear=shear
        )
        inverse = scipy.sparse.diags_array(1 / weight.diagonal())
        return shape.assemble(self.basis, shear=shear) + volume.T @ inverse @ volume

    def _pull(self, entry: Any) -> NDArray | float:
        """The load of a boundary entry, zero for one that prescribes values."""
        from skfem import FacetBasis, LinearForm
        from skfem.helpers import dot

        if entry.condition not in ("traction", "pressure", "flux"):
            return 0.0
        basis = FacetBasis(self.mesh, self.basis.elem, facets=self.facets(entry.on), intorder=4)
        x, normal = np.asarray(basis.global_coordinates()), np.asarray(basis.normals)
        if entry.condition == "flux":
            flux = self.value(entry.flux, x, normal)
            return LinearForm(lambda v, w: w.flux * v).assemble(basis, flux=flux)
        if entry.condition == "pressure":
            traction = -self.value(entry.pressure, x, normal) * normal
        else:
            traction = np.stack([self.value(part, x, normal) for part in entry.traction])
        return LinearForm(lambda v, w: dot(w.traction, v)).assemble(basis, traction=traction)

    def facets(self, on: str) -> NDArray:
        """Boundary facets that a selection takes: all of them, or where both ends fulfil the expression."""
        facets = self.mesh.boundary_facets()
        ends = self.mesh.p[:, self.mesh.facets[:, facets]]
        if on == "outline":
            return facets
        return facets[self.value(on, ends).astype(bool).all(axis=0)]

    def held(self) -> tuple[NDArray, NDArray]:
        """The prescribed unknowns and their values."""
        found: dict[int, float] = {}
        for entry in self.case.spec.boundary:
            if entry.condition not in ("displacement", "normal", "value"):
                continue
            facets = self.facets(entry.on)
            nodes = np.unique(self.mesh.facets[:, facets])
            x = self.mesh.p[:, nodes]
            numbers = self.basis.nodal_dofs[:, nodes]
            if entry.condition == "value":
                found |= dict(zip(numbers[0], self.value(entry.value, x), strict=True))
            elif entry.condition == "displacement":
                for component, given in enumerate(entry.displacement):
                    if given != "free":
                        found |= dict(zip(numbers[component], self.value(given, x), strict=True))
            else:
                for facet in facets:
                    found |= self._rollers(facet, entry.normal)
        return np.array(list(found), dtype=int), np.array(list(found.values()))

    def _rollers(self, facet: int, given: Any) -> dict[int, float]:
        """The unknowns normal to a facet that is parallel to an axis."""
        nodes = self.mesh.facets[:, facet]
        along = np.ptp(self.mesh.p[:, nodes], axis=1)
        component = int(np.argmin(along))
        if along[component] > 1e-12 * along.max():
            raise Unsupported("rollers on a slope")
        values = self.value(given, self.mesh.p[:, nodes])
        return dict(zip(self.basis.nodal_dofs[component, nodes], values, strict=True))

    def errors(self, values: NDArray) -> dict[str, float]:
        """Relative errors in L2, the H1 seminorm and the maximum over the quadrature points."""
        x, weights = np.asarray(self.basis.global_coordinates()), self.basis.dx
        exact, slope = self._exact(x)
        found = self.basis.interpolate(values)
        value = np.asarray(found).reshape(exact.shape)
        gradient = np.asarray(found.grad).reshape(slope.shape)

        def norm(part: NDArray) -> float:
            return float(np.sqrt(np.sum(part**2 * weights)))

        return {
            "l2": norm(value - exact) / norm(exact),
            "h1": norm(gradient - slope) / norm(slope),
            "max": float(np.abs(value - exact).max() / np.abs(exact).max()),
        }

    def _exact(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """The exact solution (components, ...) and its gradient (components, 2, ...)."""
        assert self.case.exact is not None
        values, slopes = [], []
        texts = [self.case.exact] if isinstance(self.case.exact, str) else self.case.exact
        for text in texts:
            expression = parse(text)

            def at(x, y, expression=expression):
                env = {"x": x, "y": y, **self.case.parameters}
                return expression.evaluate(env, xp=jnp) + 0 * x

            one, zero = jnp.ones(x.shape[1:]), jnp.zeros(x.shape[1:])
            value, along_x = jax.jvp(at, (x[0], x[1]), (one, zero))
            along_y = jax.jvp(at, (x[0], x[1]), (zero, one))[1]
            values.append(value)
            slopes.append((along_x, along_y))
        return np.asarray(values), np.asarray(slopes)

    def at(self, values: NDArray, points: NDArray) -> NDArray:
        found = self.basis.probes(np.asarray(points).T) @ values
        return found.reshape(2, -1).T if self.elastic else found

    def stress(self, values: NDArray, points: NDArray) -> NDArray:
        """Stress (n, 2, 2) at points, straight from the gradient of the element that holds each point."""
        x = np.asarray(points).T
        cells = self.mesh.element_finder()(*x)
        local = self.basis.mapping.invF(x[:, :, None], tind=cells)
        gradient = np.zeros((2, 2, x.shape[1]))
        for number in range(self.basis.Nbfun):
            part = self.basis.elem.gbasis(self.basis.mapping, local, number, tind=cells)[0].grad[..., 0]
            gradient += values[self.basis.element_dofs[number, cells]] * part
        strain = ((gradient + gradient.transpose(1, 0, 2)) / 2).transpose(2, 0, 1)
        centre = np.broadcast_to(self.mesh.p[:, self.mesh.t].mean(axis=1), (2, self.mesh.t.shape[1]))
        first, shear = (part[cells] for part in self.lame(centre))
        volume = np.trace(strain, axis1=1, axis2=2)
        return (first * volume)[:, None, None] * np.eye(2) + 2 * shear[:, None, None] * strain


peer = ScikitFem()
