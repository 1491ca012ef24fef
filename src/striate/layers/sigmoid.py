"""SIGMOID: 1/(1 + exp(-x)), elementwise."""

from __future__ import annotations

from dataclasses import dataclass

from striate.layers.activation import InPlaceActivation, sigmoid
from striate.layers.base import layer
from striate.layers.shape import Array


@layer("SIGMOID", examples=["5x4x3 -> SIGMOID", "3x3x17 -> SIGMOID"])
@dataclass(frozen=True)
class Sigmoid(InPlaceActivation):
    """Squashes to the range from 0 to 1."""

    def function(self, x: Array) -> Array:
        return sigmoid(x)

    def derivative(self, saved: Array) -> Array:
        result: Array = saved * (1 - saved)
        return result
