"""LRN: local response normalisation across maps (Krizhevsky et al. 2012), cmrnorm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from striate.layers.base import layer
from striate.layers.local_norm import LocalNorm
from striate.layers.options import Choice, Number, Whole, YesNo, option
from striate.layers.shape import Array


@layer(
    "LRN",
    examples=[
        "4x3x7 -> LRN5 alpha=0.5",
        "4x3x17 -> LRN5 alpha=0.5 caffe k=1",
        "3x3x6 -> LRN4 alpha=0.5",
        "3x3x3 -> LRN5 alpha=0.5 beta=0.5",
        "3x3x7 -> LRN3 alpha=0.5 blocked",
    ],
)
@dataclass(frozen=True)
class Lrn(LocalNorm):
    """u/(k + a·Σ u²)^beta, the sum over N neighbouring maps at the same pixel.

    ``krizhevsky``: a = alpha, as in the AlexNet paper and TensorFlow, whose numbers are the
    defaults. ``caffe``: a = alpha/N, as in Caffe, PyTorch, ONNX and cuda-convnet; N stays whole
    where the window is clipped. Map c sums the maps c - N//2 … c - N//2 + N - 1: centred for odd N;
    for even N PyTorch's and cuda-convnet's window, the mirror image of ONNX's.
    ``blocked``: map c sums the maps of its block: 0 … N-1, N … 2N-1 and so on.
    """

    size: int = option("size", Whole(), "N: maps that one sum runs over", 5)
    k: float = option("k", Number(0, open_low=True), "added to the sum", 2.0)
    alpha: float = option("alpha", Number(0), "weight of the sum", 1e-4)
    beta: float = option("beta", Number(0), "exponent of the divisor", 0.75)
    convention: str = option(
        "convention",
        Choice(("krizhevsky", "caffe"), bare=True),
        "whether alpha is taken as it is (krizhevsky) or divided by size (caffe)",
        "krizhevsky",
    )
    blocked: bool = option(
        "blocked", YesNo(bare=True), "whether the maps are summed in disjoint blocks", False
    )

    def weight(self) -> float:
        return self.alpha if self.convention == "krizhevsky" else self.alpha / self.size

    def window_sum(self, x: Array) -> Array:
        return self._sum(x, self.size // 2)

    def window_sum_adjoint(self, x: Array) -> Array:
        return self._sum(x, self.size - 1 - self.size // 2)

    def _sum(self, x: Array, before: int) -> Array:
        """Sums of x over N maps, of which ``before`` lie in front of each map."""
        channels = x.shape[-1]
        total: Array
        if self.blocked:
            padded = np.pad(x, [(0, 0)] * 3 + [(0, -channels % self.size)])
            blocks = padded.reshape(*x.shape[:3], -1, self.size).sum(axis=-1)
            total = np.repeat(blocks, self.size, axis=-1)[..., :channels]
        else:
            padded = np.pad(x, [(0, 0)] * 3 + [(before, self.size - 1 - before)])
            total = sliding_window_view(padded, self.size, axis=-1).sum(axis=-1)
        return total
