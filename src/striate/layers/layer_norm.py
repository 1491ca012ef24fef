"""LAYERNORM: each image's whole volume to zero mean and unit variance (Ba et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from striate.layers.base import Gradients, Layer, Mode, Parameter, layer
from striate.layers.group_norm import GroupNorm
from striate.layers.options import option
from striate.layers.shape import Array, Shape
from striate.layers.standardise import EPSILON
from striate.layers.window import Window


@layer("LAYERNORM", examples=["5x4x6 -> LAYERNORM", "1x1x17 -> LAYERNORM eps=1e-3"])
@dataclass(frozen=True)
class LayerNorm(Layer):
    """GROUPNORM with one group: over height, width and channels; scale and shift [C] per channel.

    (Some networks normalise each pixel's depth column by itself; that is a different layer.)
    """

    epsilon: float = option("eps", EPSILON, "added to the variance", 1e-5)

    saves: ClassVar = frozenset({"inputs"})

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return self._as_group_norm().parameters(*inputs)

    def view(self, *inputs: Shape) -> Window:
        return self._as_group_norm().view(*inputs)

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        return self._as_group_norm().forward(inputs, weights, mode)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        return self._as_group_norm().backward(gradient, inputs, output, weights, mode)

    def _as_group_norm(self) -> GroupNorm:
        return GroupNorm(1, self.epsilon)
