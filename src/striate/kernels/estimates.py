"""What the candidates for CONV reckon with when they estimate their time."""

from __future__ import annotations

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple

DIRECT = 0.85
"""Of the peak that direct convolution reaches where bands and blocks of filters are full."""


def direct_seconds(isa: Isa, macs: int, pixels: int, filters: int) -> float:
    """Time of direct convolution in bands of so many pixels, for so many filters of a group."""
    used = filled(pixels, isa.tile_rows) * filled(filters, isa.lanes)
    return seconds(isa, macs, DIRECT * used)


def filled(count: int, size: int) -> float:
    """The part of the pieces of a size that so many fill."""
    return count / multiple(count, size)


def seconds(isa: Isa, macs: int, fraction: float = 0.75) -> float:
    """Time of so many multiply-adds on one core at a fraction of a nominal peak."""
    return macs / (isa.lanes * 2 * 3.2e9 * fraction)
