"""What the activations share: an elementwise function and its derivative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode
from striate.layers.shape import Array


@dataclass(frozen=True)
class Activation(Layer):
    """The base of the elementwise layers; a subclass is a function and its derivative.

    The derivative is computed from the output where ``saves`` says so, which lets the layer run in
    place; else from the input. NaN stays NaN.
    """

    saves: ClassVar = frozenset({"inputs"})

    def function(self, x: Array) -> Array:
        """The output, elementwise."""
        raise NotImplementedError

    def derivative(self, saved: Array) -> Array:
        """The derivative, from the output if the layer saves it, else from the input."""
        raise NotImplementedError

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        return self.function(inputs[0])

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        saved = output if "output" in self.saves else inputs[0]
        return (gradient * self.derivative(saved),), {}


@dataclass(frozen=True)
class InPlaceActivation(Activation):
    """The base of the activations whose derivative follows from their output alone."""

    saves: ClassVar = frozenset({"output"})
    in_place: ClassVar = True


def sigmoid(x: Array) -> Array:
    """1/(1 + exp(-x)), accurate and without overflow for any x."""
    result: Array = np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
    return result
