"""Tiles: which part of which image a tile covers, and the patch of input that it sees."""

from __future__ import annotations

from contextlib import AbstractContextManager

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.grid import Place, walk
from striate.kernels.values import Operand, Pointer, Value

NUMBERS = 7
"""Numbers of a tiling that are arguments of a launch."""


class Tiling(Struct, frozen=True):
    """A volume cut into tiles, each seen as a square patch with its padding.

    A plan knows the sizes as numbers; a kernel, which is the same for all volumes, reads them from
    the arguments of its launch. Only ``step`` and ``size`` shape its code.

    Attributes:
        height, width, channels: of the volume that patches are taken from.
        before: rows and columns of padding in front of it.
        rows, columns: how many tiles cover an image.
        step: rows (and columns) from one tile to the next.
        size: rows (and columns) of a patch.
    """

    height: Operand
    width: Operand
    channels: Operand
    before: tuple[Operand, Operand]
    rows: Operand
    columns: Operand
    step: int
    size: int

    @classmethod
    def read(cls, e: Emitter, slot: int, step: int, size: int) -> Tiling:
        """The tiling whose `arguments` stand from this slot on."""
        height, width, channels, top, left, rows, columns = (
            e.argument(slot + i) for i in range(NUMBERS)
        )
        return cls(height, width, channels, (top, left), rows, columns, step, size)

    @property
    def arguments(self) -> tuple[int, ...]:
        """The numbers that a launch hands to its kernel: `NUMBERS` of them."""
        return self.height, self.width, self.channels, *self.before, self.rows, self.columns

    @property
    def per_image(self) -> Operand:
        """Tiles of one image."""
        return self.rows * self.columns

    def walk(
        self, e: Emitter, first: Value, count: Value
    ) -> AbstractContextManager[tuple[Value, Place]]:
        """A loop over tiles: its index from 0, and the tile's place among the tiles."""
        return walk(e, (self.rows, self.columns), first, count)

    def patch(self, e: Emitter, x: Pointer, tile: Place, zeros: Pointer) -> Patch:
        """The patch that a tile sees of x; ``zeros`` stand for a row of it in the padding."""
        top = tile.row * self.step - self.before[0]
        left = tile.column * self.step - self.before[1]
        volume = x + tile.image * (self.height * self.width * self.channels)
        rows = []
        for row in [top + i for i in range(self.size)]:
            start = volume + (row * self.width + left) * self.channels
            rows.append(e.select_pointer((row >= 0) & (row < self.height), start, zeros))
        return Patch(e, tuple(rows), zeros, left, self.width, self.channels)


class Patch(Struct, frozen=True):
    """A patch of a volume where it lies, with padding around.

    Attributes:
        e: the emitter.
        rows: where each one starts, or would start.
        zeros: what is seen in the padding, as many as a row has values.
        left: column of the volume that the patch starts with.
        width, channels: of the volume.
    """

    e: Emitter
    rows: tuple[Pointer, ...]
    zeros: Pointer
    left: Value
    width: Operand
    channels: Operand

    def at(self, row: int, column: Value) -> Pointer:
        """The first channel of a pixel."""
        inside = (self.left + column >= 0) & (self.left + column < self.width)
        start = self.e.select_pointer(inside, self.rows[row], self.zeros)
        return start + column * self.channels
