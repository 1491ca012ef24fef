"""TANH: the hyperbolic tangent, elementwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.activation import InPlaceActivation
from striate.layers.base import layer
from striate.layers.shape import Array


@layer("TANH", examples=["5x4x3 -> TANH", "3x3x17 -> TANH"])
@dataclass(frozen=True)
class Tanh(InPlaceActivation):
    """Squashes to the range from -1 to 1."""

    def function(self, x: Array) -> Array:
        return np.tanh(x)

    def derivative(self, saved: Array) -> Array:
        return 1 - saved**2
