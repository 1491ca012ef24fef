"""CONV: K filters slide over the volume; each gives one depth slice of the output.

CS231n notes, "Convolutional Layer"; 1x1 filters are Network in Network (Lin et al. 2013), dilated
ones Yu & Koltun 2015, groups Krizhevsky et al. 2012, groups = channels the depthwise CONV.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode, Parameter, layer
from striate.layers.options import Whole, YesNo, option, record
from striate.layers.rules import Rule, divides
from striate.layers.shape import Array, Shape
from striate.layers.window import Window


@layer(
    "CONV",
    examples=[
        "8x7x3 -> CONV3-5",
        "9x9x4 -> CONV5-16 P=0 S=2",
        "10x10x16 -> CONV1-24",
        "11x11x8 -> CONV3-16 S=2 groups=4",
        "8x8x6 -> CONV3-6 groups=6 bias=no",
        "9x9x16 -> CONV3-32 dilation=2",
        "10x9x2 -> CONV5x3-7 P=1,0,2,2 S=2x1 fit=floor",
        "7x7x1 -> CONV4-3 P=0 S=2 fit=ceil",
        "15x15x3 -> CONV11-9 P=0 S=4",
        "5x5x17 -> CONV3-33",
        "7x7x5 -> CONV7-17 P=0",
        "6x5x7 -> CONV1-3 S=2 fit=floor",
        "9x8x3 -> CONV3-16 P=1,0,0,1 S=2 fit=ceil",
        "10x7x12 -> CONV3-9 groups=3 dilation=2 P=2",
        "11x11x4 -> CONV3-8 S=3 P=0 fit=floor",
        "9x8x6 -> CONV2-4 S=3x4 P=0 groups=2 fit=floor",
        "1x3x20 -> CONV3-4 S=100 P=0,0,5,5 fit=floor",
    ],
)
@dataclass(frozen=True)
class Conv(Layer):
    """K filters of F x F x C/groups, all with a bias unless ``bias=no``.

    Args:
        filters: K, the depth of the output.
        window: F, S, P, dilation and fit; P defaults to (F-1)/2, which keeps the size at S=1.
        groups: the channels and filters are cut into this many groups that see only their own.
        bias: whether each filter adds a bias.

    Raises:
        InputError: a hyper-parameter is of the wrong kind or range.
    """

    filters: int = option("K", Whole(), "number of filters: the depth of the output")
    window: Window = record(Window)
    groups: int = option("groups", Whole(), "groups of channels that do not see each other", 1)
    bias: bool = option("bias", YesNo(), "whether each filter adds a bias", True)

    compact: ClassVar = ("F", "K")
    saves: ClassVar = frozenset({"inputs"})

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "window", self.window.or_size_preserving())

    def rules(self, *inputs: Shape) -> Iterable[Rule]:
        (x,) = inputs
        yield divides("groups", self.groups, "input channels", x.channels)
        yield divides("groups", self.groups, "filters", self.filters)
        yield from self.window.rules(x)

    def shape(self, *inputs: Shape) -> Shape:
        return Shape(*self.window.steps(inputs[0]), self.filters)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        depth = inputs[0].channels // self.groups
        fan_in = self.window.cells * depth
        fan_out = self.window.cells * self.filters // self.groups
        w = Parameter((self.filters, *self.window.size, depth), "weights", fan_in, fan_out)
        if not self.bias:
            return {"w": w}
        return {"w": w, "b": Parameter((self.filters,), "zeros", decays=False)}

    def macs(self, *inputs: Shape) -> int:
        depth = inputs[0].channels // self.groups
        return self.shape(*inputs).values * self.window.cells * depth

    def weight_formula(self, *inputs: Shape) -> str:
        rows, columns = self.window.size
        return f"({columns}*{rows}*{inputs[0].channels // self.groups})*{self.filters}"

    def view(self, *inputs: Shape) -> Window:
        return self.window

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        patches = self._grouped_patches(inputs[0])
        w = self._grouped_filters(weights["w"])
        y: Array = np.einsum("nyxijgc,gkijc->nyxgk", patches, w, optimize=True)
        y = y.reshape(*y.shape[:3], self.filters)
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
        by_group = gradient.reshape(*gradient.shape[:3], self.groups, -1)
        patches = self._grouped_patches(x)
        dw = np.einsum("nyxijgc,nyxgk->gkijc", patches, by_group, optimize=True)
        w = self._grouped_filters(weights["w"])
        dpatches = np.einsum("nyxgk,gkijc->nyxijgc", by_group, w, optimize=True)
        dx = self.window.fold(dpatches.reshape(*dpatches.shape[:5], -1), Shape(*x.shape[1:]))
        gradients = {"w": dw.reshape(weights["w"].shape)}
        if self.bias:
            gradients["b"] = gradient.sum(axis=(0, 1, 2))
        return (dx,), gradients

    def _grouped_patches(self, x: Array) -> Array:
        """[N, H', W', Fh, Fw, groups, C/groups]."""
        patches = self.window.patches(x)
        return patches.reshape(*patches.shape[:5], self.groups, -1)

    def _grouped_filters(self, w: Array) -> Array:
        """[groups, K/groups, Fh, Fw, C/groups]."""
        return w.reshape(self.groups, -1, *w.shape[1:])
