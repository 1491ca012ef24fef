"""SOFTMAX: scores to probabilities, exp(s_k)/Σ exp(s_j) over the channels of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode, layer
from striate.layers.shape import Array


@layer("SOFTMAX", examples=["1x1x10 -> SOFTMAX", "4x3x17 -> SOFTMAX"])
@dataclass(frozen=True)
class Softmax(Layer):
    """Positive values that sum to 1 over the channels of each pixel.

    For a net that is to give probabilities; the softmax loss takes the scores before it.
    """

    saves: ClassVar = frozenset({"output"})

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        powers = np.exp(inputs[0] - inputs[0].max(axis=-1, keepdims=True))
        result: Array = powers / powers.sum(axis=-1, keepdims=True)
        return result

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        along = (gradient * output).sum(axis=-1, keepdims=True)
        return (output * (gradient - along),), {}
