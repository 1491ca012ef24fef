"""BATCHNORM: each channel to zero mean and unit variance over the batch (Ioffe & Szegedy 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode, Parameter, layer
from striate.layers.options import Number, option
from striate.layers.shape import Array, Shape
from striate.layers.standardise import (
    EPSILON,
    scale_and_shift,
    standardise,
    standardise_backward,
)

AXES = (0, 1, 2)


@layer("BATCHNORM", examples=["5x4x3 -> BATCHNORM", "3x3x17 -> BATCHNORM eps=1e-3"])
@dataclass(frozen=True)
class BatchNorm(Layer):
    """(x - mean)/sqrt(variance + eps) · scale + shift, per channel.

    Training takes mean and (biased) variance from the batch; otherwise they are the running ones,
    parameters ``mean`` and ``variance`` [C], which training moves and gradients do not:
    running = (1 - momentum)·running + momentum·batch, with the unbiased variance of the batch, as
    PyTorch does. ``scale`` and ``shift`` [C] are learned, without weight decay.
    """

    epsilon: float = option("eps", EPSILON, "added to the variance", 1e-5)
    momentum: float = option("momentum", Number(0, 1), "weight of the newest batch", 0.1)

    saves: ClassVar = frozenset({"inputs"})

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        channels = inputs[0].channels
        return scale_and_shift(channels) | {
            "mean": Parameter((channels,), "zeros", decays=False, trainable=False),
            "variance": Parameter((channels,), "ones", decays=False, trainable=False),
        }

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        standard, _ = self._standardise(inputs[0], weights, mode)
        return standard * weights["scale"] + weights["shift"]

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        standard, inverse = self._standardise(inputs[0], weights, mode)
        scaled = gradient * weights["scale"]
        if mode.training:
            dx = standardise_backward(scaled, standard, inverse, AXES)
        else:
            dx = scaled * inverse
        return (dx,), {
            "scale": (gradient * standard).sum(axis=AXES),
            "shift": gradient.sum(axis=AXES),
        }

    def statistics(
        self, inputs: tuple[Array, ...], weights: Mapping[str, Array]
    ) -> dict[str, Array]:
        (x,) = inputs
        count = x.size // x.shape[-1]
        unbiased = x.var(axis=AXES) * (count / max(count - 1, 1))
        return {
            name: (1 - self.momentum) * weights[name] + self.momentum * batch
            for name, batch in (("mean", x.mean(axis=AXES)), ("variance", unbiased))
        }

    def _standardise(
        self, x: Array, weights: Mapping[str, Array], mode: Mode
    ) -> tuple[Array, Array]:
        if mode.training:
            return standardise(x, AXES, self.epsilon)
        inverse = 1 / np.sqrt(weights["variance"] + self.epsilon)
        return (x - weights["mean"]) * inverse, inverse
