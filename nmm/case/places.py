"""Where the entries of a case come from, in the words of messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from nmm.case.positions import Path, line_of
from nmm.errors import InputError

_ARRAYS = (("boundary",), ("point_load",), ("interface",), ("data",), ("domain", "region"))


@dataclass(frozen=True)
class Places:
    """Where the entries of a case come from: lines of the file, or the command line."""

    file: str
    lines: dict[Path, int]
    overridden: tuple[Path, ...] = ()

    def line(self, path: Path) -> int | None:
        return line_of(self.lines, path)

    def key(self, path: Path) -> str:
        """A path in the words of TOML: `[[boundary]] 2: traction`, `domain.cracks.0`."""
        for array in _ARRAYS:
            if path[: len(array)] == array and len(path) > len(array):
                rest = ".".join(map(str, path[len(array) + 1 :]))
                return f"[[{'.'.join(array)}]] {path[len(array)]}" + (f": {rest}" if rest else "")
        return ".".join(map(str, path)) if len(path) != 1 else f"[{path[0]}]"

    def at(self, path: Path) -> str:
        """The place of an entry as messages name it."""
        for changed in self.overridden:
            if path[: len(changed)] == changed:
                return f"--set {'.'.join(map(str, changed))}" + (
                    f": {self.key(path)}" if len(path) > len(changed) else ""
                )
        line = self.line(path)
        parts = [self.file + (f", line {line}" if line else ""), *([self.key(path)] if path else [])]
        return ": ".join(parts)

    @contextmanager
    def put(self, *path: str | int, entries: Mapping[str, Path] | None = None) -> Iterator[None]:
        """Give every `InputError` raised inside the place of the entry `path`.

        `entries` are paths by the names under which errors may speak of them.
        """
        try:
            yield
        except InputError as error:
            if error.where is not None and error.where.startswith((self.file, "--set ")):
                raise
            said = error.where or ""
            if said.startswith("physics"):
                place, _, rest = said.partition(": ")
                error.where = rest or None
                raise error.at(self.at(tuple(place.split(".")))) from None
            named = [name for name in entries or () if said.startswith(name)]
            raise error.at(self.at((entries or {})[max(named, key=len)] if named else path)) from None
