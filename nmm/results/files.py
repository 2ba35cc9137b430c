"""Files that are either the old ones or the new ones, never half of each."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nmm.errors import InputError

OWN_FILES = (
    "case.toml",
    "solution.npz",
    "solution.vtu",
    "estimate.npz",
    "convergence.json",
    "convergence.png",
    "report.json",
    "report.html",
    "log.txt",
    "summary.json",
)
"""What a run writes into its directory beside figures; `summary.json` appears last."""

_FIGURE, _STAGE = "figure_{}.png", ".nmm-stage-"


def figure_file(name: str) -> str:
    """The file name of a figure: nmm's own figures all look like `figure_NAME.png`."""
    return _FIGURE.format("".join(c if c.isalnum() or c == "-" else "_" for c in name))


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary file next to `path` that takes its place when the block ends without an error.

    Until then, and for ever when the block fails or the process is killed, `path` is what it was.

    **Raises:** `InputError` when the folder does not exist or cannot be written to.
    """
    path = Path(path)
    with _writable(path):
        # Not `mkstemp`: its files are readable by their owner only, and stay so when renamed.
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            temporary.touch()
            yield temporary
            _to_disk(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def save_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` as UTF-8, atomically, with the line ends that it has."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", errors="replace"))


def save_json(path: str | os.PathLike, data: Any) -> None:
    """Write JSON atomically; numbers that are not finite become null (see `plain`)."""
    save_text(path, json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def save_npz(path: str | os.PathLike, arrays: Mapping[str, Any]) -> None:
    """Write a compressed NumPy archive atomically; no array of objects, so it loads without pickle."""
    ready = {name: np.asarray(value) for name, value in arrays.items()}
    for name, value in ready.items():
        if value.dtype == object:
            raise TypeError(f"{name!r} is not an array of numbers or strings")
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **ready)  # pyright: ignore[reportArgumentType]


def plain(value: Any) -> Any:
    """`value` in the types of JSON: arrays as lists, NaN and infinities as None, keys as strings."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biufSU":
        return str(value)
    if array.dtype.kind != "f":
        return array.tolist()
    numbers = array.astype(object)
    numbers[~np.isfinite(array)] = None
    return numbers.tolist() if array.ndim else numbers.item()


def folder(path: str | os.PathLike) -> Path:
    """A folder, made if it is not there. **Raises:** `InputError` when it cannot be."""
    path = Path(path)
    with _writable(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def staging(directory: str | os.PathLike) -> Iterator[Path]:
    """A folder inside `directory` whose files move into it, all at once, when the block ends.

    Everything slow (drawing, compressing) happens in the folder. The moves take milliseconds, and during
    them there is no `summary.json`: a summary always describes the files next to it. Files in `directory`
    that nmm did not write stay; figures of an earlier run that this run has not drawn go.

    **Raises:** `InputError` when `directory` cannot be made or written to.
    """
    directory = Path(directory)
    with _writable(directory):
        directory.mkdir(parents=True, exist_ok=True)
        _sweep(directory)
        stage = Path(tempfile.mkdtemp(prefix=f"{_STAGE}{os.getpid()}-", dir=directory))
    try:
        yield stage
        with _writable(directory):
            _move_all(stage, directory)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _move_all(stage: Path, directory: Path) -> None:
    names = sorted(path.name for path in stage.iterdir())
    for name in names:
        _to_disk(stage / name)
    (directory / "summary.json").unlink(missing_ok=True)
    for name in _own(directory):
        if name not in names:
            (directory / name).unlink()
    for name in sorted(names, key=lambda name: name == "summary.json"):
        os.replace(stage / name, directory / name)


def _own(directory: Path) -> Iterable[str]:
    """nmm's own files in `directory`: the fixed names, and the figures that the last run listed."""
    try:
        report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
        listed = {str(figure["file"]) for figure in report["figures"]}
    except (OSError, ValueError, KeyError, TypeError):
        listed = set()
    figures = [path.name for path in directory.glob(_FIGURE.format("*")) if path.name in listed]
    return [name for name in (*OWN_FILES, *figures) if (directory / name).is_file()]


def _sweep(directory: Path) -> None:
    """Remove what killed runs left: stages whose process is gone."""
    for stage in directory.glob(f"{_STAGE}*"):
        number = stage.name.removeprefix(_STAGE).split("-")[0]
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(stage, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return process == os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _to_disk(path: Path) -> None:
    # Without it a power cut just after the renaming can leave an empty file under the final name.
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        named = str(error.filename or path)
        place = str(path) if named.endswith(".part") else named  # a temporary file is not the user's
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            where=place,
            hint="choose another place with -o, or make room or permission there",
        ) from error
