"""INPUT: the images, centred and scaled by a mean and a standard deviation kept in the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from striate.errors import quoted
from striate.layers.base import Gradients, Layer, Mode, Parameter, layer
from striate.layers.options import TooLargeError, Whole, option
from striate.layers.shape import Array, Shape


@dataclass(frozen=True)
class _Volume:
    """``WxHxD``, width first, as the notes write a volume."""

    words: str = "width x height x depth such as 32x32x3"

    def read(self, text: str) -> Shape:
        try:
            width, height, depth = (Whole().read(part) for part in text.lower().split("x"))
        except TooLargeError:
            raise
        except ValueError:
            raise ValueError(f"expected {self.words}, got {quoted(text)}") from None
        return Shape(height, width, depth)

    def write(self, value: Any) -> str:
        return str(value)


@layer("INPUT", examples=[])
@dataclass(frozen=True)
class Input(Layer):
    """Images [N, H, W, D] of pixel values, usually 0 to 255, uint8 or float32.

    Its parameters ``mean`` and ``std`` [D] (0 and 1 unless the data set them) are not trained and
    travel with the model: the first volume is (pixels - mean) / std.
    """

    volume: Shape = option("volume", _Volume(), "width x height x depth of one image")

    positional: ClassVar = "volume"
    arity: ClassVar = 0

    def shape(self, *inputs: Shape) -> Shape:
        return self.volume

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        depth = (self.volume.channels,)
        return {
            "mean": Parameter(depth, "zeros", decays=False, trainable=False),
            "std": Parameter(depth, "ones", decays=False, trainable=False),
        }

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        """The images, given as the only entry of ``inputs``, centred and scaled."""
        return (inputs[0] - weights["mean"]) / weights["std"]

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        return (gradient / weights["std"],), {}
