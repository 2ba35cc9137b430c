"""Case files: a TOML text becomes a validated `Case`, which builds the problem it describes."""

from nmm.case.case import Case
from nmm.case.read import read_case

__all__ = ["Case", "read_case"]
