"""RNORM: local response normalisation within each map, as in cuda-convnet."""

from __future__ import annotations

from dataclasses import dataclass

from striate.layers.base import layer
from striate.layers.local_norm import SpatialNorm


@layer(
    "RNORM",
    examples=[
        "6x5x3 -> RNORM3 alpha=0.5",
        "5x5x2 -> RNORM4 alpha=0.5 k=2 beta=0.5",
        "3x3x17 -> RNORM5 alpha=0.5",
    ],
)
@dataclass(frozen=True)
class RNorm(SpatialNorm):
    """u/(k + alpha/N²·Σ u²)^beta, the sum over the N x N window of the same map.

    The window is clipped at the border, N² stays whole. For even N it starts N/2 above and to the
    left of the pixel and ends N/2 - 1 below and to the right of it.
    """
