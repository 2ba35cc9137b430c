"""Optional packages, imported when a file needs them."""

from __future__ import annotations

import importlib
from typing import Any

from nmm.errors import InputError


def needs(package: str, what: str) -> Any:
    """The module `package`, or an InputError that says how to install it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(
            f"{package} is needed {what} and is not installed",
            hint='install the readers: pip install "nmm-jax[io]"',
        ) from None
