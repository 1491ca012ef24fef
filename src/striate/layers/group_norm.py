"""GROUPNORM: each group of channels of an image to zero mean and unit variance (Wu & He 2018)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from striate.layers.base import Gradients, Layer, Mode, Parameter, layer
from striate.layers.options import Whole, option
from striate.layers.rules import Rule, divides
from striate.layers.shape import Array, Shape
from striate.layers.standardise import (
    EPSILON,
    scale_and_shift,
    standardise,
    standardise_backward,
)
from striate.layers.window import Window

AXES = (1, 2, 4)
"""Height, width and the channels of one group in [N, H, W, groups, C/groups]."""


@layer(
    "GROUPNORM",
    examples=["5x4x6 -> GROUPNORM 3", "3x3x17 -> GROUPNORM 1", "4x4x5 -> GROUPNORM 5 eps=1e-3"],
)
@dataclass(frozen=True)
class GroupNorm(Layer):
    """(x - mean)/sqrt(variance + eps) · scale + shift; scale and shift [C] per channel.

    Mean and (biased) variance are those of all pixels and channels of one group in one image, so
    that training and use are the same function.
    """

    groups: int = option("groups", Whole(), "groups of channels, each normalised by itself")
    epsilon: float = option("eps", EPSILON, "added to the variance", 1e-5)

    positional: ClassVar = "groups"
    saves: ClassVar = frozenset({"inputs"})

    def rules(self, *inputs: Shape) -> Iterable[Rule]:
        yield divides("groups", self.groups, "channels", inputs[0].channels)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return scale_and_shift(inputs[0].channels)

    def view(self, *inputs: Shape) -> Window:
        return Window.whole(inputs[0])

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        (x,) = inputs
        standard, _ = standardise(self._grouped(x), AXES, self.epsilon)
        return standard.reshape(x.shape) * weights["scale"] + weights["shift"]

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        (x,) = inputs
        standard, inverse = standardise(self._grouped(x), AXES, self.epsilon)
        scaled = self._grouped(gradient * weights["scale"])
        dx = standardise_backward(scaled, standard, inverse, AXES)
        return (dx.reshape(x.shape),), {
            "scale": (gradient * standard.reshape(x.shape)).sum(axis=(0, 1, 2)),
            "shift": gradient.sum(axis=(0, 1, 2)),
        }

    def _grouped(self, x: Array) -> Array:
        return x.reshape(*x.shape[:3], self.groups, -1)
