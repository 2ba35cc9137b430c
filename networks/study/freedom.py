"""E6: which degrees of freedom a network has, and that they are finite."""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.ticker import MaxNLocator

import nmm
from networks import covers, lattice_cover
from networks.anatomy import kernels
from networks.anatomy.freedom import effective_dimension, gram_eigenvalues, jacobian, manifold_rank, rank
from networks.anatomy.functions import forward, parameters_of
from networks.relu import ReLU
from networks.splitting import to_manifold
from networks.study.experiment import Effort, Experiment, Falsifier, Measured, Table
from networks.study.panels import COLORS, MARKERS, labelled, panels

GOLDEN = {(2, 6, 6, 1): 55, (8, 8, 8, 8, 1): 201}
"""P − hidden of networks for which some seeds are known to attain it."""

BIAS, REACH = 0.3, 3.0
"""Biases N(0, BIAS²), points N(0, REACH²): most neurons bend among the points."""

ALPHAS = (1e-2, 1e-4)
"""Of N_eff, as shares of the largest eigenvalue."""

CIRCLE = 256

derivatives = jax.jit(lambda params, x: jacobian(forward, params, x))


def measure(effort: Effort) -> Measured:
    """Ranks against their bound, by depth and width; N_eff by width and its limit; NMM ranks."""
    seeds = range(effort.first_seed, effort.first_seed + effort.seeds)
    deep = effort.pick((1, 2, 3, 4, 5, 6), (1, 2, 3))
    shapes = [(2, *[8] * d, 1) for d in deep] + [(2, w, w, 1) for w in effort.pick((4, 6, 12, 16), (4, 6))]
    rows, excess = [], []
    for sizes in dict.fromkeys([*shapes, *effort.pick(tuple(GOLDEN), ())]):
        ranks, pieces, dims = zip(*(freedom_of(sizes, seed) for seed in seeds), strict=True)
        net = ReLU.random(sizes)
        bound = net.parameters - net.neurons
        excess.append(max(ranks) - bound)
        rows.append((sizes, net.parameters, bound, ranks, np.mean(pieces), np.mean(dims)))
        effort.report(f"rank of {sizes}")
    depth_ranks = np.array([row[3] for row in rows[: len(deep)]])
    widths = 2 ** np.arange(4, effort.pick(11, 9))
    spectra = {int(w): circle_dimensions(int(w), seeds) for w in widths}
    limit = [infinite_width(alpha) for alpha in ALPHAS]
    effort.report("effective dimensions on the circle")
    manifold = manifolds(effort)
    frequency = np.arange(6, 200)
    slopes = [kernels.decay(kernels.circle_spectrum(), frequency[frequency % 2 == k]) for k in (0, 1)]
    last, before = (spectra[int(w)].mean(0) for w in (widths[-1], widths[-2]))
    values = {
        "rank beyond P − hidden": max(excess),
        "NMM ranks other than theory's": sum(row[4] != row[5] for row in manifold),
        "growth of N_eff at the last doubling of the width": float((last / before).max()),
        "distance of N_eff from infinite width": float(np.abs(last / limit - 1).max()),
        "slope of the tangent kernel, even": slopes[0],
        "slope of the tangent kernel, odd": slopes[1],
        "rank per further layer of 8": float(np.polyfit(deep, depth_ranks.max(1), 1)[0]),
        "P − hidden per further layer of 8": 64.0,
    }
    ratio = spectra[int(widths[-1])] / spectra[int(widths[-2])]
    spread = {"growth of N_eff at the last doubling of the width": (ratio.min(), ratio.max())}
    head = ("layers", "P", "P − hidden", "rank, largest", "rank, least", "regions in [−9, 9]²", "N_eff, 1e-2")
    first = [
        (str(z), p, b, max(r), min(r), f"{c:.0f}" if c else "–", f"{n:.2f}") for z, p, b, r, c, n in rows
    ]
    second = [(int(w), *d.mean(0)) for w, d in spectra.items()] + [("∞", *limit)]
    tables = [
        Table("degrees of freedom of ReLU networks", head, first),
        Table("N_eff on the circle by width", ("neurons", *(f"α = {a:g} λ_max" for a in ALPHAS)), second),
        Table("numerical manifolds", ("cover", "order", "unknowns", "rank", "missing", "theory"), manifold),
    ]
    series = dict(rows=rows, deep=deep, spectra=spectra, limit=limit)
    return Measured({k: float(v) for k, v in values.items()}, spread, tables, series)


def freedom_of(sizes, seed: int) -> tuple[int, int, float]:
    """Functional rank, regions on [−9, 9]² (0 for other inputs), and N_eff of a random network."""
    net = ReLU.random(sizes, seed, BIAS)
    x = REACH * np.random.default_rng(seed).normal(size=(3 * net.parameters, sizes[0]))
    slopes = np.asarray(derivatives(parameters_of(net), jnp.asarray(x)))
    values = gram_eigenvalues(slopes)
    pieces = len(to_manifold(net, (-9, -9, 9, 9))) if sizes[0] == 2 else 0
    return rank(slopes), pieces, effective_dimension(values, ALPHAS[0] * values[-1])


def circle_dimensions(width: int, seeds) -> np.ndarray:
    """N_eff (seeds, alphas) of the first layer of a network x -> a · relu(W x + b) / √n on the circle.

    Weights N(0, 1), biases that start at 0 and are trained, a = ±1, as in Basri et al. 2019, whose kernel is
    the limit of wide ones.
    """
    angle = 2 * np.pi * np.arange(CIRCLE) / CIRCLE
    x = np.stack([np.cos(angle), np.sin(angle), np.ones(CIRCLE)], -1)
    found = []
    for seed in seeds:
        weights = np.random.default_rng(seed).normal(size=(width, 2))
        on = (x[:, :2] @ weights.T) > 0
        gram = (on @ on.T.astype(float)) / width * (x @ x.T)
        values = np.linalg.eigvalsh(gram)
        found.append([effective_dimension(values, alpha * values[-1]) for alpha in ALPHAS])
    return np.array(found)


def infinite_width(alpha: float) -> float:
    """N_eff of the kernel of infinite width, on as many points."""
    values = kernels.circle_spectrum(points=CIRCLE)
    both = np.concatenate([values[:1], np.repeat(values[1:], 2)])
    return effective_dimension(both, alpha * both.max())


def manifolds(effort: Effort) -> list[tuple]:
    """Cover, order, unknowns, rank, missing, what theory says is missing."""
    rows, draw = [], np.random.default_rng(0).uniform
    for cells in effort.pick((4, 8, 16), (4, 8)):
        for order in (1, 2, 3):
            x = draw(0, 1, (12 * cells * order, 1))
            unknowns, found = manifold_rank(covers.splines((0, 1), cells), order, x)
            rows.append((f"{cells} elements", order, unknowns, found, unknowns - found, order))
    for cells in effort.pick((2, 3, 4, 6), (2, 3)):
        manifold = nmm.cut(nmm.rectangle(0, 0, 1, 1), nmm.lattice(cells=cells, shape="triangle"))
        for order, missing in ((1, 3), (2, 8)):
            x = draw(0, 1, (60 * (cells + 1) ** 2, 2))
            unknowns, found = manifold_rank(lattice_cover(manifold), order, x)
            rows.append((f"2 · {cells}² triangles", order, unknowns, found, unknowns - found, missing))
    return rows


def draw(found: Measured):
    """Parameters, bound, rank and pieces by depth; N_eff by width."""
    made, (left, right) = panels(2, 4.2, 3.5)
    s = found.series
    deep, rows = s["deep"], s["rows"][: len(s["deep"])]
    left.plot(deep, [row[1] for row in rows], "s-", color=COLORS[2], ms=4.5, lw=1, label="parameters P")
    left.plot(deep, [row[2] for row in rows], "--", color="0.4", lw=1, label="P − hidden neurons")
    ranks = np.array([row[3] for row in rows])
    mean = ranks.mean(1)
    bars = [mean - ranks.min(1), ranks.max(1) - mean]
    left.errorbar(deep, mean, yerr=bars, fmt="o-", color=COLORS[0], ms=4.5, lw=1, capsize=2, label="rank")
    left.plot(deep, [row[4] for row in rows], "^-", color=COLORS[1], ms=4.5, lw=1, label="regions, mean")
    left.plot(deep, [row[5] for row in rows], "D-", color=COLORS[5], ms=4, lw=1, label="$N_{eff}$, mean")
    left.set_yscale("log")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    labelled(left, "hidden layers of 8", "degrees of freedom", "five kinds, two inputs")
    widths = list(s["spectra"])
    for k, alpha in enumerate(ALPHAS):
        counts = np.array([s["spectra"][w][:, k] for w in widths])
        mean = counts.mean(1)
        bars = [mean - counts.min(1), counts.max(1) - mean]
        name = rf"$\alpha = 10^{{{int(np.log10(alpha))}}} \lambda_{{max}}$"
        right.errorbar(
            widths,
            mean,
            yerr=bars,
            fmt=f"{MARKERS[k]}-",
            color=COLORS[k],
            ms=4.5,
            lw=1,
            capsize=2,
            label=name,
        )
        right.axhline(s["limit"][k], color=COLORS[k], lw=0.9, ls=":")
    right.plot(widths, [2.0 * w for w in widths], "--", color="0.4", lw=1, label="2 × neurons")
    right.set_xscale("log", base=2)
    right.set_yscale("log")
    right.set_ylim(1, 1e3)
    labelled(right, "neurons", "effective dimension", "on the circle (dotted: infinite width)")
    return made


EXPERIMENT = Experiment(
    name="freedom",
    label="E6",
    concepts=("C5", "C6"),
    about="Degrees of freedom, five kinds of them",
    claim="Networks have near infinite degrees of freedom (Part 1, abstract).",
    definition="Of random ReLU networks: parameters P; the rank of the derivatives in the parameters at 3 P "
    "points (functional dimension; columns of length 1, singular values above 1e-10); the effective "
    "dimension N_eff = Σ λ/(λ + α) of the eigenvalues of the tangent kernel; regions of a square; and the "
    "rank of numerical manifolds of hats times polynomials. Which of them the papers mean is not said; the "
    "choice is ours.",
    statement="Degrees of freedom in every sense that can be counted are finite: the rank is at most P less "
    "the hidden neurons and linear in depth, and the effective dimension stays bounded as the width grows.",
    means={
        "consistent": "“Near infinite” can only mean pieces, which may be many more than parameters and "
        "depend on each other; as independent directions degrees of freedom are finite and fewer than "
        "parameters.",
        "inconsistent": "Some network has more independent directions than theory allows, in the papers' "
        "favour.",
    },
    expected="rank ≤ P − hidden (Grigsby et al. 2022, arXiv 2209.04036); a tangent kernel that falls as k^−2 "
    "(Basri et al. 2019, arXiv 1906.00425), so bounded N_eff; hats × P_p lack p functions on a line, 3 and "
    "8 on triangles",
    frame="degrees of freedom",
    falsifiers=(
        Falsifier("rank beyond P − hidden", "<=", 0, "a theorem about scaling each neuron"),
        Falsifier(
            "rank per further layer of 8", "<=", 64.5, "P − hidden grows by 64 a layer; rounding of a fit"
        ),
        Falsifier("NMM ranks other than theory's", "<=", 0, "independent of the mesh"),
        Falsifier(
            "growth of N_eff at the last doubling of the width", "<=", 1.25, "unbounded: 2 by doubling"
        ),
        Falsifier("slope of the tangent kernel, even", "<=", -1.95, "−2, so that Σ λ/(λ + α) converges"),
        Falsifier("slope of the tangent kernel, even", ">=", -2.05, "−2"),
        Falsifier("slope of the tangent kernel, odd", "<=", -1.95, "−2"),
        Falsifier("slope of the tangent kernel, odd", ">=", -2.05, "−2"),
    ),
    measure=measure,
    draw=draw,
)
