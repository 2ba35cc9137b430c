"""`python -m benchmarks.ktc2023 INPUT_FOLDER OUTPUT_FOLDER LEVEL`: the challenge's own interface."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jax

from benchmarks.ktc2023.reconstruct import folder_to_folder
from nmm.errors import NmmError


def main(arguments: list[str] | None = None) -> int:
    """0: done; 2: wrong input."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.ktc2023", description=__doc__)
    made.add_argument("input", type=Path, help="folder with ref.mat and data*.mat")
    made.add_argument("output", type=Path, help="folder for 1.mat, 2.mat, ...")
    made.add_argument("level", type=int, help="difficulty, 1 to 7: how many electrodes are missing")
    options = made.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    try:
        folder_to_folder(options.input, options.output, options.level, lambda line: print(line, flush=True))
    except NmmError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
