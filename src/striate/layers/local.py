"""LOCAL: a CONV without parameter sharing: every position has filters of its own.

CS231n notes, "Parameter Sharing": the locally-connected layer, e.g. for faces that are centred in
the image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode, Parameter, layer
from striate.layers.options import Whole, YesNo, option, record
from striate.layers.rules import Rule
from striate.layers.shape import Array, Shape
from striate.layers.window import Window


@layer(
    "LOCAL",
    examples=[
        "5x4x3 -> LOCAL3-2",
        "7x7x2 -> LOCAL3-5 P=0 S=2",
        "6x5x7 -> LOCAL1-3 bias=no",
        "8x7x3 -> LOCAL3x2-4 P=0,1,1,0 S=2 fit=floor",
        "8x8x2 -> LOCAL3-17 P=0 S=2 fit=ceil",
        "7x7x1 -> LOCAL3-2 P=0 dilation=2",
    ],
)
@dataclass(frozen=True)
class Local(Layer):
    """K filters of F x F x C at each output position, all with a bias unless ``bias=no``.

    Weights ``w`` [H', W', K, Fh, Fw, C], biases ``b`` [H', W', K].

    Args:
        filters: K, the depth of the output.
        window: F, S, P, dilation and fit; P defaults to (F-1)/2, which keeps the size at S=1.
        bias: whether each neuron adds a bias.
    """

    filters: int = option("K", Whole(), "number of filters: the depth of the output")
    window: Window = record(Window)
    bias: bool = option("bias", YesNo(), "whether each neuron adds a bias", True)

    compact: ClassVar = ("F", "K")
    saves: ClassVar = frozenset({"inputs"})

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "window", self.window.or_size_preserving())

    def rules(self, *inputs: Shape) -> Iterable[Rule]:
        return self.window.rules(inputs[0])

    def shape(self, *inputs: Shape) -> Shape:
        return Shape(*self.window.steps(inputs[0]), self.filters)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        height, width = self.window.steps(inputs[0])
        fan_in = self.window.cells * inputs[0].channels
        fan_out = self.window.cells * self.filters
        filters = (height, width, self.filters, *self.window.size, inputs[0].channels)
        w = Parameter(filters, "weights", fan_in, fan_out)
        if not self.bias:
            return {"w": w}
        return {"w": w, "b": Parameter((height, width, self.filters), "zeros", decays=False)}

    def macs(self, *inputs: Shape) -> int:
        return self.parameters(*inputs)["w"].size

    def weight_formula(self, *inputs: Shape) -> str:
        (rows, columns), y = self.window.size, self.shape(*inputs)
        return f"({columns}*{rows}*{inputs[0].channels})*({y.width}*{y.height}*{y.channels})"

    def view(self, *inputs: Shape) -> Window:
        return self.window

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        patches = self.window.patches(inputs[0])
        y: Array = np.einsum("nyxijc,yxkijc->nyxk", patches, weights["w"], optimize=True)
        return y + weights["b"] if self.bias else y

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        (x,) = inputs
        patches = self.window.patches(x)
        gradients = {"w": np.einsum("nyxijc,nyxk->yxkijc", patches, gradient, optimize=True)}
        if self.bias:
            gradients["b"] = gradient.sum(axis=0)
        dpatches = np.einsum("nyxk,yxkijc->nyxijc", gradient, weights["w"], optimize=True)
        return (self.window.fold(dpatches, Shape(*x.shape[1:])),), gradients
