"""What a fresh process spends before it solves: compilation, and a second start of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import jax

import nmm
from nmm.solve.multigrid import Multigrid
from nmm.solve.traced import arrays_of

COMPONENTS = {"poisson": 1, "elasticity": 2}
CASE = """
[domain]
outline = {{ rectangle = [0, 0, 1, 1] }}
holes = [{{ circle = [0.507, 0.513, 0.2] }}]
[cover]
cells = {cells}
[physics]
{physics}
[[boundary]]
on = "x == 0"
{held}
[solve]
method = "cg"
"""
PHYSICS = {
    "poisson": {"physics": 'model = "poisson"\nconductivity = 1\nsource = 1', "held": "value = 0"},
    "elasticity": {
        "physics": 'model = "elasticity"\nyoung = 1\npoisson = 0.3\nbody_force = [0, -1]',
        "held": "displacement = [0, 0]",
    },
}


def compilation(problem: str, cells: int) -> dict:
    """`levels`, `seconds` and `processor` seconds of compilation in a process that keeps no programs."""
    command = [sys.executable, "-m", "benchmarks.startup", problem, str(cells)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=surroundings())
    return json.loads(done.stdout.splitlines()[-1])


def second_start(problem: str, cells: int) -> dict:
    """Seconds of `nmm solve` in a second process, from its launch until the solve is done, less the solve.

    The first process fills a cache folder of its own. The end of the solve is when the line about it arrives.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "case.toml").write_text(CASE.format(cells=cells, **PHYSICS[problem]), encoding="utf-8")
        first, second = (launch(folder) for _ in range(2))
    return {"first": first["all"], **second}


def launch(folder: Path) -> dict[str, float]:
    """Seconds until the line that says how long the solve took, without those of the solve itself (`all`).

    Of them `cut` and `compile` (tracing, lowering, and finding or making programs) as summary.json has them.
    """
    command = [sys.executable, "-m", "nmm.cli", "solve", "case.toml", "-v", "-o", "results"]
    environment = surroundings() | {
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(nmm.__file__).parents[1]), *sys.path])),
    }
    begin, solved, line = time.perf_counter(), None, ""
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=folder, env=environment
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("solving for") and line.rstrip().endswith(" s"):
                solved = time.perf_counter() - begin
    if process.returncode or solved is None:
        raise nmm.NmmError(f"`nmm solve` ended with code {process.returncode}: {line.strip()}")
    summary = json.loads((folder / "results" / "summary.json").read_text(encoding="utf-8"))
    spent = summary["seconds"]
    return {"all": solved - spent["solve"], "cut": spent["cut"], "compile": spent["compile"]}


def surroundings() -> dict[str, str]:
    """The environment without a folder for compiled programs."""
    return {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}


def main(problem: str, cells: int) -> None:
    """Print `levels`, and by how much a first solve takes longer than an equal second one."""
    jax.config.update("jax_enable_x64", True)
    times, busy, levels = [], [], 0
    for _ in range(2):
        manifold = nmm.cut(
            nmm.rectangle(0, 0, 1, 1) - nmm.disk((0.507, 0.513), 0.2), nmm.lattice(cells=cells)
        )
        if problem == "poisson":
            posed = nmm.problem(manifold, nmm.poisson(1.0, source=1.0), [nmm.value("x == 0", 0)])
        else:
            model = nmm.elasticity(1.0, 0.3, body_force=(0.0, -1.0))
            posed = nmm.problem(manifold, model, [nmm.fixed("x == 0")])
        begin, worked = time.perf_counter(), time.process_time()
        nmm.forward(posed, Multigrid(1e-8))()
        times.append(time.perf_counter() - begin)
        busy.append(time.process_time() - worked)
        levels = len(arrays_of(posed)[1])
    found = {"seconds": times[0] - times[1], "processor": busy[0] - busy[1]}
    print(json.dumps({"levels": levels, **found}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
