"""FLATTEN: a volume as one long depth column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from striate.layers.base import Gradients, Layer, Mode, layer
from striate.layers.shape import Array, Shape
from striate.layers.window import Window


@layer("FLATTEN", examples=["5x4x3 -> FLATTEN", "1x1x17 -> FLATTEN"])
@dataclass(frozen=True)
class Flatten(Layer):
    """[N, H, W, C] -> [N, 1, 1, H·W·C] in row-major order: row, then column, then channel.

    FC flattens by itself; this is for layers that do not.
    """

    in_place: ClassVar = True

    def shape(self, *inputs: Shape) -> Shape:
        return Shape(1, 1, inputs[0].values)

    def view(self, *inputs: Shape) -> Window:
        return Window.whole(inputs[0])

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        return inputs[0].reshape(len(inputs[0]), 1, 1, -1)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        return (gradient.reshape(inputs[0].shape),), {}
