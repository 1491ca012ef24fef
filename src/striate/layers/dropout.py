"""DROPOUT: zeroes random activations while training (Srivastava et al. 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode, layer
from striate.layers.options import Number, option
from striate.layers.random import uniform_bits
from striate.layers.shape import Array


@layer("DROPOUT", examples=["5x4x3 -> DROPOUT", "3x3x17 -> DROPOUT 0.2", "2x2x3 -> DROPOUT 0"])
@dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout: what is kept is divided by 1 - rate; outside training it does nothing.

    Element i of the batch's volume, counted in the order [N, H, W, C], is kept where the i-th of
    `striate.layers.random.uniform_bits` under the step's key is at least ``threshold``; backward
    draws the same bits again, so nothing is stored.
    """

    rate: float = option("rate", Number(0, 1, open_high=True), "share that is dropped", 0.5)

    positional: ClassVar = "rate"
    in_place: ClassVar = True

    @property
    def threshold(self) -> int:
        """The smallest 32 bits that keep an element."""
        return int(self.rate * 2**32)

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        return self._dropped(inputs[0], mode)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        return (self._dropped(gradient, mode),), {}

    def _dropped(self, x: Array, mode: Mode) -> Array:
        if not mode.training:
            return x
        kept = uniform_bits(mode.key, x.size).reshape(x.shape) >= self.threshold
        return np.where(kept, x / (1 - self.rate), 0)
