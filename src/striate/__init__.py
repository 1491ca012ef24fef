"""Striate: a ConvNet compiler and workbench.

>>> import striate
>>> net = striate.net("INPUT 32x32x3 -> [[CONV3-32 -> RELU]*2 -> POOL2]*3 -> FC 10")
>>> print(net.table(batch=128, training=True))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate.api import Net
    from striate.errors import StriateError
    from striate.opening import load, net

__version__ = "0.1.0"
__all__ = ["Net", "StriateError", "__version__", "load", "net"]

# NumPy and the rooms are imported when one of these is first asked for.
_HOMES = {
    "Net": "striate.api",
    "StriateError": "striate.errors",
    "load": "striate.opening",
    "net": "striate.opening",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'striate' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
