"""Where a volume is positive, in bits: RELU's mask as backward-data reads it.

Backward-filter transforms patches of a CONV's input. With padding that keeps the volume's size at
stride 1, the middles of the patches are the volume. While patches are read, the signs of their
middles are kept, where tiles of any size find them. With 16 lanes that is one part in 32 of what
the volume would be to read again, and a margin.
"""

from __future__ import annotations

from collections.abc import Sequence

import llvmlite.ir as ir
from msgspec import Struct
from msgspec.structs import replace

from striate.kernels.emitter import Emitter
from striate.kernels.grid import Place
from striate.kernels.isa import Isa
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_tiles import AHEAD, Tiling
from striate.layers import Conv, Shape

SPARE = 8
"""Rows, and columns, behind those of a volume, which a last tile may cover: tiles are no larger."""
BYTES = 2
"""Of the bits of a vector, in any target."""


def signs_fit(conv: Conv) -> bool:
    """Whether the middles of patches are the tiles of the input."""
    return {2 * side for side in conv.window.sides} == {conv.window.size[0] - 1}


def signs_bytes(isa: Isa, batch: int, x: Shape) -> int:
    """Memory for a batch of volumes, and for a last block of channels that is not whole."""
    rows, columns = x.height + SPARE, x.width + SPARE
    vectors = batch * rows * (x.channels // isa.lanes) + isa.tile_vectors
    return BYTES * columns * vectors


class Signs(Struct, frozen=True):
    """Signs of a volume: [images][rows][vectors of channels][columns], each a vector's bits.

    Attributes:
        start: the first one.
        image, row, vector: signs from one of them to the next.
        column: signs from one tile's column to the next; those of a tile follow each other.
    """

    start: Pointer
    image: Operand
    row: Operand
    vector: Operand
    column: Operand = 1

    @classmethod
    def of(cls, e: Emitter, start: Pointer, volume: tuple[Operand, Operand, Operand]) -> Signs:
        """Those of a volume of this height, width and depth, from the first one on."""
        height, width, channels = volume
        vector = width + SPARE
        row = channels // e.lanes * vector
        return cls(start, (height + SPARE) * row, row, vector)

    @classmethod
    def of_input(cls, e: Emitter, slot: int, tiling: Tiling) -> Signs:
        """Those of the volume that patches are taken from, which stand in a launch's slot."""
        volume = tiling.height, tiling.width, tiling.channels
        return cls.of(e, e.pointer(slot, "u16"), volume)

    @classmethod
    def if_any(
        cls,
        e: Emitter,
        mask: tuple[Value, Pointer],
        ones: Pointer,
        volume: tuple[Operand, Operand, Operand],
    ) -> Signs:
        """Those of a volume, if there are any (and where); else, everything is positive: what has
        room for `SPARE` signs stands for all of them."""
        there, start = mask
        for i in range(SPARE):
            ones.store(e.to_integer(e.integer(2 ** (8 * BYTES) - 1), 8 * BYTES), i)
        found = cls.of(e, start, volume)
        steps = found.image, found.row, found.vector, e.integer(1)
        first = e.select_pointer(there, start, ones)
        return cls(first, *(e.select(there, step, 0) for step in steps))

    def at(self, size: int, tile: Place) -> Signs:
        """The same from the first row and column of a tile of this size on."""
        row, column = tile.row * size, tile.column * size
        place = tile.image * self.image + row * self.row + column * self.column
        return replace(self, start=self.start + place)

    def of_channel(self, e: Emitter, channel: Value) -> Signs:
        """The same from a vector of channels on, which starts with this one."""
        return replace(self, start=self.start + channel // e.lanes * self.vector)

    def keep(
        self, e: Emitter, filtering: Filtering, column: Value, values: Sequence[Value]
    ) -> None:
        """Store those of a patch's column, as far as they are in the middle of the patch."""
        before, size = filtering.filter // 2, filtering.step
        with e.when((column >= before) & (column < before + size)):
            for i in range(size):
                bits = _to_bits(e, values[i + before] > 0.0)
                self.start.store(bits, i * self.row + (column - before))

    def positive(self, e: Emitter, filtering: Filtering, row: Value, column: int) -> Value:
        """Which lanes are positive at a row and a column of the tile; what a later tile has in this
        row is asked for once."""
        place = self.start + row * self.row
        if column == 0:
            e.prefetch(place + AHEAD * filtering.tile)
        return _from_bits(e, place.load(column))


def _to_bits(e: Emitter, condition: Value) -> Value:
    """A truth value for each lane as an integer of 16 bits."""
    bits = e.builder.bitcast(condition.ir, ir.IntType(e.lanes))
    return e.to_integer(Value(e, bits), 8 * BYTES)


def _from_bits(e: Emitter, bits: Value) -> Value:
    """The way back."""
    narrow = e.to_integer(bits, e.lanes)
    return Value(e, e.builder.bitcast(narrow.ir, ir.VectorType(ir.IntType(1), e.lanes)))
