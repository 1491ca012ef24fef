"""What the tests of image folders are written with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

MakePhotos = Callable[..., Path]


def noise(height: int, width: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
