"""Tiles: which part of which image a tile covers, and the patch of input that it sees."""

from __future__ import annotations

from contextlib import AbstractContextManager

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.grid import Place, walk
from striate.kernels.memory_ops import copy, fill
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

    def patch(
        self, e: Emitter, x: Pointer, tile: Place, room: Pointer, depth: Operand
    ) -> tuple[Pointer, Value]:
        """Where a tile's patch starts, and the distance of its rows.

        A patch that lies inside the image is used where it is; of one that does not, the first
        ``depth`` channels are copied to ``room`` with zeros around.
        """
        top = tile.row * self.step - self.before[0]
        left = tile.column * self.step - self.before[1]
        volume = x + tile.image * (self.height * self.width * self.channels)
        inside = (top >= 0) & (left >= 0)
        inside = inside & (top <= self.height - self.size) & (left <= self.width - self.size)
        with e.when(inside ^ True), e.loop(self.size) as i:
            to = room + i * (self.size * self.channels)
            self._patch_row(e, volume, top + i, left, to, depth)
        start = volume + (top * self.width + left) * self.channels
        stride = e.select(
            inside, e.integer(self.width * self.channels), e.integer(self.size * self.channels)
        )
        return e.select_pointer(inside, start, room), stride

    def _patch_row(
        self, e: Emitter, volume: Pointer, row: Value, left: Value, to: Pointer, depth: Operand
    ) -> None:
        known = (row >= 0) & (row < self.height)
        with e.loop(self.size) as j:
            column = left + j
            inside = known & (column >= 0) & (column < self.width)
            target = to + j * self.channels
            with e.when(inside):
                source = volume + (row * self.width + column) * self.channels
                copy(e, target, source, depth)
            with e.when(inside ^ True):
                fill(e, target, depth)
