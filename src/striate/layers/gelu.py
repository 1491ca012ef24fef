"""GELU: x·Φ(x), Φ the normal distribution's cumulative function (Hendrycks & Gimpel 2016)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from striate.layers.activation import Activation
from striate.layers.base import layer
from striate.layers.shape import Array

_erf = np.vectorize(math.erf, otypes=[np.float64])


def normal_cumulative(x: Array) -> Array:
    """Φ(x) = (1 + erf(x/√2))/2, elementwise, in float64."""
    result: Array = 0.5 * (1 + _erf(x / math.sqrt(2)))
    return result


@layer("GELU", examples=["5x4x3 -> GELU", "3x3x17 -> GELU"])
@dataclass(frozen=True)
class Gelu(Activation):
    """Gaussian error linear unit in its exact form, not the tanh approximation."""

    def function(self, x: Array) -> Array:
        return x * normal_cumulative(x)

    def derivative(self, saved: Array) -> Array:
        density = np.exp(-0.5 * saved**2) / math.sqrt(2 * math.pi)
        return normal_cumulative(saved) + saved * density
