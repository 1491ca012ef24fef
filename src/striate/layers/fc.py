"""FC: K neurons with full connections to all activations of the previous layer.

CS231n notes, "Fully-connected layer": a CONV whose filters are exactly as large as the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from striate.layers.base import Gradients, Layer, Mode, Parameter, layer
from striate.layers.options import Whole, YesNo, option
from striate.layers.shape import Array, Shape
from striate.layers.window import Window


@layer(
    "FC",
    examples=["1x1x16 -> FC 10", "4x3x5 -> FC 7", "3x3x17 -> FC 33 bias=no", "7x7x1 -> FC 1"],
)
@dataclass(frozen=True)
class Fc(Layer):
    """K neurons over the whole volume: [N, H, W, C] -> [N, 1, 1, K].

    Weights ``w`` [K, H, W, C], so that ``w[k]`` is the filter of the equal CONV; biases ``b`` [K].
    """

    filters: int = option("K", Whole(), "number of neurons")
    bias: bool = option("bias", YesNo(), "whether each neuron adds a bias", True)

    positional: ClassVar = "K"
    saves: ClassVar = frozenset({"inputs"})

    def shape(self, *inputs: Shape) -> Shape:
        return Shape(1, 1, self.filters)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        (x,) = inputs
        filters = (self.filters, x.height, x.width, x.channels)
        w = Parameter(filters, "weights", x.values, self.filters)
        if not self.bias:
            return {"w": w}
        return {"w": w, "b": Parameter((self.filters,), "zeros", decays=False)}

    def macs(self, *inputs: Shape) -> int:
        return inputs[0].values * self.filters

    def weight_formula(self, *inputs: Shape) -> str:
        (x,) = inputs
        volume = f"{x.width}*{x.height}*" if x.pixels > 1 else ""
        return f"{volume}{x.channels}*{self.filters}"

    def view(self, *inputs: Shape) -> Window:
        return Window.whole(inputs[0])

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        vectors = inputs[0].reshape(len(inputs[0]), -1)
        y = vectors @ weights["w"].reshape(self.filters, -1).T
        y = y.reshape(-1, 1, 1, self.filters)
        return y + weights["b"] if self.bias else y

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        (x,), w = inputs, weights["w"]
        scores = gradient.reshape(-1, self.filters)
        gradients = {"w": (scores.T @ x.reshape(len(x), -1)).reshape(w.shape)}
        if self.bias:
            gradients["b"] = scores.sum(axis=0)
        return ((scores @ w.reshape(self.filters, -1)).reshape(x.shape),), gradients
