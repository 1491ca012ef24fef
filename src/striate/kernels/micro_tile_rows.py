"""Rows of a convolution's micro-tiles: the target's own, or fewer, which few positions fill."""

from __future__ import annotations

from striate.kernels.isa import Isa
from striate.kernels.rounding import quotient


def micro_tile_rows(isa: Isa, rows: int, training: bool) -> int:
    """Rows of a micro-tile, for a matrix product with so many rows.

    No more micro-tiles than of the target's own height, evenly filled: 49 rows are five micro-tiles
    of 10, not of 12. They are at least two thirds as high: lower ones read the other factor more
    often than they multiply. In training, whose batches make many rows, every height would only be
    more code to compile.
    """
    own = isa.tile_rows
    return own if training else max(own * 2 // 3, quotient(rows, quotient(rows, own)))
