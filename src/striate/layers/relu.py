"""RELU: max(0, x), elementwise (CS231n notes, "Layers used to build ConvNets")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.activation import InPlaceActivation
from striate.layers.base import layer
from striate.layers.shape import Array


@layer("RELU", examples=["5x4x3 -> RELU", "3x3x17 -> RELU"])
@dataclass(frozen=True)
class Relu(InPlaceActivation):
    """Thresholding at zero. The gradient at exactly zero is zero."""

    def function(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def derivative(self, saved: Array) -> Array:
        return (saved > 0).astype(saved.dtype)
