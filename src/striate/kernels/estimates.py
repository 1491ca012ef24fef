"""What the candidates for CONV reckon with when they estimate their time."""

from __future__ import annotations

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple


def filled(count: int, size: int) -> float:
    """The part of the pieces of a size that so many fill."""
    return count / multiple(count, size)


def seconds(isa: Isa, macs: int, fraction: float = 0.75) -> float:
    """Time of so many multiply-adds on one core at a fraction of a nominal peak."""
    return macs / (isa.lanes * 2 * 3.2e9 * fraction)
