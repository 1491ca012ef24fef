"""ELU: x, or alpha·(exp(x) - 1) below zero (Clevert et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.activation import InPlaceActivation
from striate.layers.base import layer
from striate.layers.options import Number, option
from striate.layers.shape import Array


@layer("ELU", examples=["5x4x3 -> ELU", "3x3x17 -> ELU 0.5"])
@dataclass(frozen=True)
class Elu(InPlaceActivation):
    """Exponential linear unit. The gradient at exactly zero is alpha."""

    alpha: float = option(
        "alpha", Number(0, open_low=True), "the output far below zero, negated", 1.0
    )

    positional: ClassVar = "alpha"

    def function(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def derivative(self, saved: Array) -> Array:
        return np.where(saved > 0, 1.0, saved + self.alpha)
