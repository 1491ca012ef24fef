"""Where a volume is positive, in bits: RELU's mask as backward-data reads it.

Backward-filter transforms patches of a CONV's input. With padding that keeps the volume's size, the
middle of each patch is just the tile of gradient that backward-data makes there. While patches are
read, the signs of their middles are kept. With 16 lanes and 3x3 filters that is a sixteenth of what
the volume would be to read again.
"""

from __future__ import annotations

from collections.abc import Sequence

import llvmlite.ir as ir
from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd_tiles import AHEAD, TILE
from striate.layers import Conv

COLUMNS = 8
"""Places in a row of a tile: the columns of a patch, and some that are left free."""
BYTES = 2
"""Of the bits of a vector, in any target."""


def signs_fit(conv: Conv) -> bool:
    """Whether the middles of patches are the tiles of the input."""
    return set(conv.window.sides) == {conv.window.size[0] // 2}


def signs_bytes(isa: Isa, tiles: int, channels: int, step: int) -> int:
    """Memory for all tiles, and for a last block of channels that is not whole."""
    vectors = tiles * channels // isa.lanes + isa.tile_vectors
    return BYTES * COLUMNS * step * vectors


class Signs(Struct, frozen=True):
    """Signs of tiles: [tiles][vectors of channels][rows][8 columns], each a vector's bits.

    Attributes:
        start: the first one.
        vectors: of channels.
        step: rows (and columns) of a tile.
    """

    start: Pointer
    vectors: Operand
    step: int

    @property
    def before(self) -> int:
        """Rows (and columns) of a patch in front of its middle."""
        return (TILE - self.step) // 2

    def at(self, e: Emitter, tile: Value, channel: Value) -> Signs:
        """The same from the first sign of a tile's vector of channels on."""
        vector = tile * self.vectors + channel // e.lanes
        return Signs(self.start + vector * (self.step * COLUMNS), self.vectors, self.step)

    def keep(self, e: Emitter, column: Value, values: Sequence[Value]) -> None:
        """Store those of a patch's column, as far as its rows are in the middle."""
        for i in range(self.step):
            bits = _to_bits(e, values[i + self.before] > 0.0)
            self.start.store(bits, column + i * COLUMNS)

    def ask(self, e: Emitter) -> None:
        """Ask for those that a later tile has here."""
        e.prefetch(self.start + self.vectors * (self.step * COLUMNS * AHEAD))

    def of(self, e: Emitter, row: Value, column: int) -> Value:
        """Which lanes are positive at a row and a column of the tile."""
        return _from_bits(e, self.start.load(row * COLUMNS + (column + self.before)))


def _to_bits(e: Emitter, condition: Value) -> Value:
    """A truth value for each lane as an integer of 16 bits."""
    bits = e.builder.bitcast(condition.ir, ir.IntType(e.lanes))
    return e.to_integer(Value(e, bits), 8 * BYTES)


def _from_bits(e: Emitter, bits: Value) -> Value:
    """The way back."""
    narrow = e.to_integer(bits, e.lanes)
    return Value(e, e.builder.bitcast(narrow.ir, ir.VectorType(ir.IntType(1), e.lanes)))
