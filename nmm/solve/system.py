"""The linear system of a problem as a pure function of its values: operator, load and Nitsche's parameter.

Everything comes from the energy density by differentiation. The whole cells become a few coefficients per
cell (`stencil.Cells`), the pieces and the boundary terms dense matrices beside them.
"""

from functools import partial

import jax
import jax.numpy as jnp

from nmm.physics.boundary import DIRICHLET
from nmm.physics.tangent import tangent
from nmm.physics.values import evaluate
from nmm.pytrees import tree
from nmm.solve.boundary import PENALTY, both_parameters
from nmm.solve.discretise import Discretisation
from nmm.solve.elements import piece_matrices, whole_cells
from nmm.solve.form import Form, cell_size, coefficients, join_values, places, shape_functions
from nmm.solve.ghost import ghost_blocks
from nmm.solve.samples import Samples
from nmm.solve.seam_terms import seam_fluxes, seam_matrices
from nmm.solve.stencil import Cells, apply_cells, diagonal_cells
from nmm.solve.terms import held_at, held_blocks, natural, nitsche_parameter
from nmm.solve.tips import TipPoints, beyond, tip_matrices


@tree()
class Tips:
    """What branch functions add: matrices (m, Kc, Kc) of the elements that see a tip, without the products of
    weights alone, and with them (`full`); their patches (m, K)."""

    matrices: jax.Array
    full: jax.Array
    patches: jax.Array


@tree()
class System:
    """K u = load over all patches: whole cells, pieces (n, kc, kc), pairs of pieces and hosts, or of elements
    with a ghost penalty between them (n, 2kc, 2kc), and, where regions meet, pairs of pieces and both their
    hosts (n, 4kc, 4kc).

    `load` (components, patches); `beta` is Nitsche's parameter of each host.
    """

    cells: Cells
    pieces: jax.Array
    patches: jax.Array
    pairs: tuple[jax.Array, ...]
    pair_patches: tuple[jax.Array, ...]
    load: jax.Array
    beta: jax.Array
    tips: Tips | None = None


def gathered(u: jax.Array, patches: jax.Array) -> jax.Array:
    """Values (n, k c) of u (components, patches) on elements."""
    return jnp.moveaxis(u[:, patches], 0, -1).reshape(len(patches), -1)


def scattered(total: jax.Array, values: jax.Array, patches: jax.Array) -> jax.Array:
    """Add values (n, k c) of elements to total (components, patches)."""
    c = total.shape[0]
    return total.at[:, patches].add(jnp.moveaxis(values.reshape(*patches.shape, c), -1, 0))


def on_lattice(cells: Cells, u: jax.Array) -> jax.Array:
    """Product of the whole cells with u (components, patches)."""
    c = u.shape[0]
    rows, columns = cells.lines
    nodes = rows * columns
    lattice = apply_cells(cells, u[:, :nodes].reshape(c, rows, columns)).reshape(c, nodes)
    return jnp.concatenate([lattice, jnp.zeros_like(u[:, nodes:])], 1)


def batches_of(system: System) -> list[tuple[jax.Array, jax.Array]]:
    """Dense matrices and their patches."""
    batches = [(system.pieces, system.patches), *zip(system.pairs, system.pair_patches, strict=True)]
    return batches if system.tips is None else [*batches, (system.tips.matrices, system.tips.patches)]


def apply(system: System, u: jax.Array) -> jax.Array:
    """K u for u (components, patches)."""
    total = on_lattice(system.cells, u)
    for matrices, patches in batches_of(system):
        product = jnp.einsum("nab,nb->na", matrices, gathered(u, patches))
        total = scattered(total, product, patches)
    return total


def diagonal(system: System) -> jax.Array:
    """Diagonal (components, patches) of K."""
    c, count = system.load.shape
    lattice = diagonal_cells(system.cells, c).reshape(c, -1)
    total = jnp.concatenate([lattice, jnp.zeros((c, count - lattice.shape[1]), lattice.dtype)], 1)
    for matrices, patches in batches_of(system):
        k = patches.shape[1]
        same = (patches[:, :, None] == patches[:, None, :]).astype(matrices.dtype)
        entries = jnp.einsum("naibi,nab->nai", matrices.reshape(-1, k, c, k, c), same)
        total = scattered(total, entries.reshape(len(patches), -1), patches)
    return total


@partial(jax.jit, static_argnums=0)
def system_of(form: Form, data, params, arrays: Discretisation) -> System:
    """The linear system of a problem with the given form, numbers, parameters and arrays."""
    coefficient, source, term_values, load_values, bonds = join_values(data, form.structure, form.static)
    cells, lattice_load = whole_cells(form, coefficient, source, params, arrays)
    pieces, piece_loads = piece_matrices(form, coefficient, source, params, arrays)
    stored, count = form.stored, len(arrays.active)
    flat = lattice_load.reshape(stored, -1)
    load = jnp.concatenate([flat, jnp.zeros((stored, count - flat.shape[1]), flat.dtype)], 1)
    held = [
        held_at(form, coefficient, kind, values, params, arrays, term) if kind in DIRICHLET else None
        for kind, values, term in zip(form.kinds, term_values, arrays.terms, strict=True)
    ]
    fluxes = seam_fluxes(form, coefficient, params, arrays)
    served = [pair for pair in zip(arrays.terms, held, strict=True) if form.nitsche and pair[1] is not None]
    parameter = partial(nitsche_parameter, form, coefficient, params, arrays)
    beta, seam_beta = both_parameters(form.density, parameter, served, fluxes, jnp)
    blocks, block_patches = [], []
    for kind, values, term, hold in zip(form.kinds, term_values, arrays.terms, held, strict=True):
        if hold is None:
            pieces, piece_loads, force = natural(
                form, kind, values, params, arrays, term, pieces, piece_loads
            )
            if term.branches is not None:
                rows, patches, branches = term.branches
                forces = branches[:, :, None] * force[rows][:, None]
                load = scattered(load, forces.reshape(len(patches), -1), jnp.asarray(patches))
            continue
        factor = beta[term.host] if form.nitsche else PENALTY * hold.stiffness / cell_size(arrays)
        matrices, loads = held_blocks(form, term, hold, factor)
        blocks.append(matrices)
        block_patches.append(jnp.asarray(term.patches))
        load = scattered(load, loads, jnp.asarray(term.patches))
    if arrays.ghost is not None:
        blocks.append(ghost_blocks(form, coefficient, params, arrays, arrays.ghost))
        block_patches.append(jnp.asarray(arrays.ghost.patches))
    if arrays.seams is not None:
        matrices, loads = seam_matrices(form, bonds, params, arrays, arrays.seams, fluxes, seam_beta)
        blocks.append(matrices)
        block_patches.append(jnp.asarray(arrays.seams.patches))
        load = scattered(load, loads, block_patches[-1])
    load = scattered(load, piece_loads, jnp.asarray(arrays.patches))
    for values, (here, patches) in zip(load_values, arrays.loads, strict=True):
        at = places(form, arrays, here)
        force = jnp.stack([evaluate(v, at, params, "point load", jnp) for v in values], -1)
        weights, _ = shape_functions(form, arrays, here)
        load = scattered(load, (weights[:, :, None] * force[:, None, :]).reshape(1, -1), jnp.asarray(patches))
    tips = None
    if arrays.tips is not None:
        tips, tip_load = tips_of(form, coefficient, source, params, arrays, arrays.tips)
        load = scattered(load, tip_load, tips.patches)
    load = jnp.where(jnp.asarray(arrays.active), load, 0.0)
    patches = jnp.asarray(arrays.patches)
    return System(cells, pieces, patches, tuple(blocks), tuple(block_patches), load, beta, tips)


def tips_of(
    form: Form, values, source, params, arrays: Discretisation, points: TipPoints
) -> tuple[Tips, jax.Array]:
    """Matrices and loads (m, Kc) of the elements that see a tip."""
    c = form.components
    cell, region = (jnp.asarray(a).reshape(-1) for a in (points.cell, points.region))
    flat = Samples(cell, jnp.asarray(points.xi).reshape(-1, 2), region, None, None)
    at = places(form, arrays, flat)
    stiffness, stress = tangent(form.density, c, coefficients(form, values, at, params))
    force = jnp.stack([evaluate(s, at, params, "physics.source", jnp) for s in source], -1)
    full, loads = tip_matrices(points, stiffness, stress, force)
    matrices, loads = beyond(full, loads, form.functions.per_cell * c)
    return Tips(matrices, full, jnp.asarray(points.patches)), loads
