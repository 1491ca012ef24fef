"""Panels: a band of a volume copied into private memory with its padding, ready to be swept.

The border is then data like any other, a row of filter cells and channels is contiguous, and a
stride that is a power of two cannot thrash the first-level cache.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import copy, fill
from striate.kernels.values import Operand, Pointer, Value

Couple = tuple[Operand, Operand]
NUMBERS = 13
"""Numbers of a panel that are arguments of a launch."""


class Panel(Struct, frozen=True):
    """How a band of output rows sees its input.

    A plan knows the sizes as numbers; a kernel, which is the same for all volumes, reads them from
    the arguments of its launch. Only whether anything is spread shapes its code.

    Attributes:
        height, width, channels: of the input volume of one image.
        rows: output rows in a whole band.
        columns: output columns.
        reach: rows and columns from a window's first cell to its last.
        stride: of the window.
        before: rows and columns of padding in front; negative where the input is cropped.
        spread: the input's rows and columns lie this far apart, with zeros between (the gradient
            of a strided CONV).
        pixel: values from one pixel of the input to the next, where the panel takes a range of its
            channels; None if it takes all.
    """

    height: Operand
    width: Operand
    channels: Operand
    rows: Operand
    columns: Operand
    reach: Couple
    stride: Couple
    before: Couple
    spread: Couple = (1, 1)
    pixel: Value | None = None

    @classmethod
    def read(cls, e: Emitter, slot: int, spread: bool) -> Panel:
        """The panel whose `arguments` stand from this slot on."""
        n = [e.argument(slot + i) for i in range(NUMBERS)]
        height, width, channels, rows, columns = n[:5]
        reach, stride, before, apart = ((n[i], n[i + 1]) for i in range(5, NUMBERS, 2))
        spreads = apart if spread else (1, 1)
        return cls(height, width, channels, rows, columns, reach, stride, before, spreads)

    @property
    def arguments(self) -> tuple[int, ...]:
        """The numbers that a launch hands to its kernel: `NUMBERS` of them."""
        pairs = (*self.reach, *self.stride, *self.before, *self.spread)
        return self.height, self.width, self.channels, self.rows, self.columns, *pairs

    @property
    def panel_rows(self) -> Operand:
        """Rows of the panel of a whole band."""
        return (self.rows - 1) * self.stride[0] + self.reach[0]

    @property
    def panel_columns(self) -> Operand:
        """Columns of the panel."""
        return (self.columns - 1) * self.stride[1] + self.reach[1]

    @property
    def row_length(self) -> Operand:
        """Values in one row of the panel."""
        return self.panel_columns * self.channels

    @property
    def values(self) -> Operand:
        """Values in the panel of a whole band."""
        return self.panel_rows * self.row_length

    @property
    def is_input_itself(self) -> bool:
        """Whether a panel would be a plain copy: no padding, nothing spread."""
        plain = self.before == (0, 0) and self.spread == (1, 1) and self.reach == (1, 1)
        return plain and int(self.panel_columns) <= int(self.width)

    def emit(
        self, e: Emitter, image: Pointer, first_row: Value, rows: Value, panel: Pointer
    ) -> None:
        """Fill the panel for output rows first_row … first_row + rows - 1 of one image."""
        needed = (rows - 1) * self.stride[0] + self.reach[0]
        start = first_row * self.stride[0] - self.before[0]
        spread, apart = self.spread[0], self.spread != (1, 1)
        with e.loop(needed) as i:
            to = panel + i * self.row_length
            source = start + i
            line = source / spread if apart else source
            inside = (source >= 0) & (line < self.height)
            if apart:
                inside = inside & (line * spread).equals(source)
            with e.when(inside):
                step = self.channels if self.pixel is None else self.pixel
                self._emit_row(e, image + line * (self.width * step), to)
            with e.when(inside ^ True):
                fill(e, to, self.row_length)

    def _emit_row(self, e: Emitter, line: Pointer, to: Pointer) -> None:
        """One row that is not all padding: zeros, the pixels, zeros."""
        depth, spread, apart = self.channels, self.spread[1], self.spread != (1, 1)
        first = e.integer_maximum(-self.before[1], 0)
        first = (first + (spread - 1)) // spread if apart else first
        left = e.integer_minimum(self.before[1] + first * spread, self.panel_columns)
        room = self.panel_columns - left
        room = (room + (spread - 1)) // spread if apart else room
        count = e.integer_maximum(e.integer_minimum(self.width - first, room), 0)
        if apart:
            fill(e, to, self.row_length)
            with e.loop(count) as j:
                copy(e, to + (j * spread + left) * depth, line + (j + first) * depth, depth)
            return
        fill(e, to, left * depth)
        if self.pixel is None:
            copy(e, to + left * depth, line + first * depth, count * depth)
        else:
            with e.loop(count) as j:
                copy(e, to + (left + j) * depth, line + (first + j) * self.pixel, depth)
        end = (left + count) * depth
        fill(e, to + end, self.row_length - end)
