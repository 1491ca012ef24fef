"""POOL: downsampling along width and height, independently in each depth slice.

CS231n notes, "Pooling Layer" and "General pooling": max, average or L2 norm of each window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode, layer, require
from striate.layers.fitting import AXES
from striate.layers.options import Choice, Padding, Pair, Sides, Size, YesNo, option, record
from striate.layers.rules import Rule
from striate.layers.shape import Array, Shape
from striate.layers.window import Window


@dataclass(frozen=True)
class PoolWindow(Window):
    """A window as POOL uses it: 2x2 unless F is given, with S = F and P = 0 by default."""

    size: Pair = option("F", Size(1), "pool size: rows and columns that one output sees", (2, 2))
    stride: Pair = option("S", Size(1), "stride: how far the window jumps", None, otherwise="F")
    pad: Sides = option("P", Padding(), "padding around the input, never pooled", (0, 0, 0, 0))

    def __post_init__(self) -> None:
        if self.stride is None:
            object.__setattr__(self, "stride", self.size)
        super().__post_init__()


@layer(
    "POOL",
    examples=[
        "8x6x3 -> POOL2",
        "7x7x5 -> POOL3 S=2",
        "9x9x17 -> POOL3",
        "8x8x3 -> POOL3 S=2 P=1 fit=floor",
        "8x8x3 -> POOL3 S=2 fit=ceil",
        "6x4x7 -> POOL3x2 avg",
        "8x8x3 -> POOL3 S=2 P=1 avg fit=ceil",
        "8x8x3 -> POOL3 S=2 P=1 avg count=all fit=ceil",
        "9x7x4 -> POOL3 S=2x1 P=0,1,1,0 avg fit=floor",
        "7x6x5 -> POOL3 S=1 P=1 l2",
        "8x6x3 -> POOL2 l2",
        "5x4x3 -> POOL global",
        "5x4x17 -> POOL avg global",
        "9x9x2 -> POOL2 S=1 dilation=2",
    ],
)
@dataclass(frozen=True)
class Pool(Layer):
    """The max, mean or L2 norm of each window.

    max: NaN propagates; the gradient goes to the first maximum in row-major order; padding is -inf.
    l2: the root of the sum of squares; its gradient where all inputs are 0 is 0.

    Args:
        window: F, S, P, dilation and fit; S defaults to F, P to 0.
        kind: ``max``, ``avg`` or ``l2``.
        count: whether the mean counts only the cells ``inside`` the input, or ``all``, the padding
            too. What ``fit=ceil`` adds behind the padding never counts.
        whole: the window is the whole input (``global``); F, S, P, dilation and fit stay unset.
    """

    window: PoolWindow = record(PoolWindow, PoolWindow)
    kind: str = option("kind", Choice(("max", "avg", "l2"), bare=True), "what is kept", "max")
    count: str = option(
        "count", Choice(("inside", "all")), "which cells the mean counts: padding or not", "inside"
    )
    whole: bool = option("global", YesNo(bare=True), "the window is the whole input", False)

    compact: ClassVar = ("F",)
    saves: ClassVar = frozenset({"inputs"})

    def __post_init__(self) -> None:
        super().__post_init__()
        unset = self.window == PoolWindow()
        require(
            unset or not self.whole,
            "global: the window is the whole input; leave out F, S, P, dilation and fit",
        )
        require(
            self.count == "inside" or self.kind == "avg",
            f"count={self.count}: only avg counts cells, not {self.kind}",
        )

    def rules(self, *inputs: Shape) -> Iterable[Rule]:
        (x,) = inputs
        window = self.view(x)
        found = list(window.rules(x))
        if all(rule.holds for rule in found):
            found += [_sees_input(window, x, axis) for axis in (0, 1)]
        return found

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        return Shape(*self.view(x).steps(x), x.channels)

    def view(self, *inputs: Shape) -> Window:
        return Window.whole(inputs[0]) if self.whole else self.window

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        shape = Shape(*inputs[0].shape[1:])
        window = self.view(shape)
        y: Array
        if self.kind == "max":
            y = window.patches(inputs[0], -np.inf).max(axis=(3, 4))
        elif self.kind == "avg":
            y = window.patches(inputs[0]).sum(axis=(3, 4)) / self.divisor(shape)
        else:
            y = np.sqrt(np.square(window.patches(inputs[0])).sum(axis=(3, 4)))
        return y

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        shape = Shape(*inputs[0].shape[1:])
        spread = gradient[:, :, :, None, None, :]
        window = self.view(shape)
        if self.kind == "max":
            routed = spread * self._switches(inputs[0])
        elif self.kind == "avg":
            cells = (1, 1, 1, *window.size, 1)
            routed = np.tile(spread / self.divisor(shape)[:, :, None, None, :], cells)
        else:
            patches = window.patches(inputs[0])
            norm = np.sqrt(np.square(patches).sum(axis=(3, 4), keepdims=True))
            routed = spread * patches / np.where(norm == 0, 1, norm)
        return (window.fold(routed, shape),), {}

    def divisor(self, shape: Shape) -> Array:
        """How many cells the mean at each position counts: [H', W', 1]."""
        window = self.view(shape)
        rows, columns = (_cells(window, shape, axis, self.count == "all") for axis in (0, 1))
        return np.outer(rows, columns)[:, :, None]

    def _switches(self, x: Array) -> Array:
        """1 at the first maximum of each window, else 0: [N, H', W', Fh, Fw, C]."""
        patches = self.view(Shape(*x.shape[1:])).patches(x, -np.inf)
        flat = patches.reshape(*patches.shape[:3], -1, patches.shape[-1])
        first = np.argmax(flat, axis=3, keepdims=True)
        index = np.arange(flat.shape[3])[:, None]
        switches: Array = (index == first).reshape(patches.shape).astype(x.dtype)
        return switches


def _cells(window: Window, shape: Shape, axis: int, padding: bool) -> Array:
    """How many of the window's cells lie inside the input at each position along one axis."""
    length = (shape.height, shape.width)[axis]
    before, after = window.sides[2 * axis : 2 * axis + 2] if padding else (0, 0)
    extent = window.extent(shape, axis)
    start = np.arange(extent.steps) * window.stride[axis] - extent.before
    cells = start[:, None] + np.arange(window.size[axis]) * window.dilation[axis]
    inside: Array = ((cells >= -before) & (cells < length + after)).sum(axis=1)
    return inside


def _sees_input(window: Window, shape: Shape, axis: int) -> Rule:
    """Every window holds at least one pixel: there is no maximum and no mean of nothing."""
    before, after = window.sides[2 * axis : 2 * axis + 2]
    padding = f"P={before}" if before == after else f"P={before},{after}"
    return Rule(
        holds=bool(_cells(window, shape, axis, padding=False).all()),
        message=f"{padding} along the {AXES[axis]} leaves windows of {window.reach[axis]} with "
        f"nothing but padding; use P of at most {window.reach[axis] - 1}, or a larger F",
    )
