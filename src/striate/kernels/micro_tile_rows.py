"""Rows of a convolution's micro-tiles: the target's own, or fewer, which few positions fill."""

from __future__ import annotations

from striate.kernels.isa import Isa
from striate.kernels.rounding import quotient


def micro_tile_rows(isa: Isa, rows: int, training: bool) -> int:
    """Rows of a micro-tile, for a matrix product with so many rows.

    No more micro-tiles than of the target's own height, evenly filled: 49 rows are five micro-tiles
    of 10, not of 12. In training, whose batches make many rows, lower ones would only be more code
    to compile.
    """
    own = isa.tile_rows
    if training:
        return own
    return max(own * 2 // 3, quotient(rows, quotient(rows, own)))
