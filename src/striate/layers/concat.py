"""CONCAT: stacks volumes along the depth, e.g. the branches of an Inception module (GoogLeNet)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode, layer
from striate.layers.rules import Rule, same
from striate.layers.shape import Array, Shape


@layer("CONCAT", examples=["5x4x3 | 5x4x2 -> CONCAT", "3x3x17 | 3x3x1 | 3x3x8 -> CONCAT"])
@dataclass(frozen=True)
class Concat(Layer):
    """The depth columns of two or more volumes of one width and height, one behind the other."""

    arity: ClassVar = -1

    def rules(self, *inputs: Shape) -> Iterable[Rule]:
        yield same("width and height", tuple(f"{x.width}x{x.height}" for x in inputs))

    def shape(self, *inputs: Shape) -> Shape:
        return Shape(inputs[0].height, inputs[0].width, sum(x.channels for x in inputs))

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        return np.concatenate(inputs, axis=-1)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        ends = list(accumulate(x.shape[-1] for x in inputs))
        return tuple(np.split(gradient, ends[:-1], axis=-1)), {}
