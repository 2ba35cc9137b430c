"""The anatomy of a network: one measurement a file, as pure functions.

`report(model, data)` takes them all on a network of anyone's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from networks.anatomy.page import Report, report

__all__ = ["Report", "report"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'networks.anatomy' has no attribute '{name}'")
    return getattr(import_module("networks.anatomy.page"), name)
