"""What LRN, RNORM and CNORM share: each activation is divided by the energy around it.

The response-normalization layers of cuda-convnet (Krizhevsky), to which the CS231n notes point
("Normalization Layer").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.layers.base import Gradients, Layer, Mode
from striate.layers.options import Number, Whole, option
from striate.layers.shape import Array, Shape
from striate.layers.window import Window


@dataclass(frozen=True)
class LocalNorm(Layer):
    """u/(k + a·Σ v²)^beta, where Σ runs over a window and v is u or its distance from a mean.

    The window of N around position c is c - N//2 … c - N//2 + N - 1, clipped at the border: centred
    for odd N; for even N it holds one more in front, as in cuda-convnet and PyTorch.
    """

    size: int = option("size", Whole(), "N: the size of the window", 3)
    k: float = option("k", Number(0, open_low=True), "added to the sum", 1.0)
    alpha: float = option("alpha", Number(0), "weight of the sum", 5e-5)
    beta: float = option("beta", Number(0), "exponent of the divisor", 0.75)

    compact: ClassVar = ("size",)
    saves: ClassVar = frozenset({"inputs"})

    def weight(self) -> float:
        """a: alpha, divided by the number of cells where the convention says so."""
        raise NotImplementedError

    def window_sum(self, x: Array) -> Array:
        """The sum of x [N, H, W, C] over the window around each activation, shaped like x."""
        raise NotImplementedError

    def window_sum_adjoint(self, x: Array) -> Array:
        """The adjoint of `window_sum`: every value goes back to all that it was summed from."""
        raise NotImplementedError

    def centred(self, x: Array) -> Array:
        """v: what is squared; the activations themselves unless a mean is subtracted first."""
        return x

    def centred_adjoint(self, x: Array) -> Array:
        """The adjoint of `centred`."""
        return x

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        (u,) = inputs
        result: Array = u * self._divisor(self.centred(u)) ** -self.beta
        return result

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        (u,) = inputs
        v = self.centred(u)
        divisor = self._divisor(v)
        direct = gradient * divisor**-self.beta
        by_divisor = -self.beta * gradient * u * divisor ** (-self.beta - 1)
        by_v = 2 * self.weight() * v * self.window_sum_adjoint(by_divisor)
        return (direct + self.centred_adjoint(by_v),), {}

    def _divisor(self, v: Array) -> Array:
        return self.k + self.weight() * self.window_sum(np.square(v))


@dataclass(frozen=True)
class SpatialNorm(LocalNorm):
    """The base of the norms whose window is N x N pixels of the same map."""

    def window(self) -> Window:
        """The N x N window, padded so that it has one position for each pixel."""
        before = self.size // 2
        after = self.size - 1 - before
        return Window((self.size, self.size), pad=(before, after, before, after))

    def view(self, *inputs: Shape) -> Window:
        return self.window()

    def weight(self) -> float:
        return self.alpha / self.size**2

    def window_sum(self, x: Array) -> Array:
        total: Array = self.window().patches(x).sum(axis=(3, 4))
        return total

    def window_sum_adjoint(self, x: Array) -> Array:
        spread = np.tile(x[:, :, :, None, None, :], (1, 1, 1, self.size, self.size, 1))
        return self.window().fold(spread, Shape(*x.shape[1:]))
