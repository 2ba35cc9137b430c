"""The linear system of a problem as a pure function of its values: operator, load and Nitsche's parameter.

Everything comes from the energy density by differentiation. The whole cells become a few coefficients per
cell (`stencil.Cells`), the pieces and the boundary terms dense matrices beside them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmm.cover.weights import hat_gradients, hat_values
from nmm.manifold.rules import reference_rule
from nmm.physics.boundary import DIRICHLET
from nmm.physics.models import poisson_density, strain_density, stress_density
from nmm.physics.problem import Problem
from nmm.physics.tangent import pairs, rank, second, tangent, uniform
from nmm.physics.tangent import samples as coefficient_samples
from nmm.physics.values import Places, evaluate
from nmm.pytrees import tree
from nmm.solve.boundary import PENALTY
from nmm.solve.discretise import Discretisation, Samples, TermPoints
from nmm.solve.stencil import CORNERS, Cells, apply_cells, diagonal_cells, gather_loads, upper_index

WITHOUT_STRESS = (poisson_density, strain_density, stress_density)
"""Densities without stress at zero gradient, unless an initial stress is given."""


@dataclass(frozen=True)
class Form:
    """What a problem compiles to, apart from numbers: equal forms share compiled code.

    `kinds` are the kinds of the boundary terms, `free` their free components; `entries` and `spanning` say
    which entries of the tangent vary (see `tangent.rank`); None where coefficients vary inside a cell.
    `rules` are points and weights of the whole cells by type.
    """

    density: Callable
    components: int
    shape: str
    lattice: tuple[int, int]
    regions: tuple[str, ...]
    kinds: tuple[str, ...]
    nitsche: bool
    fine: bool
    uniform: frozenset[str]
    entries: tuple[int, ...]
    spanning: tuple[Any, ...]
    rules: tuple[Any, ...]
    structure: Any
    static: tuple[Any, ...]


def split_values(problem: Problem) -> tuple[list[Any], Any, tuple[Any, ...]]:
    """Numbers and arrays in the values of a problem, their structure, and everything else in them."""
    model = problem.model
    values = (
        dict(model.coefficients),
        model.source,
        tuple(t.values for t in problem.terms),
        tuple(p.values for p in problem.point_loads),
    )
    leaves, structure = jax.tree.flatten(values)
    numeric = [(np.ndim(v) == 0 and isinstance(v, float | int)) or hasattr(v, "dtype") for v in leaves]
    data = [v for v, is_data in zip(leaves, numeric, strict=True) if is_data]
    static = tuple(None if is_data else v for v, is_data in zip(leaves, numeric, strict=True))
    return data, structure, static


def join_values(data, structure, static):
    """The values of a problem; the inverse of `split_values`."""
    numbers = iter(data)
    return jax.tree.unflatten(structure, [next(numbers) if v is None else v for v in static])


def form_of(problem: Problem, params: Mapping[str, Any]) -> tuple[Form, list[Any]]:
    """The form of a problem for parameters of given shapes, and its numbers."""
    manifold, model = problem.manifold, problem.model
    data, structure, static = split_values(problem)
    fixed = frozenset(k for k, v in model.coefficients.items() if uniform(v, params))
    fine = problem.fine or any(callable(v) for v in params.values())
    entries, spanning = ((), ()) if fine else tangent_span(model, fixed)
    rules = []
    for kind in range(manifold.grid.families - 1):
        points, weights = reference_rule(manifold, bool(kind), fine)
        rules.append((tuple(map(tuple, points.tolist())), tuple(weights.tolist())))
    form = Form(
        model.density,
        model.components,
        manifold.shape,
        (manifold.ny, manifold.nx),
        tuple(name for name, _ in manifold.geometry.regions),
        tuple(t.kind for t in problem.terms),
        problem.dirichlet == "nitsche",
        fine,
        fixed,
        entries,
        spanning,
        tuple(rules),
        structure,
        static,
    )
    return form, data


def tangent_span(model, fixed):
    """Entries that determine the tangent, and the coefficients that span it as hashable rows."""
    varying = frozenset(model.coefficients) - fixed
    if not varying:
        return (0,), ()
    entries, chosen = rank(model, varying)
    found = coefficient_samples(model, varying) if chosen else []
    rows = []
    for i in chosen:
        items = [(k, v) for k, v in sorted(found[i].items()) if k in varying]
        rows.append(tuple((k, np.asarray(v).tolist()) for k, v in items))
    return entries, jax.tree.map(lambda v: v, _hashable(rows))


def _hashable(value):
    return tuple(_hashable(v) for v in value) if isinstance(value, list | tuple) else value


@tree()
class System:
    """K u = load over all patches: whole cells, pieces (n, kc, kc), pairs of pieces and hosts (n, 2kc, 2kc).

    `load` (components, patches); `beta` is Nitsche's parameter of each host.
    """

    cells: Cells
    pieces: jax.Array
    patches: jax.Array
    pairs: tuple[jax.Array, ...]
    pair_patches: tuple[jax.Array, ...]
    load: jax.Array
    beta: jax.Array


def gathered(u: jax.Array, patches: jax.Array) -> jax.Array:
    """Values (n, k c) of u (components, patches) on elements."""
    return jnp.moveaxis(u[:, patches], 0, -1).reshape(len(patches), -1)


def scattered(total: jax.Array, values: jax.Array, patches: jax.Array) -> jax.Array:
    """Add values (n, k c) of elements to total (components, patches)."""
    c = total.shape[0]
    return total.at[:, patches].add(jnp.moveaxis(values.reshape(*patches.shape, c), -1, 0))


def apply(system: System, u: jax.Array) -> jax.Array:
    """K u for u (components, patches)."""
    c = u.shape[0]
    ny, nx = (n - 2 for n in system.cells.theta.shape[-2:])
    nodes = (ny + 1) * (nx + 1)
    lattice = apply_cells(system.cells, u[:, :nodes].reshape(c, ny + 1, nx + 1)).reshape(c, nodes)
    total = jnp.concatenate([lattice, jnp.zeros_like(u[:, nodes:])], 1)
    batches = [(system.pieces, system.patches), *zip(system.pairs, system.pair_patches, strict=True)]
    for matrices, patches in batches:
        product = jnp.einsum("nab,nb->na", matrices, gathered(u, patches))
        total = scattered(total, product, patches)
    return total


def diagonal(system: System) -> jax.Array:
    """Diagonal (components, patches) of K."""
    c, count = system.load.shape
    lattice = diagonal_cells(system.cells, c).reshape(c, -1)
    total = jnp.concatenate([lattice, jnp.zeros((c, count - lattice.shape[1]), lattice.dtype)], 1)
    batches = [(system.pieces, system.patches), *zip(system.pairs, system.pair_patches, strict=True)]
    for matrices, patches in batches:
        k = patches.shape[1]
        same = (patches[:, :, None] == patches[:, None, :]).astype(matrices.dtype)
        entries = jnp.einsum("naibi,nab->nai", matrices.reshape(-1, k, c, k, c), same)
        total = scattered(total, entries.reshape(len(patches), -1), patches)
    return total


def places(form: Form, arrays: Discretisation, at: Samples, normal=None) -> Places:
    """Where values are evaluated."""
    types = len(CORNERS[form.shape])
    square = at.cell // types
    corner = jnp.stack([square % form.lattice[1], square // form.lattice[1]], -1)
    points = jnp.asarray(arrays.origin) + (corner + at.xi) @ jnp.asarray(arrays.frame).T
    return Places(points, at.region, square, form.regions, arrays.box, form.lattice, normal)


def shape_functions(form: Form, arrays: Discretisation, at: Samples) -> tuple[jax.Array, jax.Array]:
    """Weights (n, k) and their gradients (n, k, 2) in the user's coordinates."""
    upper = at.cell % 2 == 1
    values = hat_values(form.shape, at.xi, upper, jnp)
    gradients = hat_gradients(form.shape, at.xi, upper, jnp)
    return values, gradients @ jnp.linalg.inv(jnp.asarray(arrays.frame))


def coefficients(form: Form, values, at: Places, params) -> dict[str, Any]:
    """Coefficients of the model at places."""
    return {k: evaluate(v, at, params, f"physics.{k}", jnp) for k, v in values.items()}


@partial(jax.jit, static_argnums=0)
def system_of(form: Form, data, params, arrays: Discretisation) -> System:
    """The linear system of a problem with the given form, numbers, parameters and arrays."""
    coefficient, source, term_values, load_values = join_values(data, form.structure, form.static)
    cells, lattice_load = whole_cells(form, coefficient, source, params, arrays)
    pieces, piece_loads = piece_matrices(form, coefficient, source, params, arrays)
    c, count = form.components, len(arrays.active)
    flat = lattice_load.reshape(c, -1)
    load = jnp.concatenate([flat, jnp.zeros((c, count - flat.shape[1]), flat.dtype)], 1)
    held = [
        held_at(form, coefficient, kind, values, params, arrays, term) if kind in DIRICHLET else None
        for kind, values, term in zip(form.kinds, term_values, arrays.terms, strict=True)
    ]
    beta = nitsche_parameter(form, coefficient, params, arrays, held)
    blocks, block_patches = [], []
    for kind, values, term, hold in zip(form.kinds, term_values, arrays.terms, held, strict=True):
        if hold is None:
            pieces, piece_loads = natural(form, kind, values, params, arrays, term, pieces, piece_loads)
            continue
        factor = beta[term.host] if form.nitsche else PENALTY * hold.stiffness / cell_size(arrays)
        matrices, loads = held_blocks(form, term, hold, factor)
        blocks.append(matrices)
        block_patches.append(jnp.asarray(term.patches))
        load = scattered(load, loads, jnp.asarray(term.patches))
    load = scattered(load, piece_loads, jnp.asarray(arrays.patches))
    for values, (here, patches) in zip(load_values, arrays.loads, strict=True):
        at = places(form, arrays, here)
        force = jnp.stack([evaluate(v, at, params, "point load", jnp) for v in values], -1)
        weights, _ = shape_functions(form, arrays, here)
        load = scattered(load, (weights[:, :, None] * force[:, None, :]).reshape(1, -1), jnp.asarray(patches))
    load = jnp.where(jnp.asarray(arrays.active), load, 0.0)
    return System(cells, pieces, jnp.asarray(arrays.patches), tuple(blocks), tuple(block_patches), load, beta)


def cell_size(arrays: Discretisation):
    """Side of a square."""
    return jnp.sqrt(jnp.abs(jnp.linalg.det(jnp.asarray(arrays.frame))))


def whole_cells(form: Form, values, source, params, arrays: Discretisation) -> tuple[Cells, jax.Array]:
    """Coefficients and matrices of the whole cells, and their loads at the nodes."""
    ny, nx = form.lattice
    c = form.components
    thetas, matrices, loads = [], [], []
    for kind, corners in enumerate(CORNERS[form.shape]):
        whole = jnp.asarray(arrays.whole[kind]).reshape(-1)
        points, weights = (jnp.asarray(v) for v in form.rules[kind])
        weights = weights * cell_size(arrays) ** 2
        sample = lattice_samples(form, arrays, kind, whole)
        if form.fine:
            theta, load = entries_of(form, values, source, params, arrays, sample, points, weights)
        else:
            theta, basis, load = span_of(form, values, source, params, arrays, sample, points, weights)
            matrices.append(basis)
        thetas.append(jnp.where(whole, theta, 0.0).reshape(-1, ny, nx))
        loads.append(jnp.where(whole, load, 0.0).reshape(len(corners), c, ny, nx))
    theta = jnp.pad(jnp.stack(thetas), ((0, 0), (0, 0), (1, 1), (1, 1)))
    cells = Cells(theta, jnp.stack(matrices) if matrices else None, form.shape)
    return cells, gather_loads(jnp.stack(loads), form.shape)


def lattice_samples(form: Form, arrays: Discretisation, kind: int, whole) -> Samples:
    """All cells of one type; those that are not whole stand at a whole one, where values make sense."""
    types = len(CORNERS[form.shape])
    number = jnp.arange(form.lattice[0] * form.lattice[1])
    number = jnp.where(whole, number, jnp.argmax(whole))
    region = jnp.asarray(arrays.region[kind]).reshape(-1)[number]
    corners = np.array(CORNERS[form.shape][kind], float)
    xi = jnp.broadcast_to(jnp.asarray(corners.mean(0)), (*number.shape, 2))
    return Samples(number * types + kind, xi, region, None, None)


def span_of(form: Form, values, source, params, arrays, sample: Samples, points, weights):
    """Coefficients (m, n) and matrices (m, kc, kc) of cells with constant values, and loads (k c, n)."""
    at = places(form, arrays, sample)
    one = Samples(sample.cell[:1], sample.xi[:1], sample.region[:1], None, None)
    single = coefficients(form, {k: values[k] for k in form.uniform}, places(form, arrays, one), params)
    single = {k: v[0] for k, v in single.items()}
    local = coefficients(form, {k: v for k, v in values.items() if k not in form.uniform}, at, params)
    entry = pairs(form.components)
    n = sample.cell.shape[0]
    if not local:
        theta = jnp.ones((1, n))
        tangents = jnp.stack([second(form.density, form.components, *e)(single) for e in entry])[None]
    else:
        by_cell = [
            jax.vmap(lambda v, e=entry[i]: second(form.density, form.components, *e)(single | v))(local)
            for i in form.entries
        ]
        if form.spanning:
            spans = [{k: jnp.asarray(v) for k, v in row} for row in form.spanning]
            tangents = jnp.stack(
                [
                    jnp.stack([second(form.density, form.components, *e)(single | s) for e in entry])
                    for s in spans
                ]
            )
            inverse = jnp.linalg.inv(tangents[:, jnp.asarray(form.entries)])
            theta = jnp.stack(
                [sum(inverse[j, m] * by_cell[j] for j in range(len(by_cell))) for m in range(len(spans))]
            )
        else:
            theta, tangents = jnp.stack(by_cell), jnp.eye(len(entry))
    q = Samples(jnp.broadcast_to(sample.cell[0], weights.shape), points, None, None, None)
    _, gradients = shape_functions(form, arrays, q)
    full = symmetric(tangents, form.components)
    size = gradients.shape[1] * form.components
    basis = jnp.einsum("q,qai,mcidj,qbj->macbd", weights, gradients, full, gradients)
    load = cell_loads(form, single | local, source, params, arrays, at, q, weights, n)
    return theta, basis.reshape(-1, size, size), load


def cell_loads(form: Form, values, source, params, arrays, at: Places, q: Samples, weights, n):
    """Loads (k c, n) of cells with constant values: body force and initial stress."""
    shapes, gradients = shape_functions(form, arrays, q)
    mean, slope = weights @ shapes, jnp.einsum("q,qai->ai", weights, gradients)
    force = jnp.stack([evaluate(s, at, params, "physics.source", jnp) for s in source])
    load = mean[:, None, None] * force[None]
    if "initial_stress" in values or form.density not in WITHOUT_STRESS:
        zero = jnp.zeros((form.components, 2))
        whole = {k: jnp.broadcast_to(v, (n, *v.shape)) if k in form.uniform else v for k, v in values.items()}
        stress = jax.vmap(lambda v: jax.grad(form.density)(zero, v))(whole)
        load = load - jnp.einsum("ai,nci->acn", slope, stress)
    return load.reshape(-1, n)


def symmetric(entries, components: int):
    """Tangents (m, c, 2, c, 2) from their upper triangles (m, entries)."""
    index = upper_index(2 * components)
    return entries[:, index].reshape(-1, components, 2, components, 2)


def entries_of(form: Form, values, source, params, arrays, sample: Samples, points, weights):
    """Upper triangles (entries, n) of the matrices of cells with varying values, and loads (k c, n)."""
    c = form.components
    k = len(CORNERS[form.shape][0])
    n = sample.cell.shape[0]
    rows, columns = np.triu_indices(k * c)

    def add(total, rule):
        point, weight = rule
        here = Samples(sample.cell, jnp.broadcast_to(point, (n, 2)), sample.region, None, None)
        at = places(form, arrays, here)
        local = coefficients(form, values, at, params)
        entry = jnp.stack([jax.vmap(second(form.density, c, *e))(local) for e in pairs(c)])
        shapes, gradients = shape_functions(
            form, arrays, Samples(sample.cell[:1], point[None], None, None, None)
        )
        unit = symmetric(jnp.eye(len(entry)), c)
        basis = jnp.einsum("ai,mcidj,bj->macbd", gradients[0], unit, gradients[0]).reshape(-1, k * c, k * c)
        theta = total[0] + weight * basis[:, rows, columns].T @ entry
        force = jnp.stack([evaluate(s, at, params, "physics.source", jnp) for s in source])
        load = total[1] + weight * (shapes[0][:, None, None] * force[None]).reshape(k * c, n)
        if "initial_stress" in values or form.density not in WITHOUT_STRESS:
            stress = jax.vmap(lambda v: jax.grad(form.density)(jnp.zeros((c, 2)), v))(local)
            load = load - weight * jnp.einsum("ai,nci->acn", gradients[0], stress).reshape(k * c, n)
        return (theta, load), None

    start = (jnp.zeros((len(rows), n)), jnp.zeros((k * c, n)))
    return jax.lax.scan(add, start, (points, weights))[0]


def piece_matrices(form: Form, values, source, params, arrays: Discretisation):
    """Matrices (n, kc, kc) and loads (n, kc) of the pieces."""
    rule, c = arrays.pieces, form.components
    at = places(form, arrays, rule)
    shapes, gradients = shape_functions(form, arrays, rule)
    stiffness, stress = tangent(form.density, c, coefficients(form, values, at, params))
    n, k, _ = gradients.shape
    w = jnp.asarray(rule.weight)
    matrices = jnp.einsum("n,nai,ncidj,nbj->nacbd", w, gradients, stiffness, gradients)
    force = jnp.stack([evaluate(s, at, params, "physics.source", jnp) for s in source], -1)
    loads = jnp.einsum("n,na,nc->nac", w, shapes, force) - jnp.einsum("n,nai,nci->nac", w, gradients, stress)
    count = len(arrays.patches)
    return (
        jax.ops.segment_sum(matrices.reshape(n, k * c, k * c), rule.owner, count),
        jax.ops.segment_sum(loads.reshape(n, k * c), rule.owner, count),
    )


@dataclass(frozen=True)
class Held:
    """A Dirichlet term at its points; see `boundary.Held`."""

    tangent: jax.Array
    traction: jax.Array
    initial: jax.Array
    values: jax.Array
    projector: jax.Array
    prescribed: jax.Array
    stiffness: jax.Array


def spread(values: jax.Array, components: int) -> jax.Array:
    """Weights (n, k) as operators (n, c, kc) from the dofs of an element to the solution."""
    n, k = values.shape
    return jnp.einsum("na,cd->ncad", values, jnp.eye(components)).reshape(n, components, k * components)


def held_at(form: Form, values, kind: str, given, params, arrays: Discretisation, term: TermPoints) -> Held:
    """Operators of a Dirichlet term."""
    c = form.components
    normal = jnp.asarray(term.normal)
    at = places(form, arrays, term.here, normal)
    shapes, _ = shape_functions(form, arrays, term.here)
    _, gradients = shape_functions(form, arrays, term.there)
    there = places(form, arrays, term.there)
    stiffness, stress = tangent(form.density, c, coefficients(form, values, there, params))
    n = len(normal)
    traction = jnp.einsum("ncidj,ni,nbj->ncbd", stiffness, normal, gradients).reshape(n, c, -1)
    initial = jnp.einsum("nci,ni->nc", stress, normal)
    if kind == "normal":
        projector = normal[:, :, None] * normal[:, None, :]
        prescribed = evaluate(given[0], at, params, "boundary", jnp)[:, None] * normal
    else:
        projector = jnp.broadcast_to(jnp.diag(jnp.array([v is not None for v in given], float)), (n, c, c))
        prescribed = jnp.stack(
            [evaluate(0.0 if v is None else v, at, params, "boundary", jnp) for v in given], -1
        )
    size = jnp.einsum("ncici->n", stiffness) / (2 * c)
    return Held(stiffness, traction, initial, spread(shapes, c), projector, prescribed, size)


def nitsche_parameter(form: Form, values, params, arrays: Discretisation, held) -> jax.Array:
    """β (hosts,) = 2 trace(K⁺T) of each element that gives the flux; see `boundary.nitsche_parameter`."""
    hosts, c = arrays.hosts, form.components
    count = len(hosts.centre)
    if not form.nitsche or all(h is None for h in held):
        return jnp.zeros(count)
    centre, size = jnp.asarray(hosts.centre), jnp.asarray(hosts.size)
    inverse = jnp.linalg.inv(jnp.asarray(arrays.frame))

    def gradients(xi, which):
        local = (xi - centre[which]) / size[which]
        one, zero = jnp.ones(len(xi)), jnp.zeros(len(xi))
        rows = [jnp.stack([one, zero], -1), jnp.stack([zero, one], -1)]
        if form.shape == "quad":
            rows.append(local[:, ::-1])
        return (jnp.stack(rows, 1) / size[which][:, None, :]) @ inverse

    rule = hosts.rule
    at = places(form, arrays, rule)
    stiffness, _ = tangent(form.density, c, coefficients(form, values, at, params))
    b = gradients(jnp.asarray(rule.xi), rule.owner)
    m = b.shape[1] * c
    energy = jnp.einsum("n,nai,ncidj,nbj->nacbd", jnp.asarray(rule.weight), b, stiffness, b)
    K = jax.ops.segment_sum(energy.reshape(-1, m, m), rule.owner, count)
    T = jnp.zeros_like(K)
    for term, hold in zip(arrays.terms, held, strict=True):
        if hold is None:
            continue
        g = gradients(jnp.asarray(term.there.xi), term.host)
        t = jnp.einsum("ncidj,ni,nbj->ncbd", hold.tangent, jnp.asarray(term.normal), g)
        t = jnp.einsum("nce,nem->ncm", hold.projector, t.reshape(len(g), c, m))
        w = jnp.asarray(term.here.weight)
        T = T + jax.ops.segment_sum(jnp.einsum("n,nca,ncb->nab", w, t, t), term.host, count)
    root = 1 / jnp.sqrt(jnp.maximum(jnp.einsum("nii->ni", K), 1e-300))
    root = jnp.where(jnp.einsum("nii->ni", K) > 0, root, 1.0)
    K = K * root[:, :, None] * root[:, None, :]
    T = T * root[:, :, None] * root[:, None, :]
    if c == 2:
        turn = jnp.array([[0.0, -1.0], [1.0, 0.0]])
        spin = jnp.zeros((count, m // 2, 2))
        spin = spin.at[:, :2, :].set(size[:, :, None] * (turn @ jnp.asarray(arrays.frame)).T)
        spin = spin.reshape(count, m) / root
        spin = spin / jnp.linalg.norm(spin, axis=1, keepdims=True)
        K = K + spin[:, :, None] * spin[:, None, :]
    K = K + 1e-14 * jnp.eye(m)
    return 2 * jnp.einsum("nii->n", jnp.linalg.solve(K, T))


def held_blocks(form: Form, term: TermPoints, hold: Held, factor):
    """Matrices (pairs, 2kc, 2kc) and loads of the pieces of a Dirichlet term and their hosts."""
    w = jnp.asarray(term.here.weight)
    pn = jnp.einsum("nce,nem->ncm", hold.projector, hold.values)
    pg = jnp.einsum("nce,ne->nc", hold.projector, hold.prescribed)
    count = len(term.patches)

    def total(values):
        return jax.ops.segment_sum(values, term.pair, count)

    own = total(jnp.einsum("n,nca,ncb->nab", w * factor, pn, pn))
    load = total(jnp.einsum("n,nca,nc->na", w * factor, pn, pg))
    if not form.nitsche:
        zero = jnp.zeros_like(own)
        return jnp.block([[own, zero], [zero, zero]]), jnp.concatenate([load, jnp.zeros_like(load)], 1)
    coupling = total(jnp.einsum("n,nca,ncb->nab", w, pn, hold.traction))
    load = load + total(jnp.einsum("n,nca,nc->na", w, pn, hold.initial))
    flux = total(jnp.einsum("n,nca,nc->na", w, hold.traction, pg))
    matrices = jnp.block([[own, -coupling], [-jnp.swapaxes(coupling, 1, 2), jnp.zeros_like(own)]])
    return matrices, jnp.concatenate([load, -flux], 1)


def natural(form: Form, kind: str, given, params, arrays, term: TermPoints, matrices, loads):
    """Add tractions, pressures, fluxes and Robin terms to the pieces."""
    normal = jnp.asarray(term.normal)
    at = places(form, arrays, term.here, normal)
    shapes, _ = shape_functions(form, arrays, term.here)
    values = [
        jnp.zeros(len(normal)) if v is None else evaluate(v, at, params, "boundary", jnp) for v in given
    ]
    w = jnp.asarray(term.here.weight)
    if kind == "robin":
        h, outside = values
        matrices = matrices.at[term.here.owner].add(jnp.einsum("n,na,nb->nab", w * h, shapes, shapes))
        force = (h * outside)[:, None]
    elif kind == "pressure":
        force = -values[0][:, None] * normal
    else:
        force = jnp.stack(values, -1)
    operators = spread(shapes, form.components)
    return matrices, loads.at[term.here.owner].add(jnp.einsum("n,nca,nc->na", w, operators, force))
