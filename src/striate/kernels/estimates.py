"""What the candidates for CONV reckon with when they estimate their time."""

from __future__ import annotations

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple
from striate.layers import Conv, Shape

DIRECT = 0.85
"""Of the peak that direct convolution reaches where bands and blocks of filters are full."""
STRIDED = 0.75
"""The same where a stride lets it copy pixels that few cells see."""

GROUP_TILE = 12e-9
"""Seconds that a micro-tile of a group takes besides its multiply-adds."""


def direct_seconds(isa: Isa, conv: Conv, x: Shape, batch: int, pixels: int) -> float:
    """Time of direct convolution in bands of so many pixels."""
    used = filled(pixels, isa.tile_rows) * filled(conv.filters // conv.groups, isa.lanes)
    fraction = DIRECT if conv.window.stride == (1, 1) else STRIDED
    products = seconds(isa, batch * conv.macs(x), fraction * used)
    return products + group_seconds(isa, conv, x, batch)


def group_seconds(isa: Isa, conv: Conv, x: Shape, batch: int) -> float:
    """What groups add to the time of direct convolution: each goes over all pixels."""
    tiles = conv.groups * batch * conv.shape(x).pixels / isa.tile_rows
    return tiles * GROUP_TILE if conv.groups > 1 else 0.0


def filled(count: int, size: int) -> float:
    """The part of the pieces of a size that so many fill."""
    return count / multiple(count, size)


def seconds(isa: Isa, macs: float, fraction: float = 0.75) -> float:
    """Time of so many multiply-adds on one core at a fraction of a nominal peak."""
    return macs / (isa.lanes * 2 * 3.2e9 * fraction)
