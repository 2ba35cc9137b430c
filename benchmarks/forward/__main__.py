"""`python -m benchmarks.forward METHOD PROBLEM UNKNOWNS [RUNS]`: measure, print one line of JSON."""

from __future__ import annotations

import json
import sys

from benchmarks.forward.measure import confine, measure
from benchmarks.forward.method import METHODS
from benchmarks.forward.plate import PROBLEMS


def main(arguments: list[str]) -> int:
    """0: measured; 2: wrong input."""
    try:
        name, problem, unknowns, *runs = arguments
        known = name in METHODS and problem in PROBLEMS
        numbers = [int(number) for number in (unknowns, *runs)]
    except ValueError:
        known = False
    if not known:
        print(f"{__doc__}\nmethods: {', '.join(METHODS)}; problems: {', '.join(PROBLEMS)}", file=sys.stderr)
        return 2
    confine()
    print(json.dumps(measure(name, problem, *numbers)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
