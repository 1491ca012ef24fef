"""RELU6: min(max(0, x), 6) (Krizhevsky 2010)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.activation import InPlaceActivation
from striate.layers.base import layer
from striate.layers.shape import Array


@layer("RELU6", examples=["5x4x3 -> RELU6", "3x3x17 -> RELU6"])
@dataclass(frozen=True)
class Relu6(InPlaceActivation):
    """RELU that saturates at 6. The gradient at exactly 0 and exactly 6 is zero."""

    def function(self, x: Array) -> Array:
        return np.clip(x, 0, 6)

    def derivative(self, saved: Array) -> Array:
        return ((saved > 0) & (saved < 6)).astype(saved.dtype)
