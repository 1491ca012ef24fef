"""A max POOL behind Winograd's convolution: tiles of output hold whole windows of 2x2."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.grid import Place
from striate.kernels.pool_forward import Total
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_tiles import AHEAD, WINDOW


class Windows(Struct, frozen=True):
    """Those of one tile: where the first one's maximum goes, values from one row and from one
    column of them to the next, and how many rows and columns there are."""

    start: Value
    line: Value
    pixel: Value
    rows: Value
    columns: Value


class TilePool(Struct, frozen=True):
    """The maxima of the windows of a tile, while it is in the first-level cache.

    Attributes:
        step: rows (and columns) of a tile: whole windows.
        switches: whether the index of the winning cell is wanted, one byte for each window; see
            `striate.kernels.pool_forward.PoolForward`.
    """

    step: int
    switches: bool

    def windows(self, e: Emitter, tile: Place, size: tuple[Value, Value], pixel: Value) -> Windows:
        """Those of a tile of a volume of an even size; a pixel takes so many values."""
        height, width = (extent // WINDOW for extent in size)
        most = self.step // WINDOW
        row, column = tile.row * most, tile.column * most
        start = ((tile.image * height + row) * width + column) * pixel
        rows, columns = (
            e.integer_minimum(length - first, most)
            for length, first in ((height, row), (width, column))
        )
        return Windows(start, width * pixel, pixel, rows, columns)

    def emit(
        self,
        e: Emitter,
        tile: Pointer,
        windows: Windows,
        to: tuple[Pointer, Pointer],
        relu: bool,
    ) -> None:
        """Pool one vector of channels.

        Args:
            e: the emitter.
            tile: [step][step] vectors.
            windows: of the tile.
            to: the pooled volume and the switches, from the vector's first channel on.
            relu: whether max(0, .) follows; a window without a positive value has no winner then.
        """
        y, switches = to
        later = windows.pixel * (self.step // WINDOW * AHEAD)
        with e.loop(windows.rows) as i, e.loop(windows.columns) as j:
            total = Total(e, "max")
            for cell in range(WINDOW * WINDOW):
                row, column = i * WINDOW + cell // WINDOW, j * WINDOW + cell % WINDOW
                total.add(tile.vector((row * self.step + column) * e.lanes), e.integer(cell))
            place = windows.start + i * windows.line + j * windows.pixel
            e.prefetch(y + (place + later))
            result = total.value.value
            y.store_vector(e.maximum(result, 0.0) if relu else result, place)
            if self.switches:
                e.prefetch(switches + (place + later))
                total.store_cell(switches + place, relu)
