"""Where in a TOML text each key and each array item stands, so that messages can name the line."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+|"(?:[^"\\]|\\.)*"|\'[^\']*\'',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]*")
_ESCAPE = re.compile(r"\\(.)")


def positions(text: str) -> dict[Path, int]:
    """Line numbers (from 1) of every key path of `text`, a text that `tomllib` has accepted.

    Tables of an array of tables are counted from 0: `("boundary", 1, "on")`.
    """
    return _Scanner(text).run()


def line_of(where: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest enclosing key that is written in the text."""
    for length in range(len(path), 0, -1):
        if path[:length] in where:
            return where[path[:length]]
    return None


class _Scanner:
    def __init__(self, text: str):
        self.text, self.at = text, 0
        self.found: dict[Path, int] = {}
        self.count: dict[Path, int] = {}

    def run(self) -> dict[Path, int]:
        table: Path = ()
        self.blank()
        while self.at < len(self.text):
            line = self.line()
            if self.text.startswith("[", self.at):
                table = self.header(line)
            else:
                self.pair(table)
            self.blank()
        return self.found

    def header(self, line: int) -> Path:
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        keys = self.keys()
        self.at = self.text.index("]", self.at) + (2 if many else 1)
        path: Path = ()
        for key in keys[:-1]:
            path = (*path, key)
            self.found.setdefault(path, line)
            path = (*path, self.count[path]) if path in self.count else path
        path = (*path, keys[-1])
        self.found.setdefault(path, line)
        if many:
            self.count[path] = self.count.get(path, -1) + 1
            path = (*path, self.count[path])
            self.found[path] = line
        return path

    def pair(self, table: Path) -> None:
        line = self.line()
        path = table
        for key in self.keys():
            path = (*path, key)
            self.found.setdefault(path, line)
        self.blank()
        self.at += 1  # the equals sign
        self.value(path)

    def keys(self) -> list[str]:
        keys = []
        while True:
            self.blank()
            if match := _STRING.match(self.text, self.at):
                keys.append(_ESCAPE.sub(r"\1", match.group()[1:-1]))
            else:
                match = _BARE.match(self.text, self.at)
                if match is None:
                    raise ValueError(f"no key at position {self.at} of the TOML text")
                keys.append(match.group())
            self.at = match.end()
            self.blank()
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def value(self, path: Path) -> None:
        self.blank()
        if self.text.startswith("[", self.at):
            self.items("]", lambda i: self.item((*path, i)))
        elif self.text.startswith("{", self.at):
            self.items("}", lambda i: self.pair(path))
        elif match := _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at):
            self.at = match.end()

    def item(self, path: Path) -> None:
        self.found[path] = self.line()
        self.value(path)

    def items(self, end: str, read) -> None:
        self.at += 1
        number = 0
        self.blank()
        while not self.text.startswith(end, self.at):
            read(number)
            number += 1
            self.blank()
            if self.text.startswith(",", self.at):
                self.at += 1
                self.blank()
        self.at += 1

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        if match:
            self.at = match.end()

    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1
