"""HARDSWISH: x·min(max(x + 3, 0), 6)/6 (Howard et al. 2019, MobileNetV3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.activation import Activation
from striate.layers.base import layer
from striate.layers.shape import Array


@layer("HARDSWISH", examples=["5x4x3 -> HARDSWISH", "3x3x17 -> HARDSWISH"])
@dataclass(frozen=True)
class HardSwish(Activation):
    """Swish with a piecewise linear sigmoid. The gradient at exactly -3 is 0 and at 3 it is 1."""

    def function(self, x: Array) -> Array:
        result: Array = x * np.clip(x + 3, 0, 6) / 6
        return result

    def derivative(self, saved: Array) -> Array:
        inner = (2 * saved + 3) / 6
        return np.where(saved <= -3, 0.0, np.where(saved >= 3, 1.0, inner))
