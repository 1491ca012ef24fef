"""The layers of the convnet-benchmarks protocol (Chintala 2014): one CONV, its three passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from striate.layers import Conv
from striate.layers.shape import Array, Shape
from striate.layers.window import Window
from striate.peers.machine import FLOPS_OF_FMA

PASSES = ("forward", "gradInput", "gradWeights")


@dataclass(frozen=True)
class Pass:
    """One pass of a layer in a library.

    Attributes:
        call: what is timed.
        result: from what the call returns, as Striate lays it out: y [N, H', W', K],
            dx [N, H, W, C] or dw [K, Fh, Fw, C].
    """

    call: Callable[[], Any]
    result: Callable[[Any], Array]


@dataclass(frozen=True)
class LayerCase:
    """A CONV at stride 1 without padding or bias, on random arrays.

    Attributes:
        x: shape of an image.
        size: of the filters.
        filters: their number.
        batch: images.
    """

    x: Shape
    size: int
    filters: int
    batch: int

    @cached_property
    def conv(self) -> Conv:
        """The layer."""
        return Conv(self.filters, Window((self.size, self.size), pad=(0, 0, 0, 0)), bias=False)

    @property
    def flops(self) -> float:
        """Of one pass, done directly."""
        return float(FLOPS_OF_FMA * self.batch * self.conv.macs(self.x))

    @property
    def y(self) -> Shape:
        """Shape of the output."""
        return self.conv.shape(self.x)

    @cached_property
    def arrays(self) -> tuple[Array, Array, Array]:
        """x, w, dy: the same in every process."""
        random = np.random.default_rng(0)
        shapes = (
            self.x.array(self.batch),
            (self.filters, self.size, self.size, self.x.channels),
            self.y.array(self.batch),
        )
        x, w, dy = (random.standard_normal(shape, np.float32) for shape in shapes)
        return x, w, dy


LAYERS: Mapping[str, tuple[Shape, int, int]] = {
    "L1": (Shape(128, 128, 3), 11, 96),
    "L2": (Shape(64, 64, 64), 9, 128),
    "L3": (Shape(32, 32, 128), 9, 128),
    "L4": (Shape(16, 16, 128), 7, 128),
    "L5": (Shape(13, 13, 384), 3, 384),
}


def layer_case(name: str, batch: int) -> LayerCase:
    """One of the layers."""
    return LayerCase(*LAYERS[name], batch)
