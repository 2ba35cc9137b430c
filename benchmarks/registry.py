"""The benchmarks by name; each is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

Report = Callable[[str], None]


@dataclass(frozen=True)
class Benchmark:
    """`where`: `module:function` of a function (quick, report) -> record (see `benchmarks.record`).

    `key`: what names a row, where the function takes a text `only` that chooses rows by name.
    """

    name: str
    about: str
    where: str
    key: str | None = None

    def run(self, quick: bool, report: Report, only: str = "") -> dict:
        module, _, function = self.where.partition(":")
        chosen = (only,) if only else ()
        return getattr(import_module(module), function)(quick, report, *chosen)


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            "verification",
            "exact solutions and reference values: errors, rates, peers",
            "benchmarks.verification:run",
            "problem",
        ),
        Benchmark(
            "accuracy",
            "error against unknowns and seconds on circles, with unfitted and fitted elements beside nmm",
            "benchmarks.accuracy:run",
        ),
        Benchmark(
            "multigrid",
            "iterations against cells and cuts, with PyAMG on the same matrices",
            "benchmarks.multigrid:run",
            "problem",
        ),
        Benchmark(
            "forward",
            "seconds and memory from the geometry to the solution, against other libraries",
            "benchmarks.forward.sweep:run",
        ),
        Benchmark(
            "core",
            "the operator against the bandwidth, gradients, batches, precision, compilation, a second start",
            "benchmarks.core:run",
            "figure",
        ),
        Benchmark(
            "inverse",
            "what derivatives cost; ten cracks from displacements of the rim",
            "benchmarks.inverse:run",
            "figure",
        ),
        Benchmark(
            "inverse_peers",
            "inversions in nmm and in other libraries from the same data: errors, seconds, statements",
            "benchmarks.inverse_peers:run",
            "problem",
        ),
        Benchmark(
            "networks",
            "networks on a disk, a corner, a cracked plate and the problems of the literature",
            "benchmarks.networks.sweep:run",
            "figure",
        ),
        Benchmark(
            "study",
            "the experiments of `nmm study` against their thresholds",
            "benchmarks.study:run",
            "figure",
        ),
        Benchmark(
            "gpu",
            "seconds, memory and bandwidth on the device that JAX finds, to 64 million unknowns on a GPU",
            "benchmarks.gpu:run",
            "name",
        ),
        Benchmark(
            "profile",
            "where each second and each byte of a forward solve goes, stage by stage",
            "benchmarks.profile:run",
        ),
        Benchmark(
            "fracture",
            "stress intensity factors of plates with known ones, and their spread over lattices",
            "benchmarks.fracture.sweep:run",
            "case",
        ),
        Benchmark(
            "kb7",
            "effective modulus and permeability of an outcrop with 240 traces",
            "benchmarks.outcrops:kb7",
        ),
        Benchmark(
            "ktc2023",
            "electrical impedance tomography of a real water tank: the Kuopio challenge's training targets",
            "benchmarks.ktc2023.sweep:run",
        ),
        Benchmark("kb11", "the same for an outcrop with 707 traces", "benchmarks.outcrops:kb11"),
    )
}
