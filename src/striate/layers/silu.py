"""SILU: x·sigmoid(x), also called swish (Elfwing et al. 2017, Ramachandran et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

from striate.layers.activation import Activation, sigmoid
from striate.layers.base import layer
from striate.layers.shape import Array


@layer("SILU", examples=["5x4x3 -> SILU", "3x3x17 -> SILU"])
@dataclass(frozen=True)
class Silu(Activation):
    """Sigmoid linear unit."""

    def function(self, x: Array) -> Array:
        result: Array = x * sigmoid(x)
        return result

    def derivative(self, saved: Array) -> Array:
        gate = sigmoid(saved)
        result: Array = gate * (1 + saved * (1 - gate))
        return result
