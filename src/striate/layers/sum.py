"""SUM: adds volumes of one shape elementwise, e.g. a branch and its skip connection (ResNet)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from striate.layers.base import Gradients, Layer, Mode, layer
from striate.layers.rules import Rule, same
from striate.layers.shape import Array, Shape


@layer("SUM", examples=["5x4x3 | 5x4x3 -> SUM", "3x3x17 | 3x3x17 | 3x3x17 -> SUM"])
@dataclass(frozen=True)
class Sum(Layer):
    """The sum of two or more volumes; each gets the whole gradient."""

    arity: ClassVar = -1
    in_place: ClassVar = True

    def rules(self, *inputs: Shape) -> Iterable[Rule]:
        yield same("shape", inputs)

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        total = inputs[0]
        for x in inputs[1:]:
            total = total + x
        return total

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        return tuple(gradient for _ in inputs), {}
