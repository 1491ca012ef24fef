"""Data sets: reading them, dividing them, and giving their batches while a program runs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from striate.train.data.arrays import ArrayData
from striate.train.data.dataset import (
    DataSet,
    Subset,
    divide,
    pixel_statistics,
    require_trainable,
)
from striate.train.data.embedded import EMBEDDED
from striate.train.data.loader import Loader, evaluation_loader, training_loader

if TYPE_CHECKING:
    from striate.train.data.images import read_image
    from striate.train.data.resized import Resized
    from striate.train.data.sources import open_data

__all__ = [
    "EMBEDDED",
    "ArrayData",
    "DataSet",
    "Loader",
    "Resized",
    "Subset",
    "divide",
    "evaluation_loader",
    "open_data",
    "pixel_statistics",
    "read_image",
    "require_trainable",
    "training_loader",
]

# These need Pillow, which takes longer to import than all of Striate.
_LATER = {"open_data": "sources", "read_image": "images", "Resized": "resized"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
