"""LEAKY: x, or a small slope times x below zero (Maas et al. 2013)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.activation import InPlaceActivation
from striate.layers.base import layer
from striate.layers.options import Number, option
from striate.layers.shape import Array


@layer("LEAKY", examples=["5x4x3 -> LEAKY", "3x3x17 -> LEAKY 0.2"])
@dataclass(frozen=True)
class Leaky(InPlaceActivation):
    """Leaky RELU. The slope is above 0, so that the sign of x follows from that of the output.

    The gradient at exactly zero is the slope.
    """

    slope: float = option("slope", Number(0, open_low=True), "slope below zero", 0.01)

    positional: ClassVar = "slope"

    def function(self, x: Array) -> Array:
        return np.where(x > 0, x, self.slope * x)

    def derivative(self, saved: Array) -> Array:
        return np.where(saved > 0, 1.0, self.slope)
