"""`python -m benchmarks [NAME ...] [--quick]`: run, record as JSON, and draw tables and figures from it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jax

from benchmarks import figures, record, tables
from benchmarks.registry import BENCHMARKS
from nmm.errors import NmmError


def parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {b.name:<14}{b.about}" for b in BENCHMARKS.values())
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure nmm and its peers on one problem set.",
        epilog=f"benchmarks (all of them when no name is given):\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("name", nargs="*", help="benchmarks to run")
    made.add_argument("--quick", action="store_true", help="coarse covers, one or two minutes in all")
    made.add_argument(
        "-o", "--output", type=Path, help="folder for the results (default: benchmarks/results)"
    )
    made.add_argument(
        "--only",
        metavar="TEXT",
        default="",
        help="measure the rows with TEXT in their names, and keep the others of the JSON file",
    )
    made.add_argument(
        "--tables", action="store_true", help="only redraw tables and figures from the JSON files"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """0: everything done and every check passed; 1: a check failed; 2: wrong input."""
    options = parser().parse_args(arguments)
    names = options.name or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    fixed = [name for name in names if options.only and BENCHMARKS[name].key is None]
    if fixed:
        print(f"--only does not go with {', '.join(fixed)}", file=sys.stderr)
        return 2
    # A quick run must not take the place of a full one.
    folder = options.output or (record.RESULTS / "quick" if options.quick else record.RESULTS)
    jax.config.update("jax_enable_x64", True)
    failed = False
    for name in names:
        path = folder / f"{name}.json"
        if not options.tables:
            print(f"== {name}: {BENCHMARKS[name].about}", flush=True)
            try:
                result = BENCHMARKS[name].run(
                    options.quick, lambda line: print(line, flush=True), options.only
                )
            except NmmError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 2
            key = BENCHMARKS[name].key
            if options.only and key and path.exists():
                result = record.merged(record.read(path), result, key)
            record.write(result, folder)
        if not path.exists():
            print(f"{path}: no results yet; run without --tables first", file=sys.stderr)
            return 2
        result = record.read(path)
        made = [path, tables.write(result, folder), *figures.write(result, folder)]
        print("wrote " + ", ".join(str(file) for file in made), flush=True)
        # The limits are promises of nmm; a peer that misses one is information.
        own = [check for check in result["checks"] if check.get("method", "nmm") == "nmm"]
        failed |= any(check["passed"] is False for check in own)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
