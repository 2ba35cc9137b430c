"""The command line `nmm`."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from nmm._version import __version__
from nmm.errors import InputError, NmmError
from nmm.progress import Stages

if TYPE_CHECKING:
    from nmm.case import Case

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
GROUP = "nmm.commands"

app = typer.Typer(
    help="The numerical manifold method: classical solutions on geometry that nobody meshed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CaseFile = Annotated[Path, typer.Argument(metavar="CASE.toml", help="The case file.", show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="DIR", help="Where results go [results/<case name>].", show_default=False
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override an entry: --set cover.cell=0.01", show_default=False
    ),
]
Converge = Annotated[
    int | None,
    typer.Option(
        "--converge",
        metavar="K",
        help="Solve on K covers (2 to 8), each with half the cell of the one before; the case's own is the "
        "finest and its results are kept. Adds observed orders, extrapolated values and their uncertainty.",
        show_default=False,
    ),
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing unless something is wrong.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def main(arguments: list[str] | None = None) -> None:
    """The entry point: runs a command and ends the process with its exit code."""
    _add_commands(app)
    app(args=arguments, prog_name="nmm")


def complain(text: str) -> None:
    print(f"nmm: {text}", file=sys.stderr)


def guarded(command: Callable[..., int | None]) -> Callable[..., None]:
    """Turn what a command returns or raises into an exit code and a message without a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            code = command(*args, **options) or DONE
        except KeyboardInterrupt:
            complain("interrupted; nothing was written")
            code = INTERRUPTED
        except BrokenPipeError:  # whoever reads the output has seen enough, as in `nmm check -v | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = FAILED
        except Exception as error:  # the one place where any failure becomes a sentence and an exit code
            if options.get("debug"):
                traceback.print_exc()
            code = _explained(error)
        raise typer.Exit(code)

    return run


def _explained(error: Exception) -> int:
    if isinstance(error, InputError):
        complain(str(error))
        return WRONG_INPUT
    if isinstance(error, NmmError):
        complain(str(error))
    elif isinstance(error, MemoryError):
        complain("there is not enough memory\n  -> use a larger cell")
    else:
        name = type(error).__name__
        complain(
            f"failed: {name}: {error}\n  -> this is an error of nmm; --debug shows where, please report it"
        )
    return FAILED


def _version(wanted: bool) -> None:
    if wanted:
        print(f"nmm {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
@guarded
def solve(
    case_file: CaseFile,
    output: Output = None,
    settings: Settings = None,
    converge: Converge = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Solve a case; write solution, figures, summary and report."""
    stages = _stages(quiet, verbose)
    case = _read(case_file, settings, stages)
    from nmm.run import solve_case
    from nmm.tables import solution_table

    directory = _directory(output, case)
    if converge is not None:
        return _converge(case, converge, directory, stages)
    with _failure_saved(case, directory, stages):
        run = solve_case(case, stages)
    run.save(directory, stages)
    _print(solution_table(run, directory), quiet)
    return DONE if run.converged else FAILED


@contextmanager
def _failure_saved(case: Case, directory: Path, stages: Stages) -> Iterator[None]:
    """Whatever fails in the block but the input, DIR must not go on showing an earlier run's results."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        from nmm.run import save_failed

        save_failed(case, error, directory, stages)
        raise


def _converge(case: Case, count: int, directory: Path, stages: Stages) -> int:
    from nmm.convergence import converge
    from nmm.tables import convergence_table, solution_table

    with _failure_saved(case, directory, stages):
        found = converge(case, count, stages)
    found.save(directory, stages)
    _print(solution_table(found.run, directory), stages.quiet)
    _print(convergence_table(found.refinement, Console().width), stages.quiet)
    if found.refinement.interrupted:
        complain(f"interrupted; what was finished is in {directory}")
        return INTERRUPTED
    return DONE if found.converged else FAILED


@app.command()
@guarded
def invert(
    case_file: CaseFile,
    output: Output = None,
    settings: Settings = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search that was interrupted.")
    ] = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Search the parameters that explain measurements; write estimate, solution, summary and report."""
    stages = _stages(quiet, verbose)
    case = _read(case_file, settings, stages)
    from nmm.invert import checkpoints, invert_case
    from nmm.tables import estimate_table

    directory = _directory(output, case)
    try:
        with _failure_saved(case, directory, stages):
            found = invert_case(case, directory, stages, resume)
            found.save(directory, stages)
    except KeyboardInterrupt:
        if not (kept := checkpoints(directory)):
            raise
        complain(f"interrupted; what was found is in {kept[-1]}, --resume goes on from it")
        return INTERRUPTED
    _print(estimate_table(found, directory), quiet)
    return DONE if found.converged else FAILED


@app.command()
@guarded
def check(
    case_file: CaseFile,
    output: Output = None,
    settings: Settings = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Validate a case, report the clean-up and the cut, draw the covers."""
    stages = _stages(quiet, verbose)
    case = _read(case_file, settings, stages)
    from nmm.run import check_case
    from nmm.tables import cut_table, removals

    manifold = check_case(case, stages)
    picture = _draw_cover(case, manifold, _directory(output, case), stages)
    if verbose and not quiet:
        for line in removals(manifold):
            print(line)
    _print(cut_table(case, manifold, picture), quiet)


@app.command()
@guarded
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the case.", show_default=False)],
    debug: Debug = False,
) -> None:
    """Write a commented case to start from."""
    from importlib.resources import files

    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    if path.name == ".toml":
        raise InputError("a case needs a name", where=f'"{name}"', hint="for example `nmm new plate`")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(files("nmm").joinpath("data/new.toml").read_text(encoding="utf-8"))
    except FileExistsError:
        hint = "choose another name, or remove the file"
        raise InputError("the file exists and is left as it is", where=str(path), hint=hint) from None
    except OSError as error:
        hint = "choose a folder that exists and can be written to"
        raise InputError(f"it cannot be written: {error.strerror}", where=str(path), hint=hint) from None
    print(f"wrote {path}; next: nmm check {path}, nmm solve {path}")


@app.command()
@guarded
def demo(
    output: Output = None,
    settings: Settings = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Pull and drain a real fractured outcrop (KB7, 240 traces): effective modulus and permeability."""
    _start_jax()
    from nmm.demo import run_demo

    stages = _stages(quiet, verbose)
    result = run_demo(output or Path("results/demo"), settings or [], stages)
    _print(result.table(), quiet)
    return DONE if result.converged else FAILED


@app.command()
@guarded
def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Results of a run.", show_default=False)],
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the report of a results folder again: one HTML page."""
    from nmm.results.report import write_report

    path = write_report(directory)
    if not quiet:
        print(f"wrote {path}")


def _stages(quiet: bool, verbose: bool) -> Stages:
    return Stages(Console(stderr=True), quiet, verbose)


def _read(case_file: Path, settings: list[str] | None, stages: Stages) -> Case:
    _start_jax()
    from nmm.case import read_case

    with stages("read", "reading"):
        case = read_case(case_file, settings or [])
        case.domain()
    return case


def _start_jax() -> None:
    """Double precision, and compiled programs kept in the user's cache folder."""
    import jax

    jax.config.update("jax_enable_x64", True)
    folder = _cache_folder() / "nmm" / "jax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _cache_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _directory(output: Path | None, case: Case) -> Path:
    return Path("results") / case.name if output is None else output


def _draw_cover(case: Case, manifold: Any, directory: Path, stages: Stages) -> Path:
    from nmm.results.axes import literal
    from nmm.results.cover_plot import cover_figure
    from nmm.results.plot import save_figure

    path = directory / "cover.png"
    with stages("draw", "drawing the covers"):
        directory.mkdir(parents=True, exist_ok=True)
        figure = cover_figure(manifold, title=literal(case.title), length_unit=case.units.get("length"))
        save_figure(figure, path)
    return path


def _print(table: Any, quiet: bool) -> None:
    if not quiet:
        Console().print(table)


def _add_commands(app: typer.Typer) -> None:
    """Commands of other packages, found by name and loaded when they are called."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    for name, point in found.items():
        if name not in known:
            text = "a command of another package"
            app.command(name, help=text, context_settings=settings, add_help_option=False)(_forwarded(point))


def _forwarded(point: Any) -> Callable[..., None]:
    def command(context: typer.Context) -> None:
        _start_jax()
        target = point.load()
        inner = target if isinstance(target, typer.Typer) else typer.Typer(pretty_exceptions_enable=False)
        if inner is not target:
            inner.command()(guarded(target))
        inner(args=context.args, prog_name=f"nmm {point.name}")

    return command


if __name__ == "__main__":
    main()
