"""Tiles: which part of which image a tile covers, and the patch of input that it sees."""

from __future__ import annotations

from contextlib import AbstractContextManager

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.grid import Place, walk
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd_matrices import Filtering, Matrix

PADDED = 6
"""Rows (and columns) that a patch may begin before its volume, and more: an even number."""
AHEAD = 2
"""Tiles by which memory is asked for before products are read from it, or tiles are written; what
the next patch covers is asked for while one is read."""
WINDOW = 2
"""Rows and columns of a POOL's window, and from one to the next."""
NUMBERS = 7
"""Numbers of a tiling that are arguments of a launch."""


class Tiling(Struct, frozen=True):
    """A volume cut into tiles: patches of an input with its padding, which overlap, or tiles of an
    output's gradient, which do not.

    A plan knows the sizes as numbers; a kernel, which is the same for all volumes, reads them from
    the arguments of its launch. Only ``filtering`` and ``gradient`` shape its code.

    Attributes:
        height, width, channels: of the volume that patches are taken from.
        before: rows and columns of padding in front of it.
        rows, columns: how many tiles cover an image.
        filtering: that they are cut for.
        gradient: whether the volume is an output's gradient.
    """

    height: Operand
    width: Operand
    channels: Operand
    before: tuple[Operand, Operand]
    rows: Operand
    columns: Operand
    filtering: Filtering
    gradient: bool = False

    @classmethod
    def read(cls, e: Emitter, slot: int, filtering: Filtering, gradient: bool = False) -> Tiling:
        """The tiling whose `arguments` stand from this slot on."""
        height, width, channels, top, left, rows, columns = (
            e.argument(slot + i) for i in range(NUMBERS)
        )
        return cls(height, width, channels, (top, left), rows, columns, filtering, gradient)

    @property
    def step(self) -> int:
        """Rows (and columns) of the volume from one tile to the next."""
        return self.filtering.tile if self.gradient else self.filtering.step

    @property
    def size(self) -> int:
        """Rows (and columns) of what is transformed."""
        return self.filtering.tile if self.gradient else self.filtering.seen

    @property
    def matrix(self) -> Matrix:
        """What it is multiplied with on both sides."""
        filtering = self.filtering
        return filtering.gradient.filter if self.gradient else filtering.matrices.data

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

    def patch(self, e: Emitter, source: Source, tile: Place, zeros: Pointer) -> Patch:
        """The patch that a tile sees of a source; ``zeros`` stand for a row in the padding."""
        top = tile.row * self.step - self.before[0]
        left = tile.column * self.step - self.before[1]
        rows = []
        for row in [top + i for i in range(self.size)]:
            inside = (row >= 0) & (row < self.height)
            rows.append(source.row(e, self, (tile.image, row, left), inside, zeros))
        return Patch(e, tuple(rows), source.row_outside(e, zeros), left, self)


class Source(Struct, frozen=True):
    """What tiles are cut from: a volume; or, where a max POOL of 2x2 windows stands behind it, what
    the POOL's backward pass would make of the pooled gradient.

    Attributes:
        x: the volume, or the pooled gradient.
        switches: the number of the winning cell of each window, one byte; None if x is the volume.
    """

    x: Pointer
    switches: Pointer | None = None

    @classmethod
    def read(cls, e: Emitter, volume: int, switches: int | None) -> Source:
        """The source whose parts stand in these slots."""
        return cls(e.pointer(volume), None if switches is None else e.pointer(switches, "u8"))

    def at(self, channel: Value) -> Source:
        """The same from a channel on."""
        switches = None if self.switches is None else self.switches + channel
        return Source(self.x + channel, switches)

    def row(
        self,
        e: Emitter,
        tiling: Tiling,
        place: tuple[Value, Value, Value],
        inside: Value,
        zeros: Pointer,
    ) -> PatchRow:
        """A row of a patch, given by its image, row and first column, if that is inside."""
        (image, row, left), outside = place, self.row_outside(e, zeros)
        if self.switches is None or outside.switches is None:
            start = ((image * tiling.height + row) * tiling.width + left) * tiling.channels
            return PatchRow(e.select_pointer(inside, self.x + start, outside.x))
        window = image * (tiling.height // WINDOW) + _window(row)
        start = (window * (tiling.width // WINDOW) + _window(left)) * tiling.channels
        return PatchRow(
            e.select_pointer(inside, self.x + start, outside.x),
            e.select_pointer(inside, self.switches + start, outside.switches),
            (row & 1) * WINDOW,
        )

    def row_outside(self, e: Emitter, zeros: Pointer) -> PatchRow:
        """A row of a patch in the padding."""
        return PatchRow(zeros, None if self.switches is None else e.as_bytes(zeros))


class PatchRow(Struct, frozen=True):
    """Where a row of a patch starts in a `Source`. In a pooled one, that is the window that holds
    the row's first pixel; ``cell`` is the number of a window's first cell in this row."""

    x: Pointer
    switches: Pointer | None = None
    cell: Value | None = None


class Patch(Struct, frozen=True):
    """A patch of a source where it lies, with padding around.

    Attributes:
        e: the emitter.
        rows: of the patch.
        outside: a row in the padding.
        left: column of the volume that the patch starts with.
        tiling: whose patch it is.
    """

    e: Emitter
    rows: tuple[PatchRow, ...]
    outside: PatchRow
    left: Value
    tiling: Tiling

    def load(self, number: int, column: Value, channel: Value) -> Value:
        """A vector of the channels of a pixel, given by the number of its row and by its column;
        what the next patch has there is asked for."""
        e, tiling, row, outside = self.e, self.tiling, self.rows[number], self.outside
        place, later = self.left + column, tiling.step
        inside = (place >= 0) & (place < tiling.width)
        x = e.select_pointer(inside, row.x, outside.x)
        if row.switches is None or row.cell is None or outside.switches is None:
            offset = column * tiling.channels + channel
            e.prefetch(row.x + (offset + later * tiling.channels))
            return x.vector(offset)
        offset = (_window(place) - _window(self.left)) * tiling.channels + channel
        e.prefetch(row.x + (offset + later // WINDOW * tiling.channels))
        switches = e.select_pointer(inside, row.switches, outside.switches).vector(offset)
        cell = e.splat(e.to_integer(row.cell + (place & 1), 8))
        return e.select(switches.equals(cell), x.vector(offset), 0.0)


def _window(place: Value) -> Value:
    """The window of a row or column, which may lie up to `PADDED` in front of the volume."""
    return ((place + PADDED) >> 1) - PADDED // WINDOW
