"""Rows of a convolution's micro-tiles: the target's own, or what positions fill best."""

from __future__ import annotations

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple, quotient

WORTH = 0.98
"""Part of the rows that higher micro-tiles may compute at most: they leave one register free."""


def micro_tile_rows(isa: Isa, rows: int, training: bool) -> int:
    """Rows of a micro-tile, for a matrix product with so many rows.

    No more micro-tiles than of the target's own height, evenly filled: 49 rows are five micro-tiles
    of 10, not of 12. They are at least two thirds as high: lower ones read the other factor more
    often than they multiply. Up to `Isa.most_rows` are taken where that leaves less empty:
    196 rows are fourteen micro-tiles of 14, not 17 of 12. In training, whose batches make many
    rows, every height would only be more code to compile.
    """
    if training:
        return isa.tile_rows
    own, higher = (_filled(rows, most, isa) for most in (isa.tile_rows, isa.most_rows))
    return higher if multiple(rows, higher) <= WORTH * multiple(rows, own) else own


def _filled(rows: int, most: int, isa: Isa) -> int:
    """The height of as few micro-tiles as these heights allow, evenly filled."""
    return max(isa.tile_rows * 2 // 3, quotient(rows, quotient(rows, most)))
