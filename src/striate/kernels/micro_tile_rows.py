"""Rows of a convolution's micro-tiles: the target's own, or fewer, which few positions fill."""

from __future__ import annotations

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple


def micro_tile_rows(isa: Isa, rows: int, training: bool) -> int:
    """Rows of a micro-tile, for a matrix product with so many rows.

    Lower micro-tiles than the target's own read the other factor more often. They pay where they
    leave out an eighth of what is multiplied: 49 rows are five micro-tiles of 10, not of 12. In
    training, whose batches make many rows, they would only be more code to compile.
    """
    own = isa.tile_rows
    lower = max(range(own * 2 // 3, own), key=lambda height: (-multiple(rows, height), height))
    pays = multiple(rows, lower) * 8 <= multiple(rows, own) * 7
    return lower if pays and not training else own
