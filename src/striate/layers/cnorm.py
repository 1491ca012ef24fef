"""CNORM: local contrast normalisation within each map, as in cuda-convnet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.base import layer
from striate.layers.local_norm import SpatialNorm
from striate.layers.shape import Array, Shape
from striate.layers.window import Window


@layer(
    "CNORM",
    examples=[
        "6x5x3 -> CNORM3 alpha=0.5",
        "5x5x2 -> CNORM4 alpha=0.5 k=2 beta=0.5",
        "3x3x17 -> CNORM5 alpha=0.5",
    ],
)
@dataclass(frozen=True)
class CNorm(SpatialNorm):
    """u/(k + alpha/N²·Σ (u - m)²)^beta, the sum over the N x N window of the same map.

    m at a pixel is the mean over the window around that pixel, of the part inside the map. For even
    N the window starts N/2 above and to the left of the pixel and ends N/2 - 1 below and to the
    right of it. The window of the sum is clipped at the border, N² stays whole.
    """

    def view(self, *inputs: Shape) -> Window:
        before, after, _, _ = self.window().sides
        two = (2 * before, 2 * after, 2 * before, 2 * after)
        reach = 2 * self.size - 1
        return Window((reach, reach), pad=two)

    def centred(self, x: Array) -> Array:
        return x - self.window_sum(x) / self._inside(x)

    def centred_adjoint(self, x: Array) -> Array:
        return x - self.window_sum_adjoint(x / self._inside(x))

    def _inside(self, x: Array) -> Array:
        """How many cells of the window around each pixel lie inside the map: [1, H, W, 1]."""
        return self.window_sum(np.ones((1, *x.shape[1:3], 1)))
